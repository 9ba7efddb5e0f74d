//! `make bench-preempt`: how late an RT guest's timer is while its neighbour on the same core keeps the hypervisor busy.
//!
//! The experiment of the 2021 preemption patches, rebuilt: an RT VM with a 1 ms virtual timer, 1,000 periods, and a VM
//! that sleeps, computes, or makes long hypercalls, share one core. For each preemption model and load, the instructions
//! from the timer's expiry to the first instructions of the guest's handler are counted: QEMU runs one instruction per
//! virtual nanosecond (`-icount shift=0`) and repeats exactly. Caches, TLBs and interference do not exist there.
//!
//! Besides: `legacy` with several values of `CONFIG_CHECKPOINT_INTERVAL` ([`SWEEP`]), and how late a guest's own timer is
//! while the guest itself is inside a 1 GiB operation ([`OWN`]); and the longest sections with interrupts masked, as the hypervisor
//! measures them itself ([`atomic`]) and as they are seen from outside, with any number of cores ([`masked`]).
//!
//! Written to `build/bench/`: `preempt.json`, a list of rows; `preempt-histograms.json`, `preempt-sweep.json`,
//! `preempt-own.json`, `preempt-atomic.json`, `preempt-masked.json`, and `preempt-sizes.json`: what each model's image takes. [`judge`] holds the figures against their bars.

mod atomic;
mod judge;
mod masked;
mod measure;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::selection::{DEFAULT_BOARD, Selection};
use crate::{Context, Failure, Result, build, size};
use measure::Measured;

/// The models, in the order of the tables.
pub const MODELS: [&str; 3] = ["legacy", "full", "hybrid"];
/// What the neighbour does; each is a system `preempt-<load>`.
pub const LOADS: [&str; 7] = [
    "idle",
    "spin",
    "alloc",
    "destroy",
    "copy",
    "multicall",
    "console",
];
/// Intervals between checkpoints that `legacy` is measured with, under [`SWEPT`].
const SWEEP: [u32; 5] = [1, 4, 16, 64, 256];
/// The load of the sweep.
const SWEPT: &str = "alloc";
/// The system whose one VM is inside long operations while its own timer fires.
const OWN: &str = "own";

/// A row of `preempt.json`; lateness in instructions.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Row {
    /// One of [`MODELS`].
    pub model: String,
    /// One of [`LOADS`], or `own`.
    pub load: String,
    /// Periods that were measured.
    pub count: u64,
    /// The earliest.
    pub min: u64,
    /// Their mean, rounded down.
    pub mean: u64,
    /// What 99 of 100 do not exceed.
    pub p99: u64,
    /// The latest.
    pub max: u64,
}

/// A row of `preempt-sweep.json`.
#[derive(Serialize)]
struct Swept {
    /// `CONFIG_CHECKPOINT_INTERVAL`.
    interval: u32,
    /// The longest between two checkpoints, as the hypervisor measured it.
    stretch: Option<u64>,
    #[serde(flatten)]
    row: Row,
}

/// An element of `preempt-histograms.json`.
#[derive(Serialize)]
struct Distribution<'a> {
    model: &'a str,
    load: &'a str,
    /// Lower bound of each bucket, and how many were in it.
    buckets: &'a [(u64, u64)],
}

/// A row of `preempt-sizes.json`, in bytes; see [`size`].
#[derive(Serialize)]
struct Footprint {
    model: &'static str,
    text: u64,
    /// EL2 stacks with their guard pages.
    stacks: u64,
    /// Everything that is written: data and bss, stacks included.
    ram: u64,
}

