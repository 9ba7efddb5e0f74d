//! Picks cases and runs them, two at a time; says how each ended.
//!
//! The last line is `N passed, N failed`; before it stands how many of C `conf`'s answers were fresh.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use cli::project::Project;
use cli::{Failure, Result};

use crate::lab::{Lab, Shared};
use crate::{Case, cases};

/// As many as the machines have cores on which this is run.
const WORKERS: usize = 2;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Picked {
    /// Only cases whose name contains this.
    pub filter: Option<String>,
    /// Only the short run's cases, and with a real shell.
    pub short: bool,
}

impl Picked {
    /// Reads the command line: `[--short] [FILTER]`.
    #[must_use]
    pub fn from_arguments(arguments: impl Iterator<Item = String>) -> Self {
        let mut picked = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--short" => picked.short = true,
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
        named && (case.short || !self.short)
    }
}

/// Runs the picked cases; returns whether all passed.
///
/// # Errors
/// Set-up has not been run, or our program does not compile.
pub fn run(picked: &Picked) -> Result<bool> {
    let project = Project::find()?;
    let shared = Arc::new(Shared::prepare(&project, picked.short)?);
    let mut chosen = cases::all(&shared.kconfig)?;
    chosen.retain(|case| picked.wants(case));
    let (next, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let output = Mutex::new(());
    std::thread::scope(|scope| {
        for number in 0..WORKERS {
            let mut lab = Lab::new(Arc::clone(&shared), number);
            let (chosen, next, passed, output) = (&chosen, &next, &passed, &output);
            scope.spawn(move || {
                while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    lab.case.clone_from(&case.name);
                    let result = (case.check)(&mut lab);
                    let seconds = start.elapsed().as_secs_f64();
                    // Poisoned or not, it only keeps lines together.
                    let _lines = output.lock();
                    match result {
                        Ok(()) => {
                            passed.fetch_add(1, Ordering::Relaxed);
                            println!("ok     {} ({seconds:.1} s)", case.name);
                        }
                        Err(failure) => report(case, seconds, &failure),
                    }
                }
            });
        }
    });
    let passed = passed.into_inner();
    println!(
        "C conf's answers: {} fresh, {} remembered",
        shared.fresh.load(Ordering::Relaxed),
        shared.known.load(Ordering::Relaxed)
    );
    println!("{passed} passed, {} failed", chosen.len() - passed);
    Ok(passed == chosen.len())
}

fn report(case: &Case, seconds: f64, failure: &Failure) {
    println!("FAILED {} ({seconds:.1} s)", case.name);
    for line in failure.to_string().lines() {
        println!("       {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_run_and_a_filter_both_narrow_what_is_run() {
        let picked =
            |words: &[&str]| Picked::from_arguments(words.iter().map(|word| (*word).to_owned()));
        let long = Case::new("linux/arm64/defconfig", |_| Ok(()));
        let short = Case::new("suite/choice", |_| Ok(())).short(true);
        assert!(picked(&[]).wants(&long) && picked(&[]).wants(&short));
        assert!(!picked(&["--short"]).wants(&long) && picked(&["--short"]).wants(&short));
        assert!(picked(&["arm64/"]).wants(&long) && !picked(&["arm64/"]).wants(&short));
        assert!(!picked(&["--short", "arm64/"]).wants(&short));
    }
}
