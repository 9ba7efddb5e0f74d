//! Samples in which every combination of a few values occurs, with proof.

mod certificate;
mod sample;
mod tuples;
mod verify;

pub use certificate::{Certificate, Covered, Matrix, Parameter, Row, Setting, Tuple};
pub use sample::{Named, matrix};
pub use verify::{Verified, verify};
