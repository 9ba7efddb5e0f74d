//! Linting and formatting, for host and kernel code.

use crate::build;
use crate::project::{Project, TARGET};
use crate::selection::Selection;
use crate::{Context, Result, cargo};

/// Packages that exist only on the Arm machine.
pub const BARE_ONLY: [&str; 2] = ["image", "guests"];

/// clippy, warnings refused: the tools and the concept crates on the host, then the kernel and the guests for
/// their target, once for each interrupt controller.
///
/// # Errors
/// There is something to mend.
pub fn clippy_command(project: &mut Project) -> Result<()> {
    println!("clippy: tools, concept crates and their tests");
    let mut host = cargo::host(project)?;
    host.args([
        "clippy",
        "--quiet",
        "--locked",
        "--workspace",
        "--all-targets",
    ]);
    for package in BARE_ONLY {
        host.args(["--exclude", package]);
    }
    cargo::run(host.args(["--", "-D", "warnings"]), "clippy")?;
    for (model, fragments) in [
        ("legacy", &["gicv2"][..]),
        ("legacy", &[]),
        ("full", &["debug"]),
        ("full", &[]),
        ("hybrid", &[]),
    ] {
        let selection = Selection {
            board: Some(crate::selection::DEFAULT_BOARD.to_owned()),
            model: Some(model.to_owned()),
            fragments: fragments.iter().map(ToString::to_string).collect(),
            ..Selection::default()
        };
        let configuration = selection.evaluate(project)?;
        println!("clippy: the hypervisor, {}", configuration.label);
        let model = build::evaluate(project, &configuration, "hello")?;
        let folder = project
            .path("build")
            .join(&configuration.label)
            .join("hello");
        let dot_config = folder.join(".config");
        board::write_if_changed(&dot_config, configuration.dot_config.as_bytes())
            .context("write", &dot_config)?;
        model
            .write(&folder)
            .context("write the generated files to", &folder)?;
        let mut kernel = cargo::bare(project)?;
        kernel.args([
            "clippy",
            "--quiet",
            "--locked",
            "--release",
            "--target",
            TARGET,
        ]);
        cargo::with_kernel(
            &mut kernel,
            &board::features(&configuration.symbols),
            &folder,
            &dot_config,
        );
        cargo::run(kernel.args(["--", "-D", "warnings"]), "clippy")?;
    }
    println!("clippy: the guests");
    let mut guests = cargo::bare(project)?;
    guests.args([
        "clippy",
        "--quiet",
        "--locked",
        "--release",
        "--target",
        TARGET,
        "--package",
        "guests",
        "--bins",
    ]);
    cargo::run(guests.args(["--", "-D", "warnings"]), "clippy")
}

/// rustfmt, in checking mode.
///
/// # Errors
/// Something is not formatted; rustfmt has shown it.
pub fn format_command(project: &Project) -> Result<()> {
    let mut command = cargo::host(project)?;
    cargo::run(
        command.args(["fmt", "--all", "--check"]),
        "the format check",
    )
}
