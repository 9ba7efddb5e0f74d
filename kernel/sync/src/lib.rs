//! Locks, and what else one waits with, for code that runs with interrupts enabled part of the time, on several cores.
//!
//! For short sections, spinning, with IRQs masked (an interrupt handler never waits for what it interrupted):
//! - [`SpinLock`]: one at a time, first come, first served;
//! - [`RwLock`]: many readers or one writer, in the order of coming;
//! - [`SeqLock`]: a few words, read without writing anything;
//! - [`Rcu`] and [`Published`]: read without any lock, and wait until nobody can still be reading;
//! - [`Once`]: a static that is initialised at run time, once, and then only read.
//!
//! For whatever can take longer, sleeping: futures over `core::task::Waker`, so that who polls them decides what sleeping is
//! (a thread that parks, a task that is polled again, an operation that leaves to its guest):
//! - [`Mutex`] with priority inheritance ([`Boost`]), [`Condvar`], [`Semaphore`], [`Completion`], [`WaitQueue`];
//! - [`WorkQueue`] and [`Timers`].
//!
//! Nothing here allocates, and everything can stand in a `static`. Waiting room is of fixed size: who finds none is woken at
//! once and tries again, losing its turn and not its progress. Sections of the crate's own spin locks are bounded by those
//! sizes, and wakers run outside them. See `docs/locking.md` for the order of the locks, and which to take when.
//!
//! With the feature `lockdep`, the order in which locks are taken is recorded, and a cycle in it reported; without, that costs
//! nothing.
#![no_std]

mod boost;
mod completion;
mod condvar;
mod epochs;
#[cfg(feature = "lockdep")]
pub mod lockdep;
#[cfg(not(feature = "lockdep"))]
#[path = "lockdep_off.rs"]
mod lockdep;
mod mutex;
mod once;
mod rcu;
mod rw_lock;
mod semaphore;
mod seq_lock;
mod spin_lock;
mod ticket;
mod timers;
mod wait_queue;
mod waiters;
mod work_queue;

pub use boost::{Boost, NoBoost};
pub use completion::{Completed, Completion};
pub use condvar::Condvar;
pub use epochs::{ABSENT, Epoch, Epochs};
pub use mutex::{Lock, Mutex, MutexGuard};
pub use once::Once;
pub use rcu::{Grace, Published, Rcu, Reading};
pub use rw_lock::{RwLock, Turns};
pub use semaphore::{Acquire, Permit, Semaphore};
pub use seq_lock::{SeqLock, Sequenced, Words};
pub use spin_lock::{SpinGuard, SpinLock};
pub use ticket::{Ticket, Word};
pub use timers::{Clock, NoTimer, Sleep, TimerId, Timers};
pub use wait_queue::{TimedOut, Wait, WaitQueue, WaitUntil};
pub use work_queue::{Job, Next, Overflow, WorkQueue};
