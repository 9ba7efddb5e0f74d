//! The generic timer as a guest sees it: its emulated EL1 physical timer, its virtual timer while the vCPU
//! is on no core, and the offset between the two counters.
//!
//! Guarantees: the semantics of `CNTP_CTL`, `CNTP_CVAL` and `CNTP_TVAL` (Arm ARM DDI 0487, D12.2 and the
//! registers' own pages) for any sequence of reads and writes; a timer that is enabled, unmasked and not
//! due has a deadline, at which its output rises and not a tick earlier. Does not: touch hardware, raise
//! interrupts, or know which INTID a timer has. Time is always the *physical* count, `CNTPCT_EL0`, in ticks.
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

mod offset;
mod physical;
mod saved;

pub use offset::CounterOffset;
pub use physical::PhysicalTimer;
pub use saved::VirtualTimer;

/// Bits of `CNTP_CTL_EL0` and `CNTV_CTL_EL0` (Arm ARM D24.10).
pub mod ctl {
    /// The timer is enabled.
    pub const ENABLE: u64 = 1 << 0;
    /// The output is masked; the condition is still visible in [`ISTATUS`].
    pub const IMASK: u64 = 1 << 1;
    /// The timer condition is met. Read-only.
    pub const ISTATUS: u64 = 1 << 2;
}

/// The earlier of two deadlines, where `None` means never.
#[inline]
#[must_use]
pub fn earliest(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a < b { a } else { b }),
        (one, None) | (None, one) => one,
    }
}
