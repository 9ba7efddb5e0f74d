//! What a VM has written and nobody has looked at yet.

/// A queue of bytes. Counts what went through it, so that others can say "when this far".
#[derive(Debug)]
pub(crate) struct Source<const N: usize> {
    bytes: [u8; N],
    given: u32,
    taken: u32,
    /// The VM's unfinished line ends when this much has been taken: it has restarted or stopped.
    ends: Option<u32>,
}

impl<const N: usize> Source<N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N.is_power_of_two() && N <= 1 << 30) }
        Self {
            bytes: [0; N],
            given: 0,
            taken: 0,
            ends: None,
        }
    }

    /// How many bytes have been given to it, ever (modulo 2^32).
    pub(crate) const fn given(&self) -> u32 {
        self.given
    }

    /// Whether there is still something to do of what had been given when `given` was `mark`.
    pub(crate) const fn is_behind(&self, mark: u32) -> bool {
        let left = mark.wrapping_sub(self.taken);
        // Marks are at most one queue ahead; anything else lies in the past.
        let behind = left != 0 && left <= N as u32;
        behind || (self.ends_now() && left == 0)
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.given == self.taken && self.ends.is_none()
    }

    pub(crate) const fn room(&self) -> usize {
        N.saturating_sub(self.given.wrapping_sub(self.taken) as usize)
    }

    /// Takes as many bytes as there is room for, the first ones; how many. All at once: the caller has a lock.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room());
        let bytes = bytes.get(..count).unwrap_or_default();
        let at = self.given as usize & N.wrapping_sub(1);
        // Up to the end of the ring, and on from its beginning.
        let (before, behind) = self.bytes.split_at_mut_checked(at).unwrap_or_default();
        let (head, tail) = bytes.split_at_checked(behind.len()).unwrap_or((bytes, &[]));
        fill(behind, head);
        fill(before, tail);
        self.given = self.given.wrapping_add(count as u32);
        count
    }

    /// The next byte, unless the line ends before it.
    pub(crate) fn peek(&self) -> Option<u8> {
        if self.given == self.taken || self.ends_now() {
            return None;
        }
        let at = self.taken as usize & N.wrapping_sub(1);
        self.bytes.get(at).copied()
    }

    /// Takes the byte that [`Source::peek`] showed.
    pub(crate) const fn skip(&mut self) {
        self.taken = self.taken.wrapping_add(1);
    }

    /// Has the line end behind what is there now.
    pub(crate) const fn end(&mut self) {
        self.ends = Some(self.given);
    }

    /// Whether the line ends here.
    pub(crate) const fn ends_now(&self) -> bool {
        matches!(self.ends, Some(at) if at == self.taken)
    }

    /// The line has ended.
    pub(crate) const fn ended(&mut self) {
        self.ends = None;
    }
}

/// Puts bytes at the beginning of a place.
fn fill(place: &mut [u8], bytes: &[u8]) {
    for (to, from) in place.iter_mut().zip(bytes) {
        *to = *from;
    }
}
