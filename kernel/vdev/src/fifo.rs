//! A queue of bytes of fixed capacity, in order, nothing lost, nothing overwritten.

/// A queue of at most `N` bytes.
#[derive(Clone, Debug)]
pub struct Fifo<const N: usize> {
    bytes: [u8; N],
    head: usize,
    len: usize,
}

impl<const N: usize> Fifo<N> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            head: 0,
            len: 0,
        }
    }

    /// Bytes in the queue.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a byte; false if the queue is full, and then nothing has changed.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.len >= N {
            return false;
        }
        let at = wrap::<N>(self.head.wrapping_add(self.len));
        if let Some(slot) = self.bytes.get_mut(at) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        }
        true
    }

    /// Takes the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.head = wrap::<N>(self.head.wrapping_add(1));
        self.len = self.len.saturating_sub(1);
        Some(byte)
    }

    /// Looks at the oldest byte.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        if self.is_empty() {
            None
        } else {
            self.bytes.get(self.head).copied()
        }
    }

    /// Forgets everything.
    pub const fn clear(&mut self) {
        self.head = 0;
        self.len = 0;
    }
}

impl<const N: usize> Default for Fifo<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// An index below 2 × N brought back below N.
const fn wrap<const N: usize>(index: usize) -> usize {
    if index >= N {
        index.wrapping_sub(N)
    } else {
        index
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn no_byte_is_lost_or_reordered(steps in prop::collection::vec(prop::option::of(any::<u8>()), 0..200)) {
            let mut fifo = Fifo::<5>::new();
            let mut model = VecDeque::new();
            for step in steps {
                match step {
                    Some(byte) => {
                        prop_assert_eq!(fifo.push(byte), model.len() < 5);
                        if model.len() < 5 {
                            model.push_back(byte);
                        }
                    }
                    None => prop_assert_eq!(fifo.pop(), model.pop_front()),
                }
                prop_assert_eq!(fifo.len(), model.len());
                prop_assert_eq!(fifo.peek(), model.front().copied());
            }
        }
    }

    #[test]
    fn a_cleared_queue_is_empty() {
        let mut fifo = Fifo::<2>::new();
        fifo.push(1);
        fifo.clear();
        assert!(fifo.is_empty());
        assert_eq!(fifo.pop(), None);
    }
}
