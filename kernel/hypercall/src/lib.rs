//! The long operations that guests ask for, each written once as an `async fn` over small atomic steps.
//!
//! [`operation`] is the entry: what one hypercall of [`abi::ops`] comes to, as a future for a `continuation::Table`. What
//! it needs of the image is [`Machine`]. [`scrubber`] and [`reaper`] are background tasks of the same make.
//!
//! Guarantees, whatever guests do and wherever an operation is dropped: no page has two owners; none is free while
//! somebody can reach it; what a call reports as done is done and the rest is untouched; every argument and every list
//! element is read once; between two checkpoints lie at most `Driver::INTERVAL` pages' worth of work, and interrupts
//! are masked for one step at a time.
//!
//! What it does not do: it knows no registers, vCPUs or threads, and does not decide what a pause means.
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

mod access;
mod call;
mod error;
mod grants;
mod life;
mod machine;
mod memory;
mod ports;
mod scrub;
mod sharing;
mod slice;

pub use call::{Call, operation};
pub use error::{Error, Reply};
pub use grants::{Grant, GrantRef, Grants};
pub use life::reaper;
pub use machine::{Life, Machine, Orphan, Space, Step, VmId};
pub use ports::Ports;
pub use scrub::scrubber;
pub use slice::GuestSlice;

/// The most bytes that one step copies.
pub const COPY_PIECE: usize = 2048;
