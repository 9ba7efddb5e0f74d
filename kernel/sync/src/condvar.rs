//! The condition variable: waits, having let go of a mutex, until somebody says that what it protects has changed.
//!
//! Guarantees: a notification that comes after the mutex was let go is not missed; one that was given to a waiter
//! which is dropped before it has the mutex again goes to the next. Waking without a notification happens (when
//! more wait than there are places for): [`wait_while`](Condvar::wait_while) looks again by itself.
//!
//! For threads of the hypervisor. An operation of a guest cannot hold a mutex across an `await`; it waits at a
//! [`WaitQueue`](crate::WaitQueue).

use core::future::poll_fn;
use core::task::Poll;

use preempt::Platform;

use crate::waiters::{Gate, Place};
use crate::{Boost, MutexGuard};

/// A condition variable; `N`: how many can wait in order.
pub struct Condvar<P: Platform, const N: usize = 8>(Gate<(), P, N>);

/// A place in the queue; left when dropped, passing on what it had received.
struct Waiting<'c, P: Platform, const N: usize>(&'c Gate<(), P, N>, Place);

impl<P: Platform, const N: usize> Drop for Waiting<'_, P, N> {
    fn drop(&mut self) {
        self.0.leave_and_pass_on(&mut self.1);
    }
}

impl<P: Platform, const N: usize> Condvar<P, N> {
    /// Nobody waits.
    #[track_caller]
    pub const fn new() -> Self {
        Condvar(Gate::new(()))
    }

    /// Lets go of the mutex, waits for a notification, and takes the mutex again.
    pub async fn wait<'m, T: ?Sized, B: Boost, const M: usize>(
        &self,
        guard: MutexGuard<'m, T, P, B, M>,
    ) -> MutexGuard<'m, T, P, B, M> {
        let mutex = guard.mutex();
        let mut guard = Some(guard);
        let mut waiting = Waiting(&self.0, None);
        poll_fn(|cx| {
            if guard.is_none() && waiting.0.with(|inside| inside.waiters.woken(waiting.1)) {
                return Poll::Ready(());
            }
            let queued = waiting.0.enlist(&mut waiting.1, cx);
            // In the queue first: who notifies after this finds us.
            guard = None;
            if queued {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        let guard = mutex.lock().await;
        // The notification is ours now.
        waiting.0.leave(&mut waiting.1);
        guard
    }

    /// Waits as long as `condition` holds of what the mutex protects.
    pub async fn wait_while<'m, T: ?Sized, B: Boost, const M: usize>(
        &self,
        mut guard: MutexGuard<'m, T, P, B, M>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'m, T, P, B, M> {
        while condition(&mut guard) {
            guard = self.wait(guard).await;
        }
        guard
    }

    /// Wakes the one who has waited longest; says whether anybody did.
    pub fn notify_one(&self) -> bool {
        self.0.wake_one()
    }

    /// Wakes everybody who waits now.
    pub fn notify_all(&self) {
        self.0.wake_all();
    }
}

impl<P: Platform, const N: usize> Default for Condvar<P, N> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}
