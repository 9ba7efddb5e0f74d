//! What a configuration could be: the model as constraints, and questions to a solver.

mod answer;
mod draw;
mod encode;
mod finding;
mod formula;
mod lint;
mod matrix;
mod minimum;
mod place;
mod proof;
mod solver;
mod why_not;

pub use answer::{Answer, Change, ChangeSet, Consequence, Proof, ProofLine};
pub use encode::{Approximation, Encoding};
pub use finding::{Evidence, Finding, FindingKind};
pub use formula::{Formula, Lit, TriLit};
pub use lint::{LintOptions, Sources, lint};
pub use matrix::{
    Certificate, Covered, Matrix, Named, Parameter, Row, Setting, Tuple, Verified, matrix, verify,
};
pub use place::Place;
pub use solver::{Found, Solver};
pub use why_not::{Limits, WhyNot, why_not};
