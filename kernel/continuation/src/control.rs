//! What is known of a piece of work from outside: who owns it, since when it has been running, why it paused.
//!
//! All of it is atomic and advisory, except the [`Word`], which says who may touch the future.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::Mark;
use crate::word::{Atom, Word};

/// Why a poll ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The driver wanted it to leave at a checkpoint. There is more to do at once.
    Checkpoint,
    /// What it waits for has not happened, and the driver wanted it to leave. Polling again tries again.
    Contended,
    /// What it waits for has not happened; its waker fires when polling is worth while.
    Blocked,
}

impl Why {
    /// Whether the caller is to be left (a continuation), not kept until the waker fires.
    pub fn leaves(self) -> bool {
        !matches!(self, Self::Blocked)
    }
}

/// The outside of one piece of work. The [`Driver`](crate::Driver) is shown it when it decides.
#[derive(Debug)]
pub struct Control {
    /// Who may touch the future; the claim of an operation's slot. A task's is never cancelled.
    pub(crate) word: Word<AtomicU64>,
    /// When it was suspended, in the table's order.
    pub(crate) order: AtomicU64,
    /// A task that is worth polling.
    pub(crate) ready: Mark<AtomicBool>,
    task: bool,
    owner: AtomicU32,
    entered: AtomicU64,
    why: AtomicU8,
}

impl Control {
    pub(crate) const fn new(task: bool) -> Self {
        Self {
            word: Word::new(AtomicU64::new(0)),
            order: AtomicU64::new(0),
            ready: Mark::new(AtomicBool::new(false)),
            task,
            owner: AtomicU32::new(0),
            entered: AtomicU64::new(0),
            why: AtomicU8::new(0),
        }
    }

    /// Whom its waker wakes: whoever began or resumed it last.
    pub fn owner(&self) -> u32 {
        self.owner.load(Ordering::Relaxed)
    }

    /// Ticks from when it was last entered (begun, resumed; a task: polled) to `now`, a value of
    /// [`Driver::now`](crate::Driver::now).
    pub fn ticks(&self, now: u64) -> u64 {
        now.saturating_sub(self.entered.load(Ordering::Relaxed))
    }

    /// Whether it is background work, not an operation of a guest.
    pub fn is_task(&self) -> bool {
        self.task
    }

    /// Whether somebody wants it to end: the next checkpoint or wait returns [`Cancelled`](crate::Cancelled).
    pub fn cancelled(&self) -> bool {
        self.word.load().is_cancelled()
    }

    pub(crate) fn enter(&self, owner: u32, now: u64) {
        self.owner.store(owner, Ordering::Relaxed);
        self.entered.store(now, Ordering::Relaxed);
    }

    pub(crate) fn why(&self) -> Why {
        match self.why.load(Ordering::Relaxed) {
            1 => Why::Checkpoint,
            2 => Why::Contended,
            _ => Why::Blocked,
        }
    }

    pub(crate) fn set_why(&self, why: Why) {
        let code = match why {
            Why::Blocked => 0,
            Why::Checkpoint => 1,
            Why::Contended => 2,
        };
        self.why.store(code, Ordering::Relaxed);
    }
}

impl Atom for AtomicU64 {
    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn replace(&self, old: u64, new: u64) -> bool {
        self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}
