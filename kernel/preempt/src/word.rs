//! A thread's preempt word: how many sections forbid its rescheduling, and whether that is due, in one number.
//!
//! Zero says "reschedule now" in one compare: no section is open and somebody wants the core. The word belongs to the thread
//! and moves with it; nobody but the thread and the interrupts of the core it runs on changes it. Each change is one atomic
//! read-modify-write, because an interrupt may come between any two instructions and mark the thread as due: a plain load
//! and store around it would lose the mark, and the thread that wants the core would wait for the next tick.

use core::sync::atomic::{AtomicU32, Ordering};

/// Clear while a rescheduling is due. Inverted, so that the wanted state is zero.
const NOT_DUE: u32 = 1 << 31;
/// Set for a context that is never rescheduled.
const NEVER: u32 = 1 << 30;

/// See the module.
#[derive(Debug)]
#[repr(transparent)]
pub struct PreemptWord(AtomicU32);

impl PreemptWord {
    /// Of a thread: no section is open, nothing is due.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(NOT_DUE))
    }

    /// Of a core's own context, which decides who is next and is never rescheduled itself.
    #[must_use]
    pub const fn never() -> Self {
        Self(AtomicU32::new(NOT_DUE | NEVER))
    }

    /// A section opens. They nest, fewer than 2^30 of them.
    #[inline(always)]
    pub fn hold(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The section that was opened last ends; whether the thread is to be rescheduled now.
    #[inline(always)]
    pub fn release(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Somebody wants the core.
    #[inline(always)]
    pub fn set_due(&self) {
        self.0.fetch_and(!NOT_DUE, Ordering::Relaxed);
    }

    /// The scheduler has been asked.
    #[inline(always)]
    pub fn clear_due(&self) {
        self.0.fetch_or(NOT_DUE, Ordering::Relaxed);
    }

    /// Whether the thread is to be rescheduled now: that is due, and no section is open.
    #[must_use]
    #[inline(always)]
    pub fn is_due(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Default for PreemptWord {
    fn default() -> Self {
        Self::new()
    }
}
