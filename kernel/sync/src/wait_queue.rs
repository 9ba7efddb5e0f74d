//! The wait queue: waits until something holds that others change and then announce.
//!
//! Guarantees: a change that is announced after it was made is not missed, however the two sides interleave (a waiter
//! takes its place, then looks again); a dropped waiter passes a wake-up meant for one on to the next.
//! It does not order what it wakes beyond the order of coming, and it does not protect what is waited for.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use preempt::Platform;

use crate::timers::{Clock, Sleep, Timers};
use crate::waiters::{Gate, Place};

/// Those who wait for a predicate; `N`: how many can wait in order.
pub struct WaitQueue<P: Platform, const N: usize = 8>(Gate<(), P, N>);

/// The deadline came before what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl<P: Platform, const N: usize> WaitQueue<P, N> {
    /// Nobody waits.
    #[track_caller]
    pub const fn new() -> Self {
        WaitQueue(Gate::new(()))
    }

    /// Waits until `predicate` gives something. It is asked at each poll, with IRQs as the caller has them and no
    /// lock of the queue held; it may take spin locks.
    pub fn wait<R, F: FnMut() -> Option<R>>(&self, predicate: F) -> Wait<'_, F, P, N> {
        Wait {
            queue: &self.0,
            predicate,
            place: None,
        }
    }

    /// Waits until `predicate` gives something, or until `deadline` (in the ticks of the clock `C`).
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when the deadline has passed and the predicate, asked once more, gives nothing.
    pub fn wait_until<'q, R, F, C, const M: usize>(
        &'q self,
        timers: &'q Timers<P, C, M>,
        deadline: u64,
        predicate: F,
    ) -> WaitUntil<'q, F, P, C, N, M>
    where
        F: FnMut() -> Option<R>,
        C: Clock,
    {
        WaitUntil {
            wait: self.wait(predicate),
            sleep: timers.sleep_until(deadline),
        }
    }

    /// Announces a change to the one who has waited longest; says whether anybody did. Only where all wait for the same
    /// and one can use up what there is; and where those who wait do come back, which a guest need not.
    pub fn wake_one(&self) -> bool {
        self.0.wake_one()
    }

    /// Announces a change to everybody who waits now.
    pub fn wake_all(&self) {
        self.0.wake_all();
    }
}

impl<P: Platform, const N: usize> Default for WaitQueue<P, N> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Waiting for a predicate.
#[must_use = "nothing waits until it is awaited"]
pub struct Wait<'q, F, P: Platform, const N: usize> {
    queue: &'q Gate<(), P, N>,
    predicate: F,
    place: Place,
}

// The predicate is called, never pinned.
impl<F, P: Platform, const N: usize> Unpin for Wait<'_, F, P, N> {}

impl<R, F: FnMut() -> Option<R>, P: Platform, const N: usize> Future for Wait<'_, F, P, N> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        let mut found = (this.predicate)();
        if found.is_none() {
            this.queue.enlist(&mut this.place, cx);
            // Changed before we had our place? Whoever changes it from here on finds us.
            found = (this.predicate)();
        }
        match found {
            Some(result) => {
                // A wake-up that we had received was for this.
                this.queue.leave(&mut this.place);
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

impl<F, P: Platform, const N: usize> Drop for Wait<'_, F, P, N> {
    fn drop(&mut self) {
        self.queue.leave_and_pass_on(&mut self.place);
    }
}

/// Waiting for a predicate or a deadline.
#[must_use = "nothing waits until it is awaited"]
pub struct WaitUntil<'q, F, P: Platform, C: Clock, const N: usize, const M: usize> {
    wait: Wait<'q, F, P, N>,
    sleep: Sleep<'q, P, C, M>,
}

impl<R, F, P, C, const N: usize, const M: usize> Future for WaitUntil<'_, F, P, C, N, M>
where
    F: FnMut() -> Option<R>,
    P: Platform,
    C: Clock,
{
    type Output = Result<R, TimedOut>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The clock first, so that the predicate is asked once more after the deadline.
        let late = Pin::new(&mut self.sleep).poll(cx).is_ready();
        match Pin::new(&mut self.wait).poll(cx) {
            Poll::Ready(result) => Poll::Ready(Ok(result)),
            Poll::Pending if late => Poll::Ready(Err(TimedOut)),
            Poll::Pending => Poll::Pending,
        }
    }
}
