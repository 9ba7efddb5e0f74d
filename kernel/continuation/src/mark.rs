//! A flag between cores: raised by any, lowered by one.
//!
//! It serves twice: as the claim of a cell (who raised it has the cell), and as a task's ready mark (raised by wakers, taken
//! by whoever polls). Every step is an exchange or a release, so what was done before raising it is seen by who takes it.
//! The atomic is a parameter ([`Bit`]) so that loom can explore the very same steps.

use core::sync::atomic::{AtomicBool, Ordering};

/// The atomic under a [`Mark`].
pub trait Bit {
    /// Puts `new`, returns what was; acquires and releases.
    fn swap(&self, new: bool) -> bool;
    /// Its value; acquires.
    fn load(&self) -> bool;
    /// Puts `new`; releases.
    fn store(&self, new: bool);
}

/// See the file's head.
#[derive(Debug)]
pub struct Mark<B>(B);

impl<B: Bit> Mark<B> {
    /// Over an atomic.
    pub const fn new(bit: B) -> Self {
        Self(bit)
    }

    /// Raises it; whether it was down.
    pub fn raise(&self) -> bool {
        !self.0.swap(true)
    }

    /// Lowers it; whether it was up.
    pub fn take(&self) -> bool {
        self.0.swap(false)
    }

    /// Lowers it, by who raised it.
    pub fn lower(&self) {
        self.0.store(false);
    }

    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        self.0.load()
    }
}

impl Bit for AtomicBool {
    fn swap(&self, new: bool) -> bool {
        self.swap(new, Ordering::AcqRel)
    }

    fn load(&self) -> bool {
        self.load(Ordering::Acquire)
    }

    fn store(&self, new: bool) {
        self.store(new, Ordering::Release);
    }
}
