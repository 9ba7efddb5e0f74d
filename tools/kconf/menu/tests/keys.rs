//! Keys: what each does to the state, without a terminal.

mod common;

use common::{Menu, model};
use kconf_menu::Effect;

#[test]
fn y_n_m_and_space_set_what_can_be_set() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down Down m");
    assert_eq!(menu.value("NET_DRIVER"), "m");
    menu.press("y");
    assert_eq!(menu.value("NET_DRIVER"), "y");
    menu.press("n");
    assert_eq!(menu.value("NET_DRIVER"), "n");
    for wanted in ["m", "y", "n"] {
        menu.press("Space");
        assert_eq!(menu.value("NET_DRIVER"), wanted);
    }
    menu.press("Up m");
    assert_eq!(menu.value("NET_LOG"), "n");
    assert!(menu.screen().contains("NET_LOG is a bool, it cannot be m"));
}

#[test]
fn without_modules_a_tristate_is_a_bool() {
    let mut menu = Menu::example();
    menu.press("n Down Enter Down Down");
    assert!(menu.screen().contains("[ ] Driver"));
    menu.press("Space");
    assert_eq!(menu.value("NET_DRIVER"), "y");
    menu.press("Space m");
    assert_ne!(menu.value("NET_DRIVER"), "m");
}

#[test]
fn left_and_esc_go_back_to_the_menu_that_was_left() {
    for back in ["Left", "Esc", "F5", "Backspace"] {
        let mut menu = Menu::example();
        menu.press("Down Enter Down");
        menu.press(back);
        let screen = menu.screen();
        assert!(screen.contains("\nTop\n"), "{back}: {screen}");
        menu.press("Enter");
        assert!(menu.screen().contains("Top > Networking"), "{back}");
    }
    let mut menu = Menu::example();
    assert_eq!(menu.press("Left"), Effect::Continue, "Left never leaves");
}

#[test]
fn a_letter_goes_to_the_next_entry_that_starts_with_it() {
    let mut menu = Menu::example();
    menu.press("e");
    assert!(menu.screen().contains("CONFIG_EXPERT=n"));
    menu.press("o e");
    assert!(menu.screen().contains("CONFIG_EXPERT=n"));
    menu.press("x");
    assert!(menu.screen().contains("No entry starts with x"));
}

#[test]
fn undo_takes_back_what_followed_too_and_redo_does_it_again() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y");
    assert_eq!(menu.value("PRINTK"), "y");
    menu.press("u");
    assert_eq!(
        (menu.value("NET_LOG"), menu.value("PRINTK")),
        ("n".into(), "n".into())
    );
    assert!(!menu.app.is_unsaved());
    menu.press("U");
    assert_eq!(
        (menu.value("NET_LOG"), menu.value("PRINTK")),
        ("y".into(), "y".into())
    );
    menu.press("Ctrl-z Ctrl-z");
    assert!(menu.screen().contains("Nothing to undo"));
    menu.press("Down m Ctrl-y");
    assert!(
        menu.screen().contains("Nothing to do again"),
        "a change ends what was taken back"
    );
}

#[test]
fn saving_writes_the_file_and_keeps_the_old_one() {
    let mut menu = Menu::example();
    let before = menu.file(".config");
    menu.press("Down Enter Down y S");
    assert_eq!(
        menu.file(".config"),
        before,
        "nothing is written before it is confirmed"
    );
    menu.press("Enter");
    assert!(menu.file(".config").contains("CONFIG_NET_LOG=y\n"));
    assert_eq!(menu.file(".config.old"), before);
    assert!(!menu.app.is_unsaved());
    menu.press("R");
    assert!(menu.screen().contains("No value has changed."));
    assert_eq!(
        menu.press("Esc Esc Esc"),
        Effect::Quit,
        "nothing is left to ask"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_said_and_nothing_is_lost() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y F6");
    menu.type_in("/no/such");
    menu.press("Enter");
    let screen = menu.screen();
    assert!(screen.contains("cannot"), "{screen}");
    assert!(screen.contains("Save the configuration"), "{screen}");
    menu.press("Esc");
    assert_eq!(menu.value("NET_LOG"), "y");
    assert!(menu.app.is_unsaved());
}

#[test]
fn the_minimal_configuration_is_saved_under_a_name() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y D Enter");
    assert_eq!(menu.file("defconfig"), "CONFIG_NET_LOG=y\n");
    assert!(menu.app.is_unsaved(), "that is not the .config");
}

