//! A place to hand an operation from one vCPU to the other: the handle on its way there, and the result on its way back.
//!
//! One vCPU gives, the other takes, and each may stand still for long anywhere in between: the hypervisor takes its core
//! away. What is taken is answered once, by a result of the very same operation.
//!
//! The atomics come from the parent, so that loom can explore the very same steps (`tests/qemu/tests/exchange.rs`).

use super::atomic::{AtomicI64, AtomicU64, Ordering};

/// The place; see the file's head.
pub struct Exchange {
    /// 0: empty.
    pub handle: AtomicU64,
    /// [`NONE`] until it is finished.
    pub status: AtomicI64,
    /// x1 to x3 of the result.
    pub values: [AtomicU64; 3],
}

/// No result yet.
pub const NONE: i64 = i64::MIN;

impl Exchange {
    /// Puts an operation there; false if the last one's result has not been taken back yet. Only who gives.
    pub fn offer(&self, handle: u64) -> bool {
        if self.is_out() {
            return false;
        }
        // The empty handle before it is seen with this: see `wanted`.
        self.status.store(NONE, Ordering::Release);
        self.handle.store(handle, Ordering::Release);
        true
    }

    /// Whether an operation is there, or its result. Only who gives.
    pub fn is_out(&self) -> bool {
        self.handle.load(Ordering::Acquire) != 0
    }

    /// The operation that waits to be finished. Only who takes, and who then has to [`answer`](Self::answer).
    pub fn wanted(&self) -> Option<u64> {
        // The status first: while it is `NONE` it stays so until we answer, and the handle belongs to it. A handle that was
        // read first may be the last one, answered long ago, by the time its successor's status is read.
        if self.status.load(Ordering::Acquire) != NONE {
            return None;
        }
        Some(self.handle.load(Ordering::Acquire)).filter(|handle| *handle != 0)
    }

    /// Puts the result there.
    pub fn answer(&self, status: i64, values: [u64; 3]) {
        for (slot, value) in self.values.iter().zip(values) {
            slot.store(value, Ordering::Relaxed);
        }
        self.status.store(status, Ordering::Release);
    }

    /// Takes the result back, if it is there. Only who gives.
    pub fn collect(&self) -> Option<(i64, [u64; 3])> {
        let status = self.status.load(Ordering::Acquire);
        if status == NONE {
            return None;
        }
        let [x1, x2, x3] = &self.values;
        let values = [x1, x2, x3].map(|value| value.load(Ordering::Relaxed));
        self.handle.store(0, Ordering::Release);
        Some((status, values))
    }
}
