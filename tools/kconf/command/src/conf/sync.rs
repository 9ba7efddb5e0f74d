//! `--syncconfig`: the files from which a build takes the configuration, and one empty file per symbol whose time says
//! when its value last changed.
//!
//! `auto.conf` is written last: make takes its time for that of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kconf::{Config, Output};

use crate::context::{Context, Failure};
use crate::files;

/// Writes the files.
pub fn write(config: &Config<'_>, context: &Context) -> Result<(), Failure> {
    let path = |variable: &str, default: &str| {
        PathBuf::from(context.variable(variable).unwrap_or(default))
    };
    let make = path("KCONFIG_AUTOCONFIG", "include/config/auto.conf");
    let header = path("KCONFIG_AUTOHEADER", "include/generated/autoconf.h");
    let rustc = path("KCONFIG_RUSTCCFG", "include/generated/rustc_cfg");
    for file in [&make, &header, &rustc] {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|e| {
                Failure::Other(format!("cannot make the folder {}: {e}", folder.display()))
            })?;
        }
    }
    let mut command = make.clone().into_os_string();
    command.push(".cmd");
    put(Path::new(&command), &dependencies(config, &make))?;
    mark_changes(config, &make)?;
    put(&header, &config.write_for_build(Output::Header))?;
    put(&rustc, &config.write_for_build(Output::Rustc))?;
    put(&make, &config.write_for_build(Output::Make))
}

/// Writes a file, and makes it new even if the text is what it was: make compares times.
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    files::write(path, text)?;
    let file = std::fs::File::options().write(true).open(path);
    file.and_then(|file| file.set_modified(SystemTime::now()))
        .map_err(|e| Failure::Other(format!("cannot touch {}: {e}", path.display())))
}

/// A makefile: what `auto.conf` was made from.
fn dependencies(config: &Config<'_>, make: &Path) -> String {
    let mut out = format!("autoconfig := {}\n\ndeps_config := \\\n", make.display());
    for file in config.model().files() {
        let _ = writeln!(out, "\t{} \\", file.display());
    }
    out.push_str("\n$(autoconfig): $(deps_config)\n$(deps_config): ;\n");
    for (name, value) in config.model().environment() {
        let _ = write!(
            out,
            "\nifneq \"$({name})\" \"{value}\"\n$(autoconfig): FORCE\nendif\n"
        );
    }
    out
}

/// Makes anew the file of each symbol whose value is not what `auto.conf` says.
fn mark_changes(config: &Config<'_>, make: &Path) -> Result<(), Failure> {
    let before = std::fs::read_to_string(make).unwrap_or_default();
    let prefix = config.model().prefix();
    let mut before: BTreeMap<&str, &str> = before
        .lines()
        .filter_map(|line| line.strip_prefix(prefix)?.split_once('='))
        .collect();
    let now = config.synced();
    let changed: Vec<&str> = now
        .iter()
        .filter(|(symbol, value)| before.remove(symbol.name()) != Some(value.as_str()))
        .map(|(symbol, _)| symbol.name())
        .collect();
    let folder = make.parent().unwrap_or(Path::new(""));
    // What is left in `before` has been switched off.
    for name in changed.into_iter().chain(before.into_keys()) {
        put(&folder.join(name), "")?;
    }
    Ok(())
}
