//! Picks cases, runs them one after the other, says how each ended.
//!
//! One at a time: every machine has several busy threads already. The last line is `N passed, N failed`.

use std::time::Instant;

use cli::project::Project;
use cli::run::Options;
use cli::{Result, build};

use crate::{Action, Case, Machine};

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Picked {
    /// Only cases whose name contains this.
    pub filter: Option<String>,
    /// Only cases without downloaded guests.
    pub own_guests_only: bool,
    /// Also cases that are left out of the plain run.
    pub extended: bool,
}

impl Picked {
    /// Reads the command line: `[--guests] [--extended] [FILTER]`.
    #[must_use]
    pub fn from_arguments(arguments: impl Iterator<Item = String>) -> Self {
        let mut picked = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--guests" => picked.own_guests_only = true,
                "--extended" => picked.extended = true,
                _ => picked.filter = Some(argument),
            }
        }
        picked
    }

    /// Whether a case is meant.
    #[must_use]
    pub fn wants(&self, case: &Case) -> bool {
        let named = self
            .filter
            .as_ref()
            .is_none_or(|part| case.name.contains(part.as_str()));
        // Who gives a whole name means it.
        let meant = self.filter.as_ref() == Some(&case.name);
        named
            && !(self.own_guests_only && case.needs_guests)
            && (self.extended || meant || !case.extended)
    }
}

/// Runs the picked cases; returns whether all passed.
///
/// # Errors
/// This is not a source tree.
pub fn run(cases: &[Case], picked: &Picked) -> Result<bool> {
    let mut project = Project::find()?;
    let (mut passed, mut failed) = (0, 0);
    for case in cases.iter().filter(|case| picked.wants(case)) {
        let start = Instant::now();
        match run_case(&mut project, case) {
            Ok(()) => {
                passed += 1;
                println!(
                    "ok     {} ({:.0} s)",
                    case.name,
                    start.elapsed().as_secs_f64()
                );
            }
            Err(failure) => {
                failed += 1;
                println!(
                    "FAILED {} ({:.0} s)",
                    case.name,
                    start.elapsed().as_secs_f64()
                );
                for line in failure.to_string().lines() {
                    println!("       {line}");
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn run_case(project: &mut Project, case: &Case) -> Result<()> {
    if let Action::Other(action) = case.action {
        return action(project);
    }
    let build = build::build(project, &case.selection, case.system)?;
    let options = Options {
        icount: matches!(case.action, Action::Counted(_)),
        ..Options::default()
    };
    let mut machine = Machine::boot_with(project, build, &options)?;
    if let Action::Driven(drive) | Action::Counted(drive) = case.action {
        drive(&mut machine)?;
    }
    machine.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn cases_are_picked_by_a_part_of_their_name() {
        let picked = Picked::from_arguments(["gicv2/2".to_owned()].into_iter());
        let names: Vec<String> = cases::all()
            .iter()
            .filter(|c| picked.wants(c))
            .map(|c| c.name.clone())
            .collect();
        assert!(names.contains(&"boot/gicv2/2/hello".to_owned()));
        assert!(names.iter().all(|name| name.contains("gicv2/2")));
    }

    #[test]
    fn what_takes_long_is_run_only_when_it_is_meant() {
        let names = |arguments: &[&str]| -> Vec<String> {
            let picked = Picked::from_arguments(arguments.iter().map(|a| (*a).to_owned()));
            let cases = cases::all().into_iter();
            cases.filter(|c| picked.wants(c)).map(|c| c.name).collect()
        };
        let long = "preempt/full/stress/2".to_owned();
        assert!(!names(&[]).contains(&long));
        assert!(!names(&["preempt/"]).contains(&long));
        assert!(names(&["--extended", "preempt/"]).contains(&long));
        assert_eq!(names(&[&long]), [long]);
    }

    #[test]
    fn without_downloads_only_our_own_guests_run() {
        let picked = Picked::from_arguments(["--guests".to_owned()].into_iter());
        let cases = cases::all();
        let systems: Vec<&str> = cases
            .iter()
            .filter(|c| picked.wants(c))
            .map(|c| c.system)
            .collect();
        assert!(
            systems.contains(&"hello")
                && !systems.contains(&"linux-check")
                && !systems.contains(&"uboot")
        );
    }
}
