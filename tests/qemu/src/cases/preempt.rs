//! The preemption models: what every guest must find in each of them, and long operations under all that a guest, its
//! neighbours and whoever controls it can do meanwhile.
//!
//! Named `preempt/<model>/<what>`. `make test-preempt` runs all of them; the plain test run leaves out those that take long or
//! repeat what is run for `legacy` elsewhere.

use cli::build;
use cli::preempt::MODELS;
use cli::project::Project;
use cli::selection::{DEFAULT_BOARD, Selection};
use cli::{Failure, Result};

use crate::{Action, Case, Machine};

/// A system in every model.
struct Row {
    what: &'static str,
    system: &'static str,
    cores: u8,
    fragments: &'static [&'static str],
    action: Action,
    needs_guests: bool,
    /// In which models it is a part of the plain run.
    always: &'static [&'static str],
}

/// Not `legacy`: the plain run has the same for it under another name.
const NEW: &[&str] = &["full", "hybrid"];
const ALL: &[&str] = &["legacy", "full", "hybrid"];

const fn row(
    what: &'static str,
    system: &'static str,
    cores: u8,
    fragments: &'static [&'static str],
    always: &'static [&'static str],
) -> Row {
    Row {
        what,
        system,
        cores,
        fragments,
        action: Action::Unattended,
        needs_guests: false,
        always,
    }
}

/// In every model, with instructions counted.
const fn counted(
    what: &'static str,
    system: &'static str,
    cores: u8,
    fragments: &'static [&'static str],
) -> Row {
    Row {
        action: Action::Counted(|_| Ok(())),
        ..row(what, system, cores, fragments, ALL)
    }
}

const ROWS: &[Row] = &[
    row("hello/1", "hello", 1, &[], NEW),
    row("hello/2", "hello", 2, &[], &[]),
    row("hello/gicv2/2", "hello", 2, &["gicv2"], NEW),
    row("arch/2", "arch", 2, &[], NEW),
    row("attack/2", "attack", 2, &[], &[]),
    row("restarts/1", "restarts", 1, &[], NEW),
    row("restarts/4", "restarts", 4, &[], &[]),
    row("many/4", "pinned", 4, &[], NEW),
    row("pools/4", "pools", 4, &[], ALL),
    row("windows/2", "windows", 2, &[], ALL),
    row("abuse/2", "abuse", 2, &["burn"], ALL),
    row("abuse/1", "abuse", 1, &["burn"], &[]),
    row("abuse/gicv2/2", "abuse", 2, &["gicv2", "burn"], &[]),
    row("stress/2", "stress", 2, &["burn"], &[]),
    row("stress/again/2", "stress-again", 2, &["burn"], &[]),
    row(
        "stress/traced/2",
        "stress-short",
        2,
        &["debug", "burn"],
        &[],
    ),
    // Random operations, the same in every run, so that what fails can be had again. The long runs, whose cores are as fast as
    // the host lets them be, look for what nobody has seen yet.
    counted("stress-short/2", "stress-short", 2, &["burn"]),
    counted(HELD, "held", 2, &["faults"]),
    // A VM is told to stop, and its core is asked for that only 5 ms later: meanwhile no call of it returns without an answer.
    counted("stopped/2", "stopped", 2, &["faults"]),
    counted(MISSED, "missed", 1, &["faults"]),
    Row {
        action: Action::Counted(type_much),
        ..counted(DEAF, "deaf", 1, &[])
    },
    counted(HALFWAY, "halfway", 1, &["faults"]),
    counted(OVERTAKEN, "overtaken", 3, &["faults"]),
    counted(EARLY, "early", 2, &["faults"]),
    counted(URGENT, "urgent", 1, &["burn"]),
    row("own-timer/1", "preempt-own", 1, &["burn"], ALL),
    row("beside/alloc/1", "preempt-alloc", 1, &["burn"], &[]),
    row("beside/destroy/1", "preempt-destroy", 1, &["burn"], NEW),
    row("beside/copy/1", "preempt-copy", 1, &["burn"], &[]),
    row("beside/multicall/1", "preempt-multicall", 1, &["burn"], &[]),
    row("beside/console/1", "preempt-console", 1, &["burn"], &[]),
    Row {
        needs_guests: true,
        ..row("linux-check/1", "linux-check", 1, &[], NEW)
    },
    Row {
        needs_guests: true,
        ..row("linux-check/2", "linux-check", 2, &[], &[])
    },
    // In every model the calls are short enough for the guest's kernel not to call them a stall.
    Row {
        needs_guests: true,
        ..row("linux-calls/2", "linux-calls", 2, &[], &[])
    },
];

