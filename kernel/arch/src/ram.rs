//! RAM outside the image, reached through the identity map: guests' memory, tables, the pack.
//!
//! A [`Ram`] is the right to a range of physical addresses, checked on every access. It is made once per
//! range, from the tables, where the promise about the range is given.

use core::arch::asm;

use crate::sysreg;

/// A range of RAM that belongs to whoever holds this.
#[derive(Debug)]
pub struct Ram {
    base: u64,
    size: u64,
}

impl Ram {
    /// The `size` bytes from physical address `base` on.
    ///
    /// # Safety
    ///
    /// They are RAM, mapped by [`crate::mmu::enable`], and no reference of safe Rust code leads into them but
    /// those that this value gives out.
    #[must_use]
    pub const unsafe fn new(base: u64, size: u64) -> Self {
        Self { base, size }
    }

    /// Physical address of the first byte.
    #[must_use]
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// Bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The pointer to physical address `pa` if `len` bytes from there are inside.
    fn at(&self, pa: u64, len: u64) -> Option<*mut u8> {
        let offset = pa.checked_sub(self.base)?;
        let inside = offset.checked_add(len)? <= self.size;
        inside.then(|| core::ptr::with_exposed_provenance_mut(pa as usize))
    }

    /// The `len` bytes at physical address `pa`, if all of them are inside.
    #[must_use]
    pub fn slice(&self, pa: u64, len: usize) -> Option<&[u8]> {
        let start = self.at(pa, len as u64)?;
        // SAFETY: in range; mapped; writing needs `&mut self`.
        Some(unsafe { core::slice::from_raw_parts(start, len) })
    }

    /// As [`Ram::slice`], to write to.
    #[must_use]
    pub fn slice_mut(&mut self, pa: u64, len: usize) -> Option<&mut [u8]> {
        let start = self.at(pa, len as u64)?;
        // SAFETY: in range; mapped; `&mut self` makes it the only reference.
        Some(unsafe { core::slice::from_raw_parts_mut(start, len) })
    }

    /// The 64-bit word at `pa`, a multiple of 8, in one single access; `None` outside.
    #[must_use]
    #[inline]
    pub fn load(&self, pa: u64) -> Option<u64> {
        let word = self.at(pa, 8).filter(|_| pa.is_multiple_of(8))?;
        // SAFETY: in range, aligned, mapped; volatile because translation table walkers read it too.
        Some(unsafe { word.cast::<u64>().read_volatile() })
    }

    /// Stores a 64-bit word at `pa`, a multiple of 8, in one single access; says whether it was inside.
    #[inline]
    pub fn store(&mut self, pa: u64, value: u64) -> bool {
        let Some(word) = self.at(pa, 8).filter(|_| pa.is_multiple_of(8)) else {
            return false;
        };
        // SAFETY: as in `load`.
        unsafe { word.cast::<u64>().write_volatile(value) };
        true
    }

    /// Fills `len` bytes from `pa` on with zeros, by cache-line-sized `DC ZVA` where the range allows; says whether it
    /// was inside.
    pub fn clear(&mut self, pa: u64, len: u64) -> bool {
        let Some(start) = self.at(pa, len) else {
            return false;
        };
        let dczid = sysreg::read!("dczid_el0");
        let block = 4u64 << (dczid & 0xf);
        let prohibited = dczid & 0x10 != 0;
        if prohibited || !pa.is_multiple_of(block) || !len.is_multiple_of(block) {
            // SAFETY: in range, mapped, and `&mut self`.
            unsafe { start.write_bytes(0, len as usize) };
            return true;
        }
        let (mut at, end) = (pa, pa + len);
        while end - at >= 4 * block {
            // SAFETY: zeroes whole blocks of the range, which is mapped as normal memory.
            unsafe {
                asm!(
                    "dc zva, {0}",
                    "add {0}, {0}, {1}",
                    "dc zva, {0}",
                    "add {0}, {0}, {1}",
                    "dc zva, {0}",
                    "add {0}, {0}, {1}",
                    "dc zva, {0}",
                    "add {0}, {0}, {1}",
                    inout(reg) at,
                    in(reg) block,
                    options(nostack, preserves_flags)
                );
            }
        }
        while at < end {
            // SAFETY: zeroes whole blocks of the range, which is mapped as normal memory.
            unsafe { asm!("dc zva, {}", in(reg) at, options(nostack, preserves_flags)) };
            at += block;
        }
        true
    }
}
