//! The same changes in bounded steps, for whoever must not hold the address space's lock for long.
//!
//! Each method does one thing that takes time independent of how large a range its caller has in mind: about 100
//! instructions for the walk, 40 for each leaf, and in the worst case a look through the three tables above the leaves,
//! to give back those that became empty ([`TableMemory::is_empty`]). Between two steps the address space is complete and
//! anybody may change it; a caller begins each step by finding what is there.

use crate::attributes::Attributes;
use crate::descriptor::{Descriptor, ENTRIES, INVALID, LAST_LEVEL, PAGE_SIZE, level_size};
use crate::edit::Edit;
use crate::memory::{Maintenance, TableMemory};
use crate::space::{Error, Stage2, check_attributes};

/// Descriptors that a step looks at while it finds nothing mapped.
const LOOKS: u64 = 32;

/// A descriptor that maps something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The first address that it maps.
    pub ipa: u64,
    /// Where that leads.
    pub pa: u64,
    /// Bytes: 4 KiB, 2 MiB or 1 GiB.
    pub size: u64,
    /// What is permitted.
    pub attributes: Attributes,
}

/// Why a step ended where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the end of the range.
    End,
    /// There is more to do: call again.
    More,
    /// Nothing is mapped from here to the address given, or to the end of the range.
    Hole(u64),
    /// This leaf was not accepted.
    Refused(Leaf),
    /// This leaf reaches beyond the range on either side: to be split first.
    Straddles(Leaf),
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Everything below is unmapped.
    pub next: u64,
    /// How many leaves were taken.
    pub taken: usize,
    /// Why it went no further.
    pub stop: Stop,
}

/// A table that is to stand in a block's place, while it is being filled. Nobody else sees it. Whoever has one gives it to
/// [`Stage2::split_finish`] or [`Stage2::split_abandon`] of the address space that it came from.
#[derive(Debug)]
#[must_use = "dropping it leaks a table"]
pub struct Split {
    table: u64,
    level: u32,
    block: Leaf,
    filled: usize,
}

/// The tables of a walk: those above the last one, with the index by which each was left.
#[derive(Clone, Copy, Default)]
struct Path {
    above: [(u64, usize); LAST_LEVEL as usize],
    depth: usize,
}

impl Path {
    fn push(&mut self, table: u64, index: usize) {
        if let Some(slot) = self.above.get_mut(self.depth) {
            *slot = (table, index);
            self.depth = self.depth.wrapping_add(1);
        }
    }

    fn pop(&mut self) -> Option<(u64, usize)> {
        self.depth = self.depth.checked_sub(1)?;
        self.above.get(self.depth).copied()
    }
}

impl Stage2 {
    /// Maps one leaf of 4 KiB or 2 MiB, to which both addresses are aligned, if `accept` wants it once there is nothing else against
    /// it. Whether it did.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map); [`Error::Misaligned`] also for other sizes. [`Error::Overlap`] names `ipa` where a block is
    /// asked for and pages are mapped somewhere in its place.
    pub fn map_leaf(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        leaf: Leaf,
        accept: impl FnOnce() -> bool,
    ) -> Result<bool, Error> {
        let Leaf {
            ipa,
            pa,
            size,
            attributes,
        } = leaf;
        let block = level_size(LAST_LEVEL.wrapping_sub(1));
        if size != PAGE_SIZE && size != block {
            return Err(Error::Misaligned);
        }
        if !(ipa | pa).is_multiple_of(size) {
            return Err(Error::Misaligned);
        }
        self.check_range(ipa, size)?;
        check_attributes(attributes)?;
        if pa
            .checked_add(size)
            .is_none_or(|end| end > self.geometry().pa_size())
        {
            return Err(Error::OutsidePa);
        }
        let (table, level, found) = self.walk(memory, ipa, size, &mut Path::default());
        // A table is never empty, so one that stands where the block should is in the way.
        if found != Descriptor::Empty || level_size(level) < size {
            return Err(Error::Overlap { ipa });
        }
        if !accept() {
            return Ok(false);
        }
        self.edit(memory, tlb).hang(table, level, leaf)?;
        Ok(true)
    }

