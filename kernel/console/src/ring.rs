//! A queue of bytes of a fixed size.

/// Up to `N` bytes, the oldest first.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    bytes: [u8; N],
    first: usize,
    len: usize,
}

impl<const N: usize> Ring<N> {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            first: 0,
            len: 0,
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is no room for another.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len >= N
    }

    /// Appends a byte; `false` when there is no room.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.is_full() {
            return false;
        }
        let end = self.first.wrapping_add(self.len).checked_rem(N);
        match end.and_then(|end| self.bytes.get_mut(end)) {
            Some(slot) => {
                *slot = byte;
                self.len = self.len.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// Removes the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        if self.is_empty() {
            return None;
        }
        let byte = self.bytes.get(self.first).copied()?;
        self.first = self.first.wrapping_add(1).checked_rem(N).unwrap_or(0);
        self.len = self.len.saturating_sub(1);
        Some(byte)
    }

    /// Forgets all.
    pub const fn clear(&mut self) {
        self.first = 0;
        self.len = 0;
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}
