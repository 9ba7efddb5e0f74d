//! What goes wrong on purpose: restarts and crashes, faults of the hypervisor, machines and images that do not fit.
//! Each must end as described, in words, and never in silence.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::build::{self, Build};
use cli::emulator::{Emulator, Waited};
use cli::project::Project;
use cli::run::{self, Options};
use cli::transcript::Transcript;
use cli::{Context, Failure, Result};

use super::{case, selection};
use crate::machine::PATIENCE;
use crate::{Action, Case, Machine};

/// A change of QEMU's command line: in every argument, the first text becomes the second.
type Change<'a> = (&'a str, &'a str);

/// A case that boots what it wants.
type Check = fn(&mut Project) -> Result<()>;

/// The cases.
pub fn cases() -> Vec<Case> {
    let other: [(&str, Check); 14] = [
        ("crash/restart-limit-and-halt", crashes),
        ("crash/powers-the-machine-off", fatal),
        ("fault/abort", fault_abort),
        ("fault/panic", fault_panic),
        ("fault/stack-overflow", fault_overflow),
        ("refusal/entered-at-el1", entered_at_el1),
        ("refusal/entered-at-el3", entered_at_el3),
        ("refusal/wrong-address", wrong_address),
        ("refusal/elf-without-pack", elf_without_pack),
        ("refusal/damaged-image", damaged_image),
        ("refusal/damaged-pack", damaged_pack),
        ("refusal/gicv3-image-on-gicv2", gicv3_on_gicv2),
        ("refusal/gicv2-image-on-gicv3", gicv2_on_gicv3),
        ("cores/fewer-than-configured", fewer_cores),
    ];
    let mut cases: Vec<Case> = other
        .into_iter()
        .map(|(name, action)| case(name, None, 2, "hello", Action::Other(action), false))
        .collect();
    for (gic, fragment) in super::GICS {
        for cores in super::CORES {
            let name = format!("restarts/{gic}/{cores}");
            cases.push(case(
                &name,
                fragment,
                cores,
                "restarts",
                Action::Unattended,
                false,
            ));
            if cores == 4 {
                let name = format!("many/{gic}/{cores}");
                cases.push(case(
                    &name,
                    fragment,
                    cores,
                    "pinned",
                    Action::Unattended,
                    false,
                ));
            }
        }
    }
    for (gic, fragment) in super::GICS {
        let chatter = Action::Driven(super::chatter::two_vms);
        cases.push(case(
            &format!("chatter/{gic}/2"),
            fragment,
            2,
            "chatter",
            chatter,
            false,
        ));
    }
    let modules: [(&str, Check); 2] = [
        ("modules/missing", missing_module),
        ("modules/in-a-vms-memory", misplaced_module),
    ];
    for (name, action) in modules {
        cases.push(case(name, None, 2, "modules", Action::Other(action), true));
    }
    cases.push(case(
        "modules/loaded",
        None,
        2,
        "modules",
        Action::Unattended,
        true,
    ));
    let pool = Action::Driven(pool_after_restarts);
    cases.push(case(
        "pool/restarts-leak-nothing",
        None,
        2,
        "restarts",
        pool,
        false,
    ));
    cases
}

/// The pool is as full after twenty restarts as before. Some are to come then: the machine must not be over before it answers.
fn pool_after_restarts(machine: &mut Machine) -> Result<()> {
    let mut usages = Vec::new();
    for life in ["life 1\n", "life 21\n"] {
        machine.expect("restarts", life)?;
        machine.type_text("\u{1}s")?;
        usages.push(machine.hypervisor_line(usages.len(), "pool: ")?);
    }
    if usages.first() == usages.last() {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "the pool's usage changes: {usages:?}"
        )))
    }
}

/// A run that may end in any way.
struct Run<'a> {
    build: &'a Build,
    /// Changes of QEMU's arguments.
    changes: Vec<Change<'a>>,
    /// What to boot instead of the image.
    image: Option<PathBuf>,
    /// How many cores the machine has, instead of those that the image was built for.
    cores: Option<u8>,
    /// What to type once what has appeared.
    typed: Option<(&'a str, &'a str)>,
}

impl<'a> Run<'a> {
    fn of(build: &'a Build) -> Self {
        Self {
            build,
            changes: Vec::new(),
            image: None,
            cores: None,
            typed: None,
        }
    }

