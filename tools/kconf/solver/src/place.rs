//! A place in a Kconfig file as a plain structure that can be serialised.

use std::fmt;

use kconf::{Location, Span};
use serde::{Deserialize, Serialize};

/// File, line and column, as people read them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// File name as shown.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self {
            file: location.file,
            line: location.line,
            column: location.column,
        }
    }
}

impl From<&Span> for Place {
    fn from(span: &Span) -> Self {
        span.location().into()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
