//! Cargo, called the same way everywhere.
//!
//! The kernel and the guests are built by the toolchain that set-up chose, with its linker and, where it has
//! no `core` of its own for the target, its sysroot. The user's own flags never reach these builds, and no
//! path of this machine reaches their results: source folders are mapped to fixed names, so two builds of the
//! same source in different folders are equal byte for byte.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::{Project, TARGET};
use crate::{Context, Failure, Result};

/// Variables by which a user or an outer Cargo would change what is built.
const FOREIGN: &[&str] = &[
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_AARCH64_UNKNOWN_NONE_SOFTFLOAT_RUSTFLAGS",
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_NAME",
    "RUSTUP_TOOLCHAIN",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_BOOTSTRAP",
    "__CARGO_FIX_YOLO",
];

/// Cargo for the tools and the host tests.
///
/// # Errors
/// Set-up has not found a host toolchain.
pub fn host(project: &Project) -> Result<Command> {
    let mut command = clean(&project.need("HOST_CARGO", "host")?, project);
    command.env("RUSTC", project.need("HOST_RUSTC", "host")?);
    // The outer build of the tool itself, if the user put it elsewhere, is shared.
    if let Some(folder) = std::env::var_os("CARGO_TARGET_DIR") {
        command.env("CARGO_TARGET_DIR", folder);
    }
    Ok(command)
}

/// Where Cargo puts what it builds for the target.
#[must_use]
pub fn target_folder(project: &Project) -> PathBuf {
    project.path("build/target")
}

/// Cargo for everything that runs on the Arm machine: environment, flags and linker, but no subcommand.
///
/// # Errors
/// Set-up has not found a toolchain and linker for the target.
pub fn bare(project: &Project) -> Result<Command> {
    let cargo = project.need("CARGO", "kernel")?;
    let mut command = clean(&cargo, project);
    command.env("RUSTC", project.need("RUSTC", "kernel")?);
    command.env(
        "CARGO_TARGET_AARCH64_UNKNOWN_NONE_SOFTFLOAT_LINKER",
        project.need("LINKER", "kernel")?,
    );
    command.env("CARGO_ENCODED_RUSTFLAGS", bare_flags(project).join("\x1f"));
    command.env("CARGO_TARGET_DIR", target_folder(project));
    Ok(command)
}

fn clean(cargo: &Path, project: &Project) -> Command {
    let mut command = Command::new(cargo);
    command.current_dir(project.root());
    for name in FOREIGN {
        command.env_remove(name);
    }
    // `cargo clippy` and `cargo fmt` are programs beside cargo.
    if let Some(folder) = cargo.parent() {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&rest));
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
    }
    command
}

fn bare_flags(project: &Project) -> Vec<String> {
    // The kernel's backtraces follow frame pointers; they cost two instructions a call.
    let mut flags = vec!["-Cforce-frame-pointers=yes".to_owned()];
    if let Some(sysroot) = project.found("SYSROOT") {
        flags.push(format!("--sysroot={sysroot}"));
    }
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| std::env::home_dir().unwrap_or_default().join(".cargo"));
    // The last matching prefix wins, so the source tree comes last: it may lie below the other.
    for (from, to) in [(home.as_path(), "/cargo"), (project.root(), "/caesura")] {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    }
    flags
}

/// Builds the kernel for a configuration whose generated files are in `generated`; returns the ELF.
///
/// # Errors
/// It does not compile (Cargo has said why).
pub fn kernel(
    project: &Project,
    features: &[String],
    generated: &Path,
    dot_config: &Path,
) -> Result<PathBuf> {
    let mut command = bare(project)?;
    command.args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--target",
        TARGET,
    ]);
    with_kernel(&mut command, features, generated, dot_config);
    run(&mut command, "building the hypervisor")?;
    Ok(target_folder(project)
        .join(TARGET)
        .join("release/hypervisor"))
}

/// Adds what selects and configures the kernel to a Cargo command.
pub fn with_kernel(
    command: &mut Command,
    features: &[String],
    generated: &Path,
    dot_config: &Path,
) {
    command
        .args([
            "--package",
            "image",
            "--bin",
            "hypervisor",
            "--no-default-features",
            "--features",
        ])
        .arg(features.join(","))
        .env("CAESURA_GENERATED", generated)
        .env("CARGO_KCONFIG_DOTCONFIG", dot_config);
}

/// Builds guest programs of `tests/guests` (by name, without `.elf`) and copies them, as `name.elf`, to the
/// folder that `@built/` stands for; returns that folder.
///
/// # Errors
/// One does not exist or does not compile.
pub fn guests(project: &Project, names: &[&str]) -> Result<PathBuf> {
    let built = project.path("build/guests");
    if names.is_empty() {
        return Ok(built);
    }
    let mut command = bare(project)?;
    command.args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--target",
        TARGET,
        "--package",
        "guests",
    ]);
    for name in names {
        command.args(["--bin", name]);
    }
    run(&mut command, "building the guests")?;
    let release = target_folder(project).join(TARGET).join("release");
    for name in names {
        let bytes = std::fs::read(release.join(name)).context("read", &release.join(name))?;
        let copy = built.join(format!("{name}.elf"));
        board::write_if_changed(&copy, &bytes).context("write", &copy)?;
    }
    Ok(built)
}

/// Runs a command whose output goes to the terminal.
///
/// # Errors
/// It cannot be started, or ends with a failure; `what` says what it was for.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .status()
        .context("start", Path::new(command.get_program()))?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<&OsStr> = command.get_args().collect();
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    Err(Failure::new(format!(
        "{what} failed ({status}): cargo {}",
        words.join(" ")
    )))
}
