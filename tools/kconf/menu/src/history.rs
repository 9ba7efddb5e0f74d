//! Undo and redo: whole configurations from before and after each step.
//!
//! A step may be one assignment, a set of changes that was offered, or a file that was loaded; keeping the whole
//! configuration makes all of them alike and takes back what followed by itself, too. The number kept depends on
//! the size of the model, so that memory stays bounded.

use kconf::Config;

/// Symbols in all kept configurations together.
const MAX_SYMBOLS: usize = 500_000;

/// One step.
#[derive(Debug)]
struct Step<'m> {
    what: String,
    before: Config<'m>,
}

/// The steps taken and taken back.
#[derive(Debug)]
pub struct History<'m> {
    done: Vec<Step<'m>>,
    undone: Vec<Step<'m>>,
    limit: usize,
}

impl<'m> History<'m> {
    /// For a model of this many symbols.
    pub fn new(symbols: usize) -> Self {
        Self {
            done: Vec::new(),
            undone: Vec::new(),
            limit: (MAX_SYMBOLS / symbols.max(1)).clamp(20, 500),
        }
    }

    /// Keeps what was before a step.
    pub fn push(&mut self, what: impl Into<String>, before: Config<'m>) {
        if self.done.len() == self.limit {
            self.done.remove(0);
        }
        self.done.push(Step {
            what: what.into(),
            before,
        });
        self.undone.clear();
    }

    /// Takes the last step back; says which one it was.
    pub fn undo(&mut self, config: &mut Config<'m>) -> Option<String> {
        Self::turn(&mut self.done, &mut self.undone, config)
    }

    /// Takes again what was taken back.
    pub fn redo(&mut self, config: &mut Config<'m>) -> Option<String> {
        Self::turn(&mut self.undone, &mut self.done, config)
    }

    fn turn(
        from: &mut Vec<Step<'m>>,
        to: &mut Vec<Step<'m>>,
        config: &mut Config<'m>,
    ) -> Option<String> {
        let step = from.pop()?;
        let before = std::mem::replace(config, step.before);
        to.push(Step {
            what: step.what.clone(),
            before,
        });
        Some(step.what)
    }
}
