//! Runs one program to its end: what it said, and what it used.
//!
//! Nothing is inherited but the path: the environment is what is given. Output goes to files in the working folder, so that no
//! pipe can fill up. A program that does not end is killed after [`LIMIT`].

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use cli::{Context, Failure, Result};
use wait4::Wait4;

/// Far beyond what any of these programs takes; ends only what hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// What a process did and used.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Whether it ended with status 0.
    pub success: bool,
    /// How it ended, for people.
    pub status: String,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// From start to end.
    pub wall: Duration,
    /// Processor time in user mode, of its children too.
    pub user: Duration,
    /// Processor time in the system, of its children too.
    pub system: Duration,
    /// The most memory that it or one of its children held, in KiB.
    pub rss_kib: u64,
}

impl Ended {
    /// The first lines of what it said, for a report.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let lines: Vec<&str> = self.err.lines().chain(self.out.lines()).take(12).collect();
        format!("{}\n{}", self.status, lines.join("\n"))
    }

    /// The same as an error, unless it succeeded.
    ///
    /// # Errors
    /// It did not.
    pub fn expect(self, what: &str) -> Result<Self> {
        if self.success {
            return Ok(self);
        }
        Err(Failure::new(format!("{what}: {}", self.excerpt())))
    }
}

/// Runs it in `folder` with nothing but `variables` (and the path) in its environment.
///
/// # Errors
/// It cannot be started, or does not end.
pub fn run(command: &mut Command, folder: &Path, variables: &[(String, String)]) -> Result<Ended> {
    let (out, err) = (folder.join(".stdout"), folder.join(".stderr"));
    let create = |path: &Path| File::create(path).context("write", path);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .envs(
            variables
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        )
        .stdin(Stdio::null())
        .stdout(create(&out)?)
        .stderr(create(&err)?);
    let program = Path::new(command.get_program()).to_path_buf();
    let start = Instant::now();
    let mut child = command.spawn().context("start", &program)?;
    let watchdog = Watchdog::over(&child);
    let used = child.wait4().context("wait for", &program)?;
    let wall = start.elapsed();
    drop(watchdog);
    let read = |path: &Path| -> Result<String> {
        let bytes = std::fs::read(path).context("read", path)?;
        std::fs::remove_file(path).context("remove", path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Ended {
        success: used.status.success(),
        status: used.status.to_string(),
        out: read(&out)?,
        err: read(&err)?,
        wall,
        user: used.rusage.utime,
        system: used.rusage.stime,
        // The crate gives bytes.
        rss_kib: used.rusage.maxrss / 1024,
    })
}

/// Kills a process that outlives [`LIMIT`]; dropped when it has ended.
struct Watchdog {
    _ended: mpsc::Sender<()>,
}

impl Watchdog {
    fn over(child: &Child) -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        let id = child.id();
        std::thread::spawn(move || {
            if receiver.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Nothing can be done about a kill that fails.
                let _ = Command::new("kill").arg("-9").arg(id.to_string()).status();
            }
        });
        Self { _ended: sender }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("kconfig-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_a_process_says_and_how_it_ends_is_known_and_nothing_is_inherited() {
        let folder = scratch("process");
        let given = [("GIVEN".to_owned(), "1".to_owned())];
        let script = "echo out; echo \"$GIVEN$HOME\" >&2; exit 3";
        let ended = run(Command::new("sh").args(["-c", script]), &folder, &given).unwrap();
        assert!(!ended.success);
        assert_eq!(
            (
                ended.out.as_str(),
                ended.err.as_str(),
                ended.status.as_str()
            ),
            ("out\n", "1\n", "exit status: 3")
        );
        assert!(
            (100..1_000_000).contains(&ended.rss_kib),
            "{}",
            ended.rss_kib
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
