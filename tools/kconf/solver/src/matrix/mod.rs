//! Samples in which every combination of a few values occurs, with proof.

mod certificate;

pub use certificate::{Certificate, Covered, Matrix, Parameter, Row, Setting, Tuple};
