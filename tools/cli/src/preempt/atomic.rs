//! The longest sections with interrupts masked, in `full`, across systems that exercise all of the hypervisor.
//!
//! The hypervisor measures them itself (`CONFIG_TRACE_ATOMIC`) and prints them at power-off. On one core, counting
//! instructions, a tick of its counter is an instruction of the section; the measuring is included.

use serde::Serialize;

use super::measure;
use crate::project::Project;
use crate::selection::{DEFAULT_BOARD, Selection};
use crate::{Failure, Result, build};

/// Instructions for which `full` may keep interrupts masked at most.
pub const BAR: u64 = 1_500;
/// Where it is looked for, besides the systems of the experiment: what the tests run and one core is enough for. With several, a
/// tick is an instruction of any of them. Not `arch`, which expects the CPU of a run that is not counted, and not `chatter`, which
/// counted is not over within a run's five minutes.
const OTHERS: [&str; 7] = [
    "hello",
    "restarts",
    "abuse",
    "stress-short",
    "attack",
    "urgent",
    "stretch",
];

/// A row of `preempt-atomic.json`: the longest section of a kind in a system.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Section {
    system: String,
    /// `irqs-off` or `preempt-off`.
    kind: String,
    /// Instructions.
    max: u64,
    /// File and line where it begins, or the exception's name.
    at: String,
}

/// The systems.
pub fn systems() -> impl Iterator<Item = String> {
    let loads = super::LOADS.into_iter().chain([super::OWN]);
    let loads = loads.map(|load| format!("preempt-{load}"));
    loads.chain(OTHERS.map(str::to_owned))
}

/// Runs a system and prints its longest sections.
pub fn run(project: &mut Project, system: &str) -> Result<Vec<Section>> {
    let selection = Selection {
        board: Some(DEFAULT_BOARD.to_owned()),
        model: Some("full".to_owned()),
        fragments: vec!["burn".to_owned()],
        cpus: Some(1),
        settings: vec![("TRACE_ATOMIC", "y".to_owned())],
    };
    let build = build::build(project, &selection, system)?;
    let transcript = measure::counted_run(project, &build)?;
    let lines = transcript.of_hypervisor();
    let mut sections: Vec<Section> = Vec::new();
    for section in lines.iter().filter_map(|line| parse(system, line)) {
        match sections.iter_mut().find(|own| own.kind == section.kind) {
            Some(own) if own.max >= section.max => {}
            Some(own) => *own = section,
            None => sections.push(section),
        }
    }
    for section in &sections {
        println!(
            "full, {system}: {} for {} at {}",
            section.kind, section.max, section.at
        );
    }
    if sections.is_empty() {
        return Err(Failure::new("the hypervisor printed no TRACE lines"));
    }
    Ok(sections)
}

/// What is wrong with a section, if anything.
pub fn judge(section: &Section) -> Option<String> {
    (section.kind == "irqs-off" && section.max > BAR).then(|| {
        format!(
            "full, {}: interrupts masked for {} at {} (at most {BAR})",
            section.system, section.max, section.at
        )
    })
}

/// Reads `TRACE <kind> max=<ticks> at=<place> …`.
fn parse(system: &str, line: &str) -> Option<Section> {
    let mut words = line.strip_prefix("TRACE ")?.split(' ');
    let kind = words.next()?;
    let mut value = |key| words.next()?.strip_prefix(key);
    Some(Section {
        system: system.to_owned(),
        kind: kind.to_owned(),
        max: value("max=")?.parse().ok()?,
        at: value("at=")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_masked_interrupts_have_a_bar() {
        let line = "TRACE irqs-off max=1501 at=kernel/image/src/run.rs:12 count=4 total=99 cpu=0";
        let section = parse("hello", line).unwrap();
        assert_eq!(section.at, "kernel/image/src/run.rs:12");
        assert!(judge(&section).unwrap().contains("1501"));
        let other = parse("hello", &line.replace("irqs-off", "preempt-off")).unwrap();
        assert_eq!(judge(&other), None);
        let short = parse("hello", &line.replace("1501", "1500")).unwrap();
        assert_eq!(judge(&short), None);
        assert_eq!(parse("hello", "1 of 1 cores"), None);
    }
}
