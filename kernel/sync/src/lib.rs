//! Locks for code that runs with interrupts enabled part of the time, on several cores.
//!
//! - [`SpinLock`]: fair (first come, first served); held only with IRQs masked, so that an interrupt handler
//!   can never wait for the code it interrupted. See `docs/locking.md` for the order of the locks.
//! - [`Once`]: a static that is initialised at run time, once, and then only read.
//!
//! What they do not do: sleep, time out, or detect that two locks are taken in opposite orders.
#![no_std]

mod once;
mod spin_lock;
mod ticket;

pub use once::Once;
pub use spin_lock::{SpinGuard, SpinLock};
pub use ticket::{Ticket, Word};
