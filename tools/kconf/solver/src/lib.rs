//! What a configuration could be: the model as constraints, and questions to a solver.

mod answer;
mod finding;
mod matrix;
mod place;

pub use answer::{Answer, Change, ChangeSet, Consequence, Proof, ProofLine};
pub use finding::{Evidence, Finding, FindingKind};
pub use matrix::{Certificate, Covered, Matrix, Parameter, Row, Setting, Tuple};
pub use place::Place;
