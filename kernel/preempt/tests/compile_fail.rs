//! What must never compile: each file of `tests/ui` is one mistake, and its first line names the error.
//!
//! Only the error code is compared: the wording changes from compiler to compiler, and any of several is used.
//! `allowed.rs` is the same code without the mistakes, and has to compile.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn rustc(arguments: &[&str]) -> Output {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc)
        .args(["--edition", "2024", "--emit", "metadata"])
        .args(arguments)
        .output()
        .unwrap()
}

/// The crate itself, compiled anew: it has no dependencies.
fn compile_preempt(into: &Path) -> PathBuf {
    let library = into.join("libpreempt.rmeta");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs");
    let output = rustc(&[
        "--crate-type",
        "rlib",
        "--crate-name",
        "preempt",
        source,
        "-o",
        library.to_str().unwrap(),
    ]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    library
}

#[test]
fn mistakes_with_atomic_sections_do_not_compile() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = format!("preempt={}", compile_preempt(scratch).display());
    let output = scratch.join("case.rmeta");
    let mut cases = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui")).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let expected = source
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("//~ "))
            .expect("a first line");
        let result = rustc(&[
            "--crate-type",
            "lib",
            path.to_str().unwrap(),
            "--extern",
            &library,
            "-o",
            output.to_str().unwrap(),
        ]);
        let stderr = String::from_utf8_lossy(&result.stderr);
        let errors: Vec<_> = stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .collect();
        let name = path.file_name().unwrap().to_string_lossy();
        if expected == "compiles" {
            assert!(result.status.success(), "{name}: {stderr}");
        } else {
            assert!(!result.status.success(), "{name} compiles");
            // The first error, and at most the line that counts them.
            assert!(
                errors[0].contains(expected),
                "{name}, expected {expected}: {stderr}"
            );
            assert!(errors.len() <= 2, "{name}: {stderr}");
        }
        cases += 1;
    }
    assert_eq!(cases, 8);
}
