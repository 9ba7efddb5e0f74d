//! Who keeps a core to itself, and for how long.
//!
//! - [`Tracer`]: the longest sections of one kind (interrupts masked, rescheduling forbidden), by call site.
//! - [`Watchdog`]: notices a core that has stopped passing through its scheduler, and says what it was doing.
//!
//! Guarantees: a section is counted once, from the outermost beginning to the end that really opens; nothing here
//! locks, waits, or calls back into what it traces, so both may be called from inside any section. All figures are
//! in ticks of whatever monotonic counter the caller reads (under instruction-counting emulation: instructions).
//!
//! What it does not: it knows no hardware; the time and the core's index are arguments. It does not see a
//! section whose owner does not call it. Figures that another core reads while they change are each right, but
//! may belong to different moments.
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

mod site;
mod tracer;
mod watchdog;

pub use site::Site;
pub use tracer::{Open, Record, Tracer};
pub use watchdog::{Bounds, Doing, Verdict, Watchdog};
