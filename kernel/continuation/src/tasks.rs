//! Background work: futures that are polled for ever, by a thread each or in turns.
//!
//! - A thread of its own calls [`Tasks::run`] and parks while it is blocked ([`Tasks::is_ready`] says whether to).
//! - Without threads, idle and exits call [`Tasks::poll_ready`], which polls those whose wakers fired, one after the other, as
//!   long as the caller has time; each leaves at its own checkpoints when the driver says so.
//!
//! Both take the task's claim before they take its ready mark, and the mark is set before the owner is woken: a wake during a
//! poll is seen by the next, and is never lost between two cores that look at the same time.
//!
//! What it does not do: end. A task that returns leaves its place empty and it stays so.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::{Control, Cx, Driver, FutureCell, Why, waker};

/// There are as many tasks as there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// What a poll of a task came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has returned, now or before, or was never added.
    Done,
    /// It paused.
    Pending(Why),
    /// Another core is polling it.
    Busy,
}

struct Task<P: preempt::Platform, const BYTES: usize> {
    control: Control,
    cell: FutureCell<(), BYTES>,
    name: sync::Once<&'static str, P>,
}

/// At most `N` tasks of at most `BYTES` bytes each.
pub struct Tasks<D: Driver, const N: usize, const BYTES: usize> {
    tasks: [Task<D::Platform, BYTES>; N],
    /// Where the next round begins, so that the first do not starve the last.
    next: AtomicUsize,
    _driver: PhantomData<fn() -> D>,
}

impl<D: Driver, const N: usize, const BYTES: usize> Tasks<D, N, BYTES> {
    /// None.
    pub const fn new() -> Self {
        Self {
            tasks: [const {
                Task {
                    control: Control::new(true),
                    cell: FutureCell::new(),
                    name: sync::Once::new(),
                }
            }; N],
            next: AtomicUsize::new(0),
            _driver: PhantomData,
        }
    }

    /// A task that whoever has the number `owner` polls; it is ready from the beginning. Its index.
    ///
    /// # Errors
    ///
    /// [`NoRoom`]: there are `N` already.
    pub fn add<F>(
        &'static self,
        name: &'static str,
        owner: u32,
        make: impl FnOnce(Cx<D>) -> F,
    ) -> Result<usize, NoRoom>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // `name` is what gives a place away: it is set once.
        let place = |(_, task): &(usize, &'static Task<D::Platform, BYTES>)| {
            task.name.get().is_none() && task.name.set(name).is_ok()
        };
        let (index, task) = self.tasks.iter().enumerate().find(place).ok_or(NoRoom)?;
        // Nobody else has reason to claim a place that is not ready; a stray `run` holds it for an instant.
        let mut claim = loop {
            if let Some(claim) = task.cell.claim() {
                break claim;
            }
            <D::Platform as preempt::Platform>::relax();
        };
        task.control.enter(owner, D::now());
        claim.start(make(Cx::new(&task.control)));
        drop(claim);
        task.control.ready.raise();
        Ok(index)
    }

    /// Polls one task once, ready or not.
    pub fn run(&'static self, index: usize) -> Step {
        self.tasks.get(index).map_or(Step::Done, Self::poll)
    }

    /// Whether polling a task is worth while: its waker fired since it was last polled, or it left at a checkpoint.
    pub fn is_ready(&self, index: usize) -> bool {
        self.tasks
            .get(index)
            .is_some_and(|task| task.control.ready.is_up())
    }

    /// Polls tasks that are ready, each at most once, for as long as `go_on` says, which is asked before each. Whether some
    /// are ready still; one that another core is polling is that core's to look at again.
    pub fn poll_ready(&'static self, mut go_on: impl FnMut() -> bool) -> bool {
        let first = self.next.load(Ordering::Relaxed);
        for index in (first..N).chain(0..first.min(N)) {
            if !self.is_ready(index) {
                continue;
            }
            if !go_on() {
                break;
            }
            self.next.store(index.wrapping_add(1), Ordering::Relaxed);
            self.run(index);
        }
        let waits =
            |task: &Task<D::Platform, BYTES>| task.control.ready.is_up() && !task.cell.is_claimed();
        self.tasks.iter().any(waits)
    }

    /// The name of a task, if there is one with this index.
    pub fn name(&self, index: usize) -> Option<&'static str> {
        self.tasks.get(index)?.name.get().copied()
    }

    fn poll(task: &'static Task<D::Platform, BYTES>) -> Step {
        let Some(mut claim) = task.cell.claim() else {
            return Step::Busy;
        };
        // With the claim, and before the poll: what happens from here on is for the next poll.
        task.control.ready.take();
        if !claim.is_occupied() {
            return Step::Done;
        }
        let control = &task.control;
        control.enter(control.owner(), D::now());
        control.set_why(Why::Blocked);
        if claim.poll(&waker::of_task::<D>(control)).is_ready() {
            return Step::Done;
        }
        let why = control.why();
        if why.leaves() {
            control.ready.raise();
        }
        Step::Pending(why)
    }
}

impl<D: Driver, const N: usize, const BYTES: usize> Default for Tasks<D, N, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}
