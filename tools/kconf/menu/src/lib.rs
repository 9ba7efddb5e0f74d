//! `menuconfig`: the configuration in a terminal.
//!
//! [`run`] is all that a program needs. It guarantees that the terminal is put back whatever happens, that files
//! are written whole or not at all, and that nothing is lost without a question. What happens on a key is
//! decided by [`App`], which knows no terminal and can be driven by tests; [`render`] draws it.

mod advise;
mod app;
mod assign;
mod changes;
mod dialog;
mod escape;
mod facts;
mod file_dialog;
mod help;
mod history;
mod input;
mod keys;
mod layout;
mod mouse;
mod options;
mod render;
mod render_dialog;
mod rows;
mod search;
mod terminal;
mod text;
mod theme;
mod tree;
mod view;

use std::fmt;
use std::path::PathBuf;

use kconf::{Config, Model};

pub use advise::{Advisor, solver};
pub use app::{App, Effect};
pub use options::Options;
pub use render::render;
pub use terminal::Error;
pub use theme::Theme;
pub use tree::{Node, NodeId, Tree};

/// How the user left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The files that were written.
    pub saved: Vec<PathBuf>,
    /// Whether changes were given up.
    pub discarded: bool,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, path) in self.saved.iter().enumerate() {
            let line = if number > 0 { "\n" } else { "" };
            write!(f, "{line}written to {}", path.display())?;
        }
        match (self.saved.is_empty(), self.discarded) {
            (true, true) => f.write_str("nothing was written, the changes are discarded"),
            (true, false) => f.write_str("nothing has changed"),
            (false, true) => f.write_str("\nlater changes are discarded"),
            (false, false) => Ok(()),
        }
    }
}

/// Shows the menu until the user leaves; `config` is then what the user left, saved or not.
///
/// # Errors
/// There is no terminal that can be used, or it fails, or a signal ends the menu. The terminal is put back, and
/// `config` is as it was.
pub fn run<'m>(
    model: &'m Model,
    config: &mut Config<'m>,
    options: Options,
) -> Result<Outcome, Error> {
    run_with(model, config, options, solver())
}

/// As [`run`], with somebody else to ask about blocked values.
///
/// # Errors
/// As [`run`].
pub fn run_with<'m>(
    model: &'m Model,
    config: &mut Config<'m>,
    options: Options,
    advisor: Box<dyn Advisor + 'm>,
) -> Result<Outcome, Error> {
    debug_assert!(
        std::ptr::eq(model, config.model()),
        "a configuration of this model"
    );
    let mut app = App::new(config.clone(), options, advisor);
    terminal::drive(&mut app)?;
    let outcome = Outcome {
        saved: app.saved().to_vec(),
        discarded: app.is_unsaved(),
    };
    *config = app.into_config();
    Ok(outcome)
}
