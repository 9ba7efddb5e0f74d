//! No UART: the feature is off, so no VM has one. Reads as zero, takes nothing, sends nothing.

/// Bytes in either FIFO: there is none.
pub const FIFO_DEPTH: usize = 0;

/// A UART that is not there.
#[derive(Debug, Default)]
pub struct Pl011;

impl Pl011 {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// Reads as zero.
    pub fn read(&mut self, _offset: u64, _size: u8) -> u64 {
        0
    }

    /// Ignored; sends nothing.
    pub fn write(&mut self, _offset: u64, _size: u8, _value: u64) -> Option<u8> {
        None
    }

    /// Never.
    #[must_use]
    pub fn irq(&self) -> bool {
        false
    }

    /// Refused.
    #[must_use = "a refused byte is still the caller's"]
    pub fn receive(&mut self, _byte: u8) -> bool {
        false
    }

    /// None.
    #[must_use]
    pub fn room(&self) -> usize {
        0
    }

    /// Ignored.
    pub const fn hold_tx(&mut self, _held: bool) {}

    /// Nothing waits.
    pub fn take_tx(&mut self) -> Option<u8> {
        None
    }
}
