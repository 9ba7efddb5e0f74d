//! The answer to "why does this symbol not have that value, and what would give it to it?".
//!
//! Plain structures of texts and places, in a fixed order, ready for a message, a menu or JSON.

use serde::{Deserialize, Serialize};

use crate::place::Place;

/// What [`crate::why_not`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The symbol has the value already.
    Already,
    /// These sets of assignments give it the value; every one was tried on the evaluator.
    Possible {
        /// All of the same, smallest possible size; those that change the least besides come first.
        sets: Vec<ChangeSet>,
        /// Whether these are all smallest sets: no other choice of symbols of that size does it.
        complete: bool,
    },
    /// No assignments whatever give it the value.
    Impossible {
        /// Why.
        proof: Proof,
    },
    /// The search found no answer that the evaluator confirms.
    Undecided {
        /// What was not possible, in one sentence.
        reason: String,
    },
}

/// A set of assignments that gives the symbol the value. Assigned in this order, the value is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// What the user must assign, in this order.
    pub changes: Vec<Change>,
    /// Symbols that take another value although the user does not assign them, in order of first mention.
    pub consequences: Vec<Consequence>,
}

/// One assignment by the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The symbol, without prefix.
    pub symbol: String,
    /// Its value now.
    pub from: String,
    /// What it is assigned now, if anything.
    pub assigned: Option<String>,
    /// What to assign: as [`kconf::Config::set`] takes it, strings without quotes.
    pub to: String,
    /// Where the symbol is defined.
    pub place: Place,
}

/// A value that follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    /// The symbol, without prefix.
    pub symbol: String,
    /// Its value before.
    pub from: String,
    /// Its value afterwards.
    pub to: String,
}

/// Why something is impossible: lines that contradict it together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The lines. Without any one of them this set would be no contradiction (if `minimal`).
    pub lines: Vec<ProofLine>,
    /// Whether it was tried that none of the lines can be left out.
    pub minimal: bool,
}

/// One line of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofLine {
    /// The dependency or definition.
    pub place: Place,
    /// The text there, or what is said about the definition.
    pub text: String,
    /// The symbol whose definition this is; none for a dependency that several may share.
    pub symbol: Option<String>,
}