    /// Unmaps leaves of `ipa..end` in ascending order, as many as `taken` has places for and one table has; each must lie
    /// wholly in the range, and `accept` must want it. They are forgotten by every core when this returns, with one
    /// invalidation for all; tables that became empty are given back.
    ///
    /// # Errors
    ///
    /// Those about a range.
    pub fn unmap_some(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        ipa: u64,
        end: u64,
        taken: &mut [Option<Leaf>],
        mut accept: impl FnMut(&Leaf) -> bool,
    ) -> Result<Sweep, Error> {
        self.check_range(ipa, end.saturating_sub(ipa))?;
        let mut path = Path::default();
        let (table, level, first) = self.walk(memory, ipa, PAGE_SIZE, &mut path);
        let mut first = Some(first);
        let size = level_size(level);
        let geometry = self.geometry();
        let mut edit = self.edit(memory, tlb);
        let mut sweep = Sweep {
            next: ipa,
            taken: 0,
            stop: Stop::End,
        };
        let mut looks = 0u64;
        while sweep.next < end {
            let base = sweep.next & !size.wrapping_sub(1);
            let index = geometry.index(level, base);
            // The next entry may stand in another table: that is another step's walk.
            let other_table = sweep.next != ipa && index == 0;
            let found = first.take();
            let found = found.unwrap_or_else(|| edit.read(table, level, index));
            let after = base.wrapping_add(size);
            match found {
                _ if other_table => {
                    sweep.stop = Stop::More;
                    break;
                }
                Descriptor::Empty if sweep.taken == 0 => {
                    // As far as the hole is known.
                    sweep.stop = Stop::Hole(after);
                    looks = looks.wrapping_add(1);
                    if looks == LOOKS || edit.memory.wanted() {
                        break;
                    }
                    sweep.next = after;
                    continue;
                }
                Descriptor::Leaf(pa, attributes) if looks == 0 => {
                    let leaf = Leaf {
                        ipa: base,
                        pa,
                        size,
                        attributes,
                    };
                    if base < sweep.next || after > end {
                        sweep.stop = Stop::Straddles(leaf);
                        break;
                    }
                    let enough = sweep.taken != 0 && edit.memory.wanted();
                    let Some(place) = taken.get_mut(sweep.taken).filter(|_| !enough) else {
                        sweep.stop = Stop::More;
                        break;
                    };
                    if !accept(&leaf) {
                        sweep.stop = Stop::Refused(leaf);
                        break;
                    }
                    edit.memory.write(table, index, INVALID);
                    *place = Some(leaf);
                    sweep.taken = sweep.taken.wrapping_add(1);
                    sweep.next = after;
                }
                _ if looks != 0 => break,
                _ => {
                    sweep.stop = Stop::More;
                    break;
                }
            }
        }
        if looks != 0 {
            // A hole changes nothing; its end is where the look at it ended.
            let until = match sweep.stop {
                Stop::Hole(until) => until.min(end),
                _ => sweep.next.min(end),
            };
            sweep.next = ipa;
            sweep.stop = Stop::Hole(until);
            return Ok(sweep);
        }
        if sweep.taken != 0 {
            edit.prune(table, level, &mut path, ipa, sweep.next);
        }
        Ok(sweep)
    }

    /// Begins to split the 2 MiB or 1 GiB block that covers `ipa`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`], and [`Error::OutsideIpa`].
    pub fn split_begin(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        ipa: u64,
    ) -> Result<Option<Split>, Error> {
        self.check_range(ipa & !PAGE_SIZE.wrapping_sub(1), PAGE_SIZE)?;
        let (_, level, found) = self.walk(memory, ipa, PAGE_SIZE, &mut Path::default());
        let Descriptor::Leaf(pa, attributes) = found else {
            return Ok(None);
        };
        if level == LAST_LEVEL {
            return Ok(None);
        }
        let table = self.edit(memory, tlb).alloc()?;
        let size = level_size(level);
        Ok(Some(Split {
            table,
            level,
            block: Leaf {
                ipa: ipa & !size.wrapping_sub(1),
                pa,
                size,
                attributes,
            },
            filled: 0,
        }))
    }

    /// Fills up to `count` descriptors of the new table; whether all are filled.
    pub fn split_fill(
        &mut self,
        memory: &mut impl TableMemory,
        split: &mut Split,
        count: usize,
    ) -> bool {
        let below = split.level.saturating_add(1);
        let piece = level_size(below);
        for _ in 0..count {
            if split.filled >= ENTRIES {
                break;
            }
            let offset = piece.wrapping_mul(split.filled as u64);
            let leaf =
                Descriptor::Leaf(split.block.pa.wrapping_add(offset), split.block.attributes);
            memory.write(split.table, split.filled, leaf.encode(below));
            split.filled = split.filled.wrapping_add(1);
        }
        split.filled >= ENTRIES
    }

