//! The spin lock: data that one core at a time may use, with its IRQs masked.

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::AtomicU32;

use preempt::{IrqGuard, Platform};

use crate::Ticket;
use crate::lockdep::{Class, Kind, Site};

/// A `T` under a fair spin lock.
///
/// It is taken only by a caller that proves that IRQs are masked: with [`with`](Self::with), which masks them
/// itself, or with [`lock`](Self::lock) inside an [`IrqGuard`] section, where several locks may be held and
/// released in any order. Taking a lock that this core holds already never returns.
///
/// ```
/// # use preempt::{IrqGuard, Platform};
/// # use sync::SpinLock;
/// fn add<P: Platform>(lock: &SpinLock<u32, P>) -> u32 {
///     IrqGuard::<P>::with(|irq| {
///         let mut value = lock.lock(irq);
///         *value += 1;
///         *value
///     })
/// }
/// ```
///
/// The right to the value does not leave the section:
///
/// ```compile_fail
/// # use preempt::{IrqGuard, Platform};
/// # use sync::SpinLock;
/// fn add<P: Platform>(lock: &SpinLock<u32, P>) -> u32 {
///     let mut value = IrqGuard::<P>::with(|irq| lock.lock(irq));
///     *value += 1;
///     *value
/// }
/// ```
pub struct SpinLock<T: ?Sized, P: Platform> {
    platform: PhantomData<fn() -> P>,
    ticket: Ticket<AtomicU32>,
    class: Class,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives `&mut T` to one core at a time, which is as if the `T` were sent from one to the next.
unsafe impl<T: ?Sized + Send, P: Platform> Sync for SpinLock<T, P> {}
// SAFETY: the lock owns its `T`; the platform is a name, not a value.
unsafe impl<T: ?Sized + Send, P: Platform> Send for SpinLock<T, P> {}

impl<T, P: Platform> SpinLock<T, P> {
    /// An open lock. Those made at the same place in the source are of one class for order checking.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self::of_class(Class::here(Kind::Spin), value)
    }

    /// An open lock of the class `name`: a report names it so, and locks of one name are ordered as one.
    #[track_caller]
    pub const fn named(name: &'static str, value: T) -> Self {
        Self::of_class(Class::named(name, Kind::Spin), value)
    }

    const fn of_class(class: Class, value: T) -> Self {
        SpinLock {
            platform: PhantomData,
            ticket: Ticket::new(),
            class,
            value: UnsafeCell::new(value),
        }
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, P: Platform> SpinLock<T, P> {
    /// Masks IRQs, takes the lock, runs `section`, and undoes both.
    #[inline(always)]
    #[track_caller]
    pub fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        let site = Site::here();
        IrqGuard::<P>::with(|irq| section(&mut self.lock_at(irq, site)))
    }

    /// Takes the lock for as long as the guard lives.
    #[inline(always)]
    #[track_caller]
    pub fn lock<'g>(&'g self, irq: &'g IrqGuard<P>) -> SpinGuard<'g, T, P> {
        self.lock_at(irq, Site::here())
    }

    #[inline(always)]
    fn lock_at<'g>(&'g self, irq: &'g IrqGuard<P>, site: Site) -> SpinGuard<'g, T, P> {
        self.class.want_here::<P>(site);
        let ticket = self.ticket.acquire(P::relax);
        self.class.got_here::<P>(site);
        SpinGuard {
            lock: self,
            ticket,
            _irq: irq,
        }
    }

    /// Takes the lock if that needs no waiting.
    #[inline(always)]
    #[track_caller]
    pub fn try_lock<'g>(&'g self, irq: &'g IrqGuard<P>) -> Option<SpinGuard<'g, T, P>> {
        let ticket = self.ticket.try_acquire()?;
        self.class.got_here::<P>(Site::here());
        Some(SpinGuard {
            lock: self,
            ticket,
            _irq: irq,
        })
    }

    /// The value, without locking, for whoever has the lock to itself.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Whether somebody held it a moment ago; for reports, never for decisions.
    pub fn is_locked(&self) -> bool {
        self.ticket.is_taken()
    }
}

impl<T: ?Sized, P: Platform> fmt::Debug for SpinLock<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinLock")
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// The right to use what a [`SpinLock`] protects; gives it back when dropped. Borrows the proof that IRQs
/// are masked, so it cannot outlive that section, and is `!Send`.
pub struct SpinGuard<'g, T: ?Sized, P: Platform> {
    lock: &'g SpinLock<T, P>,
    ticket: u32,
    _irq: &'g IrqGuard<P>,
}

impl<T: ?Sized, P: Platform> Deref for SpinGuard<'_, T, P> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: we hold the ticket being served, so no one else has a reference to the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized, P: Platform> DerefMut for SpinGuard<'_, T, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and `&mut self` excludes a second reference through this guard.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized, P: Platform> Drop for SpinGuard<'_, T, P> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.class.left_here::<P>();
        self.lock.ticket.release(self.ticket);
    }
}
