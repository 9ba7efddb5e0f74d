//! Those who wait for something: their wakers, in a table of fixed size and in the order of their coming.
//!
//! Guarantees: a waiter that has been given a place is woken at most once between two of its polls; who leaves
//! takes the waker along, so nothing is woken that has gone; waking goes in the order of coming, one waker for
//! each short section, and the waker runs outside it.
//!
//! When the table is full, a newcomer is woken at once: it polls again, and goes on doing so until the thing has
//! happened or a place is free. It loses its turn, never its progress.

use core::task::{Context, Poll, Waker};

use preempt::Platform;

use crate::SpinLock;

/// A waiter's place: `None` before it has one.
pub(crate) type Place = Option<u64>;

struct Waiter {
    order: u64,
    who: u32,
    /// `None`: woken, and has not polled since.
    waker: Option<Waker>,
}

/// The table.
pub(crate) struct Waiters<const N: usize> {
    next: u64,
    /// How many of those below are to be woken.
    asleep: usize,
    slots: [Option<Waiter>; N],
}

impl<const N: usize> Waiters<N> {
    pub(crate) const fn new() -> Self {
        Waiters {
            next: 0,
            asleep: 0,
            slots: [const { None }; N],
        }
    }

    fn find(&mut self, place: Place) -> Option<&mut Option<Waiter>> {
        let order = place?;
        let mine = |slot: &&mut Option<Waiter>| slot.as_ref().is_some_and(|w| w.order == order);
        self.slots.iter_mut().find(mine)
    }

    /// Takes a place, or renews the waker at the one that `place` names; says whether there is one.
    pub(crate) fn enlist(&mut self, place: &mut Place, who: u32, waker: &Waker) -> bool {
        if let Some(Some(waiter)) = self.find(*place) {
            waiter.who = who;
            match &mut waiter.waker {
                Some(old) => old.clone_from(waker),
                none => {
                    *none = Some(waker.clone());
                    self.asleep = self.asleep.wrapping_add(1);
                }
            }
            return true;
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_none()) else {
            return false;
        };
        let order = self.next;
        // 2^64 waits do not happen.
        self.next = order.wrapping_add(1);
        *place = Some(order);
        *slot = Some(Waiter {
            order,
            who,
            waker: Some(waker.clone()),
        });
        self.asleep = self.asleep.wrapping_add(1);
        true
    }

    /// Gives the place up; says whether its holder had been woken since it last polled.
    pub(crate) fn leave(&mut self, place: &mut Place) -> bool {
        let left = self.find(*place).and_then(Option::take);
        *place = None;
        if left.as_ref().is_some_and(|waiter| waiter.waker.is_some()) {
            self.asleep = self.asleep.wrapping_sub(1);
        }
        left.is_some_and(|waiter| waiter.waker.is_none())
    }

    /// Whether the holder of `place` has been woken since it last polled.
    pub(crate) fn woken(&mut self, place: Place) -> bool {
        matches!(self.find(place), Some(Some(waiter)) if waiter.waker.is_none())
    }

    /// The waker of the first who came at `from` or later, before `limit`, and has not been woken.
    fn take(&mut self, from: u64, limit: u64) -> Option<(u64, Waker)> {
        // Mostly it was the only one, or nobody waits at all.
        if self.asleep == 0 {
            return None;
        }
        let waiting = self.slots.iter_mut().flatten();
        let first = waiting
            .filter(|w| w.waker.is_some() && (from..limit).contains(&w.order))
            .min_by_key(|w| w.order)?;
        let order = first.order;
        let waker = first.waker.take()?;
        self.asleep = self.asleep.wrapping_sub(1);
        Some((order, waker))
    }

    /// Who waits, in no order.
    pub(crate) fn who(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().flatten().map(|waiter| waiter.who)
    }
}

/// A state `S` under a spin lock, and those who wait for it to change.
pub(crate) struct Gate<S, P: Platform, const N: usize>(SpinLock<Inside<S, N>, P>);

/// What a [`Gate`]'s lock protects.
pub(crate) struct Inside<S, const N: usize> {
    pub(crate) state: S,
    pub(crate) waiters: Waiters<N>,
}

impl<S, P: Platform, const N: usize> Gate<S, P, N> {
    #[track_caller]
    pub(crate) const fn new(state: S) -> Self {
        Gate(SpinLock::new(Inside {
            state,
            waiters: Waiters::new(),
        }))
    }

    /// One short section.
    #[inline]
    pub(crate) fn with<R>(&self, section: impl FnOnce(&mut Inside<S, N>) -> R) -> R {
        self.0.with(section)
    }

    /// Ready with what `attempt` makes of the state; waits at `place` while that is nothing.
    pub(crate) fn poll<R>(
        &self,
        place: &mut Place,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(&mut S) -> Option<R>,
    ) -> Poll<R> {
        let (result, queued) = self.with(|inside| match attempt(&mut inside.state) {
            Some(result) => {
                inside.waiters.leave(place);
                (Poll::Ready(result), true)
            }
            None => (Poll::Pending, inside.waiters.enlist(place, 0, cx.waker())),
        });
        if !queued {
            cx.waker().wake_by_ref();
        }
        result
    }

    /// Waits at `place`, whatever the state is.
    pub(crate) fn enlist(&self, place: &mut Place, cx: &mut Context<'_>) -> bool {
        let queued = self.with(|inside| inside.waiters.enlist(place, 0, cx.waker()));
        if !queued {
            cx.waker().wake_by_ref();
        }
        queued
    }

    /// Gives the place up; says whether its holder had been woken since it last polled.
    pub(crate) fn leave(&self, place: &mut Place) -> bool {
        place.is_some() && self.with(|inside| inside.waiters.leave(place))
    }

    /// Gives the place up, and a wake-up that it had received to the next who waits.
    pub(crate) fn leave_and_pass_on(&self, place: &mut Place) {
        if self.leave(place) {
            self.wake_one();
        }
    }

    /// Wakes the first who waits and has not been woken; says whether there was one.
    pub(crate) fn wake_one(&self) -> bool {
        let first = self.with(|inside| inside.waiters.take(0, u64::MAX));
        let Some((_, waker)) = first else {
            return false;
        };
        waker.wake();
        true
    }

    /// Wakes everybody who waits now, in the order of their coming. Bounded by the size of the table.
    pub(crate) fn wake_all(&self) {
        let (limit, nobody) = self.with(|inside| (inside.waiters.next, inside.waiters.asleep == 0));
        if nobody {
            return;
        }
        let mut from = 0;
        // A section for each: wakers run outside, and IRQs get their turn in between.
        while let Some((order, waker)) = self.with(|inside| inside.waiters.take(from, limit)) {
            waker.wake();
            from = order.wrapping_add(1);
        }
    }
}
