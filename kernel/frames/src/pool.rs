//! The bitmap and what is done with it.

use core::fmt;

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

/// Bitmap words: one bit per page, set while the page is in use or outside the pool.
const WORDS: usize = 256;
/// Summary words: one bit per bitmap word, set while no page of that word is free.
const SUMMARY: usize = WORDS / 64;
/// Bytes for which a bitmap word stands: 64 pages.
const WORD_SPAN: u64 = 64 * PAGE_SIZE;

/// The largest pool, in bytes, counted from the 256 KiB boundary at or below its base: 64 MiB.
pub const MAX_POOL: u64 = WORDS as u64 * WORD_SPAN;

/// Why the pool refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The pool's base or size is not a multiple of the page size, or it exceeds [`MAX_POOL`] or the address space.
    BadPool,
    /// A run of a length that is not a power of two from 1 to 64 pages.
    BadRun,
    /// A page given back that does not lie in the pool, or whose address is not that of a page or run.
    NotOurs,
    /// A page given back that is free already.
    DoubleFree,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::BadPool => "the page pool is not page-aligned, or larger than 64 MiB",
            Error::BadRun => "a run of pages must be a power of two from 1 to 64",
            Error::NotOurs => "page freed into a pool that it does not come from",
            Error::DoubleFree => "page freed twice",
        })
    }
}

impl core::error::Error for Error {}

/// How full the pool is, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Pages in the pool.
    pub total: u32,
    /// Pages handed out.
    pub used: u32,
    /// The most pages that were ever handed out at once.
    pub peak: u32,
}

impl Usage {
    /// Pages that can still be handed out.
    #[must_use]
    pub const fn free(&self) -> u32 {
        self.total.saturating_sub(self.used)
    }
}

/// The pool.
#[derive(Debug)]
pub struct Frames {
    /// The address of bit 0: the pool's base rounded down, so that a bit's number has its page's alignment.
    origin: u64,
    base: u64,
    usage: Usage,
    used: [u64; WORDS],
    full: [u64; SUMMARY],
}

impl Default for Frames {
    fn default() -> Self {
        Self::empty()
    }
}

impl Frames {
    /// A pool without pages; all zeros, so that a static of it lies in .bss. [`init`](Self::init) fills it.
    #[must_use]
    pub const fn empty() -> Self {
        Frames {
            origin: 0,
            base: 0,
            usage: Usage {
                total: 0,
                used: 0,
                peak: 0,
            },
            used: [0; WORDS],
            full: [0; SUMMARY],
        }
    }

    /// Makes the `size` bytes of RAM at physical address `base` the pool, all free. Whatever was handed out
    /// before is forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::BadPool`] when either is not a multiple of 4096, or the pool exceeds [`MAX_POOL`] or the
    /// address space.
    pub fn init(&mut self, base: u64, size: u64) -> Result<(), Error> {
        let aligned = base.is_multiple_of(PAGE_SIZE) && size.is_multiple_of(PAGE_SIZE);
        let offset = base % WORD_SPAN;
        let span = offset.checked_add(size).filter(|span| *span <= MAX_POOL);
        let (true, Some(span), Some(_)) = (aligned, span, base.checked_add(size)) else {
            return Err(Error::BadPool);
        };
        self.origin = base.wrapping_sub(offset);
        self.base = base;
        self.usage = Usage {
            total: pages_in(size),
            used: 0,
            peak: 0,
        };
        let (first, end) = (pages_in(offset), pages_in(span));
        self.full = [0; SUMMARY];
        for (index, start) in (0..WORDS).zip((0u32..).step_by(64)) {
            let before = mask_below(first.saturating_sub(start));
            let beyond = !mask_below(end.saturating_sub(start));
            self.put(index, before | beyond);
        }
        Ok(())
    }

    /// How full it is.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes a page out; its physical address, or `None` when none is free. Its contents are what they were.
    pub fn alloc(&mut self) -> Option<u64> {
        let (index, summary) = self
            .full
            .iter()
            .enumerate()
            .find(|(_, word)| **word != !0)?;
        let word = index
            .wrapping_mul(64)
            .wrapping_add(summary.trailing_ones() as usize);
        let bit = self.used.get(word)?.trailing_ones();
        Some(self.take(word, bit, 1))
    }

