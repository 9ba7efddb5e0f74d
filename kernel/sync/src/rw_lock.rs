//! The reader-writer spin lock: data that many cores may look at together, or one may change.
//!
//! Guarantees: whoever comes is served in the order of coming, readers and writers alike, so neither side can be
//! starved; readers that come one after the other are in together. Held only with IRQs masked, like
//! [`SpinLock`](crate::SpinLock).
//!
//! What it does not do: allow a core to read twice at a time. A writer that comes between the two waits for the first,
//! and the second for that writer. It pays where readers stay long in comparison with the three atomic
//! operations that each of them costs; otherwise a `SpinLock` is cheaper.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::AtomicU32;

use preempt::{IrqGuard, Platform};

use crate::Word;
use crate::lockdep::{Class, Kind, Site};

/// The algorithm, apart from the data: tickets, of which the next to read and the next to write are served.
///
/// A reader lets the next reader in as soon as it is in itself, and the next writer when it leaves; a writer lets both in when it
/// leaves.
pub struct Turns<W> {
    next: W,
    /// The ticket that may enter to read.
    read: W,
    /// The ticket that may enter to write: how many have left.
    write: W,
}

impl<W: Word> Turns<W> {
    /// An open lock of three words with the same value.
    pub const fn from_words(next: W, read: W, write: W) -> Self {
        Turns { next, read, write }
    }

    /// Enters to read, calling `relax` while it waits.
    #[inline(always)]
    pub fn enter_to_read(&self, relax: impl Fn()) {
        let ticket = self.next.take();
        while self.read.load_acquire() != ticket {
            relax();
        }
        // Release, to hand on what the last writer did, which we have acquired.
        self.read.store_release(ticket.wrapping_add(1));
    }

    /// Leaves after reading.
    #[inline(always)]
    pub fn leave_after_reading(&self) {
        self.write.add_release();
    }

    /// Enters to write, calling `relax` while it waits; returns the ticket, with which it leaves.
    #[inline(always)]
    pub fn enter_to_write(&self, relax: impl Fn()) -> u32 {
        let ticket = self.next.take();
        while self.write.load_acquire() != ticket {
            relax();
        }
        ticket
    }

    /// Leaves after writing.
    #[inline(always)]
    pub fn leave_after_writing(&self, ticket: u32) {
        // In this order: once the next writer is in, `read` is its to change.
        self.read.store_release(ticket.wrapping_add(1));
        self.write.add_release();
    }
}

/// A `T` that many cores may read at a time, or one may write.
pub struct RwLock<T: ?Sized, P: Platform> {
    platform: PhantomData<fn() -> P>,
    turns: Turns<AtomicU32>,
    class: Class,
    value: UnsafeCell<T>,
}

// SAFETY: readers share the `T` among cores (`Sync`), writers have it one after the other (`Send`).
unsafe impl<T: ?Sized + Send + Sync, P: Platform> Sync for RwLock<T, P> {}
// SAFETY: the lock owns its `T`.
unsafe impl<T: ?Sized + Send, P: Platform> Send for RwLock<T, P> {}

impl<T, P: Platform> RwLock<T, P> {
    /// An open lock.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self::of_class(Class::here(Kind::ReadWrite), value)
    }

    /// An open lock of the class `name`, for order checking.
    #[track_caller]
    pub const fn named(name: &'static str, value: T) -> Self {
        Self::of_class(Class::named(name, Kind::ReadWrite), value)
    }

    const fn of_class(class: Class, value: T) -> Self {
        let word = AtomicU32::new;
        RwLock {
            platform: PhantomData,
            turns: Turns::from_words(word(0), word(0), word(0)),
            class,
            value: UnsafeCell::new(value),
        }
    }
}

impl<T: ?Sized, P: Platform> RwLock<T, P> {
    /// Masks IRQs, enters to read, runs `section`, and undoes both.
    #[inline(always)]
    #[track_caller]
    pub fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        let site = Site::here();
        IrqGuard::<P>::with(|_| {
            self.class.want_here::<P>(site);
            self.turns.enter_to_read(P::relax);
            self.class.got_here::<P>(site);
            let guard = Reading(self);
            section(&guard)
        })
    }

    /// Masks IRQs, enters to write, runs `section`, and undoes both.
    #[inline(always)]
    #[track_caller]
    pub fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        let site = Site::here();
        IrqGuard::<P>::with(|_| {
            self.class.want_here::<P>(site);
            let ticket = self.turns.enter_to_write(P::relax);
            self.class.got_here::<P>(site);
            let mut guard = Writing(self, ticket);
            section(&mut guard)
        })
    }

    /// The value, without locking, for whoever has the lock to itself.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

struct Reading<'l, T: ?Sized, P: Platform>(&'l RwLock<T, P>);

impl<T: ?Sized, P: Platform> Deref for Reading<'_, T, P> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: we are in to read, so nobody is in to write.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized, P: Platform> Drop for Reading<'_, T, P> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.class.left_here::<P>();
        self.0.turns.leave_after_reading();
    }
}

struct Writing<'l, T: ?Sized, P: Platform>(&'l RwLock<T, P>, u32);

impl<T: ?Sized, P: Platform> Deref for Writing<'_, T, P> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: we are in to write, so nobody else is in.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized, P: Platform> DerefMut for Writing<'_, T, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and `&mut self` excludes a second reference through this guard.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T: ?Sized, P: Platform> Drop for Writing<'_, T, P> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.class.left_here::<P>();
        self.0.turns.leave_after_writing(self.1);
    }
}
