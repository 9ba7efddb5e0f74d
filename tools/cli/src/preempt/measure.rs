//! One counted run: boots it, waits for its end, reads the guests' own lines.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Row;
use crate::build::Build;
use crate::emulator::Emulator;
use crate::project::Project;
use crate::run::{self, Options};
use crate::transcript::Transcript;
use crate::{Failure, Result};

/// A counted run is single-threaded; this only ends one that hangs.
const LIMIT: Duration = Duration::from_secs(300);
/// The VM that measures.
const RT: &str = "rt";
/// The VM that is in its way.
const NEIGHBOUR: &str = "neighbour";

/// What a run said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The figures.
    pub row: Row,
    /// Which period was the latest, counted from 0.
    pub latest: u64,
    /// Periods that had passed before the handler of the one before was done.
    pub missed: u64,
    /// Lower bound and count of each bucket.
    pub histogram: Vec<(u64, u64)>,
    /// Calls that the loading VM made with success.
    pub calls: u64,
    /// The longest stretch between two checkpoints, where the hypervisor tells.
    pub stretch: Option<u64>,
}

/// Runs a build, counting instructions, and reads the figures.
pub fn measure(project: &Project, build: &Build, model: &str, load: &str) -> Result<Measured> {
    let transcript = counted_run(project, build)?;
    read(
        &transcript.of_vm(RT),
        &transcript.of_vm(NEIGHBOUR),
        model,
        load,
    )
    .ok_or_else(|| {
        let log = log_path(build);
        let shown = log.display();
        Failure::new(format!(
            "the RT guest printed no figures; the console is in {shown}"
        ))
    })
}

fn log_path(build: &Build) -> PathBuf {
    build.folder.join("bench.log")
}

/// Runs a build to its end, counting instructions; it must end well.
pub fn counted_run(project: &Project, build: &Build) -> Result<Transcript> {
    let options = Options {
        icount: true,
        ..Options::default()
    };
    let mut command = run::qemu(project, build, &options)?;
    run_to_end(&mut command, build, &log_path(build), LIMIT, |_| Ok(()))
}

/// Runs a build's machine to its end, at most for `limit`, its console in `log`, doing `meanwhile` to it; it must end well. QEMU itself has ended then, and
/// what it writes last is written.
pub fn run_to_end(
    command: &mut Command,
    build: &Build,
    log: &Path,
    limit: Duration,
    meanwhile: impl FnOnce(&mut Emulator) -> Result<()>,
) -> Result<Transcript> {
    let mut emulator = Emulator::start(command, log, false)?;
    meanwhile(&mut emulator)?;
    let ended = emulator.wait_end(limit)?;
    emulator.kill();
    let shown = || format!("the console is in {}", log.display());
    if ended.is_none() {
        let seconds = limit.as_secs();
        return Err(Failure::new(format!(
            "still running after {seconds} s; {}",
            shown()
        )));
    }
    let transcript = emulator.transcript();
    transcript
        .judge(&build.model.system)
        .map_err(|why| Failure::new(format!("{why}; {}", shown())))?;
    Ok(transcript)
}

/// Reads what the RT guest and its neighbour wrote.
fn read(rt: &str, neighbour: &str, model: &str, load: &str) -> Option<Measured> {
    let figures = numbers(rt, "LATENCY ")?;
    let &[count, min, mean, p99, max] = figures.as_slice() else {
        return None;
    };
    let one = |text, key| numbers(text, key).and_then(|found| found.first().copied());
    let histogram = rt.lines().filter_map(|line| {
        let (from, count) = line.strip_prefix("HIST ")?.split_once(' ')?;
        Some((from.parse().ok()?, count.parse().ok()?))
    });
    // In a system without a neighbour the RT guest is its own.
    let busy = if neighbour.is_empty() { rt } else { neighbour };
    let calls = busy.lines().find_map(|line| {
        let mut words = line.strip_prefix("LOAD ")?.split(' ').skip(1);
        words.next()?.parse().ok()
    });
    Some(Measured {
        row: Row {
            model: model.to_owned(),
            load: load.to_owned(),
            count,
            min,
            mean,
            p99,
            max,
        },
        latest: one(rt, "LATEST ")?,
        missed: one(rt, "MISSED ")?,
        histogram: histogram.collect(),
        calls: calls.unwrap_or(0),
        stretch: one(busy, "STATS stretch "),
    })
}

/// The numbers at the beginning of the rest of the last line that begins with `key`: an unfinished line may have been
/// shown before it.
fn numbers(text: &str, key: &str) -> Option<Vec<u64>> {
    let mut lines = text.lines().rev();
    let line = lines.find_map(|line| line.strip_prefix(key))?;
    Some(
        line.split(' ')
            .map_while(|word| word.parse().ok())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const RT_LINES: &str =
        "LATENCY 1000 173 176 180 493\nLATEST 0\nHIST 160 999\nHIST 448 1\nMISSED 2\nRESULT ok\n";

    #[test]
    fn figures_are_read_from_the_guests_own_lines() {
        let neighbour = "LOAD alloc 12 0\nSTATS stretch 9000 left 3 abandoned 0\n";
        let run = read(RT_LINES, neighbour, "full", "alloc").unwrap();
        assert_eq!(
            (
                run.row.count,
                run.row.min,
                run.row.mean,
                run.row.p99,
                run.row.max
            ),
            (1000, 173, 176, 180, 493)
        );
        assert_eq!((run.latest, run.missed), (0, 2));
        assert_eq!(run.histogram, [(160, 999), (448, 1)]);
        assert_eq!((run.calls, run.stretch), (12, Some(9000)));
    }

    #[test]
    fn a_guest_without_a_neighbour_is_its_own_load() {
        let rt = format!("{RT_LINES}LOAD alloc 4 0\n");
        assert_eq!(read(&rt, "", "full", "own").unwrap().calls, 4);
    }

    #[test]
    fn a_line_that_was_shown_before_it_was_complete_does_not_count() {
        let rt = format!("LATENCY 1000 173 176 1\n{RT_LINES}");
        let run = read(&rt, "", "full", "console").unwrap();
        assert_eq!((run.row.p99, run.row.max), (180, 493));
    }

    #[test]
    fn a_run_without_figures_is_none() {
        assert_eq!(read("RESULT ok\n", "", "full", "idle"), None);
        assert_eq!(
            read("LATENCY 3 4\nLATEST 0\nMISSED 0\n", "", "full", "idle"),
            None
        );
    }
}
