//! `make test`: runs the suites and adds up what they say.
//!
//! A suite is `cargo test` on the host, or the runner of the system tests (`tests/qemu`). Their output is
//! passed on as it comes; the last line of a run is `N passed, N failed` over all of them. A suite that does
//! not even compile counts as one failure.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::project::Project;
use crate::{Context, Failure, Result, cargo, checks};

/// Which suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suites {
    /// All of them.
    All,
    /// Those that need neither emulator nor guests nor the Arm target.
    Host,
    /// The system tests.
    Qemu,
    /// The system tests whose guests are our own programs.
    Guests,
    /// Our Kconfig tool beside the real ones.
    Kconfig,
    /// A part of that which takes about a minute.
    KconfigShort,
    /// The preemption models: the regression tests by name and the system tests, those that take long too.
    Preempt,
}

/// What is in the names of host tests that stand for a defect of the 2021 preemption patches or a security advisory.
const REGRESSIONS: [&str; 11] = [
    "2021",
    "xsa_",
    "rtds_on_smp",
    "a_vcpu_stopped_while_el2_works",
    "destruction_waits_until",
    "of_two_that_resume",
    "a_guest_that_never_resumes",
    "between_checkpoints",
    "whatever_happens",
    "mistakes_with_operations",
    "mistakes_with_atomic_sections",
];
/// What the names of the models' system tests have in common.
const PREEMPT: &str = "preempt/";

/// How tests ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that did what they promise.
    pub passed: u32,
    /// Tests that did not, and suites that broke off.
    pub failed: u32,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Reads a runner's summary: libtest's `test result: …` or the plain `N passed, N failed`.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let counts = match line.strip_prefix("test result: ") {
            Some(rest) => rest.split_once(". ")?.1,
            None => line,
        };
        let mut tally = Self::default();
        let mut parts = counts.split([';', ',']).map(str::trim);
        tally.passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
        tally.failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
        Some(tally)
    }
}

/// Runs the suites.
///
/// # Errors
/// A test failed, or a suite could not be run.
pub fn test_command(project: &Project, suites: Suites, filter: Option<&str>) -> Result<()> {
    let mut total = Tally::default();
    if matches!(suites, Suites::Kconfig | Suites::KconfigShort) {
        total.add(kconfig_suite(project, suites, filter)?);
        return judge(total, filter);
    }
    if matches!(suites, Suites::All | Suites::Host) {
        total.add(host_suite(project, filter.as_slice())?);
    }
    if suites == Suites::Preempt && filter.is_none() {
        total.add(host_suite(project, &REGRESSIONS)?);
    }
    if suites != Suites::Host {
        total.add(system_suite(project, suites, filter)?);
    }
    judge(total, filter)
}

fn judge(total: Tally, filter: Option<&str>) -> Result<()> {
    println!("\n{} passed, {} failed", total.passed, total.failed);
    match (total.passed, total.failed) {
        (0, 0) => Err(Failure::new(format!(
            "no test matches {:?}",
            filter.unwrap_or_default()
        ))),
        (_, 0) => Ok(()),
        (_, failed) => Err(Failure::new(format!("{failed} failed (see above)"))),
    }
}

fn host_suite(project: &Project, filters: &[&str]) -> Result<Tally> {
    println!("== host tests ==");
    let mut command = cargo::host(project)?;
    command.args([
        "test",
        "--quiet",
        "--locked",
        "--workspace",
        "--no-fail-fast",
    ]);
    for package in checks::BARE_ONLY {
        command.args(["--exclude", package]);
    }
    // The snapshots are what the repository says they are; a test never rewrites them.
    command.env("INSTA_UPDATE", "no");
    if !filters.is_empty() {
        command.arg("--").args(filters);
    }
    counted(&mut command)
}

/// One of the workspace's own programs, to be given its arguments.
fn program(project: &Project, package: &str, name: &str) -> Result<Command> {
    let mut command = cargo::host(project)?;
    command.args(["run", "--quiet", "--locked", "--package", package]);
    command.args(["--bin", name, "--"]);
    Ok(command)
}

fn system_suite(project: &Project, suites: Suites, filter: Option<&str>) -> Result<Tally> {
    println!("== system tests ==");
    let mut command = program(project, "qemu", "system-tests")?;
    if suites == Suites::Guests {
        command.arg("--guests");
    }
    if suites == Suites::Preempt {
        command.args(["--extended", filter.unwrap_or(PREEMPT)]);
    } else {
        command.args(filter);
    }
    counted(&mut command)
}

fn kconfig_suite(project: &Project, suites: Suites, filter: Option<&str>) -> Result<Tally> {
    println!("== Kconfig beside the real trees ==");
    let mut command = program(project, "kconfig-reference", "kconfig-tests")?;
    if suites == Suites::KconfigShort {
        command.arg("--short");
    }
    command.args(filter);
    counted(&mut command)
}

/// Compares the speed of our Kconfig tool with C `conf` and kconfiglib.
///
/// # Errors
/// Something does not build or run.
pub fn bench_kconfig_command(project: &Project, filter: Option<&str>) -> Result<()> {
    let mut command = program(project, "kconfig-reference", "kconfig-bench")?;
    command.args(filter);
    cargo::run(&mut command, "the comparison")
}

/// Runs it, passes its output on, and adds up its summaries. A failure without a counted one counts as one.
fn counted(command: &mut Command) -> Result<Tally> {
    let program = Path::new(command.get_program()).to_path_buf();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("start", &program)?;
    let output = child
        .stdout
        .take()
        .ok_or_else(|| Failure::new("the test runner has no output"))?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line =
            line.map_err(|e| Failure::new(format!("cannot read the test runner's output: {e}")))?;
        if let Some(counted) = Tally::parse(&line) {
            tally.add(counted);
        }
        println!("{line}");
    }
    let status = child.wait().context("wait for", &program)?;
    if !status.success() && tally.failed == 0 {
        println!("the suite broke off ({status})");
        tally.failed = 1;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_summaries_are_counted_and_other_lines_are_not() {
        let libtest = "test result: FAILED. 11 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(
            Tally::parse(libtest),
            Some(Tally {
                passed: 11,
                failed: 2
            })
        );
        assert_eq!(
            Tally::parse("12 passed, 0 failed"),
            Some(Tally {
                passed: 12,
                failed: 0
            })
        );
        assert_eq!(Tally::parse("test vm::starts ... ok"), None);
        assert_eq!(Tally::parse("about 12 passed, 0 failed"), None);
        assert_eq!(Tally::parse(""), None);
    }

    #[test]
    fn a_suite_that_breaks_off_is_a_failure() {
        let tally = counted(Command::new("sh").args(["-c", "echo '3 passed, 0 failed'; exit 101"]))
            .unwrap();
        assert_eq!(
            tally,
            Tally {
                passed: 3,
                failed: 1
            }
        );
        let tally =
            counted(Command::new("sh").args(["-c", "echo '3 passed, 2 failed'; exit 1"])).unwrap();
        assert_eq!(
            tally,
            Tally {
                passed: 3,
                failed: 2
            }
        );
    }
}
