//! No clock: the feature is off, so no VM has one. Reads as zero, rings never.

/// A clock that is not there.
#[derive(Debug, Default)]
pub struct Pl031;

impl Pl031 {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// Ignored.
    pub fn start(&mut self, _hz: u64, _now: u64, _seconds: u32) {}

    /// Reads as zero.
    pub fn read(&mut self, _offset: u64, _size: u8, _now: u64) -> u64 {
        0
    }

    /// Ignored.
    pub fn write(&mut self, _offset: u64, _size: u8, _value: u64, _now: u64) {}

    /// Nothing is due.
    pub fn poll(&mut self, _now: u64) {}

    /// Never.
    #[must_use]
    pub const fn irq(&self) -> bool {
        false
    }

    /// Never.
    #[must_use]
    pub const fn deadline(&self) -> Option<u64> {
        None
    }
}
