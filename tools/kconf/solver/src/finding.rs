//! What `lint` reports: a kind, the symbol, a diagnostic with places, and the evidence.

use kconf::Diagnostic;
use serde::{Deserialize, Serialize};

/// What kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A bool or tristate symbol that is `n` in every configuration.
    Dead,
    /// A symbol that is on in every configuration although its definition looks as if it could be off.
    AlwaysOn,
    /// A `select` that can switch a symbol on although its dependencies do not hold.
    SelectViolatesDependency,
    /// A `default` that no configuration uses.
    UnusedDefault,
    /// A prompt that no configuration shows.
    InvisiblePrompt,
    /// A symbol that users see, without help text.
    NoHelp,
    /// A symbol that nothing uses.
    Unused,
}

impl FindingKind {
    /// All kinds, in the order in which they are reported for a symbol.
    pub const ALL: [FindingKind; 7] = [
        FindingKind::Dead,
        FindingKind::AlwaysOn,
        FindingKind::SelectViolatesDependency,
        FindingKind::UnusedDefault,
        FindingKind::InvisiblePrompt,
        FindingKind::NoHelp,
        FindingKind::Unused,
    ];

    /// The name shown in messages and taken by options.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::Dead => "dead-symbol",
            FindingKind::AlwaysOn => "always-on",
            FindingKind::SelectViolatesDependency => "select-violates-dependency",
            FindingKind::UnusedDefault => "unused-default",
            FindingKind::InvisiblePrompt => "invisible-prompt",
            FindingKind::NoHelp => "no-help",
            FindingKind::Unused => "unused-symbol",
        }
    }
}

/// What a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "evidence", rename_all = "kebab-case")]
pub enum Evidence {
    /// No configuration does otherwise: the constraints were proved unsatisfiable.
    Proved,
    /// Assignments (lines of a `.config`) under which it happens, tried on the evaluator.
    Witness {
        /// The lines.
        config: String,
    },
    /// It can be read off the files.
    Text,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// The symbol it is about, without prefix; empty for a choice.
    pub symbol: String,
    /// The message, with places.
    pub diagnostic: Diagnostic,
    /// What it rests on.
    pub evidence: Evidence,
}
