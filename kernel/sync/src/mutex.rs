//! The sleeping mutex: data that one operation at a time may use, for longer than a spin lock may be held.
//!
//! Guarantees mutual exclusion; that the holder inherits the urgency of those who wait ([`Boost`]); that a release wakes
//! everybody who waits, in the order of their coming. It does *not* hand the lock over: the first who polls gets it.
//! A waiter may be the suspended operation of a guest that never continues it; were the lock given to that one,
//! or the only wake-up, everybody else would wait for that guest.
//!
//! Operations of guests take it through `continuation::Cx::lock`, which ties the guard to the borrowed context,
//! so that a checkpoint under the lock does not compile. A thread of the hypervisor may hold it across an `await`.
//!
//! What it does not do: follow chains (the holder of a lock that waits for another one lends nothing onwards), find
//! deadlocks (feature `lockdep` reports them before they happen), or tell of a holder that panicked.

use core::cell::UnsafeCell;
use core::fmt;
use core::future::Future;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::task::{Context, Poll};

use preempt::Platform;

use crate::lockdep::{Class, Kind, Site};
use crate::waiters::{Gate, Inside, Place};
use crate::{Boost, NoBoost};

/// A `T` under a lock for which one can sleep; `N`: how many can wait in order (more make progress without order).
pub struct Mutex<T: ?Sized, P: Platform, B: Boost = NoBoost, const N: usize = 8> {
    gate: Gate<State<B>, P, N>,
    class: Class,
    value: UnsafeCell<T>,
}

struct State<B> {
    holder: Option<u32>,
    /// Somebody has lent the holder their urgency, so the release has to take it back.
    boosted: bool,
    boost: core::marker::PhantomData<fn() -> B>,
}

// SAFETY: the lock gives `&mut T` to one holder at a time, which is as if the `T` were sent from one to the next.
unsafe impl<T: ?Sized + Send, P: Platform, B: Boost, const N: usize> Sync for Mutex<T, P, B, N> {}
// SAFETY: the lock owns its `T`.
unsafe impl<T: ?Sized + Send, P: Platform, B: Boost, const N: usize> Send for Mutex<T, P, B, N> {}

impl<B: Boost> State<B> {
    /// `holder`, if there is one, inherits from everybody in `waiters`.
    fn lend(&mut self, waiters: impl Iterator<Item = u32>) {
        let Some(holder) = self.holder else { return };
        for waiter in waiters {
            if waiter != holder {
                B::inherit(holder, waiter);
                self.boosted = true;
            }
        }
    }

    fn take_back(&mut self) {
        if let (Some(holder), true) = (self.holder, self.boosted) {
            B::restore(holder);
        }
        self.boosted = false;
    }
}

impl<T, P: Platform, B: Boost, const N: usize> Mutex<T, P, B, N> {
    /// An open lock, for order checking of a class of its own.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self::of_class(Class::here(Kind::Mutex), value)
    }

    /// An open lock of the class `name`: a report names it so, and locks of one name are ordered as one.
    #[track_caller]
    pub const fn named(name: &'static str, value: T) -> Self {
        Self::of_class(Class::named(name, Kind::Mutex), value)
    }

    #[track_caller]
    const fn of_class(class: Class, value: T) -> Self {
        let state = State {
            holder: None,
            boosted: false,
            boost: core::marker::PhantomData,
        };
        Mutex {
            gate: Gate::new(state),
            class,
            value: UnsafeCell::new(value),
        }
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, P: Platform, B: Boost, const N: usize> Mutex<T, P, B, N> {
    /// Waits for the lock.
    #[track_caller]
    pub fn lock(&self) -> Lock<'_, T, P, B, N> {
        Lock {
            mutex: self,
            place: None,
            site: Site::here(),
            asked: false,
        }
    }

    /// Takes the lock if nobody has it.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T, P, B, N>> {
        let me = B::current();
        let taken = self.gate.with(|inside| Self::take(inside, me));
        taken.then(|| {
            self.class.got::<P>(me, Site::here());
            MutexGuard { mutex: self }
        })
    }

    /// The value, without locking, for whoever has the lock to itself.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Whether somebody held it a moment ago; for reports, never for decisions.
    pub fn is_locked(&self) -> bool {
        self.gate.with(|inside| inside.state.holder.is_some())
    }

    fn take(inside: &mut Inside<State<B>, N>, me: u32) -> bool {
        let free = inside.state.holder.is_none();
        if free {
            inside.state.holder = Some(me);
            // Whoever still waits now waits for us.
            inside.state.lend(inside.waiters.who());
        }
        free
    }

    fn release(&self) {
        let holder = self.gate.with(|inside| {
            inside.state.take_back();
            inside.state.holder.take()
        });
        if let Some(holder) = holder {
            self.class.left::<P>(holder);
        }
        self.gate.wake_all();
    }
}

