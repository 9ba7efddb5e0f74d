//! Builds EL2's stage 1 translation tables: identity, 4 KiB granule, four levels, nothing both writable
//! and executable (Arm ARM D8.3, descriptor formats for a single VA range).
//!
//! Hardware-free: tables are reached through [`Tables`], so the builder runs on the host. It uses the
//! largest block that alignment allows, refuses to map an address twice, and never splits or removes
//! an entry: the map is built once, before the MMU is on.

/// Bytes of a page and of a table.
pub const PAGE: u64 = 4096;

/// What lies behind an address, and so what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Instructions: read-only, executable.
    Code,
    /// Constants: read-only.
    Rodata,
    /// RAM: read-write, write-back cacheable.
    Data,
    /// Registers: read-write, Device-nGnRE.
    Device,
}

/// MAIR_EL2: attribute 0 is Device-nGnRE, attribute 1 Normal write-back, read and write allocate.
pub const MAIR: u64 = 0xff04;

const VALID: u64 = 1 << 0;
/// At levels 0 to 2 a table, at level 3 a page; clear means a block.
const TABLE_OR_PAGE: u64 = 1 << 1;
const ATTR_NORMAL: u64 = 1 << 2;
/// AP\[1\] is RES1 where there is one privilege level.
const AP_RES1: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const EXECUTE_NEVER: u64 = 1 << 54;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

impl Memory {
    const fn attributes(self) -> u64 {
        let normal = ATTR_NORMAL | INNER_SHAREABLE;
        VALID
            | AP_RES1
            | ACCESSED
            | match self {
                Memory::Code => normal | READ_ONLY,
                Memory::Rodata => normal | READ_ONLY | EXECUTE_NEVER,
                Memory::Data => normal | EXECUTE_NEVER,
                Memory::Device => EXECUTE_NEVER,
            }
    }
}

/// Where tables live. `table` is the physical address of one, `index` is below 512.
pub trait Tables {
    /// A fresh table of 512 zero entries; `None` when there is no room left.
    fn new_table(&mut self) -> Option<u64>;
    /// Reads an entry.
    fn get(&self, table: u64, index: usize) -> u64;
    /// Writes an entry.
    fn set(&mut self, table: u64, index: usize, entry: u64);
}

/// A range of addresses and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First byte, page-aligned.
    pub start: u64,
    /// First byte behind it, page-aligned.
    pub end: u64,
    /// What it is.
    pub memory: Memory,
}

/// Why a range was not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// A bound is not page-aligned, beyond 48 bits, or the end precedes the start.
    BadRange(Mapping),
    /// This address is mapped already.
    Overlap(u64),
    /// [`Tables::new_table`] had no table left.
    NoTable,
}

/// The tables under construction.
#[derive(Debug)]
pub struct AddressSpace<T> {
    root: u64,
    tables: T,
}

impl<T: Tables> AddressSpace<T> {
    /// An empty address space.
    ///
    /// # Errors
    ///
    /// [`MapError::NoTable`] when there is no table for the root.
    pub fn new(mut tables: T) -> Result<Self, MapError> {
        let root = tables.new_table().ok_or(MapError::NoTable)?;
        Ok(Self { root, tables })
    }

    /// The physical address of the root table, for TTBR0_EL2.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Gives the place of the tables back.
    pub fn into_tables(self) -> T {
        self.tables
    }

    /// Maps a range onto itself. An empty range is no error.
    ///
    /// # Errors
    ///
    /// See [`MapError`]; a part of the range may have been mapped by then.
    pub fn map(&mut self, mapping: Mapping) -> Result<(), MapError> {
        let aligned = (mapping.start | mapping.end).is_multiple_of(PAGE);
        if !aligned || mapping.end > 1 << 48 || mapping.end < mapping.start {
            return Err(MapError::BadRange(mapping));
        }
        if mapping.start == mapping.end {
            return Ok(());
        }
        self.fill(self.root, 0, mapping.start, mapping.end, mapping.memory)
    }

    /// Maps `start..end`, not empty and within the reach of `table`, which is one of `level`.
    fn fill(
        &mut self,
        table: u64,
        level: u32,
        start: u64,
        end: u64,
        memory: Memory,
    ) -> Result<(), MapError> {
        let shift = 39 - 9 * level;
        let span = 1u64 << shift;
        let leaf = memory.attributes() | if level == 3 { TABLE_OR_PAGE } else { 0 };
        let mut at = start;
        while at < end {
            let index = ((at >> shift) & 511) as usize;
            let next = ((at | (span - 1)) + 1).min(end);
            let whole = at & (span - 1) == 0 && next - at == span && level > 0;
            let entry = self.tables.get(table, index);
            if entry & VALID == 0 && whole {
                self.tables.set(table, index, at | leaf);
            } else {
                let is_table = entry & (VALID | TABLE_OR_PAGE) == VALID | TABLE_OR_PAGE;
                let child = if entry & VALID == 0 {
                    let child = self.tables.new_table().ok_or(MapError::NoTable)?;
                    self.tables.set(table, index, child | VALID | TABLE_OR_PAGE);
                    child
                } else if is_table && level < 3 {
                    entry & ADDRESS
                } else {
                    return Err(MapError::Overlap(at));
                };
                self.fill(child, level + 1, at, next, memory)?;
            }
            at = next;
        }
        Ok(())
    }

