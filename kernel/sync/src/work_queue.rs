//! The work queue: pieces of work handed from where they come up to a thread or task that has the time.
//!
//! Guarantees: first in, first out; each piece is taken once; nothing is dropped silently, since a full queue gives the piece
//! back. `push` may be called from an interrupt handler. Who takes the work is the caller's affair:
//! `loop { queue.next().await.run() }`.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use preempt::Platform;

use crate::waiters::{Gate, Place};

/// At most `LEN` pieces of work of the type `W`; `N`: how many can wait for work in order.
pub struct WorkQueue<W, P: Platform, const LEN: usize, const N: usize = 4>(
    Gate<Ring<W, LEN>, P, N>,
);

/// The queue was full; here is the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow<W>(pub W);

/// A piece of work: a function and what it is called with.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What to do.
    pub work: fn(u64),
    /// What to do it with.
    pub argument: u64,
}

impl Job {
    /// Does it.
    pub fn run(self) {
        (self.work)(self.argument);
    }
}

pub(crate) struct Ring<W, const LEN: usize> {
    slots: [Option<W>; LEN],
    first: usize,
    len: usize,
}

impl<W, const LEN: usize> Ring<W, LEN> {
    pub(crate) const fn new() -> Self {
        Ring {
            slots: [const { None }; LEN],
            first: 0,
            len: 0,
        }
    }

    pub(crate) fn push(&mut self, work: W) -> Result<(), Overflow<W>> {
        if self.len == LEN {
            return Err(Overflow(work));
        }
        let at = (self.first + self.len) % LEN;
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(work);
        }
        self.len += 1;
        Ok(())
    }

    pub(crate) fn first(&self) -> Option<&W> {
        self.slots.get(self.first)?.as_ref()
    }

    pub(crate) fn pop(&mut self) -> Option<W> {
        let work = self.slots.get_mut(self.first)?.take()?;
        self.first = (self.first + 1) % LEN;
        self.len -= 1;
        Some(work)
    }
}

impl<W, P: Platform, const LEN: usize, const N: usize> WorkQueue<W, P, LEN, N> {
    /// No work.
    #[track_caller]
    pub const fn new() -> Self {
        WorkQueue(Gate::new(Ring::new()))
    }

    /// Adds a piece of work and wakes one who waits for it.
    ///
    /// # Errors
    ///
    /// [`Overflow`] with the work, when there are `LEN` pieces already.
    pub fn push(&self, work: W) -> Result<(), Overflow<W>> {
        self.0.with(|inside| inside.state.push(work))?;
        self.0.wake_one();
        Ok(())
    }

    /// The oldest piece of work, if there is any.
    pub fn try_next(&self) -> Option<W> {
        self.0.with(|inside| inside.state.pop())
    }

    /// Waits for work.
    pub fn next(&self) -> Next<'_, W, P, LEN, N> {
        Next {
            queue: self,
            place: None,
        }
    }

    /// How many pieces there were a moment ago.
    pub fn len(&self) -> usize {
        self.0.with(|inside| inside.state.len)
    }

    /// Whether there was none a moment ago.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<W, P: Platform, const LEN: usize, const N: usize> Default for WorkQueue<W, P, LEN, N> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Waiting for work.
#[must_use = "nothing waits until it is awaited"]
pub struct Next<'q, W, P: Platform, const LEN: usize, const N: usize> {
    queue: &'q WorkQueue<W, P, LEN, N>,
    place: Place,
}

impl<W, P: Platform, const LEN: usize, const N: usize> Future for Next<'_, W, P, LEN, N> {
    type Output = W;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W> {
        let queue = self.queue;
        queue.0.poll(&mut self.place, cx, Ring::pop)
    }
}

impl<W, P: Platform, const LEN: usize, const N: usize> Drop for Next<'_, W, P, LEN, N> {
    fn drop(&mut self) {
        // A wake-up that came for a piece of work which is still there.
        self.queue.0.leave_and_pass_on(&mut self.place);
    }
}
