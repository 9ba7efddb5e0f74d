//! The sequence lock: a few words that are read much and written seldom, by readers that write nothing.
//!
//! Guarantees: a reader gets words that were written together. Readers need no mask, disturb nobody, and cannot hold
//! a writer up; they try again while a writer is at it, which is a short section with IRQs masked.
//! The words are atomics, so that reading them beside a write is defined; what they mean is the user's affair.
//!
//! What it does not do: bound how often a reader tries again where writers come one after the other
//! ([`try_read`](SeqLock::try_read) tries once).

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use preempt::Platform;

use crate::SpinLock;

/// The atomics that the algorithm needs.
pub trait Sequenced {
    /// A 64-bit word of the value.
    type Word;
    /// Loads the sequence number, acquire.
    fn begin(&self) -> u32;
    /// Loads the sequence number, relaxed, after everything loaded before (an acquire fence).
    fn end(&self) -> u32;
    /// Stores the sequence number, relaxed, before everything stored after (a release fence).
    fn open(&self, sequence: u32);
    /// Stores the sequence number, release.
    fn close(&self, sequence: u32);
    /// Loads a word, relaxed.
    fn get(word: &Self::Word) -> u64;
    /// Stores a word, relaxed.
    fn put(word: &Self::Word, value: u64);
}

impl Sequenced for AtomicU32 {
    type Word = AtomicU64;
    #[inline(always)]
    fn begin(&self) -> u32 {
        self.load(Ordering::Acquire)
    }
    #[inline(always)]
    fn end(&self) -> u32 {
        fence(Ordering::Acquire);
        self.load(Ordering::Relaxed)
    }
    #[inline(always)]
    fn open(&self, sequence: u32) {
        self.store(sequence, Ordering::Relaxed);
        fence(Ordering::Release);
    }
    #[inline(always)]
    fn close(&self, sequence: u32) {
        self.store(sequence, Ordering::Release);
    }
    #[inline(always)]
    fn get(word: &AtomicU64) -> u64 {
        word.load(Ordering::Relaxed)
    }
    #[inline(always)]
    fn put(word: &AtomicU64, value: u64) {
        word.store(value, Ordering::Relaxed);
    }
}

/// The algorithm: `W` words under a sequence number that is odd while they are being written.
pub struct Words<S: Sequenced, const W: usize> {
    sequence: S,
    words: [S::Word; W],
}

impl<S: Sequenced, const W: usize> Words<S, W> {
    /// `words` under a `sequence` that is even.
    pub const fn from_parts(sequence: S, words: [S::Word; W]) -> Self {
        Words { sequence, words }
    }

    /// The words, if nobody wrote meanwhile.
    #[inline]
    pub fn try_read(&self) -> Option<[u64; W]> {
        let begin = self.sequence.begin();
        if begin & 1 != 0 {
            return None;
        }
        let words = core::array::from_fn(|i| self.words.get(i).map_or(0, S::get));
        (self.sequence.end() == begin).then_some(words)
    }

    /// Writes the words. There is one writer at a time.
    #[inline]
    pub fn write(&self, values: [u64; W]) {
        let sequence = self.sequence.begin();
        self.sequence.open(sequence.wrapping_add(1));
        for (word, value) in self.words.iter().zip(values) {
            S::put(word, value);
        }
        self.sequence.close(sequence.wrapping_add(2));
    }
}

/// `W` words that are read and written together.
pub struct SeqLock<P: Platform, const W: usize> {
    words: Words<AtomicU32, W>,
    writers: SpinLock<(), P>,
}

impl<P: Platform, const W: usize> SeqLock<P, W> {
    /// Words that are all 0.
    #[track_caller]
    pub const fn new() -> Self {
        SeqLock {
            words: Words::from_parts(AtomicU32::new(0), [const { AtomicU64::new(0) }; W]),
            writers: SpinLock::new(()),
        }
    }

    /// The words.
    #[inline]
    pub fn read(&self) -> [u64; W] {
        loop {
            match self.words.try_read() {
                Some(words) => return words,
                None => P::relax(),
            }
        }
    }

    /// The words, unless somebody was writing them.
    #[inline]
    pub fn try_read(&self) -> Option<[u64; W]> {
        self.words.try_read()
    }

    /// Writes all the words.
    #[track_caller]
    pub fn write(&self, values: [u64; W]) {
        self.writers.with(|()| self.words.write(values));
    }

    /// Changes the words; no other writer comes between.
    #[track_caller]
    pub fn update(&self, change: impl FnOnce(&mut [u64; W])) {
        self.writers.with(|()| {
            // No writer but us, so the first read succeeds.
            let mut values = self.read();
            change(&mut values);
            self.words.write(values);
        });
    }
}

impl<P: Platform, const W: usize> Default for SeqLock<P, W> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}
