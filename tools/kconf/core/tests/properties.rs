//! What holds for any input: no panic, no endless loop, no exhausted stack; writing and reading agree.

mod common;

use std::fmt::Write;
use std::path::Path;

use kconf::{Code, Config, Env, Layer, Model};
use proptest::prelude::*;

fn load(text: &str) -> Result<Model, kconf::Diagnostics> {
    Model::load_str(Path::new("/nonexistent/Kconfig"), text, &Env::default())
}

/// Loads, evaluates, reads, writes and renders everything; the result does not matter.
fn exercise(kconfig: &str, dotconfig: &str) {
    match load(kconfig) {
        Err(found) => assert!(!found.to_string().is_empty()),
        Ok(model) => {
            let _ = model.warnings().to_string();
            let mut config = Config::new(&model);
            config.read_str(".config", dotconfig, Layer::Config);
            let _ = config.diagnostics().to_string();
            let _ = config.write();
            let _ = config.savedefconfig();
            for symbol in model.symbols() {
                let _ = kconf::why(&config, symbol);
            }
        }
    }
}

fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "config",
        "menuconfig",
        "choice",
        "endchoice",
        "menu",
        "endmenu",
        "if",
        "endif",
        "bool",
        "tristate",
        "int",
        "hex",
        "string",
        "def_bool",
        "default",
        "depends on",
        "select",
        "imply",
        "range",
        "visible if",
        "prompt",
        "help",
        "comment",
        "source",
        "osource",
        "mainmenu",
        "modules",
        "optional",
        "A",
        "B",
        "C",
        "y",
        "m",
        "n",
        "1",
        "0x10",
        "\"text\"",
        "\"",
        "'",
        "(",
        ")",
        "!",
        "&&",
        "||",
        "=",
        "!=",
        "<",
        ">=",
        "$(X)",
        "$(",
        "\\\n",
        "#",
        "\n",
        "\n\t",
        "\n  ",
        "\r\n",
        "\t",
        "é",
        "\u{0}",
    ]);
    prop::collection::vec(words, 0..120).prop_map(|list| list.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_never_panics(kconfig in any::<String>(), dotconfig in any::<String>()) {
        exercise(&kconfig, &dotconfig);
    }

    #[test]
    fn random_bytes_in_a_configuration_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let model = load("config A\n\tstring \"a\"\n").expect("a good tree");
        let _ = Config::new(&model).read_bytes("x", bytes, Layer::Config);
    }

    #[test]
    fn grammar_soup_never_panics(kconfig in soup(), dotconfig in soup()) {
        exercise(&kconfig, &dotconfig);
    }

    #[test]
    fn statements_in_random_order_never_panic(lines in prop::collection::vec(prop::sample::select(common::LINES.to_vec()), 0..40)) {
        exercise(&lines.join("\n"), "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=5\n");
    }

    #[test]
    fn completing_a_configuration_twice_changes_nothing(seed in any::<u64>()) {
        let (kconfig, dotconfig) = common::tree(seed);
        let model = load(&kconfig).map_err(|e| TestCaseError::fail(format!("{e}\n{kconfig}")))?;
        let mut config = Config::new(&model);
        config.read_str("in", &dotconfig, Layer::Config);
        let once = config.write();
        let mut again = Config::new(&model);
        again.read_str("once", &once, Layer::Config);
        prop_assert_eq!(again.write(), once, "{}", kconfig);
    }

    #[test]
    fn assigning_one_by_one_gives_what_reading_all_gives(seed in any::<u64>(), later in any::<u64>()) {
        let (kconfig, first) = common::tree(seed);
        // The assignments of another tree: partly the same names, other values.
        let (_, second) = common::tree(later);
        let model = load(&kconfig).map_err(|e| TestCaseError::fail(format!("{e}\n{kconfig}")))?;
        let mut stepwise = Config::new(&model);
        let mut text = String::new();
        for line in first.lines().chain(second.lines()).chain(["CONFIG_MODULES=n", "CONFIG_S1=y"]) {
            let Some((name, value)) = line.trim_start_matches("CONFIG_").split_once('=') else { continue };
            let string = model.symbol(name).is_some_and(|s| s.kind() == kconf::Kind::String);
            if string && !value.starts_with('"') {
                // `set` takes a text without quotes, a file does not.
                continue;
            }
            if stepwise.set(name, value).is_err() {
                continue;
            }
            let _ = writeln!(text, "{line}");
            let mut whole = Config::new(&model);
            whole.read_str("whole", &text, Layer::User);
            prop_assert_eq!(stepwise.write(), whole.write(), "{}\n{}", kconfig, text);
            prop_assert_eq!(stepwise.savedefconfig(), whole.savedefconfig());
        }
    }

    #[test]
    fn a_minimal_configuration_gives_back_the_whole(seed in any::<u64>()) {
        let (kconfig, dotconfig) = common::tree(seed);
        let model = load(&kconfig).map_err(|e| TestCaseError::fail(format!("{e}\n{kconfig}")))?;
        let mut config = Config::new(&model);
        config.read_str("in", &dotconfig, Layer::Config);
        let mut again = Config::new(&model);
        again.read_str("minimal", &config.savedefconfig(), Layer::Defconfig);
        prop_assert_eq!(again.write(), config.write(), "{}\n{}", kconfig, config.savedefconfig());
        prop_assert_eq!(again.savedefconfig(), config.savedefconfig());
    }
}

