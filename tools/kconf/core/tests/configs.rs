//! Caesura's own tree: what `configs/` and `defconfigs/` promise.

use std::fs;
use std::path::{Path, PathBuf};

use kconf::{Code, Config, Entry, EntryKind, Env, Kind, Layer, Model};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .canonicalize()
        .expect("the repository")
}

fn model() -> Model {
    let model = Model::load(&root().join("configs/Kconfig"), &Env::default())
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(model.warnings().is_empty(), "{}", model.warnings());
    model
}

fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    files.sort();
    files
}

/// The strict error of a defconfig, with the repository's path taken out.
fn refusal(model: &Model, name: &str) -> Option<String> {
    let mut config = Config::new(model);
    config
        .read(&root().join("defconfigs").join(name), Layer::Defconfig)
        .unwrap_or_else(|e| panic!("{e}"));
    let found = config.strict().err()?;
    Some(
        found
            .to_string()
            .replace(&format!("{}/", root().display()), ""),
    )
}

#[test]
fn every_symbol_and_choice_has_a_help_text() {
    let model = model();
    for symbol in model.symbols() {
        let help = symbol.help().unwrap_or("");
        assert!(
            help.len() >= 60,
            "{} needs a help text that helps, has {help:?}",
            symbol.name()
        );
    }
    for choice in model.choices() {
        assert!(
            choice.help().is_some_and(|h| h.len() >= 60),
            "the choice at {} needs a help text",
            choice.location()
        );
    }
}

#[test]
fn every_number_has_a_range() {
    for symbol in model().symbols().filter(|s| s.kind().is_number()) {
        assert!(
            !symbol.ranges().is_empty(),
            "{} has no range",
            symbol.name()
        );
    }
}

#[test]
fn every_menu_has_something_in_it() {
    fn walk(entries: &[Entry]) {
        for entry in entries {
            if matches!(entry.kind(), EntryKind::Menu | EntryKind::Choice(_)) {
                assert!(!entry.children().is_empty(), "{:?} is empty", entry.text());
            }
            walk(entry.children());
        }
    }
    walk(model().entries());
}

#[test]
fn the_default_configuration_is_as_committed() {
    insta::assert_snapshot!(Config::new(&model()).write());
}

#[test]
fn every_defconfig_is_accepted_and_minimal() {
    let model = model();
    let all = files("defconfigs", "_defconfig");
    assert!(all.len() >= 3);
    for path in all {
        let mut config = Config::new(&model);
        config
            .read(&path, Layer::Defconfig)
            .unwrap_or_else(|e| panic!("{e}"));
        let text = fs::read_to_string(&path).expect("defconfig");
        config.strict().unwrap_or_else(|e| panic!("{e}"));
        // A defconfig may explain itself; otherwise it is what savedefconfig writes.
        let lines = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|l| !l.starts_with('#') || l.ends_with(" is not set"))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(
            lines(&text),
            lines(&config.savedefconfig()),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_preemption_model_is_accepted() {
    let model = model();
    for name in ["legacy", "full", "hybrid"] {
        let name = format!("qemu-virt_{name}_defconfig");
        assert_eq!(refusal(&model, &name), None, "{name}");
    }
}

/// Generated constants are there in every configuration, so that code of all models type-checks in each.
#[test]
fn the_numbers_of_the_preemption_models_have_a_value_in_each() {
    let model = model();
    for name in ["legacy", "full", "hybrid"] {
        let mut config = Config::new(&model);
        let path = root().join(format!("defconfigs/qemu-virt_{name}_defconfig"));
        config
            .read(&path, Layer::Defconfig)
            .unwrap_or_else(|e| panic!("{e}"));
        for (symbol, usual) in [
            ("CHECKPOINT_INTERVAL", 16),
            ("CONTINUATION_SLOTS", 4),
            ("HYBRID_BOUND_US", 100),
            ("TASK_SLICE_US", 10),
            ("WATCHDOG_MS", 10_000),
        ] {
            let value = config.value(symbol).and_then(|value| value.as_i64());
            assert_eq!(value, Some(usual), "{symbol} in {name}");
        }
    }
}

#[test]
fn a_default_scheduler_that_is_off_is_refused_with_the_reason() {
    let model = model();
    let mut config = Config::new(&model);
    let text = "# CONFIG_SCHED_EDF is not set\nCONFIG_SCHED_DEFAULT_EDF=y\n";
    config.read_str(".config", text, Layer::Config);
    let found = config.strict().expect_err("refused").to_string();
    insta::assert_snapshot!(found.replace(&format!("{}/", root().display()), ""));
}

#[test]
fn every_fragment_takes_on_the_default_configuration() {
    let model = model();
    for path in files("configs/fragments", ".config") {
        let mut config = Config::new(&model);
        config.read_str("base", &Config::new(&model).write(), Layer::Config);
        config.merge(&path).unwrap_or_else(|e| panic!("{e}"));
        config.strict().unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn the_board_name_is_a_folder_of_boards() {
    let model = model();
    let config = Config::new(&model);
    let value = config.value("BOARD").expect("BOARD");
    assert_eq!(value.kind, Kind::String);
    assert!(
        root().join("boards").join(&value.text).is_dir(),
        "boards/{} is missing",
        value.text
    );
}

#[test]
fn a_misspelt_symbol_is_answered_with_the_right_one() {
    let model = model();
    let mut config = Config::new(&model);
    config.read_str("x", "CONFIG_NR_CPU=4\n", Layer::User);
    let found = config.strict().expect_err("refused");
    assert!(
        found
            .iter()
            .any(|d| d.code == Code::UnknownSymbol && d.helps[0].contains("CONFIG_NR_CPUS")),
        "{found}"
    );
}
