//! `--syncconfig`: the files a build reads. The expected texts were written by `conf` of Linux 6.12 for the same input.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

const KCONFIG: &str = "mainmenu \"T\"
config MODULES
\tbool \"m\"
\tmodules
\tdefault y
config A
\tbool \"a\"
\tdefault y
config B
\ttristate \"b\"
\tdefault m
config C
\tbool \"c\"
config S
\tstring \"s\"
\tdefault \"x\\\"y\\\\z$(PLACE)\"
config N
\tint \"n\"
\tdefault 5
config H
\thex \"h\"
\tdefault 1f
config LONG_NAME_HERE
\tbool \"l\"
\tdefault y
";

const AUTO_CONF: &str = "#
# Automatically generated file; DO NOT EDIT.
# T
#
CONFIG_N=5
CONFIG_H=1f
CONFIG_S=x\"y\\z/root
CONFIG_MODULES=y
CONFIG_LONG_NAME_HERE=y
CONFIG_A=y
CONFIG_B=m
";

const AUTOCONF_H: &str = "/*
 * Automatically generated file; DO NOT EDIT.
 * T
 */
#define CONFIG_N 5
#define CONFIG_H 0x1f
#define CONFIG_S \"x\\\"y\\\\z/root\"
#define CONFIG_MODULES 1
#define CONFIG_LONG_NAME_HERE 1
#define CONFIG_A 1
#define CONFIG_B_MODULE 1
";

const RUSTC_CFG: &str = "--cfg=CONFIG_N=\"5\"
--cfg=CONFIG_H=\"0x1f\"
--cfg=CONFIG_S=\"x\\\"y\\\\z/root\"
--cfg=CONFIG_MODULES
--cfg=CONFIG_MODULES=\"y\"
--cfg=CONFIG_LONG_NAME_HERE
--cfg=CONFIG_LONG_NAME_HERE=\"y\"
--cfg=CONFIG_A
--cfg=CONFIG_A=\"y\"
--cfg=CONFIG_B
--cfg=CONFIG_B=\"m\"
";

const DEPENDENCIES: &str = "autoconfig := include/config/auto.conf

deps_config := \\
\tKconfig \\

$(autoconfig): $(deps_config)
$(deps_config): ;

ifneq \"$(PLACE)\" \"/root\"
$(autoconfig): FORCE
endif
";

/// A folder of its own with the tree and a complete configuration.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("Kconfig"), KCONFIG).expect("a tree");
    assert!(kconf(&folder, "--alldefconfig", &[]).status.success());
    folder
}

fn kconf(folder: &Path, mode: &str, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kconf"))
        .args(["-s", mode, "Kconfig"])
        .current_dir(folder)
        .env_clear()
        .env("PLACE", "/root")
        .envs(variables.iter().copied())
        .output()
        .expect("kconf runs")
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect(name)
}

#[test]
fn a_build_gets_the_files_that_conf_writes() {
    let folder = folder("sync");
    assert!(kconf(&folder, "--syncconfig", &[]).status.success());
    assert_eq!(text(&folder, "include/config/auto.conf"), AUTO_CONF);
    assert_eq!(text(&folder, "include/config/auto.conf.cmd"), DEPENDENCIES);
    assert_eq!(text(&folder, "include/generated/autoconf.h"), AUTOCONF_H);
    assert_eq!(text(&folder, "include/generated/rustc_cfg"), RUSTC_CFG);
}

#[test]
fn files_of_symbols_are_touched_when_their_value_changes_and_only_then() {
    let folder = folder("touch");
    assert!(kconf(&folder, "--syncconfig", &[]).status.success());
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let config = folder.join("include/config");
    for entry in fs::read_dir(&config).expect("the folder") {
        let file = fs::File::options()
            .write(true)
            .open(entry.expect("an entry").path())
            .expect("a file");
        file.set_modified(old).expect("a time");
    }
    let changed = text(&folder, ".config")
        .replace("# CONFIG_C is not set", "CONFIG_C=y")
        .replace("CONFIG_A=y", "# CONFIG_A is not set")
        .replace("CONFIG_N=5", "CONFIG_N=6");
    fs::write(folder.join(".config"), changed).expect("a configuration");
    assert!(kconf(&folder, "--syncconfig", &[]).status.success());
    let mut touched: Vec<String> = fs::read_dir(&config)
        .expect("the folder")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| {
            let modified = entry.metadata().and_then(|m| m.modified()).expect("a time");
            modified != old
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    touched.sort();
    assert_eq!(touched, ["A", "C", "N", "auto.conf", "auto.conf.cmd"]);
}

#[test]
fn the_files_go_where_the_variables_say() {
    let folder = folder("elsewhere");
    let variables = [
        ("KCONFIG_AUTOCONFIG", "a/auto.conf"),
        ("KCONFIG_AUTOHEADER", "b/autoconf.h"),
        ("KCONFIG_RUSTCCFG", "c/rustc_cfg"),
    ];
    assert!(kconf(&folder, "--syncconfig", &variables).status.success());
    assert_eq!(text(&folder, "a/auto.conf"), AUTO_CONF);
    assert_eq!(text(&folder, "b/autoconf.h"), AUTOCONF_H);
    assert_eq!(text(&folder, "c/rustc_cfg"), RUSTC_CFG);
    assert!(!folder.join("include").exists());
}

#[test]
fn a_configuration_that_would_change_is_refused_where_that_is_forbidden() {
    let folder = folder("forbidden");
    let variables = [("KCONFIG_NOSILENTUPDATE", "1")];
    assert!(kconf(&folder, "--syncconfig", &variables).status.success());
    let before = text(&folder, ".config").replace("CONFIG_N=5\n", "CONFIG_N=5\n\n");
    fs::write(folder.join(".config"), &before).expect("a configuration");
    let output = kconf(&folder, "--syncconfig", &variables);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&folder, ".config"), before, "nothing is written");
}
