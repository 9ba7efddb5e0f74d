//! The command line: exit status, what is written and what is not.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{kconf, text};

const TREE: &str = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig N\n\tint \"n\"\n\tdefault 3\n";

fn scratch(name: &str) -> PathBuf {
    common::scratch("cli", name, TREE)
}

#[test]
fn merging_lays_fragments_over_a_configuration_in_order() {
    let folder = scratch("merge");
    fs::write(folder.join("base"), "CONFIG_A=y\nCONFIG_N=1\n").expect("file");
    fs::write(folder.join("one"), "CONFIG_N=2\nCONFIG_B=y\n").expect("file");
    fs::write(folder.join("two"), "CONFIG_N=5\n").expect("file");
    let output = kconf(
        &folder,
        &["--strict", "merge", "Kconfig", "base", "one", "two"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let written = fs::read_to_string(folder.join(".config")).expect(".config");
    assert!(written.contains("CONFIG_B=y\nCONFIG_N=5\n"), "{written}");
}

#[test]
fn a_strict_run_that_fails_writes_nothing() {
    let folder = scratch("strict");
    fs::write(folder.join("d"), "CONFIG_B=y\n").expect("file");
    let output = kconf(&folder, &["--strict", "--defconfig", "d", "Kconfig"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("error[did-not-take]: CONFIG_B=y"),
        "{}",
        text(&output.stderr)
    );
    assert!(!folder.join(".config").exists());
    let output = kconf(&folder, &["--defconfig=d", "Kconfig"]);
    assert!(output.status.success());
    assert!(
        text(&output.stderr).contains("warning[did-not-take]"),
        "{}",
        text(&output.stderr)
    );
    assert!(folder.join(".config").exists());
}

#[test]
fn get_prints_a_value_and_why_its_origin_and_what_blocks_it() {
    let folder = scratch("get");
    fs::write(folder.join(".config"), "CONFIG_N=7\n").expect("file");
    assert_eq!(
        text(&kconf(&folder, &["get", "Kconfig", "N"]).stdout),
        "7\n"
    );
    let why = text(&kconf(&folder, &["why", "Kconfig", "CONFIG_B"]).stdout);
    assert!(
        why.contains("CONFIG_B = n") && why.contains("A is n"),
        "{why}"
    );
    assert_eq!(
        kconf(&folder, &["get", "Kconfig", "NOPE"]).status.code(),
        Some(1)
    );
}

#[test]
fn an_unchanged_configuration_is_not_rewritten_and_a_changed_one_is_kept() {
    let folder = scratch("backup");
    assert!(
        text(&kconf(&folder, &["--olddefconfig", "Kconfig"]).stdout)
            .contains("configuration written to .config")
    );
    assert!(
        text(&kconf(&folder, &["--olddefconfig", "Kconfig"]).stdout)
            .contains("No change to .config")
    );
    fs::write(folder.join(".config"), "CONFIG_N=9\n").expect("file");
    assert!(
        kconf(&folder, &["--olddefconfig", "Kconfig"])
            .status
            .success()
    );
    assert_eq!(
        fs::read_to_string(folder.join(".config.old")).expect("backup"),
        "CONFIG_N=9\n"
    );
}

#[test]
fn wrong_usage_is_answered_with_the_usage() {
    let folder = scratch("usage");
    for arguments in [
        &[][..],
        &["--olddefconfig"],
        &["--nonsense", "Kconfig"],
        &["get", "Kconfig"],
        &["--olddefconfig", "Kconfig", "x"],
    ] {
        let output = kconf(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("Usage: kconf"),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_value_with_a_line_feed_is_refused_and_nothing_is_written() {
    let tree = "config S\n\tstring \"s\"\nconfig A\n\tbool \"a\"\n";
    let folder = common::scratch("cli", "line-feed", tree);
    assert!(
        kconf(&folder, &["--alldefconfig", "Kconfig"])
            .status
            .success()
    );
    let before = fs::read(folder.join(".config")).expect(".config");
    let output = kconf(&folder, &["set", "Kconfig", "S=a\nCONFIG_A=y"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("it has a line feed"), "{errors}");
    assert_eq!(fs::read(folder.join(".config")).expect(".config"), before);
}

#[test]
fn a_link_in_the_place_of_the_configuration_is_replaced_unless_that_is_forbidden() {
    let folder = scratch("link");
    let (real, link) = (folder.join("real"), folder.join(".config"));
    for (overwrite, followed) in [(None, false), (Some("1"), true)] {
        fs::write(&real, "CONFIG_A=y\n").expect("file");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("real", &link).expect("link");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kconf"));
        command.args(["--olddefconfig", "Kconfig"]).env_clear();
        if let Some(value) = overwrite {
            command.env("KCONFIG_OVERWRITECONFIG", value);
        }
        let output = command.current_dir(&folder).output().expect("kconf runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let is_link = fs::symlink_metadata(&link).expect("link").is_symlink();
        assert_eq!(is_link, followed);
        let written = fs::read_to_string(&real)
            .expect("file")
            .contains("CONFIG_N=3");
        assert_eq!(written, followed);
    }
}
