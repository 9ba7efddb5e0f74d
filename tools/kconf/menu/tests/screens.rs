//! Screens: what is drawn for a state, at 80 by 24 and smaller, each read before it was accepted.

mod common;

use common::Menu;
use kconf_menu::Theme;

#[test]
fn the_top_of_the_tree_shows_marks_values_and_arrows() {
    insta::assert_snapshot!(Menu::example().screen());
}

#[test]
fn what_depends_on_the_entry_before_it_is_indented_below_it() {
    let mut menu = Menu::example();
    menu.press("Down Enter");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn a_toggle_says_what_followed() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn lines_are_drawn_where_the_terminal_can() {
    let mut menu = Menu::example();
    menu.theme = Theme::new(true, false);
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn show_all_marks_what_is_hidden() {
    let mut menu = Menu::example();
    menu.press("Z d Enter");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn help_shows_text_value_origin_and_dependencies() {
    let mut menu = Menu::example().sized(80, 40);
    menu.press("Down Enter Down y ?");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn long_help_scrolls() {
    let mut menu = Menu::example().sized(50, 14);
    menu.press("Down Enter ?");
    insta::assert_snapshot!("long_help_starts_at_its_start", menu.screen());
    menu.press("PgDn PgDn PgDn");
    insta::assert_snapshot!("long_help_ends_at_its_end", menu.screen());
}

#[test]
fn the_list_of_keys_fits_the_screen() {
    let mut menu = Menu::example();
    menu.press("F3");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn search_finds_what_is_hidden_and_says_what_to_switch_on() {
    let mut menu = Menu::example();
    menu.press("/ check");
    menu.press("Down");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn a_number_out_of_range_is_refused_while_typing() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down Down m Down Enter Backspace 65");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn a_choice_shows_its_members() {
    let mut menu = Menu::example();
    menu.press("o Enter Down");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn a_blocked_value_offers_the_smallest_changes() {
    let mut menu = Menu::example();
    menu.press("/ nothing Enter y");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn review_shows_what_was_asked_and_what_followed() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y Esc R");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn saving_shows_what_will_change() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y S");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn leaving_with_changes_asks() {
    let mut menu = Menu::example();
    menu.press("Down Enter Down y Esc Esc");
    insta::assert_snapshot!(menu.screen());
}

#[test]
fn a_small_screen_still_shows_the_list() {
    for (width, height) in [(40, 10), (30, 6), (20, 3), (10, 1)] {
        let mut menu = Menu::example().sized(width, height);
        menu.press("Down Down");
        insta::assert_snapshot!(format!("list_at_{width}x{height}"), menu.screen());
    }
}

#[test]
fn windows_fit_a_small_screen() {
    let mut menu = Menu::example().sized(40, 10);
    menu.press("/ name");
    insta::assert_snapshot!("search_at_40x10", menu.screen());
    menu.press("Enter Enter");
    insta::assert_snapshot!("field_at_40x10", menu.screen());
}
