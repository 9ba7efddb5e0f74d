//! The ticket lock's algorithm, apart from the data that it protects.
//!
//! Guarantees mutual exclusion and that waiters are served in the order of their arrival. Written over
//! [`Word`] instead of taken from a library so that loom explores exactly the code that the kernel runs.

use core::sync::atomic::{AtomicU32, Ordering};

/// A 32-bit atomic with just the operations that the locks need.
pub trait Word {
    /// Adds one, relaxed; returns the value before.
    fn take(&self) -> u32;
    /// Adds one if the value is `current`, with acquire ordering on success; says whether it was.
    fn take_if(&self, current: u32) -> bool;
    /// Loads, acquire.
    fn load_acquire(&self) -> u32;
    /// Loads, relaxed.
    fn load_relaxed(&self) -> u32;
    /// Stores, release.
    fn store_release(&self, value: u32);
    /// Adds one, release.
    fn add_release(&self);
}

impl Word for AtomicU32 {
    #[inline(always)]
    fn take(&self) -> u32 {
        self.fetch_add(1, Ordering::Relaxed)
    }
    #[inline(always)]
    fn take_if(&self, current: u32) -> bool {
        self.compare_exchange(
            current,
            current.wrapping_add(1),
            Ordering::Acquire,
            Ordering::Relaxed,
        )
        .is_ok()
    }
    #[inline(always)]
    fn load_acquire(&self) -> u32 {
        self.load(Ordering::Acquire)
    }
    #[inline(always)]
    fn load_relaxed(&self) -> u32 {
        self.load(Ordering::Relaxed)
    }
    #[inline(always)]
    fn store_release(&self, value: u32) {
        self.store(value, Ordering::Release);
    }
    #[inline(always)]
    fn add_release(&self) {
        self.fetch_add(1, Ordering::Release);
    }
}

/// A dispenser of tickets and the number being served.
pub struct Ticket<W> {
    next: W,
    serving: W,
}

impl Ticket<AtomicU32> {
    /// An open lock.
    pub const fn new() -> Self {
        Ticket {
            next: AtomicU32::new(0),
            serving: AtomicU32::new(0),
        }
    }
}

impl Default for Ticket<AtomicU32> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: Word> Ticket<W> {
    /// A lock made of two words, both 0.
    pub const fn from_words(next: W, serving: W) -> Self {
        Ticket { next, serving }
    }

    /// Takes the lock, calling `relax` while it waits; returns the ticket, with which it is released.
    #[inline(always)]
    pub fn acquire(&self, relax: impl Fn()) -> u32 {
        let ticket = self.next.take();
        while self.serving.load_acquire() != ticket {
            relax();
        }
        ticket
    }

    /// Takes the lock if nobody holds it or waits for it.
    #[inline(always)]
    pub fn try_acquire(&self) -> Option<u32> {
        // The acquire load orders us after the last holder: `take_if` then only claims the ticket.
        let ticket = self.serving.load_acquire();
        self.next.take_if(ticket).then_some(ticket)
    }

    /// Serves the next ticket after `ticket`, which the caller holds.
    #[inline(always)]
    pub fn release(&self, ticket: u32) {
        self.serving.store_release(ticket.wrapping_add(1));
    }

    /// Whether somebody held the lock a moment ago; for reports, never for decisions.
    pub fn is_taken(&self) -> bool {
        self.serving.load_relaxed() != self.next.load_relaxed()
    }
}