    /// Takes `pages` adjacent pages out, aligned to their total size; the address of the first, or `None`
    /// when there is no such run.
    ///
    /// # Errors
    ///
    /// [`Error::BadRun`] when `pages` is not a power of two from 1 to 64.
    pub fn alloc_run(&mut self, pages: u32) -> Result<Option<u64>, Error> {
        check_run(pages)?;
        if pages == 1 {
            return Ok(self.alloc());
        }
        let found = self.used.iter().enumerate().find_map(|(word, used)| {
            let mut starts = (0..64).step_by(pages as usize);
            starts
                .find(|bit| used & run_mask(pages, *bit) == 0)
                .map(|bit| (word, bit))
        });
        Ok(found.map(|(word, bit)| self.take(word, bit, pages)))
    }

    /// Gives back the page at physical address `page`.
    ///
    /// # Errors
    ///
    /// As [`free_run`](Self::free_run).
    pub fn free(&mut self, page: u64) -> Result<(), Error> {
        self.free_run(page, 1)
    }

    /// Gives back the `pages` pages from physical address `first` on. A run may be given back in pieces.
    ///
    /// # Errors
    ///
    /// [`Error::BadRun`] when `pages` is not a power of two from 1 to 64; [`Error::NotOurs`] when part of the
    /// run lies outside the pool, or `first` is not aligned to the run's size; [`Error::DoubleFree`] when part
    /// of it is free. In each case nothing has changed.
    pub fn free_run(&mut self, first: u64, pages: u32) -> Result<(), Error> {
        check_run(pages)?;
        let bytes = u64::from(pages).wrapping_mul(PAGE_SIZE);
        let end = self
            .base
            .wrapping_add(u64::from(self.usage.total).wrapping_mul(PAGE_SIZE));
        let inside = first >= self.base && first.checked_add(bytes).is_some_and(|last| last <= end);
        if !inside || !first.is_multiple_of(bytes) {
            return Err(Error::NotOurs);
        }
        let page = pages_in(first.wrapping_sub(self.origin));
        let (word, mask) = ((page / 64) as usize, run_mask(pages, page % 64));
        let used = self.used.get(word).copied().unwrap_or(0);
        if used & mask != mask {
            return Err(Error::DoubleFree);
        }
        self.put(word, used & !mask);
        self.usage.used = self.usage.used.saturating_sub(pages);
        Ok(())
    }

    /// Marks a run as used, which the caller found free; its address.
    fn take(&mut self, word: usize, bit: u32, pages: u32) -> u64 {
        let used = self.used.get(word).copied().unwrap_or(!0);
        self.put(word, used | run_mask(pages, bit));
        self.usage.used = self.usage.used.saturating_add(pages);
        self.usage.peak = self.usage.peak.max(self.usage.used);
        let page = (word as u64).wrapping_mul(64).wrapping_add(u64::from(bit));
        self.origin.wrapping_add(page.wrapping_mul(PAGE_SIZE))
    }

    /// Writes a bitmap word and the summary of it.
    fn put(&mut self, word: usize, value: u64) {
        if let Some(used) = self.used.get_mut(word) {
            *used = value;
        }
        if let Some(summary) = self.full.get_mut(word / 64) {
            let bit = 1u64.wrapping_shl((word % 64) as u32);
            *summary = if value == !0 {
                *summary | bit
            } else {
                *summary & !bit
            };
        }
    }
}

/// Pages in so many bytes; a pool's sizes always fit.
fn pages_in(bytes: u64) -> u32 {
    (bytes / PAGE_SIZE) as u32
}

/// The lowest `bits` bits, all 64 when there are as many or more.
fn mask_below(bits: u32) -> u64 {
    1u64.checked_shl(bits).map_or(!0, |end| end.wrapping_sub(1))
}

/// The bits of `pages` pages from bit `bit` on.
fn run_mask(pages: u32, bit: u32) -> u64 {
    mask_below(pages).wrapping_shl(bit)
}

/// Refuses what is not a run that fits into a word.
fn check_run(pages: u32) -> Result<(), Error> {
    if pages.is_power_of_two() && pages <= 64 {
        Ok(())
    } else {
        Err(Error::BadRun)
    }
}
