//! A vCPU's emulated physical timer, and its deadline beside it for those who only want that: every switch of vCPUs does.

use core::sync::atomic::{AtomicU64, Ordering};

use vtimer::PhysicalTimer;

use crate::platform::{IrqGuard, SpinLock};

/// No deadline.
const NEVER: u64 = u64::MAX;

/// The timer.
pub struct Physical {
    timer: SpinLock<PhysicalTimer>,
    /// Its deadline, written under its lock.
    deadline: AtomicU64,
}

impl Physical {
    /// As after a reset.
    pub const fn new() -> Self {
        Self {
            timer: SpinLock::new(PhysicalTimer::new()),
            deadline: AtomicU64::new(NEVER),
        }
    }

    /// Its state now.
    pub fn get(&self, irq: &IrqGuard) -> PhysicalTimer {
        *self.timer.lock(irq)
    }

    /// Changes it.
    pub fn change(&self, irq: &IrqGuard, change: impl FnOnce(&mut PhysicalTimer)) {
        let mut timer = self.timer.lock(irq);
        change(&mut timer);
        let deadline = timer.deadline().unwrap_or(NEVER);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Puts it into its state after a reset.
    pub fn reset(&self, irq: &IrqGuard) {
        self.change(irq, |timer| *timer = PhysicalTimer::new());
    }

    /// From when on its interrupt is asserted, in counter ticks; one at the end of time never is. Whoever changes it says so afterwards
    /// ([`crate::deadline::physical_changed`]).
    #[inline]
    pub fn deadline(&self) -> Option<u64> {
        let deadline = self.deadline.load(Ordering::Relaxed);
        (deadline != NEVER).then_some(deadline)
    }
}
