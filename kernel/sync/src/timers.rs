//! Timers: wakers in a list of deadlines, of fixed size.
//!
//! Guarantees: no waker is woken before its deadline by [`Timers::expire`], and each at most once; a timer that is cancelled or
//! dropped wakes nobody. How late a waker is woken is how late `expire` is called, plus the wakers of
//! earlier deadlines. A sleeper that finds the list full is woken at once and looks at the clock again.

use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use preempt::Platform;

use crate::SpinLock;

/// The time, and what wakes us at a time.
pub trait Clock: 'static {
    /// Ticks now; never goes back.
    fn now() -> u64;

    /// `deadline` is now the earliest: see to it that [`Timers::expire`] is called when it comes, at once where it has
    /// come already. Called with no lock held.
    fn arm(deadline: u64);
}

/// Deadlines and who waits for them; `N`: how many there can be.
pub struct Timers<P: Platform, C: Clock, const N: usize> {
    list: SpinLock<List<N>, P>,
    clock: PhantomData<fn() -> C>,
}

/// Names a timer; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(u64);

/// There are as many timers as there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTimer;

struct Entry {
    id: u64,
    deadline: u64,
    waker: Waker,
}

struct List<const N: usize> {
    next: u64,
    entries: [Option<Entry>; N],
}

impl<const N: usize> List<N> {
    fn earliest(&self) -> Option<u64> {
        self.entries.iter().flatten().map(|e| e.deadline).min()
    }

    fn find(&mut self, id: TimerId) -> Option<&mut Option<Entry>> {
        self.entries
            .iter_mut()
            .find(|slot| slot.as_ref().is_some_and(|entry| entry.id == id.0))
    }

    /// The new timer, and whether it is now the earliest.
    fn insert(&mut self, deadline: u64, waker: Waker) -> Option<(TimerId, bool)> {
        let first = self.earliest().is_none_or(|earliest| deadline < earliest);
        let slot = self.entries.iter_mut().find(|slot| slot.is_none())?;
        let id = self.next;
        self.next = id.wrapping_add(1);
        *slot = Some(Entry {
            id,
            deadline,
            waker,
        });
        Some((TimerId(id), first))
    }

    /// Takes out the earliest of those that are due and older than `limit`.
    fn take_due(&mut self, now: u64, limit: u64) -> Option<Entry> {
        let due = |slot: &&mut Option<Entry>| {
            slot.as_ref()
                .is_some_and(|entry| entry.deadline <= now && entry.id < limit)
        };
        let key = |slot: &&mut Option<Entry>| slot.as_ref().map(|entry| (entry.deadline, entry.id));
        let earliest = self.entries.iter_mut().filter(due).min_by_key(key);
        earliest.and_then(Option::take)
    }
}

impl<P: Platform, C: Clock, const N: usize> Timers<P, C, N> {
    /// No timers.
    #[track_caller]
    pub const fn new() -> Self {
        Timers {
            list: SpinLock::new(List {
                next: 0,
                entries: [const { None }; N],
            }),
            clock: PhantomData,
        }
    }

    /// Wakes `waker` at `deadline`.
    ///
    /// # Errors
    ///
    /// [`NoTimer`] when the list is full.
    pub fn set(&self, deadline: u64, waker: &Waker) -> Result<TimerId, NoTimer> {
        let inserted = self.list.with(|list| list.insert(deadline, waker.clone()));
        let (id, first) = inserted.ok_or(NoTimer)?;
        if first {
            C::arm(deadline);
        }
        Ok(id)
    }

    /// Takes the timer out; says whether it was still to come.
    pub fn cancel(&self, id: TimerId) -> bool {
        let entry = self.list.with(|list| list.find(id).and_then(Option::take));
        entry.is_some()
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<u64> {
        self.list.with(|list| list.earliest())
    }

    /// Wakes whoever's deadline is not after `now`, the earliest first; returns how many. Timers set meanwhile are
    /// left to the next call, so it ends. The caller then arms the hardware for [`next_deadline`](Self::next_deadline).
    pub fn expire(&self, now: u64) -> usize {
        let limit = self.list.with(|list| list.next);
        let mut woken = 0_usize;
        while let Some(entry) = self.list.with(|list| list.take_due(now, limit)) {
            entry.waker.wake();
            woken = woken.saturating_add(1);
        }
        woken
    }

    /// Sleeps until `deadline`.
    pub fn sleep_until(&self, deadline: u64) -> Sleep<'_, P, C, N> {
        Sleep {
            timers: self,
            deadline,
            timer: None,
        }
    }

    /// Renews the waker of a timer that is still to come; says whether it is.
    fn renew(&self, id: TimerId, waker: &Waker) -> bool {
        self.list.with(|list| match list.find(id) {
            Some(Some(entry)) => {
                entry.waker.clone_from(waker);
                true
            }
            _ => false,
        })
    }
}

impl<P: Platform, C: Clock, const N: usize> Default for Timers<P, C, N> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Sleeping until a deadline.
#[must_use = "nothing sleeps until it is awaited"]
pub struct Sleep<'t, P: Platform, C: Clock, const N: usize> {
    timers: &'t Timers<P, C, N>,
    deadline: u64,
    timer: Option<TimerId>,
}

impl<P: Platform, C: Clock, const N: usize> Sleep<'_, P, C, N> {
    fn cancel(&mut self) {
        if let Some(id) = self.timer.take() {
            self.timers.cancel(id);
        }
    }
}

impl<P: Platform, C: Clock, const N: usize> Future for Sleep<'_, P, C, N> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if C::now() >= self.deadline {
            self.cancel();
            return Poll::Ready(());
        }
        let renewed = self
            .timer
            .is_some_and(|id| self.timers.renew(id, cx.waker()));
        if !renewed {
            self.timer = self.timers.set(self.deadline, cx.waker()).ok();
        }
        if self.timer.is_none() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<P: Platform, C: Clock, const N: usize> Drop for Sleep<'_, P, C, N> {
    fn drop(&mut self) {
        self.cancel();
    }
}