    /// Runs until the machine ends, or until `last` has appeared; everything that was printed.
    fn until(&self, project: &Project, last: &str) -> Result<Transcript> {
        let planned = run::qemu(project, self.build, &Options::default())?;
        let mut arguments: Vec<String> = planned
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        for pair in 1..arguments.len() {
            match (arguments[pair - 1].as_str(), self.cores, &self.image) {
                ("-smp", Some(cores), _) => arguments[pair] = cores.to_string(),
                ("-kernel", _, Some(image)) => arguments[pair] = image.display().to_string(),
                _ => {}
            }
        }
        for (old, new) in &self.changes {
            let mut found = false;
            for argument in &mut arguments {
                if argument.contains(old) {
                    *argument = argument.replace(old, new);
                    found = true;
                }
            }
            if !found {
                return Err(Failure::new(format!(
                    "QEMU is not given {old:?}: {arguments:?}"
                )));
            }
        }
        let log = self.build.folder.join("robustness.log");
        let mut command = std::process::Command::new(planned.get_program());
        command.args(&arguments);
        let mut emulator = Emulator::start(&mut command, &log, false)?;
        if let Some((prompt, text)) = self.typed {
            let there = emulator.wait(PATIENCE, |seen| seen.text().contains(prompt));
            if there != Waited::Found {
                return Err(missing(&emulator.transcript(), prompt));
            }
            emulator.send(text.as_bytes())?;
        }
        let waited = emulator.wait(PATIENCE, |seen| seen.text().contains(last));
        if waited == Waited::Found {
            // The rest of the line, and the end if it follows.
            let _ = emulator.wait(Duration::from_secs(2), |_| false);
        }
        let transcript = emulator.transcript();
        emulator.kill();
        if waited == Waited::Found {
            Ok(transcript)
        } else {
            Err(missing(&transcript, last))
        }
    }
}

fn missing(transcript: &Transcript, text: &str) -> Failure {
    let lines = transcript.lines();
    let last = lines[lines.len().saturating_sub(12)..].join("\n    ");
    Failure::new(format!(
        "{text:?} did not appear; the last lines:\n    {last}"
    ))
}

/// Requires texts, in this order.
fn require(transcript: &Transcript, texts: &[&str]) -> Result<()> {
    let all = transcript.lines().join("\n");
    let mut rest = all.as_str();
    for text in texts {
        let at = rest.find(text).ok_or_else(|| missing(transcript, text))?;
        rest = &rest[at + text.len()..];
    }
    Ok(())
}

fn hello(project: &mut Project, fragment: Option<&str>) -> Result<Build> {
    build::build(project, &selection(fragment, 2), "hello")
}

/// A VM is restarted as often as its limit says and then stays off; one without vectors is ended; a third notices
/// nothing; both count as failed.
fn crashes(project: &mut Project) -> Result<()> {
    let build = build::build(project, &selection(None, 2), "crashes")?;
    crashes_of(project, &build)
}

/// The same for a build of that system.
pub fn crashes_of(project: &Project, build: &Build) -> Result<()> {
    let seen = Run::of(build).until(project, "caesura: end:")?;
    require(
        &seen,
        &[
            "VM 0 (again) crashed: it said so itself (CRASH); restart 1",
            "[again] life 1",
            "VM 0 (again) crashed: it said so itself (CRASH); restart 2",
            "[again] life 2",
            "VM 0 (again) crashed: it said so itself (CRASH); it stays off",
            "[neighbour] RESULT ok",
            "caesura: end: 3 VMs, 2 failed",
        ],
    )?;
    require(
        &seen,
        &["VM 1 (vanish) crashed: its exception vector is not in memory; it stays off"],
    )?;
    judged_bad(&seen, build)
}

/// A VM's crash ends the machine although another one runs, and the run has failed.
fn fatal(project: &mut Project) -> Result<()> {
    let build = build::build(project, &selection(None, 2), "fatal")?;
    let seen = Run::of(&build).until(project, "caesura: end: 2 VMs, 1 failed")?;
    require(
        &seen,
        &[
            "the system is configured to power off when this VM crashes",
            "caesura: end:",
        ],
    )?;
    judged_bad(&seen, &build)
}

