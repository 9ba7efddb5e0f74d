//! What an operation is given: where it can pause, and how it learns that it should end.
//!
//! Every pause borrows the context mutably, and so does a lock for as long as it is held: a pause under a lock does not
//! compile. Neither does one inside an atomic section, since sections are closures and not `async`.

use core::future::poll_fn;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::pin::pin;
use core::task::Poll;

use preempt::Pause;

use crate::{Control, Driver, Why};

/// The operation is to end: its VM is being reset or destroyed. Hand it on with `?`; what drops on the way undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// The context of one operation or task. There is one for each, which moves into its future.
#[derive(Debug)]
pub struct Cx<D> {
    control: &'static Control,
    /// Units of work since the last checkpoint.
    units: u32,
    _driver: PhantomData<fn() -> D>,
}

impl<D: Driver> Cx<D> {
    pub(crate) fn new(control: &'static Control) -> Self {
        Self {
            control,
            units: 0,
            _driver: PhantomData,
        }
    }

    /// Whether the next pause returns [`Cancelled`].
    pub fn cancelled(&self) -> bool {
        self.control.cancelled()
    }

    /// The outside of this work: owner, time since it was entered.
    pub fn control(&self) -> &'static Control {
        self.control
    }

    /// A place where the operation may leave its caller: everything it holds is its own, and its progress is in its
    /// locals or in what it works on. Asks the driver now.
    ///
    /// # Errors
    ///
    /// [`Cancelled`]: see there.
    pub async fn checkpoint(&mut self) -> Result<(), Cancelled> {
        self.units = 0;
        self.go_on()?;
        if D::pause(self.control) != Pause::GoOn {
            let mut left = false;
            poll_fn(|_| {
                if left {
                    return Poll::Ready(());
                }
                left = true;
                self.control.set_why(Why::Checkpoint);
                Poll::Pending
            })
            .await;
            self.go_on()?;
        }
        Ok(())
    }

    /// Counts `units` of work; a [`checkpoint`](Self::checkpoint) after each [`Driver::INTERVAL`] of them. A unit is what the
    /// operation can do in about a microsecond (a page's entry, a few cache lines): the longest stretch that interrupts of the
    /// caller wait is `INTERVAL` such units.
    ///
    /// # Errors
    ///
    /// [`Cancelled`]: see there.
    pub async fn work(&mut self, units: u32) -> Result<(), Cancelled> {
        self.units = self.units.saturating_add(units);
        if self.units >= D::INTERVAL {
            self.checkpoint().await?;
        }
        Ok(())
    }

    /// Waits for something that somebody else does. Not for locks: a lock that was handed to a waiter which its guest
    /// never resumes would be held for ever.
    ///
    /// # Errors
    ///
    /// [`Cancelled`]: see there; `future` is dropped.
    pub async fn wait<F: Future>(&mut self, future: F) -> Result<F::Output, Cancelled> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if self.control.cancelled() {
                return Poll::Ready(Err(Cancelled));
            }
            let result = future.as_mut().poll(context);
            if result.is_pending() {
                self.pending();
            }
            result.map(Ok)
        })
        .await
    }

    /// Takes a lock that sleeps, as `attempt` begins to (`|| mutex.lock(…)`), and keeps this context borrowed for as long as it
    /// is held, so that nobody returns to a guest holding it.
    ///
    /// Where the operation leaves, the attempt is dropped and later begun anew, at the queue's end: what is queued may be
    /// handed the lock, and an operation that its guest never resumes must not be.
    ///
    /// # Errors
    ///
    /// [`Cancelled`]: see there; the lock is not held.
    pub async fn lock<F: Future>(
        &mut self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Held<'_, F::Output>, Cancelled> {
        let mut queued = pin!(None);
        let guard = poll_fn(|context| {
            if self.control.cancelled() {
                return Poll::Ready(Err(Cancelled));
            }
            if queued.is_none() {
                queued.set(Some(attempt()));
            }
            if let Some(future) = queued.as_mut().as_pin_mut()
                && let Poll::Ready(guard) = future.poll(context)
            {
                return Poll::Ready(Ok(guard));
            }
            if self.pending().leaves() {
                queued.set(None);
            }
            Poll::Pending
        })
        .await?;
        Ok(Held {
            guard,
            _context: PhantomData,
        })
    }

    /// Notes why the poll ends, as the driver wants it.
    fn pending(&self) -> Why {
        let why = match D::contended(self.control) {
            Pause::Leave => Why::Contended,
            Pause::GoOn | Pause::Block => Why::Blocked,
        };
        self.control.set_why(why);
        why
    }

    fn go_on(&self) -> Result<(), Cancelled> {
        if self.control.cancelled() {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }
}

/// A lock's guard, and the context borrowed with it: no pause until it is dropped.
#[derive(Debug)]
pub struct Held<'a, G> {
    guard: G,
    _context: PhantomData<&'a mut ()>,
}

impl<G: Deref> Deref for Held<'_, G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Held<'_, G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}
