//! The walk that changes tables. Every method works on the part of one table that a range covers and descends
//! from there, at most four levels; ranges are checked, aligned and not empty.
//!
//! The order of writes, barriers and invalidations is the point of this file:
//! - a table is complete and announced before a descriptor leads to it;
//! - a valid descriptor that leads elsewhere than its successor becomes invalid, is announced and invalidated
//!   before the successor is written (break-before-make, D8.16.1);
//! - a table is given back after the descriptor that led to it is invalid, announced and invalidated.

use crate::attributes::Attributes;
use crate::descriptor::{Descriptor, ENTRIES, INVALID, LAST_LEVEL, level_shift, level_size};
use crate::geometry::Geometry;
use crate::memory::{Maintenance, TableMemory};
use crate::space::Error;

/// The most tables that splitting both ends of a range can take: at levels 2 and 3, for two ends.
const MAX_SPLITS: usize = 4;

/// One operation on one address space.
pub(crate) struct Edit<'a, M, T> {
    pub(crate) geometry: Geometry,
    pub(crate) vmid: u16,
    pub(crate) pages: &'a mut u32,
    pub(crate) memory: &'a mut M,
    pub(crate) tlb: &'a mut T,
}

/// The part of a range that one descriptor covers.
struct Piece {
    /// The descriptor's index in its table.
    index: usize,
    /// The first address that the descriptor covers.
    base: u64,
    /// The part of the range that it covers.
    start: u64,
    end: u64,
}

impl Piece {
    /// Whether the range takes all that a descriptor at `level` covers.
    fn is_whole(&self, level: u32) -> bool {
        self.end.wrapping_sub(self.start) == level_size(level)
    }
}

/// The descriptors at `level` that cover `start..end`, with what each covers of it.
fn pieces(geometry: Geometry, level: u32, start: u64, end: u64) -> impl Iterator<Item = Piece> {
    let shift = level_shift(level);
    (start.wrapping_shr(shift)..=end.wrapping_sub(1).wrapping_shr(shift)).map(move |number| {
        let base = number.wrapping_shl(shift);
        Piece {
            index: geometry.index(level, base),
            base,
            start: base.max(start),
            end: base.wrapping_add(level_size(level)).min(end),
        }
    })
}