    /// Puts the table into the block's place if it is full and the block is still what it was; else gives it back. Whether
    /// it did.
    pub fn split_finish(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        split: Split,
    ) -> bool {
        let (table, level, found) =
            self.walk(memory, split.block.ipa, PAGE_SIZE, &mut Path::default());
        let same = Descriptor::Leaf(split.block.pa, split.block.attributes);
        if split.filled < ENTRIES || level != split.level || found != same {
            self.split_abandon(memory, tlb, split);
            return false;
        }
        let index = self.geometry().index(level, split.block.ipa);
        let Leaf { ipa, size, .. } = split.block;
        let mut edit = self.edit(memory, tlb);
        edit.memory.write(table, index, INVALID);
        edit.flush(ipa, ipa.wrapping_add(size));
        edit.write(table, level, index, Descriptor::Table(split.table));
        edit.announce();
        true
    }

    /// Gives the table back.
    pub fn split_abandon(
        &mut self,
        memory: &mut impl TableMemory,
        tlb: &mut impl Maintenance,
        split: Split,
    ) {
        self.edit(memory, tlb).free(split.table);
    }

    /// The descriptor that says where `ipa` leads: its table, its level, itself; `path` gets the way there. Ends at a table whose
    /// descriptors cover no more than `least` bytes.
    fn walk(
        &self,
        memory: &impl TableMemory,
        ipa: u64,
        least: u64,
        path: &mut Path,
    ) -> (u64, u32, Descriptor) {
        let geometry = self.geometry();
        let (mut table, mut level) = (self.root(), geometry.start_level());
        loop {
            let index = geometry.index(level, ipa);
            let found = Descriptor::decode(level, memory.read(table, index));
            match found {
                Descriptor::Table(next) if level_size(level) > least => {
                    path.push(table, index);
                    (table, level) = (next, level.saturating_add(1));
                }
                _ => return (table, level, found),
            }
        }
    }
}

impl<M: TableMemory, T: Maintenance> Edit<'_, M, T> {
    /// Maps `leaf`, for which the descriptor of `table` is invalid, with the tables that are missing in between. A failure
    /// changes nothing.
    fn hang(&mut self, table: u64, level: u32, leaf: Leaf) -> Result<(), Error> {
        let mut at = level;
        while level_size(at) > leaf.size {
            at = at.saturating_add(1);
        }
        // From the leaf upwards: until the last write no walker sees anything of it, so one announcement does for all.
        let mut below = Descriptor::Leaf(leaf.pa, leaf.attributes);
        while at > level {
            let next = match self.alloc() {
                Ok(next) => next,
                Err(error) => {
                    while let Descriptor::Table(unused) = below {
                        at = at.saturating_add(1);
                        below = self.read(unused, at, self.geometry.index(at, leaf.ipa));
                        self.free(unused);
                    }
                    return Err(error);
                }
            };
            self.write(next, at, self.geometry.index(at, leaf.ipa), below);
            below = Descriptor::Table(next);
            at = at.saturating_sub(1);
        }
        if matches!(below, Descriptor::Table(_)) {
            self.announce();
        }
        self.write(table, level, self.geometry.index(level, leaf.ipa), below);
        self.announce();
        Ok(())
    }

    /// After descriptors of `table` for `start..end` were made invalid: everybody forgets them, and the tables that are
    /// empty now are given back.
    fn prune(&mut self, table: u64, level: u32, path: &mut Path, start: u64, end: u64) {
        let mut empty = [None; LAST_LEVEL as usize];
        let (mut at, mut size) = (table, level_size(level));
        let mut from = level;
        for slot in &mut empty {
            if !self.memory.is_empty(at) {
                break;
            }
            // The root stays.
            let Some((above, index)) = path.pop() else {
                break;
            };
            self.memory.write(above, index, INVALID);
            *slot = Some(at);
            from = from.saturating_sub(1);
            size = level_size(from);
            at = above;
        }
        let mask = size.wrapping_sub(1);
        if from == level {
            self.flush(start, end);
        } else {
            self.flush(start & !mask, (start & !mask).wrapping_add(size));
        }
        for table in empty.into_iter().flatten() {
            self.free(table);
        }
    }
}