/// Core scheduling waited for sibling cores with interrupts masked. Here a core is kept so for 5 ms, while from another its VM is
/// paused, reset and destroyed: whoever else is due there is not kept waiting for 1 ms.
const HELD: &str = "defect_2021_nobody_waits_with_interrupts_masked_for_another_core/2";

/// Two things asked of a core at once, the one of which had been the reason not to set the timer for what comes next.
const MISSED: &str = "a_deadline_is_kept_whatever_else_is_asked_of_its_core/1";

/// Background work, where it has no threads, ran until a VM read what had been typed, or two seconds had passed.
const DEAF: &str = "what_is_typed_for_a_vm_that_does_not_read_keeps_nobody_waiting/1";

/// More than is kept for a VM.
fn type_much(machine: &mut Machine) -> Result<()> {
    machine.expect("deaf", "computes")?;
    machine.type_text(&"x".repeat(400))
}

/// Who pauses a VM told one of its vCPUs, was preempted by the next, and that waited for the first.
const HALFWAY: &str = "who_pauses_a_vm_is_not_kept_from_it_by_a_vcpu_that_has_yet_to_be_told/1";

/// A VM that powered itself off, and was destroyed meanwhile, went on behind its call until whoever destroyed it got to that vCPU.
const OVERTAKEN: &str = "a_vm_that_is_off_stays_off_also_if_it_is_destroyed_meanwhile/3";

/// A VM that was destroyed while it was being loaded had its first vCPU entered, until that was told.
const EARLY: &str = "a_vm_that_is_destroyed_while_it_is_loaded_is_never_entered/2";

/// Who waits for a VM to stand lends it its urgency: one is destroyed in the midst of calls, while another of a priority in
/// between computes for 20 ms at a time.
const URGENT: &str = "a_vm_that_is_stopped_in_the_midst_of_a_call_is_as_urgent_as_who_waits/1";

/// The cases: those of one configuration together.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for model in MODELS {
        for row in ROWS {
            cases.push(Case {
                name: format!("preempt/{model}/{}", row.what),
                selection: selection(model, row.cores, row.fragments),
                system: row.system,
                action: row.action,
                needs_guests: row.needs_guests,
                extended: !row.always.contains(&model),
            });
        }
        let crashes: fn(&mut Project) -> Result<()> = match model {
            "legacy" => |project| crashes(project, "legacy"),
            "full" => |project| crashes(project, "full"),
            _ => |project| crashes(project, "hybrid"),
        };
        cases.push(Case {
            name: format!("preempt/{model}/crashes"),
            selection: selection(model, 2, &[]),
            system: "crashes",
            action: Action::Other(crashes),
            needs_guests: false,
            extended: !NEW.contains(&model),
        });
        // Where an operation keeps its core it is said for how long, and it agrees with what its guest sees; where it does
        // not keep it, that is said.
        let stretch: fn(&mut Machine) -> Result<()> = match model {
            "legacy" => |machine| machine.expect("alone", " of intervals of "),
            _ => |machine| machine.expect("alone", "STRETCH none"),
        };
        cases.push(Case {
            name: format!("preempt/{model}/stretch/1"),
            selection: selection(model, 1, &["burn"]),
            system: "stretch",
            action: Action::Counted(stretch),
            needs_guests: false,
            extended: false,
        });
    }
    cases.push(Case {
        name: "preempt/hybrid/only/cores-of-each-kind".to_owned(),
        selection: selection("hybrid", 2, &["burn"]),
        system: "mixed",
        action: Action::Unattended,
        needs_guests: false,
        extended: false,
    });
    cases
}

fn selection(model: &str, cores: u8, fragments: &[&str]) -> Selection {
    Selection {
        board: Some(DEFAULT_BOARD.to_owned()),
        model: Some(model.to_owned()),
        fragments: fragments.iter().map(|name| (*name).to_owned()).collect(),
        cpus: Some(cores),
        settings: Vec::new(),
    }
}

/// Crashing VMs end as configured in this model too.
fn crashes(project: &mut Project, model: &str) -> Result<()> {
    let build = build::build(project, &selection(model, 2, &[]), "crashes")?;
    super::robustness::crashes_of(project, &build)
        .map_err(|why| Failure::new(format!("{model}: {why}")))
}
