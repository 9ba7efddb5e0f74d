//! The rules of this build, by the name of their policy; in place of those that are switched off, [`Off`].
//!
//! All of them are compiled, and so type-check, in each build; what cannot be chosen does not reach the image.

pub use crate::credit::Credits;
pub use crate::cyclic::Frame;
pub use crate::edf::Deadlines;
pub use crate::fixed::Priorities;
pub use crate::null::Owners;
pub use crate::off::Off;
pub use crate::round_robin::Turns;

#[cfg(feature = "credit")]
pub use crate::credit::Credits as Credit;
#[cfg(feature = "cyclic")]
pub use crate::cyclic::Frame as Cyclic;
#[cfg(feature = "edf")]
pub use crate::edf::Deadlines as Edf;
#[cfg(feature = "fixed")]
pub use crate::fixed::Priorities as FixedPriority;
#[cfg(feature = "null")]
pub use crate::null::Owners as Null;
#[cfg(not(feature = "round_robin"))]
pub use crate::off::Off as RoundRobin;
#[cfg(not(feature = "credit"))]
pub use crate::off::Off as Credit;
#[cfg(not(feature = "edf"))]
pub use crate::off::Off as Edf;
#[cfg(not(feature = "fixed"))]
pub use crate::off::Off as FixedPriority;
#[cfg(not(feature = "cyclic"))]
pub use crate::off::Off as Cyclic;
#[cfg(not(feature = "null"))]
pub use crate::off::Off as Null;
#[cfg(feature = "round_robin")]
pub use crate::round_robin::Turns as RoundRobin;
