//! What a guest gets when it calls "firmware": PSCI 1.1 (Arm DEN0022) and SMCCC 1.2 (Arm DEN0028) for one VM.
//!
//! [`Psci`] holds the power state of the VM's vCPUs and turns a call into an [`Outcome`]; [`stateless`]
//! answers the calls that need no state, and needs no lock. With the feature `pv_time` guests also find paravirtualized time
//! (Arm DEN0057), and [`Stolen`] and [`Page`] are what is published then. Guarantees: every function identifier has an
//! answer; a vCPU that is on, or on its way, is never turned on a second time; no call of one VM names
//! another VM's vCPU. Does not: run, stop or reset anything itself, nor call the real firmware; the caller
//! carries the outcome out.
//!
//! How calls arrive:
//! - `HVC #0` and `SMC #0` are answered alike, so that guests find PSCI behind whichever conduit their
//!   device tree or their firmware's habits name. (The PC must be moved past a trapped `SMC`; after an
//!   `HVC` it already is.) No call of a guest reaches the real firmware unfiltered.
//! - `HVC`/`SMC` with another immediate is reserved (DEN0028, "Immediate value") and answered [`Outcome::NOT_SUPPORTED`]:
//!   it is a call that nobody serves, not a crash.
//! - The function identifier is w0; bits 63:32 of x0 are ignored. A 32-bit function (bit 30 clear) takes
//!   32-bit arguments; the upper halves of x1 to x3 are ignored.
//! - Results: only the registers named by the outcome change. x4 to x17 are preserved (DEN0028, "Preserved registers").
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod affinity;
mod outcome;
mod power;
#[cfg(feature = "pv_time")]
mod pv_time;
#[cfg(any(not(feature = "pv_time"), test))]
mod pv_time_off;
mod stateless;
mod stolen;

#[cfg(not(feature = "pv_time"))]
use pv_time_off as pv_time;

pub use outcome::{Entry, Outcome};
pub use power::{Power, Psci};
pub use stateless::{Firmware, Mitigation, stateless};
pub use stolen::{Nanoseconds, Page, Record, Stolen};

/// Whether the immediate of an `HVC` or `SMC` makes it an SMCCC call. Any other is answered
/// [`Outcome::NOT_SUPPORTED`].
#[inline]
#[must_use]
pub const fn is_smccc(imm: u16) -> bool {
    imm == 0
}
