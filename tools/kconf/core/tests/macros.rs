//! The macro language, as the kernel's `conf` reads it: the expected texts were printed by `conf` of 6.12 for the
//! same input, but for what is said to be our own.

use std::collections::BTreeMap;
use std::path::Path;

use kconf::{Env, Model};

fn env() -> Env {
    let path = std::env::var("PATH").unwrap_or_default();
    Env {
        variables: BTreeMap::from([
            ("PATH".to_owned(), path),
            ("HOME".to_owned(), "/home/x".to_owned()),
        ]),
        ..Env::default()
    }
}

/// The title of the comment `"…"` put behind `definitions`.
fn expanded(definitions: &str, text: &str) -> String {
    let kconfig = format!("{definitions}\ncomment \"{text}\"\n");
    let model = Model::load_str(Path::new("Kconfig"), &kconfig, &env()).expect("a tree");
    model.entries()[0].text().unwrap_or_default().to_owned()
}

#[test]
fn a_simple_variable_is_expanded_once_and_a_recursive_one_at_each_use() {
    let start = "r = $(later)\ns := $(later)\nlater = L";
    assert_eq!(expanded(start, "r=$(r) s=$(s)"), "r=L s=");
    let more = format!("{start}\nr += more\ns += $(r)\nu += fresh $(later)\nlater = M");
    assert_eq!(
        expanded(&more, "r=$(r) s=$(s) u=$(u)"),
        "r=M more s= L more u=fresh M"
    );
}

#[test]
fn arguments_keep_their_blanks_and_inner_parentheses() {
    let f = "f = <$(1)|$(2)|$(3)>";
    assert_eq!(expanded(f, "$(f,x, y ,z)"), "<x| y |z>");
    assert_eq!(expanded(f, "$(f,$(f,a,b),c)"), "<<a|b|>|c|>");
    assert_eq!(expanded(f, "$(f,(a,b),c)"), "<(a,b)|c|>");
    assert_eq!(expanded(f, "$(f,$1)"), "<$1||>");
    assert_eq!(
        expanded(f, "[$(1)] $x $$"),
        "[] $x $$",
        "outside of a function"
    );
}

#[test]
fn a_value_is_the_rest_of_its_line() {
    assert_eq!(
        expanded("v :=   a b   # no comment", "[$(v)]"),
        "[a b   # no comment]"
    );
    assert_eq!(expanded("v=a\nv\t+=\tb", "[$(v)]"), "[a b]");
    assert_eq!(expanded("v = x\nv =", "[$(v)]"), "[]");
    assert_eq!(expanded("v = x\r", "[$(v)]"), "[x]", "our own");
}

#[test]
fn names_are_expanded_too() {
    assert_eq!(
        expanded(
            "dyn := later\nlater = M\nX$(dyn) := q",
            "$($(dyn)) $(Xlater)"
        ),
        "M q"
    );
}

#[test]
fn a_variable_hides_the_environment_and_is_local_to_no_file_or_block() {
    assert_eq!(expanded("", "$(HOME) [$(NO_SUCH)]"), "/home/x []");
    assert_eq!(expanded("if n\nHOME = y\nendif", "$(HOME)"), "y");
}

#[test]
fn a_command_gives_its_output_on_one_line_and_equal_ones_run_once() {
    assert_eq!(expanded("", "$(shell,printf 'a\\n\\nb\\n\\n')"), "a  b");
    assert_eq!(
        expanded("", "[$(shell,printf x; false)]"),
        "[x]",
        "the status does not count"
    );
    let text = "a := $(shell,echo 1)\nb := $(shell,echo 1)\nc := $(shell,echo 2)\n";
    let model = Model::load_str(Path::new("Kconfig"), text, &env()).expect("a tree");
    assert_eq!((model.shell().calls, model.shell().runs), (3, 2));
}

#[test]
fn success_failure_and_if_success_need_no_definition() {
    assert_eq!(
        expanded(
            "",
            "$(success,true)$(success,false) $(failure,true)$(failure,false)"
        ),
        "yn ny",
        "our own: Linux defines them in scripts/Kconfig.include"
    );
    assert_eq!(expanded("", "$(if-success,false,a,b)"), "b");
    assert_eq!(
        expanded("success = mine $(1)", "$(success,x)"),
        "mine x",
        "a definition wins"
    );
}

#[test]
fn a_place_knows_its_file_and_line() {
    assert_eq!(
        expanded("where = $(filename):$(lineno)", "$(where)"),
        "Kconfig:2"
    );
}

#[test]
fn symbols_and_key_words_may_come_from_macros_but_not_statements() {
    let text = "opt = $(1)\nconfig A$(opt,B)\n\tdef_bool $(opt,y)\n\tdepends on $(opt,y) && $(opt,)y\n$(opt,)\n";
    let model = Model::load_str(Path::new("Kconfig"), text, &env()).expect("a tree");
    assert!(model.symbol("AB").is_some());
    let text = "$(shell,echo config A)\n\tbool \"x\"\n";
    assert!(Model::load_str(Path::new("Kconfig"), text, &env()).is_err());
}

#[test]
fn variables_of_the_environment_that_were_looked_at_are_known() {
    let text = "a = $(HOME)\ncomment \"$(a) $(NO_SUCH)\"\n";
    let model = Model::load_str(Path::new("Kconfig"), text, &env()).expect("a tree");
    let expected = [("HOME", "/home/x"), ("NO_SUCH", "")];
    let found: Vec<(&str, &str)> = model
        .environment()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(found, expected);
}
