//! Stage 2 descriptors, 4 KiB granule, 48-bit output addresses (Arm ARM D8.3, D8.4.2 and D8.6.5).

use crate::attributes::{Attributes, MemoryType};

/// Bits of an address inside a page.
pub(crate) const PAGE_SHIFT: u32 = 12;
/// Bits that one level of the walk resolves.
pub(crate) const STRIDE: u32 = 9;
/// Descriptors in a page.
pub(crate) const ENTRIES: usize = 512;
/// Bytes in a page.
pub(crate) const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;
/// The level whose leaves are pages; a block may stand at the two levels above.
pub(crate) const LAST_LEVEL: u32 = 3;

/// What an invalid descriptor is written as.
pub(crate) const INVALID: u64 = 0;

const VALID: u64 = 1;
/// With `VALID`: a table at levels 0 to 2, a page at level 3; a block without it.
const TABLE_OR_PAGE: u64 = 1 << 1;
const MEMATTR_MASK: u64 = 0b1111 << 2;
const MEMATTR_NORMAL_WB: u64 = 0b1111 << 2;
const MEMATTR_DEVICE_NGNRE: u64 = 0b0001 << 2;
const S2AP_READ: u64 = 0b01 << 6;
const S2AP_WRITE: u64 = 0b10 << 6;
const SH_INNER: u64 = 0b11 << 8;
const AF: u64 = 1 << 10;
/// XN\[1:0\] = 0b10: not executable at EL1 and EL0, with and without FEAT_XNX.
const XN: u64 = 0b10 << 53;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/// Address bits below those that a descriptor at `level`, which is at most the last, resolves.
pub(crate) const fn level_shift(level: u32) -> u32 {
    PAGE_SHIFT.wrapping_add(STRIDE.wrapping_mul(LAST_LEVEL.wrapping_sub(level)))
}

/// Bytes that a descriptor at `level` covers.
pub(crate) const fn level_size(level: u32) -> u64 {
    1u64.wrapping_shl(level_shift(level))
}

/// What a descriptor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descriptor {
    /// Nothing is mapped.
    Empty,
    /// The next level's table.
    Table(u64),
    /// A block or page, with its physical address.
    Leaf(u64, Attributes),
}

impl Descriptor {
    /// Reads a descriptor found at `level`.
    pub(crate) fn decode(level: u32, raw: u64) -> Self {
        if raw & VALID == 0 {
            return Descriptor::Empty;
        }
        if level != LAST_LEVEL && raw & TABLE_OR_PAGE != 0 {
            return Descriptor::Table(raw & ADDRESS);
        }
        let memory = match raw & MEMATTR_MASK {
            MEMATTR_NORMAL_WB => MemoryType::Normal,
            _ => MemoryType::Device,
        };
        let attributes = Attributes {
            memory,
            writable: raw & S2AP_WRITE != 0,
            executable: raw & XN == 0,
        };
        Descriptor::Leaf(raw & ADDRESS, attributes)
    }

    /// Its bits at `level`.
    pub(crate) fn encode(self, level: u32) -> u64 {
        match self {
            Descriptor::Empty => INVALID,
            Descriptor::Table(table) => table | TABLE_OR_PAGE | VALID,
            Descriptor::Leaf(pa, attributes) => {
                let kind = if level == LAST_LEVEL {
                    TABLE_OR_PAGE | VALID
                } else {
                    VALID
                };
                // Device memory is outer shareable whatever SH says.
                let memory = match attributes.memory {
                    MemoryType::Normal => MEMATTR_NORMAL_WB | SH_INNER,
                    MemoryType::Device => MEMATTR_DEVICE_NGNRE,
                };
                let write = if attributes.writable { S2AP_WRITE } else { 0 };
                let execute = if attributes.executable { 0 } else { XN };
                pa | kind | memory | S2AP_READ | write | execute | AF
            }
        }
    }
}
