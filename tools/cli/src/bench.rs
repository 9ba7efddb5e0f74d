//! `make bench-boot`: what booting costs, in instructions.
//!
//! QEMU runs one instruction per virtual nanosecond (`-icount shift=0`) and repeats exactly, so the machine's
//! counter counts instructions. Caches, TLBs and interference do not exist there. Three figures, each with the
//! bound it must keep:
//!
//! - from reset to the first instruction of the guest `hello`, on one core;
//! - a Linux boot from its clock's start to power-off, under Caesura over the same kernel on the bare machine,
//!   with one and with two vCPUs (the kernel's own clock, as it stands before `reboot: Power down`);
//! - the size of the image, without a bound.

use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use crate::build::{self, Build};
use crate::emulator::{Emulator, Waited};
use crate::project::Project;
use crate::run::{self, Options};
use crate::selection::{DEFAULT_BOARD, DEFAULT_MODEL, Selection};
use crate::transcript::Transcript;
use crate::{Context, Failure, Result, size};

/// Instructions from reset to a guest's first that must not be exceeded.
const FIRST_INSTRUCTION: u64 = 700_000;
/// The systems that boot Linux and power off at once, with the cores they use and the most that their boot may
/// take compared with the bare machine.
const LINUX: [(&str, u8, f64); 2] = [("linux-one", 1, 1.002), ("linux-smp", 2, 1.01)];
/// A counted run is single-threaded; this only ends one that hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// What `build/bench/boot.json` holds.
#[derive(Serialize)]
struct Figures {
    unit: &'static str,
    configuration: String,
    first_instruction: Bounded,
    size: Sizes,
    linux: Vec<Boot>,
}

/// A figure and the most it may be.
#[derive(Serialize)]
struct Bounded {
    value: u64,
    bound: u64,
}

/// Sizes of the image's sections, in bytes.
#[derive(Serialize)]
struct Sizes {
    text: u64,
    data: u64,
    bss: u64,
}

/// One Linux boot, by the kernel's own clock.
#[derive(Serialize)]
struct Boot {
    system: &'static str,
    cpus: u8,
    bare_us: u64,
    caesura_us: u64,
    ratio: f64,
    bound: f64,
}

/// Measures, prints, writes `build/bench/boot.json`.
///
/// # Errors
/// Something does not build or boot, or a figure exceeds its bound.
pub fn boot_command(project: &mut Project) -> Result<()> {
    let mut exceeded = Vec::new();
    let hello = build::build(project, &cores(1), "hello")?;
    let first = first_instruction(&measured_run(project, &hello)?)?;
    println!(
        "reset to the guest's first instruction: {first} instructions (at most {FIRST_INSTRUCTION})"
    );
    if first > FIRST_INSTRUCTION {
        exceeded.push(format!(
            "{first} > {FIRST_INSTRUCTION} instructions to the guest's first"
        ));
    }
    let size = size::measure(&std::fs::read(&hello.elf).context("read", &hello.elf)?)?;
    println!(
        "text {} B, data {} B, bss {} B",
        size.text, size.data, size.bss
    );
    let mut linux = Vec::new();
    for (system, cpus, bound) in LINUX {
        let build = build::build(project, &cores(cpus), system)?;
        let bare = power_down(&bare_run(project, &build)?)?;
        let hosted = power_down(&measured_run(project, &build)?)?;
        let ratio = hosted as f64 / bare as f64;
        println!(
            "{system}, {cpus} cores: bare {bare} µs, under Caesura {hosted} µs: {ratio:.5} (at most {bound})"
        );
        if ratio > bound {
            exceeded.push(format!("{system}: {ratio:.5} > {bound}"));
        }
        linux.push(Boot {
            system,
            cpus,
            bare_us: bare,
            caesura_us: hosted,
            ratio,
            bound,
        });
    }
    let figures = Figures {
        unit: "instructions (QEMU -icount shift=0; 1 us = 1000)",
        configuration: hello.configuration.label.clone(),
        first_instruction: Bounded {
            value: first,
            bound: FIRST_INSTRUCTION,
        },
        size: Sizes {
            text: size.text,
            data: size.data,
            bss: size.bss,
        },
        linux,
    };
    write(project, &figures)?;
    if exceeded.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("too much: {}", exceeded.join("; "))))
    }
}

fn cores(cpus: u8) -> Selection {
    Selection {
        board: Some(DEFAULT_BOARD.to_owned()),
        model: Some(DEFAULT_MODEL.to_owned()),
        fragments: Vec::new(),
        cpus: Some(cpus),
        settings: Vec::new(),
    }
}