    /// What `address` is mapped as: the page or block descriptor and the size it covers, in bytes.
    #[must_use]
    pub fn lookup(&self, address: u64) -> Option<(u64, u64)> {
        let mut table = self.root;
        for level in 0..4 {
            let shift = 39 - 9 * level;
            let entry = self.tables.get(table, ((address >> shift) & 511) as usize);
            match (entry & VALID != 0, entry & TABLE_OR_PAGE != 0, level) {
                (false, _, _) => return None,
                (true, true, 0..=2) => table = entry & ADDRESS,
                _ => return Some((entry, 1 << shift)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    struct Vecs {
        tables: Vec<[u64; 512]>,
        limit: usize,
    }

    impl Tables for Vecs {
        fn new_table(&mut self) -> Option<u64> {
            if self.tables.len() == self.limit {
                return None;
            }
            self.tables.push([0; 512]);
            Some(self.tables.len() as u64 * PAGE)
        }
        fn get(&self, table: u64, index: usize) -> u64 {
            self.tables[(table / PAGE) as usize - 1][index]
        }
        fn set(&mut self, table: u64, index: usize, entry: u64) {
            self.tables[(table / PAGE) as usize - 1][index] = entry;
        }
    }

    fn space(limit: usize) -> AddressSpace<Vecs> {
        AddressSpace::new(Vecs {
            tables: Vec::new(),
            limit,
        })
        .unwrap()
    }

    const ALL: [Memory; 4] = [Memory::Code, Memory::Rodata, Memory::Data, Memory::Device];

    #[test]
    fn nothing_is_both_writable_and_executable() {
        for memory in ALL {
            let attributes = memory.attributes();
            assert!(
                attributes & READ_ONLY != 0 || attributes & EXECUTE_NEVER != 0,
                "{memory:?}"
            );
        }
    }

    #[test]
    fn only_code_is_executable_and_devices_are_not_normal() {
        for memory in ALL {
            let attributes = memory.attributes();
            assert_eq!(attributes & EXECUTE_NEVER == 0, memory == Memory::Code);
            assert_eq!(attributes & ATTR_NORMAL == 0, memory == Memory::Device);
        }
    }

    #[test]
    fn every_address_maps_to_itself_and_neighbours_stay_unmapped() {
        let mut s = space(99);
        let (start, end) = (0x3fff_f000, 0x8020_3000);
        let memory = Memory::Data;
        s.map(Mapping { start, end, memory }).unwrap();
        for at in [start, 0x4000_0000, 0x7fff_f000, 0x8000_0000, end - PAGE] {
            let (entry, size) = s.lookup(at).unwrap();
            assert_eq!(entry & ADDRESS, at & !(size - 1), "{at:#x}");
            assert_eq!(entry & EXECUTE_NEVER, EXECUTE_NEVER);
        }
        assert_eq!(s.lookup(start - PAGE), None);
        assert_eq!(s.lookup(end), None);
    }

    #[test]
    fn the_largest_blocks_are_used() {
        let mut s = space(99);
        let (start, end) = (0x3fe0_0000, 0x8000_1000);
        let memory = Memory::Data;
        s.map(Mapping { start, end, memory }).unwrap();
        assert_eq!(s.lookup(0x3fe0_0000).unwrap().1, 2 << 20);
        assert_eq!(s.lookup(0x4000_0000).unwrap().1, 1 << 30);
        assert_eq!(s.lookup(0x8000_0000).unwrap().1, PAGE);
        // Root, level 1, two of level 2, one of level 3.
        assert_eq!(s.into_tables().tables.len(), 5);
    }

    #[test]
    fn a_hole_left_for_a_guard_page_stays_a_hole() {
        let mut s = space(99);
        let memory = Memory::Data;
        let (start, end) = (0x4000_0000, 0x4000_4000);
        s.map(Mapping { start, end, memory }).unwrap();
        let (start, end) = (0x4000_5000, 0x4000_9000);
        s.map(Mapping { start, end, memory }).unwrap();
        assert!(s.lookup(0x4000_3000).is_some());
        assert_eq!(s.lookup(0x4000_4000), None);
        assert!(s.lookup(0x4000_5000).is_some());
    }

    #[test]
    fn mapping_twice_is_refused_at_the_first_address_hit() {
        let mut s = space(99);
        let memory = Memory::Code;
        let (start, end) = (0x4000_2000, 0x4000_3000);
        s.map(Mapping { start, end, memory }).unwrap();
        let memory = Memory::Data;
        let (start, end) = (0x4000_0000, 0x4020_0000);
        assert_eq!(
            s.map(Mapping { start, end, memory }),
            Err(MapError::Overlap(0x4000_2000))
        );
        let (start, end) = (0x8000_0000, 0xc000_0000);
        s.map(Mapping { start, end, memory }).unwrap();
        let (start, end) = (0x9000_0000, 0x9000_1000);
        assert_eq!(
            s.map(Mapping { start, end, memory }),
            Err(MapError::Overlap(0x9000_0000))
        );
    }

    #[test]
    fn bad_ranges_and_lack_of_tables_are_told() {
        let mut s = space(2);
        let memory = Memory::Data;
        for (start, end) in [(1, PAGE), (0, PAGE + 8), (PAGE, 0), (0, (1 << 48) + PAGE)] {
            let mapping = Mapping { start, end, memory };
            assert_eq!(s.map(mapping), Err(MapError::BadRange(mapping)));
        }
        let (start, end) = (0, PAGE);
        assert_eq!(
            s.map(Mapping { start, end, memory }),
            Err(MapError::NoTable)
        );
    }

    #[test]
    fn a_whole_512_gib_is_mapped_without_level_0_blocks() {
        let mut s = space(99);
        let memory = Memory::Data;
        let (start, end) = (0, 1 << 39);
        s.map(Mapping { start, end, memory }).unwrap();
        assert_eq!(s.lookup((1 << 39) - PAGE).unwrap().1, 1 << 30);
    }
}
