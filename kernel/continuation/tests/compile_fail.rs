//! What must never compile: each file of `tests/ui` is one mistake, and its first line names the error.
//!
//! Only the error's code or its words are compared, not the whole text: several compilers are used. `allowed.rs` is the
//! same without the mistakes and has to compile. The cases are built to the end, since the size of a future is checked
//! only when code is made for it.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Builds this crate as a dependent would, and says where its libraries are: `--extern` arguments, and their directory.
fn libraries(target: &Path) -> Vec<String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--offline",
            "--locked",
            "--lib",
            "--message-format",
            "json",
        ])
        .args(["--manifest-path", manifest, "--target-dir"])
        .arg(target)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut arguments = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let file = message["filenames"][0].as_str().unwrap_or_default();
        if ["continuation", "preempt"].contains(&name) && file.ends_with(".rlib") {
            let directory = Path::new(file).parent().unwrap().join("deps");
            arguments.push("-L".into());
            arguments.push(format!("dependency={}", directory.display()));
            arguments.push("--extern".into());
            arguments.push(format!("{name}={file}"));
        }
    }
    assert_eq!(arguments.len(), 8, "two libraries");
    arguments
}

fn compile(case: &Path, libraries: &[String], scratch: &Path) -> Output {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "obj"])
        .args(libraries)
        .arg("-o")
        .arg(scratch.join("case.o"))
        .arg(case)
        .output()
        .unwrap()
}

#[test]
fn mistakes_with_operations_do_not_compile() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let libraries = libraries(&scratch.join("continuation-ui"));
    let mut cases = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui")).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let expected = source
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("//~ "))
            .expect("a first line");
        let result = compile(&path, &libraries, scratch);
        let stderr = String::from_utf8_lossy(&result.stderr);
        let name = path.file_name().unwrap().to_string_lossy();
        if expected == "compiles" {
            assert!(result.status.success(), "{name}: {stderr}");
        } else {
            assert!(!result.status.success(), "{name} compiles");
            let first = stderr.find("error").expect("an error");
            let next = stderr[first + 5..]
                .find("\nerror")
                .map_or(stderr.len(), |at| first + 5 + at);
            assert!(
                stderr[first..next].contains(expected),
                "{name}, expected {expected}: {stderr}"
            );
        }
        cases += 1;
    }
    assert_eq!(cases, 9);
}