impl<M: TableMemory, T: Maintenance> Edit<'_, M, T> {
    /// Refuses a range of which a part is mapped.
    pub(crate) fn expect_empty(
        &self,
        table: u64,
        level: u32,
        start: u64,
        end: u64,
    ) -> Result<(), Error> {
        for piece in pieces(self.geometry, level, start, end) {
            match self.read(table, level, piece.index) {
                Descriptor::Empty => {}
                Descriptor::Table(next) => {
                    self.expect_empty(next, level.saturating_add(1), piece.start, piece.end)?;
                }
                Descriptor::Leaf(..) => return Err(Error::Overlap { ipa: piece.start }),
            }
        }
        Ok(())
    }

    /// Refuses a range of which a part is not mapped.
    pub(crate) fn expect_full(
        &self,
        table: u64,
        level: u32,
        start: u64,
        end: u64,
    ) -> Result<(), Error> {
        for piece in pieces(self.geometry, level, start, end) {
            match self.read(table, level, piece.index) {
                Descriptor::Empty => return Err(Error::NotMapped { ipa: piece.start }),
                Descriptor::Table(next) => {
                    self.expect_full(next, level.saturating_add(1), piece.start, piece.end)?;
                }
                Descriptor::Leaf(..) => {}
            }
        }
        Ok(())
    }

    /// Maps a range that is empty. A failure leaves part of it mapped, for the caller to clear.
    pub(crate) fn fill(
        &mut self,
        table: u64,
        level: u32,
        start: u64,
        end: u64,
        pa: u64,
        attributes: Attributes,
    ) -> Result<(), Error> {
        for piece in pieces(self.geometry, level, start, end) {
            let to = pa.wrapping_add(piece.start.wrapping_sub(start));
            // A descriptor that an empty range covers whole is invalid: tables without entries are not kept.
            if level != 0 && piece.is_whole(level) && to.is_multiple_of(level_size(level)) {
                self.write(table, level, piece.index, Descriptor::Leaf(to, attributes));
                continue;
            }
            let below = level.saturating_add(1);
            match self.read(table, level, piece.index) {
                Descriptor::Table(next) => {
                    self.fill(next, below, piece.start, piece.end, to, attributes)?;
                }
                _ => {
                    let next = self.alloc()?;
                    if let Err(error) =
                        self.fill(next, below, piece.start, piece.end, to, attributes)
                    {
                        // No walker has ever seen this table.
                        self.free_tree(next, below);
                        self.free(next);
                        return Err(error);
                    }
                    self.announce();
                    self.write(table, level, piece.index, Descriptor::Table(next));
                }
            }
        }
        Ok(())
    }

    /// Empties a range, whose ends no leaf straddles, and gives back the tables that are empty then. Leaves
    /// invalidated only where a table was given back: [`flush`](Self::flush) does the rest.
    pub(crate) fn clear(&mut self, table: u64, level: u32, start: u64, end: u64) {
        for piece in pieces(self.geometry, level, start, end) {
            match self.read(table, level, piece.index) {
                Descriptor::Empty => {}
                Descriptor::Leaf(..) => self.memory.write(table, piece.index, INVALID),
                Descriptor::Table(next) => {
                    let below = level.saturating_add(1);
                    if !piece.is_whole(level) {
                        self.clear(next, below, piece.start, piece.end);
                        if !self.memory.is_empty(next) {
                            continue;
                        }
                    }
                    self.break_entry(table, level, &piece);
                    self.free_tree(next, below);
                    self.free(next);
                }
            }
        }
    }

    /// Gives the leaves of a range, whose ends none straddles, other attributes.
    pub(crate) fn change(
        &mut self,
        table: u64,
        level: u32,
        start: u64,
        end: u64,
        attributes: Attributes,
    ) {
        for piece in pieces(self.geometry, level, start, end) {
            match self.read(table, level, piece.index) {
                Descriptor::Empty => {}
                Descriptor::Table(next) => {
                    self.change(
                        next,
                        level.saturating_add(1),
                        piece.start,
                        piece.end,
                        attributes,
                    );
                }
                Descriptor::Leaf(pa, old) => {
                    // Permissions may change in place (D8.16.1 lists what may not); the memory type may not.
                    if old.memory != attributes.memory {
                        self.break_entry(table, level, &piece);
                    }
                    self.write(table, level, piece.index, Descriptor::Leaf(pa, attributes));
                }
            }
        }
    }

    /// Splits the leaves that straddle `start` or `end`. All tables that takes are allocated first, so that
    /// a failure changes nothing.
    pub(crate) fn split_ends(&mut self, root: u64, start: u64, end: u64) -> Result<(), Error> {
        let needed = self.splits(root, start, end);
        let mut reserve = [None; MAX_SPLITS];
        for slot in reserve.iter_mut().take(needed) {
            match self.alloc() {
                Ok(table) => *slot = Some(table),
                Err(error) => {
                    for table in reserve.into_iter().flatten() {
                        self.free(table);
                    }
                    return Err(error);
                }
            }
        }
        let mut reserve = reserve.into_iter().flatten();
        self.split_at(root, start, &mut reserve);
        self.split_at(root, end, &mut reserve);
        Ok(())
    }

    /// How many tables splitting at both addresses takes: at each level, the blocks that either divides.
    fn splits(&self, root: u64, start: u64, end: u64) -> usize {
        let from = |edge| {
            self.straddling(root, edge)
                .map_or(LAST_LEVEL, |(_, level, _)| level)
        };
        let (start_level, end_level) = (from(start), from(end));
        (0..LAST_LEVEL)
            .map(|level| {
                let divides =
                    |edge: u64, from| level >= from && !edge.is_multiple_of(level_size(level));
                let (by_start, by_end) = (divides(start, start_level), divides(end, end_level));
                let shift = level_shift(level);
                let same = start.wrapping_shr(shift) == end.wrapping_shr(shift);
                if same {
                    usize::from(by_start || by_end)
                } else {
                    usize::from(by_start).wrapping_add(usize::from(by_end))
                }
            })
            .sum()
    }

    /// Splits until no leaf straddles `edge`.
    fn split_at(&mut self, root: u64, edge: u64, reserve: &mut impl Iterator<Item = u64>) {
        while let Some((table, level, leaf)) = self.straddling(root, edge) {
            let Some(next) = reserve.next() else { return };
            let size = level_size(level);
            let base = edge & !size.wrapping_sub(1);
            let below = level.saturating_add(1);
            let Descriptor::Leaf(pa, attributes) = leaf else {
                return;
            };
            for piece in pieces(self.geometry, below, base, base.wrapping_add(size)) {
                let to = pa.wrapping_add(piece.start.wrapping_sub(base));
                self.write(next, below, piece.index, Descriptor::Leaf(to, attributes));
            }
            let index = self.geometry.index(level, base);
            let piece = Piece {
                index,
                base,
                start: base,
                end: base.wrapping_add(size),
            };
            self.break_entry(table, level, &piece);
            self.write(table, level, index, Descriptor::Table(next));
            self.announce();
        }
    }

    /// The leaf that covers both `edge` and the byte before it: its table, its level and itself.
    fn straddling(&self, root: u64, edge: u64) -> Option<(u64, u32, Descriptor)> {
        if edge >= self.geometry.ipa_size() {
            return None;
        }
        let (mut table, mut level) = (root, self.geometry.start_level());
        loop {
            if edge.is_multiple_of(level_size(level)) {
                return None;
            }
            match self.read(table, level, self.geometry.index(level, edge)) {
                Descriptor::Empty => return None,
                Descriptor::Table(next) => (table, level) = (next, level.saturating_add(1)),
                leaf => return Some((table, level, leaf)),
            }
        }
    }

    /// Gives back every table below `table`, which stands at `level`; no walker can reach it.
    pub(crate) fn free_tree(&mut self, table: u64, level: u32) {
        if level >= LAST_LEVEL {
            return;
        }
        let entries = if level == self.geometry.start_level() {
            ENTRIES.wrapping_mul(self.geometry.root_pages() as usize)
        } else {
            ENTRIES
        };
        for index in 0..entries {
            if let Descriptor::Table(next) = self.read(table, level, index) {
                self.free_tree(next, level.saturating_add(1));
                self.free(next);
            }
        }
    }

    /// Makes all writes so far visible to the table walkers.
    pub(crate) fn announce(&mut self) {
        self.tlb.entry_written();
    }

    /// Announces, and makes everybody forget what they know of a range.
    pub(crate) fn flush(&mut self, start: u64, end: u64) {
        self.tlb.entry_written();
        self.tlb
            .invalidate_ipa(self.vmid, start, end.wrapping_sub(start));
    }

    /// The first half of break-before-make: the descriptor is invalid, and nobody remembers it.
    fn break_entry(&mut self, table: u64, level: u32, piece: &Piece) {
        self.memory.write(table, piece.index, INVALID);
        self.flush(piece.base, piece.base.wrapping_add(level_size(level)));
    }

    pub(crate) fn read(&self, table: u64, level: u32, index: usize) -> Descriptor {
        Descriptor::decode(level, self.memory.read(table, index))
    }

    pub(crate) fn write(&mut self, table: u64, level: u32, index: usize, descriptor: Descriptor) {
        self.memory.write(table, index, descriptor.encode(level));
    }

    pub(crate) fn alloc(&mut self) -> Result<u64, Error> {
        let table = self.memory.alloc(1).ok_or(Error::NoMemory)?;
        *self.pages = self.pages.saturating_add(1);
        Ok(table)
    }

    pub(crate) fn free(&mut self, table: u64) {
        self.memory.free(table, 1);
        *self.pages = self.pages.saturating_sub(1);
    }
}
