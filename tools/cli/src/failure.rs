//! The one error type of the tool: a text for the person at the terminal and an exit status.
//!
//! Every failure names what was attempted and on which file; nothing here is meant to be matched on.

use std::fmt;
use std::path::Path;

/// What went wrong, and the status the process ends with.
#[derive(Debug)]
pub struct Failure {
    message: String,
    status: u8,
}

/// The tool's result.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure with status 1. `message` may have several lines; it is printed as it is.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: 1,
        }
    }

    /// The same, ending the process with another status.
    #[must_use]
    pub fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The exit status; never 0.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.status.max(1)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<kconf::Diagnostics> for Failure {
    fn from(diagnostics: kconf::Diagnostics) -> Self {
        Self::new(diagnostics.to_string())
    }
}

impl From<board::Errors> for Failure {
    fn from(errors: board::Errors) -> Self {
        Self::new(errors.to_string())
    }
}

/// Says on which file something was attempted.
pub trait Context<T> {
    /// Turns the error into `cannot WHAT PATH: error`.
    ///
    /// # Errors
    /// Whenever `self` is one.
    fn context(self, what: &str, path: &Path) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: &str, path: &Path) -> Result<T> {
        self.map_err(|error| Failure::new(format!("cannot {what} {}: {error}", path.display())))
    }
}
