//! RAM outside the image, reached through the identity map: guests' memory, tables, the pack.
//!
//! A [`Ram`] is the right to a range of physical addresses, checked on every access. It is made once per
//! range, from the tables, where the promise about the range is given.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

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
        // Below the base it wraps, to more than any size: no RAM reaches the end of 64 bits.
        let offset = pa.wrapping_sub(self.base);
        let inside = self
            .size
            .checked_sub(len)
            .is_some_and(|last| offset <= last);
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
        // SAFETY: as in `load`. Atomic, because others may read it by `SharedRam::load`.
        unsafe { AtomicU64::from_ptr(word.cast()) }.store(value, Ordering::Relaxed);
        true
    }

    /// Stores a 64-bit word as [`store`](Self::store) does, and says what was there before; `None` outside.
    #[inline]
    pub fn replace(&mut self, pa: u64, value: u64) -> Option<u64> {
        let word = self.at(pa, 8).filter(|_| pa.is_multiple_of(8))?;
        // SAFETY: as in `load`, and in `store`.
        let before = unsafe { word.cast::<u64>().read_volatile() };
        // SAFETY: as in `store`.
        unsafe { AtomicU64::from_ptr(word.cast()) }.store(value, Ordering::Relaxed);
        Some(before)
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

/// RAM that guests may be using at the same time: copied from and to, never borrowed. What is read may be any mixture of
/// what they write meanwhile; each byte is read once.
#[derive(Clone, Copy, Debug)]
pub struct SharedRam {
    base: u64,
    size: u64,
}

impl SharedRam {
    /// The `size` bytes from physical address `base` on.
    ///
    /// # Safety
    ///
    /// They are RAM, mapped by [`crate::mmu::enable`], and no reference of Rust code leads into them while any function
    /// of this value runs.
    #[must_use]
    pub const unsafe fn new(base: u64, size: u64) -> Self {
        Self { base, size }
    }

    /// Whether the `len` bytes at `pa` are inside.
    #[must_use]
    pub fn contains(&self, pa: u64, len: u64) -> bool {
        pa.checked_sub(self.base)
            .and_then(|offset| offset.checked_add(len))
            .is_some_and(|end| end <= self.size)
    }

    /// The 64-bit word at `pa`, a multiple of 8, in one single access after which all later ones come; `None` outside.
    #[must_use]
    #[inline]
    pub fn load(&self, pa: u64) -> Option<u64> {
        let inside = self.contains(pa, 8) && pa.is_multiple_of(8);
        let word = core::ptr::with_exposed_provenance_mut(pa as usize);
        // SAFETY: in range, aligned, mapped; whoever writes it does so by `Ram::store`, which is atomic.
        inside.then(|| unsafe { AtomicU64::from_ptr(word) }.load(Ordering::Acquire))
    }

    /// Reads `to.len()` bytes at `pa`; says whether they are inside.
    pub fn read(&self, pa: u64, to: &mut [u8]) -> bool {
        let inside = self.contains(pa, to.len() as u64);
        if inside {
            let from = core::ptr::with_exposed_provenance(pa as usize);
            // SAFETY: in range, mapped; `to` is ours to write.
            unsafe { copy(from, to.as_mut_ptr(), to.len()) };
        }
        inside
    }

    /// Writes `from` at `pa`; says whether that is inside.
    pub fn write(&self, pa: u64, from: &[u8]) -> bool {
        let inside = self.contains(pa, from.len() as u64);
        if inside {
            let to = core::ptr::with_exposed_provenance_mut(pa as usize);
            // SAFETY: in range, mapped, and by the promise of `new` nobody borrows it.
            unsafe { copy(from.as_ptr(), to, from.len()) };
        }
        inside
    }

    /// Fills the page at `pa` with zeros; says whether it is inside.
    pub fn clear_page(&self, pa: u64) -> bool {
        let inside = self.contains(pa, 4096);
        if inside {
            // SAFETY: by the promise of `new` nobody borrows it; this `Ram` lives no longer than the call.
            let mut page = unsafe { Ram::new(pa, 4096) };
            page.clear(pa, 4096);
        }
        inside
    }
}

/// Copies `bytes` bytes between two places of shared RAM, upwards, or fewer, but some, if `stop` says so: it is asked about
/// every 100 to 300 instructions. How many it copied; `None` if not all of them are inside.
pub fn copy_shared(
    from: (&SharedRam, u64),
    to: (&SharedRam, u64),
    bytes: usize,
    stop: impl Fn() -> bool,
) -> Option<usize> {
    let inside = from.0.contains(from.1, bytes as u64) && to.0.contains(to.1, bytes as u64);
    if !inside {
        return None;
    }
    let source = core::ptr::with_exposed_provenance::<u8>(from.1 as usize);
    let target = core::ptr::with_exposed_provenance_mut::<u8>(to.1 as usize);
    // By words where both are aligned to words, else by bytes.
    let run = if (from.1 | to.1).is_multiple_of(8) {
        512
    } else {
        64
    };
    let mut done = 0;
    loop {
        let some = (bytes - done).min(run);
        // SAFETY: both in range, mapped, and nobody borrows them.
        unsafe { copy(source.wrapping_add(done), target.wrapping_add(done), some) };
        done += some;
        if done == bytes || stop() {
            return Some(done);
        }
    }
}

/// Copies upwards, each byte read once, by 64 bytes where both are aligned to 16.
///
/// In assembly, because guests may write to either side meanwhile, which no Rust reference allows.
///
/// # Safety
///
/// `bytes` bytes from `from` can be read, and from `to` written.
unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    let aligned = (from.addr() | to.addr()).is_multiple_of(16);
    let blocks = if aligned { bytes / 64 } else { 0 };
    let words = if (from.addr() | to.addr()).is_multiple_of(8) {
        (bytes - blocks * 64) / 8
    } else {
        0
    };
    let rest = bytes - blocks * 64 - words * 8;
    // SAFETY: reads and writes exactly the promised bytes; the loops end because each count falls to 0.
    unsafe {
        asm!(
            "cbz {blocks}, 3f",
            "2:",
            "ldp {a}, {b}, [{from}], #16",
            "ldp {c}, {d}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "ldp {a}, {b}, [{from}], #16",
            "stp {c}, {d}, [{to}], #16",
            "ldp {c}, {d}, [{from}], #16",
            "subs {blocks}, {blocks}, #1",
            "stp {a}, {b}, [{to}], #16",
            "stp {c}, {d}, [{to}], #16",
            "b.ne 2b",
            "3:",
            "cbz {words}, 5f",
            "4:",
            "ldr {a}, [{from}], #8",
            "subs {words}, {words}, #1",
            "str {a}, [{to}], #8",
            "b.ne 4b",
            "5:",
            "cbz {rest}, 7f",
            "6:",
            "ldrb {a:w}, [{from}], #1",
            "subs {rest}, {rest}, #1",
            "strb {a:w}, [{to}], #1",
            "b.ne 6b",
            "7:",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            blocks = inout(reg) blocks => _,
            words = inout(reg) words => _,
            rest = inout(reg) rest => _,
            a = out(reg) _,
            b = out(reg) _,
            c = out(reg) _,
            d = out(reg) _,
            options(nostack)
        );
    }
}
