//! A guest's address space: the operations that callers use.

use core::fmt;

use crate::attributes::{Attributes, MemoryType};
use crate::descriptor::{Descriptor, PAGE_SIZE, level_size};
use crate::edit::Edit;
use crate::geometry::Geometry;
use crate::memory::{Maintenance, TableMemory};

/// Why an operation was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The size is 0.
    Empty,
    /// An address or the size is not a multiple of 4096.
    Misaligned,
    /// The range reaches beyond the intermediate physical address space.
    OutsideIpa,
    /// The range reaches beyond the core's physical address space.
    OutsidePa,
    /// Device memory was asked to be executable.
    ExecutableDevice,
    /// Part of the range is mapped already.
    Overlap {
        /// The first such address.
        ipa: u64,
    },
    /// Part of the range is not mapped.
    NotMapped {
        /// The first such address.
        ipa: u64,
    },
    /// There is no page left for a table.
    NoMemory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Empty => f.write_str("a stage 2 range of no bytes"),
            Error::Misaligned => f.write_str("a stage 2 range that is not a multiple of 4096"),
            Error::OutsideIpa => f.write_str("a stage 2 range beyond the guest's address space"),
            Error::OutsidePa => f.write_str("a stage 2 range beyond the core's physical addresses"),
            Error::ExecutableDevice => f.write_str("device memory is never executable"),
            Error::Overlap { ipa } => write!(f, "stage 2 maps {ipa:#x} already"),
            Error::NotMapped { ipa } => write!(f, "stage 2 does not map {ipa:#x}"),
            Error::NoMemory => f.write_str("no page left for a stage 2 table"),
        }
    }
}

impl core::error::Error for Error {}

/// Where an address leads, and the leaf that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The physical address.
    pub pa: u64,
    /// What is permitted there.
    pub attributes: Attributes,
    /// Bytes that the leaf covers: 4 KiB, 2 MiB or 1 GiB. It is aligned to them.
    pub size: u64,
}

/// The stage 2 tables of one VM.
///
/// It owns table pages of a [`TableMemory`], and every call must be given that same one. Dropping it does not
/// give them back: [`destroy`](Self::destroy) does.
#[derive(Debug)]
#[must_use = "dropping it leaks its tables: use `destroy`"]
pub struct Stage2 {
    geometry: Geometry,
    root: u64,
    vmid: u16,
    pages: u32,
}

impl Stage2 {
    /// An empty address space. `vmid` is what [`Maintenance`] is told; 0 is the hypervisor's own by convention.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`] when there is no room for the root tables.
    pub fn new(
        geometry: Geometry,
        vmid: u16,
        memory: &mut impl TableMemory,
    ) -> Result<Self, Error> {
        let pages = geometry.root_pages();
        let root = memory.alloc(pages).ok_or(Error::NoMemory)?;
        Ok(Stage2 {
            geometry,
            root,
            vmid,
            pages,
        })
    }

    /// Maps `size` bytes from intermediate physical address `ipa` to physical address `pa`, with the largest
    /// blocks that alignment permits: aligned to 1 GiB in both, a gigabyte costs one descriptor.
    ///
    /// # Errors
    ///
    /// Any [`Error`] except [`Error::NotMapped`].
    pub fn map(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        ipa: u64,
        pa: u64,
        size: u64,
        attributes: Attributes,
    ) -> Result<(), Error> {
        let end = self.check_range(ipa, size)?;
        check_attributes(attributes)?;
        if !pa.is_multiple_of(PAGE_SIZE) {
            return Err(Error::Misaligned);
        }
        if pa
            .checked_add(size)
            .is_none_or(|end| end > self.geometry.pa_size())
        {
            return Err(Error::OutsidePa);
        }
        let (root, level) = (self.root, self.geometry.start_level());
        let mut edit = self.edit(memory, tlb);
        edit.expect_empty(root, level, ipa, end)?;
        let filled = edit.fill(root, level, ipa, end, pa, attributes);
        if filled.is_err() {
            // All of the range was empty before, so emptying all of it is the way back.
            edit.clear(root, level, ipa, end);
            edit.flush(ipa, end);
        } else {
            edit.announce();
        }
        filled
    }

    /// Unmaps `size` bytes from `ipa` on, all of which must be mapped, splitting blocks at the ends.
    ///
    /// # Errors
    ///
    /// Any [`Error`] about the range; [`Error::NoMemory`] when a block must be split and there is no page.
    pub fn unmap(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        ipa: u64,
        size: u64,
    ) -> Result<(), Error> {
        let end = self.check_range(ipa, size)?;
        let (root, level) = (self.root, self.geometry.start_level());
        let mut edit = self.edit(memory, tlb);
        edit.expect_full(root, level, ipa, end)?;
        edit.split_ends(root, ipa, end)?;
        edit.clear(root, level, ipa, end);
        edit.flush(ipa, end);
        Ok(())
    }

