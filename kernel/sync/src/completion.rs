//! The completion: something happens once, and everybody who waits for it goes on.
//!
//! Guarantees: whoever waits after it has happened goes on at once, and what was done before `complete` is seen
//! by whoever has waited. It carries no value.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use preempt::Platform;

use crate::waiters::{Gate, Place};

/// Something that happens once; `N`: how many can wait in order.
pub struct Completion<P: Platform, const N: usize = 8>(Gate<bool, P, N>);

impl<P: Platform, const N: usize> Completion<P, N> {
    /// It has not happened yet.
    #[track_caller]
    pub const fn new() -> Self {
        Completion(Gate::new(false))
    }

    /// It has happened.
    pub fn complete(&self) {
        self.0.with(|inside| inside.state = true);
        self.0.wake_all();
    }

    /// It has not happened, for its next use. Who was woken by the last `complete` and has not looked yet waits on.
    pub fn reset(&self) {
        self.0.with(|inside| inside.state = false);
    }

    /// Whether it has happened.
    pub fn is_complete(&self) -> bool {
        self.0.with(|inside| inside.state)
    }

    /// Waits until it has happened.
    pub fn wait(&self) -> Completed<'_, P, N> {
        Completed {
            completion: self,
            place: None,
        }
    }
}

impl<P: Platform, const N: usize> Default for Completion<P, N> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Waiting for a [`Completion`].
#[must_use = "nothing waits until it is awaited"]
pub struct Completed<'c, P: Platform, const N: usize> {
    completion: &'c Completion<P, N>,
    place: Place,
}

impl<P: Platform, const N: usize> Future for Completed<'_, P, N> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let completion = self.completion;
        let happened = |state: &mut bool| state.then_some(());
        completion.0.poll(&mut self.place, cx, happened)
    }
}

impl<P: Platform, const N: usize> Drop for Completed<'_, P, N> {
    fn drop(&mut self) {
        self.completion.0.leave(&mut self.place);
    }
}
