//! Joins the binary to its configuration: hands the generated tables and linker script to rustc and refuses
//! a build whose Cargo features are not the ones `.config` says.
//!
//! `CAESURA_GENERATED` names the folder that `tools/board` filled (`tables.rs`, `link.ld`);
//! `CARGO_KCONFIG_DOTCONFIG` names the finished `.config`. Only builds for the bare target read them, so that
//! `cargo test --workspace` on the host needs no configuration.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;

use kconfig_rs::State;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CAESURA_GENERATED");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let Ok(generated) = env::var("CAESURA_GENERATED") else {
        println!(
            "cargo::error=CAESURA_GENERATED is not set: build the hypervisor with `make`, which evaluates the \
             configuration and generates its tables first"
        );
        return;
    };
    let generated = Path::new(&generated);
    for file in ["tables.rs", "link.ld"] {
        let path = generated.join(file);
        if !path.is_file() {
            println!(
                "cargo::error={}: missing; run `make` to generate it",
                path.display()
            );
            return;
        }
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!(
        "cargo::rustc-env=CAESURA_TABLES={}",
        generated.join("tables.rs").display()
    );
    println!(
        "cargo::rustc-link-arg-bins=-T{}",
        generated.join("link.ld").display()
    );
    println!("cargo::rustc-link-arg-bins=--no-dynamic-linker");

    // kconfig-rs says itself what is wrong with the file.
    if let Some(config) = kconfig_rs::generate() {
        compare_features(&config.cfgs);
    }
}

/// Cargo's features and the configuration's bools must be the same set: a feature switched on behind the
/// configuration's back would build an image that its own `.config` does not describe.
fn compare_features(symbols: &[kconfig_rs::Config]) {
    let configured: BTreeSet<String> = symbols
        .iter()
        .filter(|s| matches!(s.state, State::Bool { active: true }))
        .map(|s| s.key.clone())
        .collect();
    let enabled: BTreeSet<String> = env::vars()
        .filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_lowercase()))
        .filter(|name| name != "default")
        .collect();
    for name in configured.difference(&enabled) {
        println!(
            "cargo::error=CONFIG_{}=y in .config but the feature `{name}` is off: pass the list in the generated \
             file `features`, or run `make`",
            name.to_uppercase()
        );
    }
    for name in enabled.difference(&configured) {
        println!(
            "cargo::error=the feature `{name}` is on but CONFIG_{} is not in .config: run `make`",
            name.to_uppercase()
        );
    }
}
