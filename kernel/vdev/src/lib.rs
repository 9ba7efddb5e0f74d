//! The devices that every VM has and nobody owns: a PL011 UART and a PL031 real-time clock.
//!
//! Guarantees: any access of any size at any offset has defined behaviour (what does not exist reads as
//! zero and ignores writes); a byte that a UART has accepted is delivered in order, exactly once. Does not:
//! know where a device lies or which interrupt it has, raise interrupts or keep time. Whoever owns a
//! device asks for [`Pl011::irq`] or [`Pl031::irq`] after each access and each event, and sets the level.
//!
//! Offsets and sizes are in bytes. An access narrower than a register takes its low bytes; one that is not aligned
//! to a register reads the bytes that lie there, without side effects, and writes nothing.
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

mod fifo;
mod lane;
#[cfg_attr(not(feature = "pl011"), path = "pl011_off.rs")]
mod pl011;
#[cfg_attr(not(feature = "pl031"), path = "pl031_off.rs")]
mod pl031;
mod window;

pub use fifo::Fifo;
pub use pl011::{FIFO_DEPTH, Pl011};
pub use pl031::Pl031;
pub use window::{Window, find};