    /// Gives `size` bytes from `ipa` on, all of which must be mapped, other attributes, splitting blocks at the
    /// ends. Where the memory type changes, vCPUs may see the range unmapped for a moment.
    ///
    /// # Errors
    ///
    /// As [`unmap`](Self::unmap), and [`Error::ExecutableDevice`].
    pub fn protect(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        ipa: u64,
        size: u64,
        attributes: Attributes,
    ) -> Result<(), Error> {
        let end = self.check_range(ipa, size)?;
        check_attributes(attributes)?;
        let (root, level) = (self.root, self.geometry.start_level());
        let mut edit = self.edit(memory, tlb);
        edit.expect_full(root, level, ipa, end)?;
        edit.split_ends(root, ipa, end)?;
        edit.change(root, level, ipa, end, attributes);
        edit.flush(ipa, end);
        Ok(())
    }

    /// Where `ipa` leads; `None` when it is not mapped.
    pub fn translate(&self, memory: &impl TableMemory, ipa: u64) -> Option<Translation> {
        walk(&self.geometry, self.root, ipa, |table, index| {
            memory.read(table, index)
        })
    }

    /// Gives back every table. No core may have this address space in its VTTBR_EL2 any more, except with
    /// stage 2 switched off.
    pub fn destroy(mut self, memory: &mut impl TableMemory, tlb: &mut impl Maintenance) {
        tlb.invalidate_all(self.vmid);
        let (root, level) = (self.root, self.geometry.start_level());
        let root_pages = self.geometry.root_pages();
        // After everything was unmapped step by step there is the root alone, which need not be searched.
        if self.pages > root_pages {
            self.edit(memory, tlb).free_tree(root, level);
        }
        memory.free(root, root_pages);
    }

    /// The value of VTTBR_EL2 for it.
    #[must_use]
    pub const fn vttbr(&self) -> u64 {
        self.geometry.vttbr(self.root, self.vmid)
    }

    /// Its shape.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The physical address of its root.
    pub(crate) const fn root(&self) -> u64 {
        self.root
    }

    /// Table pages that it owns, the root's included.
    #[must_use]
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    pub(crate) fn edit<'a, M: TableMemory, T: Maintenance>(
        &'a mut self,
        memory: &'a mut M,
        tlb: &'a mut T,
    ) -> Edit<'a, M, T> {
        Edit {
            geometry: self.geometry,
            vmid: self.vmid,
            pages: &mut self.pages,
            memory,
            tlb,
        }
    }

    /// The end of a range, if it is one.
    pub(crate) fn check_range(&self, ipa: u64, size: u64) -> Result<u64, Error> {
        if size == 0 {
            return Err(Error::Empty);
        }
        if !ipa.is_multiple_of(PAGE_SIZE) || !size.is_multiple_of(PAGE_SIZE) {
            return Err(Error::Misaligned);
        }
        let end = ipa
            .checked_add(size)
            .filter(|end| *end <= self.geometry.ipa_size());
        end.ok_or(Error::OutsideIpa)
    }
}

/// Where `ipa` leads in the address space whose VTTBR_EL2 is `vttbr`, for whoever does not hold its lock.
///
/// `read` loads a descriptor in one single access, as the hardware's walker does, and sees what was announced before; the
/// tables that it meets are not given back meanwhile. As for the walker, an address that is mapped may be found not to
/// be while its descriptor is being replaced (break-before-make). What is found was there during the walk.
pub fn walk_unlocked(
    geometry: &Geometry,
    vttbr: u64,
    ipa: u64,
    read: impl Fn(u64, usize) -> u64,
) -> Option<Translation> {
    walk(geometry, geometry.root(vttbr), ipa, read)
}

fn walk(
    geometry: &Geometry,
    root: u64,
    ipa: u64,
    read: impl Fn(u64, usize) -> u64,
) -> Option<Translation> {
    if ipa >= geometry.ipa_size() {
        return None;
    }
    let (mut table, mut level) = (root, geometry.start_level());
    loop {
        let raw = read(table, geometry.index(level, ipa));
        match Descriptor::decode(level, raw) {
            Descriptor::Empty => return None,
            Descriptor::Table(next) => (table, level) = (next, level.saturating_add(1)),
            Descriptor::Leaf(base, attributes) => {
                let size = level_size(level);
                let offset = ipa & size.wrapping_sub(1);
                return Some(Translation {
                    pa: base | offset,
                    attributes,
                    size,
                });
            }
        }
    }
}

pub(crate) fn check_attributes(attributes: Attributes) -> Result<(), Error> {
    if attributes.memory == MemoryType::Device && attributes.executable {
        return Err(Error::ExecutableDevice);
    }
    Ok(())
}
