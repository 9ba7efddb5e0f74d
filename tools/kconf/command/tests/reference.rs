//! Comparison with the C implementation, byte for byte.
//!
//! Each file in `tests/reference/` holds a Kconfig tree, an input `.config`, and what Linux 6.12's
//! `scripts/kconfig/conf` (built from Debian's linux-source-6.12, 6.12.117) wrote for it in several modes. The files
//! called `random-*` were generated; the others were written to pin down one topic each.
//!
//! With `KCONF_REFERENCE` naming a `conf` binary, that is run too and must still write the same; with
//! `KCONF_REFERENCE_UPDATE=1` the files are rewritten from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODES: [&str; 4] = [
    "olddefconfig",
    "alldefconfig",
    "allnoconfig",
    "allyesconfig",
];

type Sections = BTreeMap<String, String>;

fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut current = String::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("--- ") {
            Some(name) => {
                current = name.trim_end().to_owned();
                sections.insert(current.clone(), String::new());
            }
            None => sections.entry(current.clone()).or_default().push_str(line),
        }
    }
    sections
}

/// What `tool` writes for the tree and input of `case`, in all modes.
fn outputs(tool: &Path, case: &Sections, scratch: &Path) -> Sections {
    let mut found = Sections::new();
    let _ = fs::remove_dir_all(scratch);
    fs::create_dir_all(scratch).expect("scratch folder");
    for (name, text) in case {
        if let Some(path) = name.strip_prefix("file ") {
            let path = scratch.join(path);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, text).expect("file");
        }
    }
    let run = |arguments: &[&str]| {
        let output = Command::new(tool)
            .args(arguments)
            .arg("Kconfig")
            .current_dir(scratch)
            .env_clear()
            .env("KCONFIG_CONFIG", "out.config")
            .env("FLAVOUR", "plain")
            .output()
            .expect("the tool runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    for mode in MODES {
        fs::write(
            scratch.join("out.config"),
            case.get("input").map_or("", String::as_str),
        )
        .expect("input");
        run(&[&format!("--{mode}")]);
        found.insert(
            mode.to_owned(),
            fs::read_to_string(scratch.join("out.config")).expect("output"),
        );
        run(&["--savedefconfig=minimal"]);
        found.insert(
            format!("{mode} minimal"),
            fs::read_to_string(scratch.join("minimal")).expect("output"),
        );
    }
    found
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("cases")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    files
}

#[test]
fn configurations_are_byte_identical_to_the_c_implementation() {
    let reference = std::env::var_os("KCONF_REFERENCE").map(PathBuf::from);
    let update = std::env::var_os("KCONF_REFERENCE_UPDATE").is_some();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference");
    let files = cases();
    assert!(files.len() >= 40, "only {} cases found", files.len());
    for path in files {
        let mut case = parse(&fs::read_to_string(&path).expect("case"));
        if let Some(reference) = &reference {
            let theirs = outputs(reference, &case, &scratch);
            for (name, text) in theirs {
                if update {
                    case.insert(name, text);
                } else {
                    assert_eq!(
                        case.get(&name),
                        Some(&text),
                        "{}: {name} is not what conf writes",
                        path.display()
                    );
                }
            }
            if update {
                let text: String = case
                    .iter()
                    .map(|(name, text)| format!("--- {name}\n{text}"))
                    .collect();
                fs::write(&path, text).expect("case");
            }
        }
        for (name, ours) in outputs(Path::new(env!("CARGO_BIN_EXE_kconf")), &case, &scratch) {
            let theirs = case
                .get(&name)
                .unwrap_or_else(|| panic!("{}: no section {name}", path.display()));
            assert_eq!(&ours, theirs, "{}: {name}", path.display());
        }
    }
}
