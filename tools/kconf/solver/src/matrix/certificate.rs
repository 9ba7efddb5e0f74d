//! What a sample promises, in a form that a checker can verify without believing the sampler.

use serde::{Deserialize, Serialize};

/// Some values of some symbols together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tuple(pub Vec<Setting>);

/// One value of one symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// The symbol, without prefix.
    pub symbol: String,
    /// The value, as [`kconf::Value::text`].
    pub value: String,
}

/// One configuration of a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The given name, or `matrix-<number>`.
    pub name: String,
    /// The assignments, as lines of a `.config`.
    pub config: String,
    /// The value of each symbol of the sample, in their order.
    pub values: Vec<String>,
}

/// A tuple and the first row that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The tuple.
    pub tuple: Tuple,
    /// Index into the rows.
    pub row: usize,
}

/// A symbol of a sample with the values that count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// The symbol, without prefix.
    pub symbol: String,
    /// Its values: all of a bool or tristate; of others those that constraints can tell apart.
    pub values: Vec<String>,
}

/// A sample with everything needed to check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The tree's title.
    pub title: String,
    /// How many symbols are combined at a time.
    pub strength: usize,
    /// The seed it was made with.
    pub seed: u64,
    /// The symbols.
    pub parameters: Vec<Parameter>,
    /// The configurations: named ones first.
    pub rows: Vec<Row>,
    /// Every tuple that is possible, with a row that has it.
    pub covered: Vec<Covered>,
    /// Every tuple that no configuration has; each proved.
    pub infeasible: Vec<Tuple>,
    /// What the constraints only approximate, so that "infeasible" holds up to it.
    pub approximations: Vec<String>,
}

/// A sample.
pub type Matrix = Certificate;