#[test]
fn loading_replaces_everything_and_can_be_undone() {
    let mut menu = Menu::example();
    let path = menu.folder.path().join("other");
    std::fs::write(&path, "CONFIG_DEBUG=y\nCONFIG_UNKNOWN=y\n").unwrap();
    menu.press("e y L Ctrl-u");
    menu.type_in(&path.display().to_string());
    menu.press("Enter");
    assert_eq!(
        (menu.value("DEBUG"), menu.value("EXPERT")),
        ("y".into(), "n".into())
    );
    assert!(
        menu.screen()
            .contains("CONFIG_UNKNOWN is defined in no Kconfig file")
    );
    menu.press("Esc u");
    assert_eq!(
        (menu.value("DEBUG"), menu.value("EXPERT")),
        ("n".into(), "y".into())
    );
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let mut menu = Menu::example();
    menu.press("F7");
    menu.type_in("-is-not-there");
    menu.press("Enter");
    let screen = menu.screen();
    assert!(screen.contains("cannot read"), "{screen}");
}

#[test]
fn leaving_asks_only_if_something_would_be_lost() {
    assert_eq!(Menu::example().press("Esc"), Effect::Quit);
    assert_eq!(Menu::example().press("F9"), Effect::Quit);
    assert_eq!(Menu::example().press("Ctrl-c"), Effect::Quit);

    let mut menu = Menu::example();
    assert_eq!(menu.press("e y Q Esc"), Effect::Continue);
    assert_eq!(menu.press("Q n"), Effect::Quit);
    assert!(menu.file(".config").contains("# CONFIG_EXPERT is not set"));
    assert!(menu.app.is_unsaved());

    let mut menu = Menu::example();
    assert_eq!(menu.press("e y Esc y"), Effect::Quit);
    assert!(menu.file(".config").contains("CONFIG_EXPERT=y"));
    assert!(!menu.app.is_unsaved());
}

#[test]
fn a_file_that_is_not_there_yet_is_asked_about() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let config = kconf::Config::new(model(common::TREE));
    let mut menu = Menu::with(config, folder);
    assert_eq!(menu.press("Esc"), Effect::Continue);
    assert!(menu.screen().contains(".config does not exist yet."));
    assert_eq!(menu.press("y"), Effect::Quit);
    assert!(menu.file(".config").contains("CONFIG_MODULES=y"));
}

