//! Commands of `$(shell,…)`: run once each, their output on one line.
//!
//! A tree asks the compiler the same question in many places, and nearly all the time it takes to read Linux's
//! tree is spent in such commands. They run one after another, with the given environment, no input, and
//! their complaints on our standard error.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::env::Env;

/// What the commands of a tree cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShellUse {
    /// How often a command's output was asked for.
    pub calls: usize,
    /// How many commands were run; the others had been run before.
    pub runs: usize,
    /// How long they took together.
    pub time: Duration,
}

/// The commands that were run, with what they printed.
#[derive(Debug, Default)]
pub struct Shell {
    known: HashMap<String, String>,
    pub cost: ShellUse,
}

impl Shell {
    /// What `command` prints: line feeds at the end dropped, others turned into spaces. Its status does not count.
    pub fn run(&mut self, command: &str, env: &Env) -> std::io::Result<String> {
        self.cost.calls += 1;
        if let Some(output) = self.known.get(command) {
            return Ok(output.clone());
        }
        let start = Instant::now();
        let output = Command::new("sh")
            .arg("-c")
            .arg(command)
            .env_clear()
            .envs(&env.variables)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        self.cost.runs += 1;
        self.cost.time += start.elapsed();
        let text = String::from_utf8_lossy(&output.stdout);
        let text = text.trim_end_matches('\n').replace('\n', " ");
        self.known.insert(command.to_owned(), text.clone());
        Ok(text)
    }
}