fn write(project: &Project, figures: &impl Serialize) -> Result<()> {
    let path = project.path("build/bench/boot.json");
    let mut text = serde_json::to_string_pretty(figures).context("describe", &path)?;
    text.push('\n');
    board::write_if_changed(&path, text.as_bytes()).context("write", &path)?;
    Ok(())
}

/// Runs a build under Caesura, counting instructions.
fn measured_run(project: &Project, build: &Build) -> Result<Transcript> {
    let options = Options {
        icount: true,
        ..Options::default()
    };
    let transcript = finish(&mut run::qemu(project, build, &options)?, build, "caesura")?;
    transcript
        .judge(&build.model.system)
        .map_err(|why| Failure::new(format!("{}: {why}", build.model.system.name)))?;
    Ok(transcript)
}

/// Runs the first VM's kernel with the same memory, cores, command line and device tree on the bare machine,
/// whose layout the VM has: so the kernel finds the same devices, and not the dozens that QEMU has besides.
fn bare_run(project: &Project, build: &Build) -> Result<Transcript> {
    let vm = build
        .model
        .system
        .vms
        .first()
        .ok_or_else(|| Failure::new("the system has no VM"))?;
    let memory: u64 = vm.memory.iter().map(|memory| memory.pa.size).sum();
    let mut command = Command::new(project.need("QEMU", "qemu")?);
    command
        .arg("-M")
        .arg(format!(
            "virt,gic-version={},dtb-randomness=off",
            build.model.board.gic.version()
        ))
        .args(["-cpu", "max", "-icount", "shift=0,sleep=off", "-seed", "1"])
        .args([
            "-rtc",
            "base=2020-01-01,clock=vm",
            "-nic",
            "none",
            "-no-reboot",
        ])
        .args([
            "-display", "none", "-audio", "none", "-monitor", "none", "-serial", "stdio",
        ])
        .args([
            "-m",
            &(memory >> 20).to_string(),
            "-smp",
            &vm.vcpus.len().to_string(),
        ])
        .arg("-kernel")
        .arg(&vm.image.kernel.file.path)
        .args(["-append", &vm.image.bootargs])
        .arg("-dtb")
        .arg(build.folder.join("vm0.dtb"));
    if let Some(initrd) = &vm.image.initrd {
        command.arg("-initrd").arg(&initrd.file.path);
    }
    finish(&mut command, build, "bare")
}

fn finish(command: &mut Command, build: &Build, kind: &str) -> Result<Transcript> {
    let log = build.folder.join(format!("bench-{kind}.log"));
    let mut emulator = Emulator::start(command, &log, false)?;
    if emulator.wait(LIMIT, |_| false) != Waited::Ended {
        return Err(Failure::new(format!(
            "{}: still running after {} s; the console is in {}",
            build.model.system.name,
            LIMIT.as_secs(),
            log.display()
        )));
    }
    emulator.kill();
    Ok(emulator.transcript())
}

/// The count that `hello` took with its first instruction.
fn first_instruction(transcript: &Transcript) -> Result<u64> {
    number_between(transcript.text(), "first instruction at ", " ticks").ok_or_else(|| {
        Failure::new("the guest did not say when it started (`first instruction at N ticks`)")
    })
}

/// Linux's clock at its last message, in microseconds: `[    0.811863] reboot: Power down`.
fn power_down(transcript: &Transcript) -> Result<u64> {
    let text = transcript.text();
    let stamp = text
        .find("] reboot: Power down")
        .and_then(|end| Some(text[text[..end].rfind('[')? + 1..end].trim()))
        .and_then(|stamp| stamp.split_once('.'))
        .and_then(|(seconds, micros)| {
            Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
        });
    stamp.ok_or_else(|| {
        Failure::new("Linux did not power down (no `reboot: Power down` with a time stamp)")
    })
}

fn number_between(text: &str, before: &str, after: &str) -> Option<u64> {
    let rest = &text[text.find(before)? + before.len()..];
    rest[..rest.find(after)?].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.push(text.as_bytes());
        transcript
    }

    #[test]
    fn figures_are_read_from_the_guests_own_lines() {
        let t = transcript("[hello] first instruction at 612345 ticks\r\n");
        assert_eq!(first_instruction(&t).unwrap(), 612_345);
        let t = transcript("[linux] [    1.811863] reboot: Power down\r\n");
        assert_eq!(power_down(&t).unwrap(), 1_811_863);
    }

    #[test]
    fn a_boot_that_did_not_get_there_is_an_error() {
        assert!(first_instruction(&transcript("[hello] first")).is_err());
        assert!(power_down(&transcript("[    0.1] Kernel panic")).is_err());
    }
}
