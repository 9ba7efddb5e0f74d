//! Findings on small trees, and their evidence.

#[allow(dead_code, reason = "not every test file needs all of it")]
mod common;

use common::load;
use kconf::{Code, Config, Layer};
use kconf_solver::{Evidence, FindingKind, LintOptions, Sources, lint};

/// The findings of these kinds, as `kind symbol line`.
fn found(kconfig: &str, options: &LintOptions) -> Vec<String> {
    let model = load(kconfig);
    let found = lint(&model, options);
    found
        .iter()
        .map(|f| {
            let line = f.diagnostic.location().map_or(0, |l| l.line);
            format!("{} {} {line}", f.kind.as_str(), f.symbol)
        })
        .collect()
}

fn without_help() -> LintOptions {
    let mut options = LintOptions::default();
    options.kinds.retain(|k| *k != FindingKind::NoHelp);
    options
}

#[test]
fn symbols_that_cannot_be_on_or_off_are_found() {
    let tree = "config A\n\tbool \"a\"\nconfig DEAD\n\tbool \"d\"\n\tdepends on A && !A\nconfig FORCED\n\tbool \"f\"\nconfig ALL\n\tdef_bool y\n\tselect FORCED\nconfig LATER\n\tdef_bool y if A || !A\n";
    assert_eq!(
        found(tree, &without_help()),
        [
            "dead-symbol DEAD 3",
            "always-on FORCED 6",
            "always-on LATER 11"
        ]
    );
}

#[test]
fn a_select_that_violates_a_dependency_comes_with_a_configuration_that_shows_it() {
    let tree = "config A\n\tbool \"a\"\nconfig S\n\tbool \"s\"\n\tselect X\nconfig GOOD\n\tbool \"g\"\n\tdepends on A\n\tselect X\nconfig X\n\tbool\n\tdepends on A\n";
    let model = load(tree);
    let findings = lint(&model, &without_help());
    assert_eq!(findings.len(), 1);
    let Evidence::Witness { config: text } = &findings[0].evidence else {
        panic!("{:?}", findings[0])
    };
    assert_eq!(text, "CONFIG_S=y\n");
    let mut config = Config::new(&model);
    config.read_str("witness", text, Layer::User);
    assert!(
        config
            .diagnostics()
            .iter()
            .any(|d| d.code == Code::UnmetDependency)
    );
}

#[test]
fn defaults_and_prompts_that_never_come_into_effect_are_found() {
    let tree = "config A\n\tbool \"a\"\nconfig N\n\tint \"n\"\n\tdefault 1\n\tdefault 2 if A\nconfig P\n\tbool \"p\" if A && NOWHERE\n\tdefault A\nchoice\n\tprompt \"c\"\n\tdefault Y if NOWHERE\nconfig Y\n\tbool \"y\"\nconfig Z\n\tbool \"z\"\nendchoice\n";
    assert_eq!(
        found(tree, &without_help()),
        [
            "unused-default N 6",
            "invisible-prompt P 8",
            "unused-default  12"
        ]
    );
}

#[test]
fn help_is_missed_only_where_users_look_for_it() {
    let tree = "config A\n\tbool \"a\"\nconfig B\n\tdef_bool A\nconfig C\n\tbool \"c\"\n\thelp\n\t  Text.\nchoice\n\tprompt \"c\"\nconfig M\n\tbool \"m\"\nendchoice\n";
    assert_eq!(found(tree, &LintOptions::default()), ["no-help A 1"]);
}

#[test]
fn unused_symbols_are_those_that_neither_the_tree_nor_the_sources_mention() {
    let tree = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig C\n\tbool \"c\"\nconfig D\n\tbool \"d\"\nconfig E\n\tbool \"e\"\n";
    let mut sources = Sources::new();
    sources.add("#ifdef CONFIG_C\n#[cfg(feature = \"d\")]\n");
    let options = LintOptions {
        sources: Some(sources),
        ..without_help()
    };
    assert_eq!(
        found(tree, &options),
        ["unused-symbol B 3", "unused-symbol E 10"]
    );
}
