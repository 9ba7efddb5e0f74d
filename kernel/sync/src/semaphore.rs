//! The counting semaphore: so many may go on at a time.
//!
//! Guarantees that never more permits are out than were given in. A release wakes everybody who waits and the
//! first to poll gets the permit, for the reason given in `mutex.rs`: a guest that does not come back for
//! its wake-up must not keep the others waiting. Nobody inherits anything: a permit has no holder.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use preempt::Platform;

use crate::waiters::{Gate, Place};

/// A number of permits; `N`: how many can wait in order.
pub struct Semaphore<P: Platform, const N: usize = 8>(Gate<usize, P, N>);

impl<P: Platform, const N: usize> Semaphore<P, N> {
    /// A semaphore with `permits` to give.
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        Semaphore(Gate::new(permits))
    }

    /// Waits for a permit.
    pub fn acquire(&self) -> Acquire<'_, P, N> {
        Acquire {
            semaphore: self,
            place: None,
        }
    }

    /// A permit, if there is one now.
    pub fn try_acquire(&self) -> Option<Permit<'_, P, N>> {
        let got = self.0.with(|inside| take(&mut inside.state));
        got.map(|()| Permit { semaphore: self })
    }

    /// Adds `permits`, at most up to `usize::MAX`, which is more than anybody counts.
    pub fn release(&self, permits: usize) {
        self.0
            .with(|inside| inside.state = inside.state.saturating_add(permits));
        self.0.wake_all();
    }

    /// How many there were to give a moment ago.
    pub fn available(&self) -> usize {
        self.0.with(|inside| inside.state)
    }
}

fn take(permits: &mut usize) -> Option<()> {
    *permits = permits.checked_sub(1)?;
    Some(())
}

/// Waiting for a permit.
#[must_use = "nothing waits until it is awaited"]
pub struct Acquire<'s, P: Platform, const N: usize> {
    semaphore: &'s Semaphore<P, N>,
    place: Place,
}

impl<'s, P: Platform, const N: usize> Future for Acquire<'s, P, N> {
    type Output = Permit<'s, P, N>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore;
        let got = semaphore.0.poll(&mut self.place, cx, take);
        got.map(|()| Permit { semaphore })
    }
}

impl<P: Platform, const N: usize> Drop for Acquire<'_, P, N> {
    fn drop(&mut self) {
        self.semaphore.0.leave(&mut self.place);
    }
}

/// One permit; given back when dropped.
#[must_use = "dropping it gives the permit back"]
pub struct Permit<'s, P: Platform, const N: usize = 8> {
    semaphore: &'s Semaphore<P, N>,
}

impl<P: Platform, const N: usize> Permit<'_, P, N> {
    /// Uses it up: it is not given back.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl<P: Platform, const N: usize> Drop for Permit<'_, P, N> {
    fn drop(&mut self) {
        self.semaphore.release(1);
    }
}
