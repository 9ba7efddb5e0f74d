//! One extent of the heap: which of its 512 pages are in use, which of the free ones are dirty, whose it is.
//!
//! A page in use is never marked dirty. Counts and bits agree; who changes one changes the other.

/// Bitmap words of an extent.
pub(crate) const BITS: usize = 8;
/// The owner of an extent that has none.
pub(crate) const NOBODY: u8 = u8::MAX;

#[derive(Debug)]
pub(crate) struct Extent {
    pub(crate) used: [u64; BITS],
    /// Free pages that are not zeros.
    pub(crate) dirty: [u64; BITS],
    /// Bits set in each.
    pub(crate) in_use: u16,
    pub(crate) soiled: u16,
    pub(crate) owner: u8,
}

impl Extent {
    /// Nobody's, free, clean.
    pub(crate) const fn new() -> Self {
        Extent {
            used: [0; BITS],
            dirty: [0; BITS],
            in_use: 0,
            soiled: 0,
            owner: NOBODY,
        }
    }

    /// A free page: a clean one if there is one.
    pub(crate) fn free_page(&self) -> Option<usize> {
        let in_word = |index: usize, free: u64| {
            (free != 0).then(|| {
                index
                    .wrapping_mul(64)
                    .wrapping_add(free.trailing_zeros() as usize)
            })
        };
        let words = || self.used.iter().zip(&self.dirty).enumerate();
        words()
            .find_map(|(index, (used, dirty))| in_word(index, !used & !dirty))
            .or_else(|| words().find_map(|(index, (used, _))| in_word(index, !used)))
    }

    /// Marks a free page as used; whether it was clean.
    pub(crate) fn take(&mut self, page: usize) -> bool {
        let bit = 1u64.wrapping_shl((page % 64) as u32);
        let mut clean = true;
        if let Some(dirty) = self
            .dirty
            .get_mut(page / 64)
            .filter(|word| **word & bit != 0)
        {
            *dirty &= !bit;
            self.soiled = self.soiled.wrapping_sub(1);
            clean = false;
        }
        if let Some(used) = self.used.get_mut(page / 64) {
            *used |= bit;
            self.in_use = self.in_use.wrapping_add(1);
        }
        clean
    }

    /// Marks a page as free, if it is used; whether it was.
    pub(crate) fn put(&mut self, page: usize, clean: bool) -> bool {
        let bit = 1u64.wrapping_shl((page % 64) as u32);
        let Some(used) = self
            .used
            .get_mut(page / 64)
            .filter(|word| **word & bit != 0)
        else {
            return false;
        };
        *used &= !bit;
        self.in_use = self.in_use.wrapping_sub(1);
        if let Some(dirty) = self.dirty.get_mut(page / 64).filter(|_| !clean) {
            *dirty |= bit;
            self.soiled = self.soiled.wrapping_add(1);
        }
        true
    }
}
