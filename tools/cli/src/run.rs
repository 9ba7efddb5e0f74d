//! `make run`: a system in QEMU, at a terminal or without one, and what its end means.
//!
//! The exit status is 0 exactly if the hypervisor's closing line says that no VM failed and every text that
//! the system's description expects of a VM appeared. Without a terminal a run is bounded in time. A system
//! without a time limit of its own is one that waits for a user; if there is none (no terminal, no more
//! input), it is powered off through the hypervisor's console once everything expected has appeared.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use board::{QemuOptions, Symbols};

use crate::build::{self, Build};
use crate::emulator::{Emulator, Waited};
use crate::project::Project;
use crate::selection::Selection;
use crate::terminal::{self, Forwarded, Raw};
use crate::{Failure, Result};

/// After how long a run without a terminal gives up, if neither `TIMEOUT=` nor the system says.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// How long a machine that waits for a user must be quiet before it is powered off.
const QUIET: Duration = Duration::from_secs(3);
/// How often a run without a terminal looks whether its input has ended.
const LOOK: Duration = Duration::from_millis(200);

/// What a run can be told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Count instructions: one is one nanosecond of the machine's time, and runs repeat exactly.
    pub icount: bool,
    /// Wait for gdb on port 1234 before the first instruction.
    pub gdb: bool,
    /// Seconds after which a run without a terminal gives up.
    pub timeout: Option<u64>,
}

/// QEMU with everything it needs to run a build.
///
/// # Errors
/// QEMU does not have the board, or set-up has not found QEMU.
pub fn qemu(project: &Project, build: &Build, options: &Options) -> Result<Command> {
    let image = build.image.clone();
    // Instruction counts are taken on a processor whose counter runs at 1 GHz, so that one tick is one of them.
    let cpu = options.icount.then(|| "max".to_owned());
    let qemu_options = QemuOptions {
        image,
        cpu,
        cpus: None,
    };
    let mut command = Command::new(project.need("QEMU", "qemu")?);
    command.args(build.model.qemu_args(&qemu_options).map_err(Failure::new)?);
    command.args(["-nic", "none"]);
    if options.icount {
        command.args([
            "-icount",
            "shift=0,sleep=off",
            "-seed",
            "1",
            "-rtc",
            "base=2020-01-01,clock=vm",
        ]);
    }
    if options.gdb {
        command.args(["-s", "-S"]);
    }
    Ok(command)
}

/// Where a build's console output is kept.
#[must_use]
pub fn log_path(build: &Build) -> PathBuf {
    build.folder.join("console.log")
}

/// Builds and runs.
///
/// # Errors
/// The build failed, or the run was not good.
pub fn run_command(
    project: &mut Project,
    selection: &Selection,
    system: &str,
    options: &Options,
) -> Result<()> {
    let build = build::build(project, selection, system)?;
    let mut command = qemu(project, &build, options)?;
    let name = format!("{}, {}", build.configuration.label, system);
    if options.gdb {
        let elf = build.elf.strip_prefix(project.root()).unwrap_or(&build.elf);
        eprintln!(
            "run: waiting for gdb: gdb-multiarch {} -ex 'target remote :1234'",
            elf.display()
        );
    }
    if terminal::is_interactive() {
        interactive(&mut command, &build, &name)
    } else {
        unattended(&mut command, &build, &name, options)
    }
}

fn prefix(build: &Build) -> u8 {
    build
        .configuration
        .symbols
        .int("CONSOLE_PREFIX")
        .and_then(|byte| u8::try_from(byte).ok())
        .unwrap_or(1)
}

fn interactive(command: &mut Command, build: &Build, name: &str) -> Result<()> {
    let key = char::from(prefix(build) | 0x40);
    eprintln!(
        "run: {name}. Ctrl-{key} h lists the console's commands, Ctrl-{key} q powers off; Ctrl-] ends QEMU."
    );
    let mut emulator = Emulator::start(command, &log_path(build), true)?;
    let mut input = emulator.take_input();
    let raw = Raw::enter();
    let (sender, escaped) = mpsc::channel();
    // Not joined: it may sit in a read of the terminal for ever, and ends with the process.
    std::thread::spawn(move || {
        if let Some(input) = &mut input
            && terminal::forward(std::io::stdin(), input, true) == Forwarded::Escape
        {
            // Fails only if nobody waits any more.
            let _ = sender.send(());
        }
    });
    loop {
        let waited = emulator.wait(LOOK, |_| false);
        if waited == Waited::Ended {
            break;
        }
        if escaped.try_recv().is_ok() {
            emulator.kill();
            drop(raw);
            eprintln!("\nrun: QEMU ended by Ctrl-]");
            return Err(Failure::new("the machine was still running").with_status(130));
        }
    }
    emulator.kill();
    drop(raw);
    verdict(&emulator, build, name)
}

fn unattended(command: &mut Command, build: &Build, name: &str, options: &Options) -> Result<()> {
    let own_limit = build.model.system.timeout;
    let limit = options
        .timeout
        .or(own_limit)
        .map_or(PATIENCE, Duration::from_secs);
    eprintln!("run: {name}, no terminal: at most {} s", limit.as_secs());
    let until = Instant::now() + limit;
    let mut emulator = Emulator::start(command, &log_path(build), true)?;
    let (sender, ended) = mpsc::channel();
    if let Some(mut input) = emulator.take_input() {
        // Hands the machine's end back when our input is used up, for the power-off below.
        std::thread::spawn(move || {
            if terminal::forward(std::io::stdin(), &mut input, false) == Forwarded::End {
                let _ = sender.send(input);
            }
        });
    }
    let mut input = None;
    let mut asked = false;
    while emulator.wait(LOOK, |_| false) != Waited::Ended {
        if Instant::now() >= until {
            let waiting: Vec<String> = emulator
                .transcript()
                .missing(&build.model.system)
                .iter()
                .map(|(vm, text)| format!("VM `{vm}` has not written {text:?}"))
                .collect();
            emulator.kill();
            return Err(Failure::new(format!(
                "\n{name}: still running after {} s{}{}; the console is in {}",
                limit.as_secs(),
                if waiting.is_empty() { "" } else { ": " },
                waiting.join(", "),
                log_path(build).display(),
            )));
        }
        if input.is_none() {
            input = ended.try_recv().ok();
        }
        // A system that expects nothing of a VM cannot tell when that VM is done.
        let met = || {
            let system = &build.model.system;
            system.vms.iter().all(|vm| !vm.expect.is_empty())
                && emulator.transcript().missing(system).is_empty()
        };
        if !asked
            && own_limit.is_none()
            && met()
            && let Some(machine) = &mut input
            && emulator.wait_quiet(QUIET, until.saturating_duration_since(Instant::now()))
                == Waited::Found
        {
            use std::io::Write;
            eprintln!(
                "\nrun: everything expected has appeared and nobody is at the keyboard: powering off"
            );
            asked = true;
            // The console asks back before it does. If the machine has just ended, that is noticed above.
            let _ = machine
                .write_all(&[prefix(build), b'q', b'y'])
                .and_then(|()| machine.flush());
            emulator.wait(Duration::from_secs(30), |transcript| {
                transcript.end().is_some()
            });
        }
    }
    emulator.kill();
    verdict(&emulator, build, name)
}

fn verdict(emulator: &Emulator, build: &Build, name: &str) -> Result<()> {
    match emulator.transcript().judge(&build.model.system) {
        Ok(()) => {
            eprintln!("run: {name}: good");
            Ok(())
        }
        Err(why) => Err(Failure::new(format!(
            "{name}: {why}; the console is in {}",
            log_path(build).display()
        ))),
    }
}