/// `make run` would fail.
fn judged_bad(seen: &Transcript, build: &Build) -> Result<()> {
    match seen.judge(&build.model.system) {
        Ok(()) => Err(Failure::new("the run counts as good")),
        Err(_) => Ok(()),
    }
}

fn fault(project: &mut Project, digit: &str, texts: &[&str]) -> Result<()> {
    let build = build::build(project, &selection(Some("faults"), 1), "fault")?;
    let mut run = Run::of(&build);
    run.typed = Some(("which fault?", digit));
    let seen = run.until(project, "caesura: the machine is switched off")?;
    require(&seen, texts)?;
    judged_bad(&seen, &build)
}

/// All registers, the reason, and the functions on the stack by name.
fn fault_abort(project: &mut Project) -> Result<()> {
    let texts = [
        "caesura: fatal: synchronous exception on core 0",
        "  x0  ",
        " x30 ",
        "  sp  ",
        "  elr ",
        "  spsr ",
        // A data abort of EL2 itself, a translation fault.
        "  esr 000000009600000",
        "  far 0000000000001000",
        "called from, innermost first:",
        "provoke::abort+",
        "hypervisor::hooks::",
    ];
    fault(project, "1", &texts)
}

/// Where a call that does not return is its function's last instruction, the function is still named rightly.
fn fault_panic(project: &mut Project) -> Result<()> {
    let texts = [
        "caesura: fatal: panicked at kernel/image/src/provoke.rs:",
        "a panic that was asked for",
        "called from, innermost first:",
        "expect_failed",
        "provoke::fail+",
        "calls::handle+",
        "hypervisor::hooks::",
    ];
    fault(project, "2", &texts)
}

/// The guard page stops it, and the report has a stack of its own.
fn fault_overflow(project: &mut Project) -> Result<()> {
    let texts = [
        "caesura: fatal: synchronous exception on core 0",
        "called from, innermost first:",
        "provoke::overflow+",
        "provoke::overflow+",
    ];
    fault(project, "3", &texts)
}

fn entered_at_el1(project: &mut Project) -> Result<()> {
    let build = hello(project, None)?;
    let mut run = Run::of(&build);
    run.changes = vec![("virtualization=on", "virtualization=off")];
    let seen = run.until(project, "virtualization=on).")?;
    require(
        &seen,
        &["caesura: entered at exception level EL1, but it needs EL2."],
    )
}

fn entered_at_el3(project: &mut Project) -> Result<()> {
    let build = hello(project, None)?;
    let mut run = Run::of(&build);
    run.changes = vec![
        ("virtualization=on", "virtualization=on,secure=on"),
        ("-kernel", "-bios"),
    ];
    let seen = run.until(project, "virtualization=on).")?;
    require(
        &seen,
        &["caesura: entered at exception level EL3, but it needs EL2."],
    )
}

fn wrong_address(project: &mut Project) -> Result<()> {
    let build = hello(project, None)?;
    let path = build.image.display().to_string();
    let loader = format!("loader,file={path},addr=0x48000000,cpu-num=0,force-raw=on");
    let mut run = Run::of(&build);
    run.changes = vec![("-kernel", "-device"), (&path, &loader)];
    let seen = run.until(project, "board.toml")?;
    require(
        &seen,
        &["caesura: loaded at 0x0000000048000000, but linked for 0x0000000040080000."],
    )
}

/// QEMU loads an ELF too; the guests are missing then.
fn elf_without_pack(project: &mut Project) -> Result<()> {
    let build = hello(project, None)?;
    let mut run = Run::of(&build);
    run.image = Some(build.elf.clone());
    let seen = run.until(project, "caesura: the machine is switched off")?;
    require(
        &seen,
        &[
            "no pack follows the kernel: load caesura.img whole, not caesura.elf",
            "caesura: fatal: there is nothing to run",
        ],
    )
}

/// A copy of the image with one byte changed, so many bytes from its end.
fn damaged(build: &Build, from_end: impl FnOnce(&[u8]) -> usize) -> Result<PathBuf> {
    let mut bytes = fs::read(&build.image).context("read", &build.image)?;
    let at = from_end(&bytes);
    bytes[at] ^= 0x10;
    let path = build.folder.join("damaged.img");
    fs::write(&path, bytes).context("write", Path::new(&path))?;
    Ok(path)
}