#[test]
fn numbers_and_texts_are_checked_while_they_are_typed() {
    let mut menu = Menu::example();
    menu.press("Down Enter b Enter Ctrl-u");
    menu.type_in("0xfff");
    assert!(
        menu.screen()
            .contains("0xfff is out of range, choose from 0x1000 to 0xffff")
    );
    menu.press("Enter");
    assert_eq!(
        menu.value("NET_ADDRESS"),
        "0x1000",
        "Enter does not take what is wrong"
    );
    menu.type_in("0");
    assert!(!menu.screen().contains("out of range"));
    menu.press("Enter");
    assert_eq!(menu.value("NET_ADDRESS"), "0xfff0");
    menu.press("Enter Ctrl-u");
    menu.type_in("x");
    assert!(menu.screen().contains("`x` is not a hexadecimal number"));
    menu.press("Esc N"); // N is a value, not a letter to go to
    menu.press("Down Enter Ctrl-u");
    menu.type_in("a \"b\" \\c");
    menu.press("Enter");
    assert_eq!(menu.value("NET_NAME"), "a \"b\" \\c");
    menu.press("S Enter");
    assert!(
        menu.file(".config")
            .contains(r#"CONFIG_NET_NAME="a \"b\" \\c""#)
    );
}

#[test]
fn an_empty_text_is_a_text() {
    let mut menu = Menu::example();
    menu.press("Down Enter End Up Enter Ctrl-u Enter");
    assert_eq!(menu.value("NET_NAME"), "");
}

#[test]
fn a_member_of_a_choice_is_picked() {
    let mut menu = Menu::example();
    menu.press("o Enter Down Space");
    assert_eq!(
        (menu.value("FOR_SIZE"), menu.value("FOR_SPEED")),
        ("y".into(), "n".into())
    );
    assert!(menu.screen().contains("Optimise for (Size)  --->"));
    menu.press("Enter n");
    assert!(menu.screen().contains("One member is always on"));
}

#[test]
fn search_jumps_to_what_is_visible() {
    let mut menu = Menu::example();
    menu.press("/ CONFIG_NET_LO Enter");
    let screen = menu.screen();
    assert!(screen.contains("Top > Networking"), "{screen}");
    assert!(screen.contains("CONFIG_NET_LOG=n"), "{screen}");
    menu.press("Esc");
    assert!(menu.screen().contains("\nTop\n"));
    menu.press("Enter");
    assert!(
        menu.screen().contains("Top > Networking"),
        "the outer cursor is on the menu"
    );
}

#[test]
fn search_shows_everything_when_it_jumps_to_what_is_hidden() {
    let mut menu = Menu::example();
    menu.press("/ deep Enter");
    let screen = menu.screen();
    assert!(
        screen.contains("[all]") && screen.contains("Top > Debugging"),
        "{screen}"
    );
    menu.press("Down");
    assert!(menu.screen().contains("CONFIG_DEBUG_DEEP=n"));
    menu.press("/ locks Enter");
    assert!(menu.screen().contains("CONFIG_DEBUG_LOCKS=n"));
}

#[test]
fn search_explains_what_has_no_prompt() {
    let mut menu = Menu::example();
    menu.press("/ hidden Enter");
    let screen = menu.screen();
    assert!(
        screen.contains("none, so it cannot be set by hand"),
        "{screen}"
    );
    menu.press("Esc");
    assert!(menu.screen().contains("\nTop\n"));
}

#[test]
fn typing_on_and_back_finds_the_same_as_typing_at_once() {
    let mut slow = Menu::example();
    slow.press("/ ne");
    slow.press("t_");
    slow.press("log Backspace Backspace Backspace");
    let mut fast = Menu::example();
    fast.press("/ net_");
    assert_eq!(slow.screen(), fast.screen());
    fast.press("Ctrl-u CONFIG_NET_");
    let wider = fast.screen();
    assert!(wider.contains("NET_QUEUES"), "{wider}");
    assert!(!wider.contains("Nothing found"), "{wider}");
}

#[test]
fn the_chosen_changes_are_applied_as_one_step() {
    let mut menu = Menu::example();
    menu.press("/ deep Enter y");
    let screen = menu.screen();
    assert!(screen.contains("It needs DEBUG (it is n)."), "{screen}");
    assert!(screen.contains("CONFIG_EXPERT: n -> y"), "{screen}");
    menu.press("Enter");
    for name in ["DEBUG", "EXPERT", "DEBUG_DEEP"] {
        assert_eq!(menu.value(name), "y", "{name}");
    }
    menu.press("u");
    for name in ["DEBUG", "EXPERT", "DEBUG_DEEP"] {
        assert_eq!(menu.value(name), "n", "{name}");
    }
}

#[test]
fn what_is_selected_says_by_whom_and_offers_to_let_go() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y Esc Down n");
    let screen = menu.screen();
    assert!(screen.contains("NET_LOG is y and selects it"), "{screen}");
    menu.press("Enter");
    assert_eq!(
        (menu.value("PRINTK"), menu.value("NET_LOG")),
        ("n".into(), "n".into())
    );
}

#[test]
fn what_is_impossible_says_why() {
    let mut menu = Menu::example();
    menu.press("/ never Enter y");
    let screen = menu.screen();
    assert!(
        screen.contains("No assignments whatever make it possible"),
        "{screen}"
    );
    menu.press("Esc");
    assert_eq!(menu.value("NEVER"), "n");
}

#[test]
fn a_menu_that_is_not_visible_any_more_is_closed() {
    let mut menu = Menu::of(model(
        "config A\n\tbool \"A\"\n\tdefault y\nconfig Z\n\tbool \"Z\"\nmenu \"M\"\n\tdepends on A\nconfig B\n\tbool \"B\"\nendmenu\n",
    ));
    // Switched off above, left, switched on again by undo and opened, then redone inside.
    menu.press("n u End Enter");
    assert!(menu.screen().contains("Top > M"));
    menu.press("U");
    assert!(menu.screen().contains("\nTop\n"));
}

#[test]
fn no_key_in_no_window_on_no_screen_panics() {
    let keys = [
        "Up", "Down", "Left", "Right", "Home", "End", "PgUp", "PgDn", "Enter", "Space", "y", "n",
        "m", "Z", "?", "/", "S", "D", "L", "R", "u", "U", "F1", "F3", "q", "1", "Ctrl-u",
    ];
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::env::set_current_dir(&folder).unwrap();
    for (width, height) in [(80, 24), (40, 10), (7, 3), (1, 1), (0, 0)] {
        let mut menu = Menu::example().sized(width, height);
        // A fixed sequence that looks random: every key after every other, in many states.
        let mut state = 12345u32;
        for _ in 0..1500 {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            let key = keys[(state >> 16) as usize % keys.len()];
            if menu.press(key) == Effect::Quit {
                menu = Menu::example().sized(width, height);
            }
            menu.screen();
        }
    }
}