/// Whether loading ends with an error of this kind.
fn refused(text: &str, code: Code) {
    let found = load(text).expect_err("refused");
    assert!(found.iter().any(|d| d.code == code), "{found}");
}

#[test]
fn deep_parentheses_are_refused_not_overflowed() {
    for open in ["(", "!", "!("] {
        refused(
            &format!(
                "config A\n\tbool \"a\"\n\tdepends on {}B\n",
                open.repeat(200_000)
            ),
            Code::Limit,
        );
    }
}

#[test]
fn deep_blocks_are_refused_not_overflowed() {
    for open in ["menu \"m\"\n", "if A\n"] {
        refused(&open.repeat(100_000), Code::Limit);
    }
}

#[test]
fn the_deepest_blocks_allowed_work() {
    let depth = 127;
    let open =
        "menu \"m\"\n\tdepends on A && (A || A)\n\tvisible if A\nif A\nendif\n".repeat(depth);
    let text = format!(
        "config A\n\tdef_bool y\n{open}config B\n\tdef_bool y\n{}",
        "endmenu\n".repeat(depth)
    );
    let model = load(&text).unwrap_or_else(|e| panic!("{e}"));
    assert!(Config::new(&model).is_on("B"));
}

#[test]
fn long_expressions_and_long_chains_are_no_deep_ones() {
    let long = format!(
        "config A\n\tdef_bool y\nconfig B\n\tdef_bool {}A\n",
        "A && ".repeat(100_000)
    );
    assert!(Config::new(&load(&long).unwrap_or_else(|e| panic!("{e}"))).is_on("B"));
    let mut chain = String::from("config S0\n\tdef_bool y\n");
    for i in 1..50_000 {
        // Backwards, so that the first symbol looked at needs all others.
        let _ = write!(chain, "config T{i}\n\tdef_bool T{}\n", i + 1);
    }
    let _ = write!(chain, "config T50000\n\tdef_bool S0\n");
    assert!(Config::new(&load(&chain).unwrap_or_else(|e| panic!("{e}"))).is_on("T1"));
}

#[test]
fn a_cycle_of_ten_thousand_is_reported_in_a_few_lines() {
    let mut text = String::new();
    for i in 0..10_000 {
        let _ = write!(
            text,
            "config S{i}\n\tbool \"s\"\n\tdepends on S{}\n",
            (i + 1) % 10_000
        );
    }
    let found = load(&text).expect_err("refused");
    assert_eq!(found.len(), 1);
    assert!(found.to_string().lines().count() < 80, "{found}");
}

#[test]
fn a_file_that_includes_two_others_again_and_again_is_refused() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("doubling");
    std::fs::create_dir_all(&folder).expect("folder");
    for i in 0..40 {
        let next = format!("source \"f{}\"\n", i + 1).repeat(2);
        std::fs::write(folder.join(format!("f{i}")), next).expect("file");
    }
    std::fs::write(folder.join("f40"), "").expect("file");
    let found = Model::load(&folder.join("f0"), &Env::default()).expect_err("refused");
    assert!(found.iter().any(|d| d.code == Code::Limit), "{found}");
}

#[test]
fn a_chain_of_inclusions_that_is_too_long_is_refused() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("long-chain");
    std::fs::create_dir_all(&folder).expect("folder");
    for i in 0..300 {
        std::fs::write(
            folder.join(format!("f{i}")),
            format!("source \"f{}\"\n", i + 1),
        )
        .expect("file");
    }
    let found = Model::load(&folder.join("f0"), &Env::default()).expect_err("refused");
    assert!(found.iter().any(|d| d.code == Code::Limit), "{found}");
}

#[test]
fn a_toggle_in_a_large_tree_evaluates_only_what_depends_on_it() {
    let mut text = String::new();
    for i in 0..10_000 {
        let _ = write!(text, "config S{i}\n\tbool \"s\"\n");
    }
    text.push_str("config T\n\tdef_bool S5000\nconfig U\n\tdef_bool T\n");
    let model = load(&text).unwrap_or_else(|e| panic!("{e}"));
    let mut config = Config::new(&model);
    config.set("S5000", "y").expect("a bool");
    assert_eq!(config.steps(), 3);
    assert!(config.is_on("U"));
}
