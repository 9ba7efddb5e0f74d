//! A configuration: a model plus assignments, evaluated.
//!
//! Assignments come from `.config` texts, fragments and calls of [`Config::set`]; a later one wins. After each
//! change everything is evaluated, so that reading a value costs nothing. Nothing is ever refused: what did
//! not take is reported by [`Config::diagnostics`], and [`Config::strict`] makes an error of it.

use std::path::Path;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Symbol};
use crate::source::Location;
use crate::value::Value;

/// What kind of text an assignment came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A whole `.config`.
    Config,
    /// A minimal configuration from `defconfigs/`.
    Defconfig,
    /// A fragment laid over a configuration.
    Fragment,
    /// The user, in an interface or on a command line.
    User,
}

impl Layer {
    /// The name used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::Config => "config",
            Layer::Defconfig => "defconfig",
            Layer::Fragment => "fragment",
            Layer::User => "user",
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Assigned, here.
    Assigned(Layer, Location),
    /// A `default`, here.
    Default(Location),
    /// A `select` by that symbol, here.
    Select(String, Location),
    /// An `imply` by that symbol, here.
    Imply(String, Location),
    /// A choice picked its default member, or it is a member that was not picked; the choice is here.
    Choice(Location),
    /// Nothing says anything: `n`, `0`, or empty.
    Unset,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Assigned(layer, at) => write!(f, "{} {at}", layer.as_str()),
            Origin::Default(at) => write!(f, "default {at}"),
            Origin::Select(by, at) => write!(f, "select by {by} {at}"),
            Origin::Imply(by, at) => write!(f, "imply by {by} {at}"),
            Origin::Choice(at) => write!(f, "choice {at}"),
            Origin::Unset => write!(f, "unset"),
        }
    }
}

/// A configuration of a model.
#[derive(Clone, Debug)]
pub struct Config<'m> {
    model: &'m Model,
    reading: Diagnostics,
}

impl<'m> Config<'m> {
    /// Everything at its default.
    pub fn new(model: &'m Model) -> Self {
        Self {
            model,
            reading: Diagnostics::new(),
        }
    }

    /// The model.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// Lays the assignments of a file over what is there; later assignments win.
    ///
    /// # Errors
    /// Only if the file cannot be read; everything else is kept for [`Config::diagnostics`].
    pub fn read(&mut self, path: &Path, layer: Layer) -> Result<(), Diagnostics> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Diagnostic::error(Code::Io, format!("cannot read {}: {e}", path.display()))
        })?;
        self.read_str(&path.display().to_string(), &text, layer);
        Ok(())
    }

    /// As [`Config::read`], from a text shown as `name`.
    pub fn read_str(&mut self, name: &str, text: &str, layer: Layer) {
        let _ = (name, text, layer);
    }

    /// As [`Config::read`] with [`Layer::Fragment`].
    ///
    /// # Errors
    /// Only if the file cannot be read.
    pub fn merge(&mut self, path: &Path) -> Result<(), Diagnostics> {
        self.read(path, Layer::Fragment)
    }

    /// Assigns one symbol, given as it stands after `=` in a `.config` (strings may stand without quotes).
    ///
    /// # Errors
    /// The symbol is unknown, or the text is not of its type.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Diagnostics> {
        let _ = (name, text);
        Ok(())
    }

    /// The value of a symbol (name without prefix); none for an unknown symbol.
    pub fn value(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// Whether a bool or tristate symbol is on; false for an unknown symbol.
    pub fn is_on(&self, name: &str) -> bool {
        self.value(name).is_some_and(|v| v.is_on())
    }

    /// Where a symbol's value comes from; none for an unknown symbol.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        let _ = name;
        None
    }

    /// Every defined symbol with its value and where that comes from, in order of definition.
    pub fn iter(&self) -> impl Iterator<Item = (&'m Symbol, Value, Origin)> {
        self.model
            .symbols()
            .filter_map(|s| Some((s, self.value(s.name())?, self.origin(s.name())?)))
    }

    /// Warnings: lines that are no assignments, malformed values, unknown symbols, values out of range, and
    /// assignments that did not take, each with the dependency that failed.
    pub fn diagnostics(&self) -> Diagnostics {
        self.reading.clone()
    }

    /// Refuses a configuration that is not exactly as written.
    ///
    /// # Errors
    /// Everything [`Config::diagnostics`] finds, as errors.
    pub fn strict(&self) -> Result<(), Diagnostics> {
        let found = self.diagnostics();
        if found.is_empty() {
            Ok(())
        } else {
            Err(found.into_errors())
        }
    }

    /// The complete `.config`.
    pub fn write(&self) -> String {
        String::new()
    }

    /// The minimal configuration: only what differs from the defaults.
    pub fn savedefconfig(&self) -> String {
        String::new()
    }
}
