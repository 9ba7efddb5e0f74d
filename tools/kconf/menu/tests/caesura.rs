//! The project's own tree: every menu, choice and help text at 80 by 24, and every bool asked for both values.

mod common;

use std::path::Path;

use common::Menu;
use kconf::{Config, Env, Kind, Model};

fn own() -> &'static Model {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../configs/Kconfig");
    Box::leak(Box::new(Model::load(&root, &Env::default()).unwrap()))
}

/// Walks everything below the open menu; how many rows there were.
fn walk(menu: &mut Menu, depth: usize) -> usize {
    let mut seen = 0;
    menu.press("Home");
    loop {
        let screen = menu.screen();
        seen += 1;
        for line in screen.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        menu.press("?");
        let help = menu.screen();
        assert!(help.contains("At:") || help.contains("more v"), "{help}");
        menu.press("Esc");
        assert_eq!(menu.screen(), screen, "help changes nothing");
        menu.press("Enter");
        let inside = menu.screen();
        if menu.app.depth() > depth {
            seen += walk(menu, depth + 1);
            menu.press("Esc");
        } else if inside != screen {
            // A window (choice, number) is closed; a bool that was switched is switched back.
            if inside.contains("Esc Back") || inside.contains("Esc Cancel") {
                menu.press("Esc");
            } else {
                menu.press("u");
            }
        }
        let before = menu.app.position();
        menu.press("Down");
        if menu.app.position() == before {
            return seen;
        }
    }
}

#[test]
fn every_menu_of_our_tree_can_be_walked() {
    for (show_all, size) in [("", (80, 24)), ("Z", (80, 24)), ("Z", (40, 10))] {
        let mut menu = Menu::of(own()).sized(size.0, size.1);
        let before = menu.app.config().write();
        menu.press(show_all);
        let seen = walk(&mut menu, 0);
        assert!(seen > 30, "{seen} rows\n{}", menu.screen());
        assert_eq!(menu.app.config().write(), before, "everything was undone");
    }
}

#[test]
fn every_symbol_of_our_tree_is_found_and_reached() {
    let model = own();
    for symbol in model.symbols() {
        let mut menu = Menu::of(model);
        menu.press("/");
        menu.type_in(symbol.name());
        let found = menu.screen();
        assert!(found.contains(symbol.name()), "{found}");
        menu.press("Enter");
        let reached = menu.screen();
        match symbol.choice() {
            Some(_) => assert!(reached.contains(symbol.prompt().unwrap()), "{reached}"),
            None => assert!(reached.contains(symbol.name()), "{reached}"),
        }
    }
}

#[test]
fn every_bool_of_our_tree_is_set_or_says_why_not() {
    let model = own();
    let defaults = Config::new(model);
    for symbol in model.symbols().filter(|s| s.kind() == Kind::Bool) {
        for wanted in ["y", "n"] {
            if symbol.choice().is_some() && wanted == "n" || symbol.prompt().is_none() {
                continue;
            }
            let mut menu = Menu::of(model);
            menu.press("/");
            menu.type_in(symbol.name());
            menu.press("Enter");
            menu.press(wanted);
            let screen = menu.screen();
            if screen.contains("makes it possible") || screen.contains("make it possible:") {
                menu.press("Enter");
            } else if screen.contains("No assignments whatever") {
                assert_ne!(defaults.value(symbol.name()).unwrap().text, wanted);
                continue;
            }
            assert_eq!(
                menu.value(symbol.name()),
                wanted,
                "{}: {screen}",
                symbol.name()
            );
        }
    }
}
