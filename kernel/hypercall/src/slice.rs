//! A list in guest memory, read element by element.
//!
//! The guest may change it, or unmap it, at any time. So there is no way to come to an element but [`GuestSlice::next`],
//! which copies it and moves on: what has been checked is what is used, and nothing is read twice.

use abi::ops::limits::LIST;

use crate::{Error, Machine, VmId, access};

/// The most words of an element.
const MOST: usize = 16;

/// A list of elements of `WORDS` 64-bit words, at most 16, in a VM's memory.
#[derive(Debug)]
pub struct GuestSlice<M, const WORDS: usize> {
    machine: M,
    vm: VmId,
    next: u64,
    left: u64,
}

impl<M: Machine, const WORDS: usize> GuestSlice<M, WORDS> {
    const BYTES: u64 = {
        assert!(WORDS <= MOST);
        WORDS as u64 * 8
    };

    /// The list of `count` elements at `ipa`. Of an empty one the address does not matter.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]: more than [`LIST`] elements, not 8-byte aligned, wraps, or leaves the address space. Whether
    /// there is memory turns out element by element.
    pub fn new(machine: M, vm: VmId, ipa: u64, count: u64) -> Result<Self, Error> {
        let list = GuestSlice {
            machine,
            vm,
            next: ipa,
            left: count,
        };
        if count == 0 {
            return Ok(list);
        }
        let end = count
            .checked_mul(Self::BYTES)
            .and_then(|bytes| ipa.checked_add(bytes));
        let inside = end.is_some_and(|end| end <= machine.ipa_size(vm));
        if count > LIST || !inside || !ipa.is_multiple_of(8) {
            return Err(Error::Invalid);
        }
        Ok(list)
    }

    /// Reads the next element; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] when it is not in readable memory.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator's adaptors would collect what must be read in turn"
    )]
    pub fn next(&mut self) -> Option<Result<[u64; WORDS], Error>> {
        self.left = self.left.checked_sub(1)?;
        let at = self.next;
        self.next = at.wrapping_add(Self::BYTES);
        let mut bytes = [0; MOST * 8];
        let (piece, _) = bytes.split_at_mut_checked(WORDS.saturating_mul(8))?;
        if let Err(error) = access::read(self.machine, self.vm, at, piece) {
            return Some(Err(error));
        }
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Some(Ok(words))
    }

    /// Writes words into the element that was read last, from its word `first` on.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] when it is not in writable memory, or that would leave the element.
    pub fn answer(&self, first: usize, words: &[u64]) -> Result<(), Error> {
        if first.saturating_add(words.len()) > WORDS {
            return Err(Error::Address);
        }
        let mut bytes = [0; MOST * 8];
        for (to, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *to = word.to_le_bytes();
        }
        let (piece, _) = bytes
            .split_at_checked(words.len().saturating_mul(8))
            .ok_or(Error::Address)?;
        let element = self.next.wrapping_sub(Self::BYTES);
        let at = element.wrapping_add((first as u64).wrapping_mul(8));
        access::write(self.machine, self.vm, at, piece)
    }
}
