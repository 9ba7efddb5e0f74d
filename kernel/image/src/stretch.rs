//! How long an operation of a guest works between two checkpoints on a core where EL2 is not preempted: so long do others wait
//! for that core. The longest since boot is kept, and `STATS` tells it.
//!
//! A stretch that begins on such a core ends there, and no other lies in it. On a preemptible core none begins: there an
//! operation keeps nobody waiting. Interrupts that are handled meanwhile are a part of it. Background tasks are not measured.

use core::sync::atomic::{AtomicU64, Ordering};

use preempt::Model as _;

use crate::cores::{self, Local};
use crate::platform::{IrqGuard, Model};

/// In [`Local::stretch`]: none is open.
pub const NONE: u64 = u64::MAX;

/// Not in a model in which EL2 is preempted on every core, and on a thread for everybody.
const MEASURED: bool = Model::CONTINUES;

/// In ticks, on any core.
static LONGEST: AtomicU64 = AtomicU64::new(0);

/// An operation begins to work on this core, or goes on.
pub fn begin() {
    turn(true);
}

/// It has ended, leaves, or sleeps.
pub fn end() {
    turn(false);
}

/// It has been at a checkpoint, and if it goes on, another stretch begins `now`.
pub fn checkpoint(local: &Local, now: u64) {
    if !MEASURED {
        return;
    }
    close(local, now);
    open(local, now);
}

/// The longest since boot, in ticks.
pub fn longest() -> u64 {
    LONGEST.load(Ordering::Relaxed)
}

/// Whether the work that EL2 does here can be left in the middle.
pub fn preemptible(local: &Local) -> bool {
    // Without a stack of its own it cannot, whatever the core allows.
    local.preemptible.get()
        && local
            .running
            .get()
            .is_some_and(|running| running.entity().thread().is_some())
}

fn turn(opens: bool) {
    if !MEASURED {
        return;
    }
    IrqGuard::with(|irq| {
        let (local, now) = (cores::local(irq), arch::timer::now());
        close(local, now);
        if opens {
            open(local, now);
        }
    });
}

fn open(local: &Local, now: u64) {
    if !preemptible(local) {
        local.stretch.set(now);
    }
}

fn close(local: &Local, now: u64) {
    // Of none that is open: 0.
    let ticks = now.saturating_sub(local.stretch.replace(NONE));
    if ticks > LONGEST.load(Ordering::Relaxed) {
        LONGEST.fetch_max(ticks, Ordering::Relaxed);
    }
}
