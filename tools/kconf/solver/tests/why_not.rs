//! Smallest sets of changes: expected ones on small trees, and all of them against a search of every set.

#[allow(dead_code, reason = "not every test file needs all of it")]
mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::load;
use kconf::{Config, Env, Layer, Model, Symbol};
use kconf_solver::{Answer, ChangeSet, Encoding, WhyNot, why_not};
use proptest::prelude::*;

fn sets(kconfig: &str, dotconfig: &str, symbol: &str, value: &str) -> Vec<String> {
    let model = load(kconfig);
    let mut config = Config::new(&model);
    config.read_str(".config", dotconfig, Layer::Config);
    match why_not(&config, symbol, value).expect("a good question") {
        Answer::Possible { sets, complete } => {
            assert!(complete);
            sets.iter().map(show).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn show(set: &ChangeSet) -> String {
    let parts: Vec<String> = set
        .changes
        .iter()
        .map(|c| format!("{}={}", c.symbol, c.to))
        .collect();
    parts.join(" ")
}

#[test]
fn a_chain_of_dependencies_is_switched_on_together() {
    let tree = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig C\n\tbool \"c\"\n\tdepends on B\n";
    assert_eq!(sets(tree, "", "C", "y"), ["A=y B=y C=y"]);
    assert_eq!(sets(tree, "CONFIG_A=y\n", "C", "y"), ["B=y C=y"]);
}

#[test]
fn alternatives_are_all_found_and_those_that_change_least_come_first() {
    let tree = "config A\n\tbool \"a\"\nconfig FOLLOWS_A\n\tdef_bool A\nconfig B\n\tbool \"b\"\nconfig X\n\tbool \"x\"\n\tdepends on A || B\n";
    assert_eq!(sets(tree, "", "X", "y"), ["B=y X=y", "A=y X=y"]);
}

#[test]
fn a_select_is_shorter_than_dependencies() {
    let tree = "config A\n\tbool \"a\"\nconfig X\n\tbool \"x\"\n\tdepends on A\nconfig S\n\tbool \"s\"\n\tselect X\n";
    assert_eq!(sets(tree, "", "X", "y"), ["S=y"]);
}

#[test]
fn what_selects_a_symbol_must_go_before_it_does() {
    let tree = "config S\n\tbool \"s\"\n\tselect X\nconfig X\n\tbool \"x\"\n";
    assert_eq!(sets(tree, "CONFIG_S=y\n", "X", "n"), ["S=n"]);
}

#[test]
fn a_member_of_a_choice_is_switched_off_by_another_one() {
    let tree = "choice\n\tprompt \"c\"\nconfig A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nconfig C\n\tbool \"c\"\n\tdepends on D\nendchoice\nconfig D\n\tbool \"d\"\n";
    assert_eq!(sets(tree, "", "C", "y"), ["D=y C=y"]);
    assert_eq!(sets(tree, "CONFIG_A=y\n", "A", "n"), ["B=y", "A=n"]);
}

#[test]
fn numbers_are_set_within_their_range() {
    let tree = "config WIDE\n\tbool \"w\"\nconfig N\n\tint \"n\"\n\trange 1 100 if WIDE\n\trange 1 8\n\tdefault 4\nconfig MANY\n\tbool \"m\"\n\tdepends on N > 16\n";
    assert_eq!(sets(tree, "", "N", "64"), ["WIDE=y N=64"]);
    let found = sets(tree, "", "MANY", "y");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("WIDE=y") && found[0].contains("MANY=y"),
        "{found:?}"
    );
}

#[test]
fn a_module_needs_modules() {
    let tree = "config MODULES\n\tbool \"m\"\n\tmodules\nconfig T\n\ttristate \"t\"\n";
    assert_eq!(sets(tree, "", "T", "m"), ["MODULES=y T=m"]);
}

#[test]
fn consequences_are_what_nobody_assigns() {
    let model = load(
        "config A\n\tbool \"a\"\nconfig F\n\tdef_bool A\nconfig X\n\tbool \"x\"\n\tdepends on A\n",
    );
    let config = Config::new(&model);
    let Ok(Answer::Possible { sets, .. }) = why_not(&config, "X", "y") else {
        panic!()
    };
    let names: Vec<_> = sets[0]
        .consequences
        .iter()
        .map(|c| format!("{} {} {}", c.symbol, c.from, c.to))
        .collect();
    assert_eq!(names, ["F n y"]);
}

#[test]
fn the_impossible_is_proved_by_the_lines_that_contradict_each_other() {
    let model = load(
        "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig U\n\tbool \"u\"\n\tdepends on A\nconfig X\n\tbool \"x\"\n\tdepends on U\n\tdepends on !A\n",
    );
    let config = Config::new(&model);
    let Ok(Answer::Impossible { proof }) = why_not(&config, "X", "y") else {
        panic!()
    };
    assert!(proof.minimal);
    let lines: Vec<String> = proof
        .lines
        .iter()
        .map(|l| format!("{} {}", l.place.line, l.text))
        .collect();
    assert_eq!(
        lines,
        [
            "9 X has one prompt, no default, nothing selects it",
            "8 A",
            "6 U has one prompt, no default, nothing selects it",
            "11 U",
            "12 !A",
        ]
    );
}

#[test]
fn questions_that_mean_nothing_are_errors() {
    let model = load("config A\n\tbool \"a\"\n");
    let config = Config::new(&model);
    assert!(why_not(&config, "NONE", "y").is_err());
    assert!(why_not(&config, "A", "m").is_err());
    assert_eq!(why_not(&config, "A", "n").ok(), Some(Answer::Already));
}

/// All sets of up to two symbols whose assignment gives the value; only the smallest ones.
fn by_trying(config: &Config<'_>, symbol: &Symbol, value: &str) -> BTreeSet<BTreeSet<String>> {
    let model = config.model();
    let encoding = Encoding::new(model);
    let mut wishes: Vec<(String, String)> = Vec::new();
    for other in model.symbols().filter(|s| !s.prompts().is_empty()) {
        for text in encoding.values(other.name()) {
            if config.assignment(other) != Some(text.as_str()) && other.kind().accepts(&text) {
                wishes.push((other.name().to_owned(), text));
            }
        }
    }
    let holds = |list: &[&(String, String)]| {
        let mut config = config.clone();
        for (name, text) in list {
            let _ = config.set(name, text);
        }
        config.value_of(symbol).text == value
    };
    let names = |list: &[&(String, String)]| list.iter().map(|(n, _)| n.clone()).collect();
    let one: BTreeSet<BTreeSet<String>> = wishes
        .iter()
        .filter(|w| holds(&[w]))
        .map(|w| names(&[w]))
        .collect();
    if !one.is_empty() {
        return one;
    }
    let mut two = BTreeSet::new();
    for a in &wishes {
        for b in wishes.iter().filter(|b| b.0 != a.0) {
            if holds(&[a, b]) {
                two.insert(names(&[a, b]));
            }
        }
    }
    two
}

fn compare(config: &Config<'_>, session: &mut WhyNot<'_>, symbol: &Symbol, value: &str, at: &str) {
    if config.value_of(symbol).text == value || !symbol.kind().accepts(value) {
        return;
    }
    let tried = by_trying(config, symbol, value);
    let context = format!("{}={value}: tried {tried:?} in\n{at}", symbol.name());
    match session.ask(symbol.name(), value).expect("a good question") {
        Answer::Possible { sets, complete } => {
            let found: BTreeSet<BTreeSet<String>> = sets
                .iter()
                .map(|s| s.changes.iter().map(|c| c.symbol.clone()).collect())
                .collect();
            assert_eq!(found.len(), sets.len(), "the same set twice: {sets:?}");
            if tried.is_empty() {
                assert!(sets[0].changes.len() > 2, "{sets:?} {context}");
            } else if complete {
                assert_eq!(found, tried, "{context}");
            } else {
                assert!(found.is_subset(&tried), "{found:?} {context}");
            }
        }
        Answer::Impossible { .. } | Answer::Undecided { .. } => {
            assert!(tried.is_empty(), "{context}");
        }
        Answer::Already => panic!("{context}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_smallest_sets_are_found(seed in any::<u64>()) {
        let (kconfig, dotconfig) = common::tree(seed);
        let model = load(&kconfig);
        let mut config = Config::new(&model);
        config.read_str(".config", &dotconfig, Layer::Config);
        let mut session = WhyNot::new(&config);
        for symbol in model.symbols().filter(|s| s.kind().is_logic()) {
            for value in ["n", "m", "y"] {
                compare(&config, &mut session, symbol, value, &format!("{kconfig}\n{dotconfig}"));
            }
        }
    }
}

#[test]
fn every_boolean_symbol_of_our_own_tree_gets_an_answer_that_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let env = Env {
        srctree: Some(root.join("configs")),
        ..Env::default()
    };
    let model = Model::load(&root.join("configs/Kconfig"), &env).expect("our tree");
    let config = Config::new(&model);
    let mut session = WhyNot::new(&config);
    let mut asked = 0;
    for symbol in model.symbols().filter(|s| s.kind().is_logic()) {
        for value in ["n", "y"] {
            asked += 1;
            match session.ask(symbol.name(), value).expect("a good question") {
                Answer::Already => assert_eq!(config.value_of(symbol).text, value),
                Answer::Possible { sets, .. } => {
                    for set in &sets {
                        let mut changed = config.clone();
                        for change in &set.changes {
                            changed
                                .set(&change.symbol, &change.to)
                                .expect("a good value");
                        }
                        assert_eq!(changed.value_of(symbol).text, value, "{}", symbol.name());
                    }
                }
                Answer::Impossible { proof } => {
                    assert!(
                        proof.minimal && !proof.lines.is_empty(),
                        "{}",
                        symbol.name()
                    );
                    println!("{}={value} impossible: {:?}", symbol.name(), proof.lines);
                }
                Answer::Undecided { reason } => panic!("{}={value}: {reason}", symbol.name()),
            }
        }
    }
    assert!(asked > 60, "{asked}");
}
