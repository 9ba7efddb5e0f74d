//! A running QEMU whose console is read and typed into by a program.
//!
//! Guarantees: everything received is in the transcript and in the log file, in order; the process is ended
//! when the value goes away, so a failing test leaves no emulator behind. Waiting is by notification, never
//! by polling the text. Times here are only bounds after which to give up.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::transcript::Transcript;
use crate::{Context, Failure, Result};

/// What the reading thread has so far.
#[derive(Default)]
struct Received {
    transcript: Transcript,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Received>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Received> {
        // The data is whole after every push, so a panic elsewhere does not spoil it.
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for is there.
    Found,
    /// The emulator closed its console: it has ended or is about to.
    Ended,
    /// Time is up.
    TimedOut,
}

/// QEMU (or in tests, any program) with its standard input and output in our hands.
pub struct Emulator {
    child: Child,
    input: Option<ChildStdin>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts it. All output goes to `log`, and to our own standard output if `echo`.
    ///
    /// # Errors
    /// The program cannot be started, or the log cannot be written.
    pub fn start(command: &mut Command, log: &Path, echo: bool) -> Result<Self> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).context("make", folder)?;
        }
        let file = File::create(log).context("write", log)?;
        let program = Path::new(command.get_program()).to_path_buf();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start", &program)?;
        let input = child.stdin.take();
        let output = child
            .stdout
            .take()
            .ok_or_else(|| Failure::new("the emulator has no output"))?;
        let shared = Arc::new(Shared::default());
        let reader = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || read_all(output, file, echo, &shared)
        });
        Ok(Self {
            child,
            input,
            shared,
            reader: Some(reader),
        })
    }

    /// Types bytes.
    ///
    /// # Errors
    /// The emulator has ended.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let ended = || Failure::new("the emulator ended before it could be typed into");
        let input = self.input.as_mut().ok_or_else(ended)?;
        input
            .write_all(bytes)
            .and_then(|()| input.flush())
            .map_err(|_| ended())
    }

    /// Takes the writing end, for a thread that forwards what somebody types. [`Emulator::send`] then fails.
    pub fn take_input(&mut self) -> Option<ChildStdin> {
        self.input.take()
    }

    /// A copy of everything received.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.shared.lock().transcript.clone()
    }

    /// Waits until `condition` holds of what was received, at most `limit`.
    pub fn wait(&self, limit: Duration, mut condition: impl FnMut(&Transcript) -> bool) -> Waited {
        let until = Instant::now() + limit;
        let mut received = self.shared.lock();
        loop {
            if condition(&received.transcript) {
                return Waited::Found;
            }
            if received.closed {
                return Waited::Ended;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::TimedOut;
            }
            received = self
                .shared
                .changed
                .wait_timeout(received, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until nothing has been received for `quiet`; gives up after `limit`.
    pub fn wait_quiet(&self, quiet: Duration, limit: Duration) -> Waited {
        let until = Instant::now() + limit;
        loop {
            let before = self.shared.lock().transcript.text().len();
            match self.wait(quiet, |transcript| transcript.text().len() > before) {
                Waited::TimedOut => return Waited::Found,
                Waited::Ended => return Waited::Ended,
                Waited::Found if Instant::now() >= until => return Waited::TimedOut,
                Waited::Found => {}
            }
        }
    }

    /// Waits for the end, at most `limit`; `None` if it did not come.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub fn wait_end(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + limit;
        if self.wait(limit, |_| false) == Waited::TimedOut {
            return Ok(None);
        }
        // The console is closed a moment before the process is gone.
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(|e| Failure::new(e.to_string()))?
            {
                self.join();
                return Ok(Some(status));
            }
            if Instant::now() > until + Duration::from_secs(5) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the process, if it still runs.
    pub fn kill(&mut self) {
        // Both fail only if it is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join();
    }

    fn join(&mut self) {
        self.input = None;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_all(mut output: impl Read, mut log: File, echo: bool, shared: &Shared) {
    let mut buffer = [0; 4096];
    let mut terminal = std::io::stdout();
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        let bytes = &buffer[..count];
        // A full disk or a closed terminal must not stop the run; the transcript in memory is what is judged.
        let _ = log.write_all(bytes);
        if echo {
            let _ = terminal.write_all(bytes).and_then(|()| terminal.flush());
        }
        shared.lock().transcript.push(bytes);
        shared.changed.notify_all();
    }
    shared.lock().closed = true;
    shared.changed.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn start(script: &str, name: &str) -> Emulator {
        let log = std::env::temp_dir().join(format!(
            "caesura-emulator-{}-{name}.log",
            std::process::id()
        ));
        Emulator::start(Command::new("sh").args(["-c", script]), &log, false).unwrap()
    }

    #[test]
    fn what_is_typed_arrives_and_the_answer_is_seen() {
        let mut emulator = start("echo ready; read line; echo \"got $line\"", "type");
        assert_eq!(
            emulator.wait(LONG, |t| t.text().contains("ready")),
            Waited::Found
        );
        emulator.send(b"hello\n").unwrap();
        assert_eq!(
            emulator.wait(LONG, |t| t.text().contains("got hello")),
            Waited::Found
        );
        assert!(emulator.wait_end(LONG).unwrap().unwrap().success());
        assert!(emulator.send(b"more\n").is_err());
    }

    #[test]
    fn the_end_is_told_from_a_text_that_never_comes() {
        let mut emulator = start("echo bye; exit 3", "end");
        assert_eq!(
            emulator.wait(LONG, |t| t.text().contains("never")),
            Waited::Ended
        );
        assert_eq!(emulator.wait_end(LONG).unwrap().unwrap().code(), Some(3));
        assert_eq!(emulator.transcript().text(), "bye\n");
    }

    #[test]
    fn waiting_gives_up_and_dropping_ends_the_process() {
        let mut emulator = start("echo $$; exec sleep 1000", "drop");
        assert_eq!(
            emulator.wait(Duration::from_millis(20), |t| t.text().contains("never")),
            Waited::TimedOut
        );
        assert_eq!(
            emulator.wait(LONG, |t| t.text().ends_with('\n')),
            Waited::Found
        );
        assert_eq!(
            emulator.wait_quiet(Duration::from_millis(20), LONG),
            Waited::Found
        );
        assert_eq!(emulator.wait_end(Duration::from_millis(20)).unwrap(), None);
        let process = format!("/proc/{}", emulator.transcript().text().trim());
        assert!(Path::new(&process).exists());
        drop(emulator);
        assert!(!Path::new(&process).exists());
    }

    #[test]
    fn the_log_has_everything() {
        let mut emulator = start("printf 'a\\nb\\n'", "log");
        emulator.wait_end(LONG).unwrap();
        let log =
            std::env::temp_dir().join(format!("caesura-emulator-{}-log.log", std::process::id()));
        assert_eq!(std::fs::read_to_string(log).unwrap(), "a\nb\n");
    }
}
