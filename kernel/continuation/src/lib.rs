//! The engine of long work: operations of guests and background tasks as futures in fixed slots.
//!
//! Long work is an `async fn` that is given a [`Cx`]; it pauses at [`Cx::checkpoint`], [`Cx::work`], [`Cx::wait`],
//! [`Cx::lock`] and nowhere else. What a pause means is the [`Driver`]'s decision, which is how one source serves every preemption model.
//! - [`Table`]: the operations of one VM. A suspended operation stays here; its guest holds a number and nothing else.
//! - [`Tasks`]: background work, polled by a thread each or in turns by idle cores: the same futures.
//! - [`FutureCell`]: one future of any type in a fixed place, its size checked by the compiler.
//!
//! Guaranteed: a future is polled by one at a time and dropped exactly once, in place, whatever guests do; any `u64` is a
//! fair argument to [`Table::resume`]; nothing here allocates, masks interrupts, or waits for another core.
//!
//! What it does not do: it knows no registers, threads or guests. Who rewinds a program counter or parks a thread reads
//! [`Why`]; what an operation does, and undoes when it is dropped, is the operation's.
#![no_std]
#![deny(unsafe_code)]
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

mod cell;
mod control;
mod cx;
mod driver;
mod mark;
mod table;
mod tasks;
mod waker;
mod word;

pub use cell::{Claim, FutureCell};
pub use control::{Control, Why};
pub use cx::{Cancelled, Cx, Held};
pub use driver::Driver;
pub use mark::{Bit, Mark};
pub use table::{Full, Lease, Rest, ResumeError, Table};
pub use tasks::{NoRoom, Step, Tasks};
pub use word::{Atom, Stamp, Word};
