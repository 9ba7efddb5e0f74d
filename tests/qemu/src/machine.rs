//! A booted machine whose console a test types into and reads.
//!
//! Waiting looks only at what appeared since the last wait that succeeded, VM by VM, so that a prompt seen
//! once is not taken for the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use cli::build::Build;
use cli::emulator::{Emulator, Waited};
use cli::project::Project;
use cli::run::{self, Options};
use cli::{Failure, Result};

/// How long anything may take before the test is given up. Machines under test run on whatever is free.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// The hypervisor's console prefix in these tests: the default, Ctrl-A.
const PREFIX: u8 = 1;

/// A running machine.
pub struct Machine {
    emulator: Emulator,
    build: Build,
    // Characters of each VM's text that earlier waits have consumed.
    seen: BTreeMap<String, usize>,
}

impl Machine {
    /// Boots a build.
    ///
    /// # Errors
    /// QEMU cannot be started.
    pub fn boot(project: &Project, build: Build) -> Result<Self> {
        Self::boot_with(project, build, &Options::default())
    }

    /// Boots a build with QEMU told more.
    ///
    /// # Errors
    /// QEMU cannot be started.
    pub fn boot_with(project: &Project, build: Build, options: &Options) -> Result<Self> {
        let mut command = run::qemu(project, &build, options)?;
        let emulator = Emulator::start(&mut command, &run::log_path(&build), false)?;
        Ok(Self {
            emulator,
            build,
            seen: BTreeMap::new(),
        })
    }

    /// Types to the VM that has the console.
    ///
    /// # Errors
    /// The machine has ended.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        self.emulator.send(text.as_bytes())
    }

    /// Gives the console's input to the VM with this number.
    ///
    /// # Errors
    /// The machine has ended.
    pub fn switch_to(&mut self, vm: u8) -> Result<()> {
        self.emulator.send(&[PREFIX, b'0' + vm])
    }

    /// Waits until a VM writes `text` (after what was waited for before).
    ///
    /// # Errors
    /// It does not, or the machine ends; the text shows what the VM wrote last.
    pub fn expect(&mut self, vm: &str, text: &str) -> Result<()> {
        let from = self.seen.get(vm).copied().unwrap_or(0);
        let mut end = None;
        let waited = self.emulator.wait(PATIENCE, |transcript| {
            let all = transcript.of_vm(vm);
            // The unfinished last line may have been replaced by a shorter beginning: look from its start then.
            let new = all.get(from..).unwrap_or_default();
            end = new.find(text).map(|at| from + at + text.len());
            end.is_some()
        });
        match end {
            Some(end) => {
                self.seen.insert(vm.to_owned(), end);
                Ok(())
            }
            None => Err(self.complaint(vm, text, waited)),
        }
    }

    /// Everything a VM has written so far.
    #[must_use]
    pub fn text_of(&self, vm: &str) -> String {
        self.emulator.transcript().of_vm(vm)
    }

    /// Waits until the hypervisor itself writes a line that contains `text`.
    ///
    /// # Errors
    /// It does not.
    pub fn expect_hypervisor(&mut self, text: &str) -> Result<()> {
        let waited = self.emulator.wait(PATIENCE, |transcript| {
            transcript
                .of_hypervisor()
                .iter()
                .any(|line| line.contains(text))
        });
        match waited {
            Waited::Found => Ok(()),
            _ => Err(Failure::new(format!(
                "the hypervisor never wrote {text:?}; {}",
                self.log()
            ))),
        }
    }

    /// Waits for the hypervisor's line that begins with `text`, after `skip` others of them.
    ///
    /// # Errors
    /// It does not come.
    pub fn hypervisor_line(&mut self, skip: usize, text: &str) -> Result<String> {
        let mut found = None;
        self.emulator.wait(PATIENCE, |transcript| {
            let lines = transcript.of_hypervisor();
            // The last line may be unfinished.
            let finished = lines
                .len()
                .saturating_sub(usize::from(!transcript.text().ends_with('\n')));
            let mut lines = lines.into_iter().take(finished);
            found = lines
                .by_ref()
                .filter(|line| line.starts_with(text))
                .nth(skip);
            found.is_some()
        });
        found.ok_or_else(|| {
            Failure::new(format!(
                "the hypervisor never wrote {text:?}; {}",
                self.log()
            ))
        })
    }

    fn complaint(&self, vm: &str, text: &str, waited: Waited) -> Failure {
        let why = if waited == Waited::Ended {
            "before the machine ended"
        } else {
            "in time"
        };
        let all = self.emulator.transcript().of_vm(vm);
        let lines: Vec<&str> = all.lines().collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n    ");
        Failure::new(format!(
            "VM `{vm}` did not write {text:?} {why}; {}\n  it wrote last:\n    {last}",
            self.log()
        ))
    }

    fn log(&self) -> String {
        format!("the console is in {}", run::log_path(&self.build).display())
    }

    /// Waits for the machine to power off and judges the run.
    ///
    /// # Errors
    /// It does not end, or not well.
    pub fn finish(mut self) -> Result<()> {
        let limit = self
            .build
            .model
            .system
            .timeout
            .map_or(PATIENCE, Duration::from_secs);
        if self.emulator.wait_end(limit)?.is_none() {
            let waiting = self.emulator.transcript().missing(&self.build.model.system);
            return Err(Failure::new(format!(
                "still running after {} s, not seen: {waiting:?}; {}",
                limit.as_secs(),
                self.log()
            )));
        }
        let transcript = self.emulator.transcript();
        transcript.judge(&self.build.model.system).map_err(|why| {
            let lines = transcript.lines();
            let last = lines[lines.len().saturating_sub(8)..].join("\n    ");
            Failure::new(format!(
                "{why}; {}\n  the last lines:\n    {last}",
                self.log()
            ))
        })
    }
}