/// The guest's file does not have its checksum: the VM is not started, and counts as failed.
fn damaged_image(project: &mut Project) -> Result<()> {
    let build = hello(project, None)?;
    let elf = fs::read(project.path("build/guests/hello.elf"))
        .context("read", Path::new("build/guests/hello.elf"))?;
    let mut run = Run::of(&build);
    run.image = Some(damaged(&build, |image| {
        let start = image
            .windows(64)
            .rposition(|window| Some(window) == elf.get(..64));
        start.map_or(0, |start| start + elf.len() / 2)
    })?);
    let seen = run.until(project, "caesura: end: 1 VMs, 1 failed")?;
    require(
        &seen,
        &[
            "caesura: error: VM hello: its kernel: ",
            "its images could not be loaded",
        ],
    )
}

/// The pack's table does not have its checksum.
fn damaged_pack(project: &mut Project) -> Result<()> {
    let build = hello(project, None)?;
    let mut run = Run::of(&build);
    run.image = Some(damaged(&build, |image| {
        // The first entry's name is behind the header (abi::pack).
        let start = image.windows(8).rposition(|window| window == b"CAESPACK");
        start.map_or(0, |start| start + 32)
    })?);
    let seen = run.until(project, "caesura: the machine is switched off")?;
    require(
        &seen,
        &[
            "caesura: error: ",
            "caesura: fatal: there is nothing to run",
        ],
    )
}

fn gicv3_on_gicv2(project: &mut Project) -> Result<()> {
    let build = hello(project, None)?;
    let mut run = Run::of(&build);
    run.changes = vec![("gic-version=3", "gic-version=2")];
    let seen = run.until(project, "caesura: the machine is switched off")?;
    require(
        &seen,
        &["caesura: fatal: configured for GICv3, but the core has no GICv3"],
    )
}

fn gicv2_on_gicv3(project: &mut Project) -> Result<()> {
    let build = hello(project, Some("gicv2"))?;
    let mut run = Run::of(&build);
    run.changes = vec![("gic-version=2", "gic-version=3")];
    let seen = run.until(project, "caesura: the machine is switched off")?;
    require(
        &seen,
        &["caesura: fatal: configured for GICv2, but the core has GICv3"],
    )
}

/// The machine lacks cores that the image was built for: the rest goes on with all VMs.
fn fewer_cores(project: &mut Project) -> Result<()> {
    let build = build::build(project, &selection(None, 4), "pinned")?;
    let mut run = Run::of(&build);
    run.cores = Some(1);
    let seen = run.until(project, "caesura: end:")?;
    require(
        &seen,
        &[
            "caesura: 1 of 4 cores",
            "none of the cores it may run on (0x8) came up; it may run on others of its pool (0x1)",
            "caesura: end: 4 VMs, 0 failed",
        ],
    )?;
    seen.judge(&build.model.system).map_err(Failure::new)
}

/// The boot loader loaded something else than the kernel that the VM asks for.
fn missing_module(project: &mut Project) -> Result<()> {
    let build = build::build(project, &selection(None, 2), "modules")?;
    let mut run = Run::of(&build);
    run.changes = vec![("bootargs=linux/Image", "bootargs=something-else")];
    let seen = run.until(project, "caesura: end: 1 VMs, 1 failed")?;
    require(
        &seen,
        &[
            "VM linux: its kernel was not loaded: the boot loader's device tree has no /chosen module whose bootargs are \
           `linux/Image`",
        ],
    )
}

/// The boot loader put a module where a VM's memory is, which is cleared before it is read.
fn misplaced_module(project: &mut Project) -> Result<()> {
    let build = build::build(project, &selection(None, 2), "modules")?;
    let module = build
        .model
        .plan
        .modules
        .first()
        .map(|module| module.region.base);
    let memory = build
        .model
        .system
        .vms
        .first()
        .and_then(|vm| vm.memory.first());
    let (Some(module), Some(memory)) = (module, memory) else {
        return Err(Failure::new("the system has no module"));
    };
    let (old, new) = (
        format!("addr={module:#x}"),
        format!("addr={:#x}", memory.pa.base),
    );
    let mut run = Run::of(&build);
    run.changes = vec![(&old, &new)];
    let seen = run.until(project, "caesura: the machine is switched off")?;
    require(
        &seen,
        &[
            "caesura: fatal: a module that the boot loader loaded lies in memory that the hypervisor or a VM uses",
        ],
    )
}
