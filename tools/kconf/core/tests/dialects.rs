//! What current Linux added to the language, and what older trees keep: the classic dialect.

use std::collections::BTreeMap;
use std::path::Path;

use kconf::{Config, Dialect, Env, Layer, Model};

fn model(dialect: Dialect, text: &str) -> Model {
    let env = Env {
        variables: BTreeMap::from([("WHERE".to_owned(), "here".to_owned())]),
        dialect,
        ..Env::default()
    };
    Model::load_str(Path::new("Kconfig"), text, &env).expect("a tree")
}

fn written(model: &Model, dotconfig: &str) -> String {
    let mut config = Config::new(model);
    config.read_str(".config", dotconfig, Layer::Config);
    let text = config.write();
    text.lines()
        .filter(|line| line.contains("CONFIG_"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_dependency_with_a_condition_counts_only_while_that_holds() {
    let text = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nconfig C\n\tbool \"c\"\n\tdepends on A if B\n";
    let model = model(Dialect::Linux, text);
    let both = |a: &str, b: &str| {
        let mut config = Config::new(&model);
        config.set("A", a).expect("A");
        config.set("B", b).expect("B");
        config.set("C", "y").expect("C");
        config.is_on("C")
    };
    assert!(both("n", "n"));
    assert!(!both("n", "y"));
    assert!(both("y", "y"));
}

#[test]
fn a_transitional_symbol_passes_its_value_on_and_is_not_written() {
    let text = "config NEW\n\tbool \"new\"\n\tdefault OLD\nconfig OLD\n\tbool\n\ttransitional\n\
                config SIZE\n\tint \"size\"\n\tdefault OLD_SIZE\nconfig OLD_SIZE\n\tint\n\ttransitional\n";
    let model = model(Dialect::Linux, text);
    assert_eq!(
        written(&model, "CONFIG_OLD=y\nCONFIG_OLD_SIZE=7\n"),
        "CONFIG_NEW=y\nCONFIG_SIZE=7"
    );
    assert_eq!(
        written(&model, "CONFIG_OLD=y\n# CONFIG_NEW is not set\n"),
        "# CONFIG_NEW is not set\nCONFIG_SIZE=0",
        "what is said of the new one wins"
    );
}

#[test]
fn an_optional_choice_has_no_member_until_one_is_assigned() {
    let text = "choice\n\tbool \"c\"\n\toptional\nconfig A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nendchoice\n";
    let model = model(Dialect::Classic, text);
    assert_eq!(written(&model, ""), "");
    assert_eq!(
        written(&model, "CONFIG_B=y\n"),
        "# CONFIG_A is not set\nCONFIG_B=y"
    );
}

#[test]
fn a_symbol_may_stand_for_a_variable_of_the_environment() {
    let text = "config W\n\tstring\n\toption env=\"WHERE\"\nconfig A\n\tstring \"a\"\n\tdefault W\n\
                mainmenu \"at $W, $WHERE, ${WHERE} and $NOWHERE\"\n";
    let (first, second) = text.split_at(text.find("mainmenu").unwrap_or_default());
    let model = model(Dialect::Classic, &format!("{second}{first}"));
    assert_eq!(model.title(), "at $W, here, here and $NOWHERE");
    assert_eq!(written(&model, ""), "CONFIG_A=\"here\"", "W is not written");
    assert_eq!(
        model.symbol("W").and_then(|w| w.environment()),
        Some("WHERE")
    );
}

#[test]
fn a_path_may_stand_without_quotes_and_match_several_files() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("classic");
    std::fs::create_dir_all(folder.join("here")).expect("a folder");
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    put("here/Kconfig.b", "config B\n\tbool \"b\"\n");
    put(
        "here/Kconfig.a",
        "config A\n\tbool \"a\"\n\t---help---\n\t  Help.\n",
    );
    put(
        "Kconfig",
        "config W\n\tstring\n\toption env=\"WHERE\"\nsource $W/Kconfig.*\n",
    );
    let env = Env {
        variables: BTreeMap::from([("WHERE".to_owned(), "here".to_owned())]),
        dialect: Dialect::Classic,
        ..Env::default()
    };
    let model = Model::load(&folder.join("Kconfig"), &env).expect("a tree");
    let names: Vec<&str> = model.symbols().map(|s| s.name()).collect();
    assert_eq!(names, ["W", "A", "B"]);
    assert_eq!(model.symbol("A").and_then(|a| a.help()), Some("Help."));
}

#[test]
fn numbers_without_a_value_are_empty_in_older_trees() {
    let text = "config N\n\tint \"n\"\nconfig A\n\tbool \"a\"\n\tdepends on N != 0\n";
    assert_eq!(
        written(&model(Dialect::Linux, text), ""),
        "CONFIG_N=0",
        "current Linux: 0"
    );
    assert_eq!(
        written(&model(Dialect::Classic, text), ""),
        "CONFIG_N=\n# CONFIG_A is not set"
    );
}

#[test]
fn a_symbol_may_stay_on_when_everything_goes_off() {
    let text =
        "config A\n\tbool \"a\"\n\toption allnoconfig_y\nconfig B\n\tbool \"b\"\n\tdefault y\n";
    let model = model(Dialect::Classic, text);
    let mut config = Config::new(&model);
    config.set_unassigned(kconf::Tri::N);
    assert!(config.is_on("A"));
    assert!(!config.is_on("B"));
}

#[test]
fn a_configuration_of_busybox_has_every_symbol() {
    let text = "config A\n\tbool \"a\"\nconfig N\n\tint \"n\"\n\tdepends on A\nconfig S\n\tstring \"s\"\n\tdepends on A\n";
    assert_eq!(
        written(&model(Dialect::Busybox, text), ""),
        "# CONFIG_A is not set\nCONFIG_N=0\nCONFIG_S=\"\""
    );
    assert_eq!(
        written(&model(Dialect::Classic, text), ""),
        "# CONFIG_A is not set"
    );
}

#[test]
fn the_minimal_configuration_names_the_member_of_an_optional_choice() {
    let text = "choice\n\tbool \"c\"\n\toptional\nconfig A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nendchoice\n";
    let model = model(Dialect::Classic, text);
    let mut config = Config::new(&model);
    config.set("A", "y").expect("A");
    assert_eq!(config.savedefconfig(), "CONFIG_A=y\n");
}

#[test]
fn switching_everything_on_fills_choices_that_may_be_empty() {
    let text = "choice\n\tbool \"c\"\n\toptional\nconfig A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nendchoice\n";
    let model = model(Dialect::Classic, text);
    let mut config = Config::new(&model);
    config.set_unassigned(kconf::Tri::N);
    assert!(!config.is_on("A"));
    config.set_unassigned(kconf::Tri::Y);
    assert!(config.is_on("A"));
}

#[test]
fn a_default_that_is_no_member_leaves_the_choice_to_its_first_one() {
    let text = "choice\n\tprompt \"c\"\n\tdefault X\nconfig B\n\tbool \"b\"\nconfig D\n\tbool \"d\"\nendchoice\n\
                config X\n\tbool \"x\"\n";
    for dialect in [Dialect::Linux, Dialect::Classic] {
        assert_eq!(
            written(&model(dialect, text), ""),
            "CONFIG_B=y\n# CONFIG_D is not set\n# CONFIG_X is not set",
            "as conf writes it"
        );
    }
}

#[test]
fn a_choice_of_type_tristate_is_refused_where_it_starts() {
    let env = Env {
        dialect: Dialect::Classic,
        ..Env::default()
    };
    let text = "choice\n\ttristate \"c\"\nconfig A\n\ttristate \"a\"\nendchoice\n";
    let found = Model::load_str(Path::new("Kconfig"), text, &env).expect_err("refused");
    let errors = found.to_string();
    assert!(
        errors.contains("a choice of type tristate is not implemented"),
        "{errors}"
    );
    assert!(errors.contains("Kconfig:1:1"), "{errors}");
}