/// Measures everything, prints tables, writes the files, judges. With a filter (a part of `model/load`), only that is
/// measured and printed.
///
/// # Errors
/// Something does not build or run, or a figure exceeds its bar. What can be measured nevertheless is measured first.
pub fn bench_command(project: &mut Project, filter: Option<&str>) -> Result<()> {
    let mut problems = Vec::new();
    let wanted = |name: &str| filter.is_none_or(|part| name.contains(part));
    let mut measured = Vec::new();
    judge::print_heading();
    for model in MODELS {
        for load in LOADS {
            if !wanted(&format!("{model}/{load}")) {
                continue;
            }
            match run(project, model, load, None) {
                Ok(run) => {
                    judge::print_row(&run);
                    measured.push(run);
                }
                Err(failure) => problems.push(format!("{model}/{load}: {failure}")),
            }
        }
    }
    let mut own = Vec::new();
    for model in MODELS {
        if wanted(&format!("{model}/{OWN}")) {
            match run(project, model, OWN, None) {
                Ok(run) => {
                    judge::print_row(&run);
                    own.push(run);
                }
                Err(failure) => problems.push(format!("{model}/{OWN}: {failure}")),
            }
        }
    }
    let mut swept = Vec::new();
    for interval in SWEEP {
        if wanted("legacy/sweep") {
            match run(project, "legacy", SWEPT, Some(interval)) {
                Ok(run) => {
                    judge::print_swept(interval, &run);
                    swept.push(Swept {
                        interval,
                        stretch: run.stretch,
                        row: run.row,
                    });
                }
                Err(failure) => problems.push(format!("legacy/{SWEPT}, {interval}: {failure}")),
            }
        }
    }
    let mut sections = Vec::new();
    for system in atomic::systems() {
        if wanted(&format!("full/atomic/{system}")) {
            match atomic::run(project, &system) {
                Ok(found) => sections.extend(found),
                Err(failure) => problems.push(format!("full/atomic/{system}: {failure}")),
            }
        }
    }
    problems.extend(sections.iter().filter_map(atomic::judge));
    let mut stretches = Vec::new();
    for (name, watched) in masked::runs() {
        if wanted(&name) {
            match masked::run(project, &watched) {
                Ok(found) => stretches.extend(found),
                Err(failure) => problems.push(format!("{name}: {failure}")),
            }
        }
    }
    problems.extend(stretches.iter().filter_map(masked::judge));
    if wanted("sizes") {
        write(
            &project.path("build/bench/preempt-sizes.json"),
            &sizes(project)?,
        )?;
    }
    if filter.is_none() {
        write_all(project, &measured, &own, &swept)?;
        write(&project.path("build/bench/preempt-atomic.json"), &sections)?;
        write(&project.path("build/bench/preempt-masked.json"), &stretches)?;
        problems.extend(judge::judge(&rows(&measured), &rows(&own)));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(problems.join("\n")))
    }
}

/// Builds and runs one of the systems. The diagnostic calls, which the guests use to read the hypervisor's counters, are in
/// nobody's way while they are not made.
fn run(project: &mut Project, model: &str, load: &str, interval: Option<u32>) -> Result<Measured> {
    let settings = interval.map(|interval| ("CHECKPOINT_INTERVAL", interval.to_string()));
    let selection = Selection {
        board: Some(DEFAULT_BOARD.to_owned()),
        model: Some(model.to_owned()),
        fragments: vec!["burn".to_owned()],
        cpus: Some(1),
        settings: settings.into_iter().collect(),
    };
    let build = build::build(project, &selection, &format!("preempt-{load}"))?;
    measure::measure(project, &build, model, load)
}

/// What the image of the system `hello` takes in each model, with the board's usual number of cores.
fn sizes(project: &mut Project) -> Result<Vec<Footprint>> {
    let mut rows = Vec::new();
    println!("sizes in bytes: text, EL2 stacks, static RAM (stacks included)");
    for model in MODELS {
        let selection = Selection {
            board: Some(DEFAULT_BOARD.to_owned()),
            model: Some(model.to_owned()),
            ..Selection::default()
        };
        let elf = build::build(project, &selection, "hello")?.elf;
        let size = size::measure(&std::fs::read(&elf).context("read", &elf)?)?;
        let ram = size.data + size.bss;
        println!("{model:7} {:>9} {:>9} {ram:>9}", size.text, size.stacks);
        rows.push(Footprint {
            model,
            text: size.text,
            stacks: size.stacks,
            ram,
        });
    }
    Ok(rows)
}

fn rows(measured: &[Measured]) -> Vec<Row> {
    measured.iter().map(|run| run.row.clone()).collect()
}

fn write_all(
    project: &Project,
    measured: &[Measured],
    own: &[Measured],
    swept: &[Swept],
) -> Result<()> {
    let distributions: Vec<_> = measured
        .iter()
        .chain(own)
        .map(|run| Distribution {
            model: &run.row.model,
            load: &run.row.load,
            buckets: &run.histogram,
        })
        .collect();
    write(&project.path("build/bench/preempt.json"), &rows(measured))?;
    write(&project.path("build/bench/preempt-own.json"), &rows(own))?;
    write(&project.path("build/bench/preempt-sweep.json"), &swept)?;
    write(
        &project.path("build/bench/preempt-histograms.json"),
        &distributions,
    )
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("describe", path)?;
    text.push('\n');
    board::write_if_changed(path, text.as_bytes()).context("write", path)?;
    Ok(())
}