impl<T: ?Sized, P: Platform, B: Boost, const N: usize> fmt::Debug for Mutex<T, P, B, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// Waiting for a [`Mutex`]. Dropping it ends the wait, and with it what the holder has inherited from it.
#[must_use = "nothing waits until it is awaited"]
pub struct Lock<'m, T: ?Sized, P: Platform, B: Boost, const N: usize> {
    mutex: &'m Mutex<T, P, B, N>,
    place: Place,
    site: Site,
    asked: bool,
}

impl<'m, T: ?Sized, P: Platform, B: Boost, const N: usize> Future for Lock<'m, T, P, B, N> {
    type Output = MutexGuard<'m, T, P, B, N>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = B::current();
        let this = &mut *self;
        let mutex = this.mutex;
        if !this.asked {
            this.asked = true;
            mutex.class.want::<P>(me, this.site);
        }
        let place = &mut this.place;
        let (taken, queued) = mutex.gate.with(|inside| {
            if inside.state.holder.is_none() {
                inside.waiters.leave(place);
                return (Mutex::<T, P, B, N>::take(inside, me), true);
            }
            let queued = inside.waiters.enlist(place, me, cx.waker());
            inside.state.lend(core::iter::once(me));
            (false, queued)
        });
        if taken {
            mutex.class.got::<P>(me, this.site);
            return Poll::Ready(MutexGuard { mutex });
        }
        if !queued {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<T: ?Sized, P: Platform, B: Boost, const N: usize> Drop for Lock<'_, T, P, B, N> {
    fn drop(&mut self) {
        if self.place.is_none() {
            return;
        }
        // No wake-up to pass on: a release wakes all.
        self.mutex.gate.with(|inside| {
            inside.waiters.leave(&mut self.place);
            inside.state.take_back();
            inside.state.lend(inside.waiters.who());
        });
    }
}

/// The right to use what a [`Mutex`] protects; gives it back when dropped.
#[must_use = "dropping it gives the lock back"]
pub struct MutexGuard<'m, T: ?Sized, P: Platform, B: Boost = NoBoost, const N: usize = 8> {
    mutex: &'m Mutex<T, P, B, N>,
}

// SAFETY: through a shared guard one gets a `&T` only.
unsafe impl<T: ?Sized + Sync, P: Platform, B: Boost, const N: usize> Sync
    for MutexGuard<'_, T, P, B, N>
{
}

impl<'m, T: ?Sized, P: Platform, B: Boost, const N: usize> MutexGuard<'m, T, P, B, N> {
    /// The lock that this is a guard of.
    pub(crate) fn mutex(&self) -> &'m Mutex<T, P, B, N> {
        self.mutex
    }
}

impl<T: ?Sized, P: Platform, B: Boost, const N: usize> Deref for MutexGuard<'_, T, P, B, N> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: we are the holder, so no one else has a reference to the value.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized, P: Platform, B: Boost, const N: usize> DerefMut for MutexGuard<'_, T, P, B, N> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and `&mut self` excludes a second reference through this guard.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized, P: Platform, B: Boost, const N: usize> Drop for MutexGuard<'_, T, P, B, N> {
    fn drop(&mut self) {
        self.mutex.release();
    }
}
