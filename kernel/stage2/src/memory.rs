//! What stage 2 needs from outside: pages for its tables, and the TLB kept in step with them.

/// Where translation tables live.
///
/// A table is named by the physical address of its first byte. `pages` is 1 except for a root table, which may
/// be up to 16 adjacent pages that are indexed as one.
pub trait TableMemory {
    /// `pages` adjacent pages (a power of two) full of zeros, aligned to their total size; `None` when
    /// there are none. The zeros are visible to the table walker before the next
    /// [`Maintenance::entry_written`] returns.
    fn alloc(&mut self, pages: u32) -> Option<u64>;

    /// Takes back what [`alloc`](Self::alloc) gave; no core's walker can reach it any more.
    fn free(&mut self, table: u64, pages: u32);

    /// The descriptor with that index, below 512 per page of the table.
    fn read(&self, table: u64, index: usize) -> u64;

    /// Stores a descriptor, with one single 64-bit store.
    fn write(&mut self, table: u64, index: usize, descriptor: u64);

    /// Whether all 512 descriptors of a table of one page are 0. Worth doing well: it is the longest part of a bounded
    /// unmapping.
    fn is_empty(&self, table: u64) -> bool {
        (0..512).all(|index| self.read(table, index) == 0)
    }

    /// Whether somebody waits for the present step to end: then one that may do more or less does less.
    fn wanted(&self) -> bool {
        false
    }
}

/// How other observers are told about changes.
pub trait Maintenance {
    /// Returns when all descriptors written so far are visible to every table walker of the inner shareable
    /// domain (`dsb ishst`), and before any later instruction depends on them (`isb`).
    fn entry_written(&mut self);

    /// Returns when no core translates `size` bytes from intermediate physical address `ipa` on with what it
    /// has cached for `vmid`, of stage 2, of both stages combined, and of intermediate walk levels
    /// (`TLBI IPAS2E1IS` per granule, `DSB ISH`, `TLBI VMALLE1IS`, `DSB ISH`, `ISB`; or all of the VMID when
    /// the range is long). All writes before it have been announced by [`entry_written`](Self::entry_written).
    fn invalidate_ipa(&mut self, vmid: u16, ipa: u64, size: u64);

    /// The same for everything cached for `vmid` (`TLBI VMALLS12E1IS`).
    fn invalidate_all(&mut self, vmid: u16);
}
