//! The shape of a stage 2 address space: where the walk starts and how wide it is.

use core::fmt;

use crate::descriptor::{ENTRIES, PAGE_SHIFT, STRIDE, level_shift};

/// The smallest and largest intermediate physical address sizes, in bits. Below 31 bits the walk would start
/// at level 2 and lose 1 GiB blocks for nothing; above 48 it would need FEAT_LPA2.
const MIN_IPA_BITS: u32 = 31;
const MAX_IPA_BITS: u32 = 48;

/// Why an address space of that size cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeometryError {
    /// `bits` is outside 31 to 48.
    IpaBits {
        /// What was asked for.
        bits: u32,
    },
    /// The core implements fewer physical address bits than that, and an intermediate physical address
    /// cannot have more.
    BeyondPhysical {
        /// What was asked for.
        bits: u32,
        /// What the core implements.
        physical: u32,
    },
    /// ID_AA64MMFR0_EL1.PARange holds a value that is not defined.
    UnknownRange {
        /// That value.
        parange: u8,
    },
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GeometryError::IpaBits { bits } => {
                write!(
                    f,
                    "guest address space of {bits} bits; possible are {MIN_IPA_BITS} to {MAX_IPA_BITS}"
                )
            }
            GeometryError::BeyondPhysical { bits, physical } => write!(
                f,
                "guest address space of {bits} bits, but the core has {physical} physical address bits"
            ),
            GeometryError::UnknownRange { parange } => {
                write!(
                    f,
                    "ID_AA64MMFR0_EL1.PARange is {parange}, which is not defined"
                )
            }
        }
    }
}

impl core::error::Error for GeometryError {}

/// The shape: intermediate physical address size, first level, root tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    ipa_bits: u32,
    pa_bits: u32,
    pa_range: u8,
    start_level: u32,
    vmid16: bool,
}

impl Geometry {
    /// An intermediate physical address space of `ipa_bits` bits on a core whose ID_AA64MMFR0_EL1.PARange is
    /// `parange` and whose VMIDs have 16 bits if `vmid16` (ID_AA64MMFR1_EL1.VMIDBits = 2), else 8.
    ///
    /// The walk starts at level 1 whenever it can, with up to 16 concatenated root tables (D8.2.2), because
    /// that saves a level.
    ///
    /// # Errors
    ///
    /// See [`GeometryError`].
    pub const fn new(ipa_bits: u32, parange: u8, vmid16: bool) -> Result<Self, GeometryError> {
        // D24.2.76, PARange. 52 and 56 bits need descriptors that we do not write; we use 48 of them.
        let (pa_bits, pa_range) = match parange {
            0 => (32, 0),
            1 => (36, 1),
            2 => (40, 2),
            3 => (42, 3),
            4 => (44, 4),
            5..=7 => (48, 5),
            _ => return Err(GeometryError::UnknownRange { parange }),
        };
        if ipa_bits < MIN_IPA_BITS || ipa_bits > MAX_IPA_BITS {
            return Err(GeometryError::IpaBits { bits: ipa_bits });
        }
        if ipa_bits > pa_bits {
            return Err(GeometryError::BeyondPhysical {
                bits: ipa_bits,
                physical: pa_bits,
            });
        }
        // 16 tables at level 1 resolve 4 bits more than one does. Level 0 is needed only above that, where
        // the core has the 44 physical bits without which SL0 = 2 is reserved.
        let start_level = if ipa_bits <= level_shift(0).saturating_add(4) {
            1
        } else {
            0
        };
        Ok(Geometry {
            ipa_bits,
            pa_bits,
            pa_range,
            start_level,
            vmid16,
        })
    }

    /// The smallest address space in which every address below `end` exists (at least 32 bits).
    ///
    /// # Errors
    ///
    /// See [`GeometryError`].
    pub const fn covering(end: u64, parange: u8, vmid16: bool) -> Result<Self, GeometryError> {
        let bits = u64::BITS.saturating_sub(end.saturating_sub(1).leading_zeros());
        Self::new(if bits < 32 { 32 } else { bits }, parange, vmid16)
    }

    /// Bits of an intermediate physical address.
    #[must_use]
    pub const fn ipa_bits(&self) -> u32 {
        self.ipa_bits
    }

    /// Bits of a physical address that a mapping may lead to.
    #[must_use]
    pub const fn pa_bits(&self) -> u32 {
        self.pa_bits
    }

    /// The level at which the walk starts: 0 or 1.
    #[must_use]
    pub const fn start_level(&self) -> u32 {
        self.start_level
    }

    /// Adjacent pages of the root table: 1, 2, 4, 8 or 16.
    #[must_use]
    pub const fn root_pages(&self) -> u32 {
        let one_table = level_shift(self.start_level).saturating_add(STRIDE);
        1u32.wrapping_shl(self.ipa_bits.saturating_sub(one_table))
    }

    /// VTCR_EL2 (D24.2.203) for this shape: walks inner shareable and write-back write-allocate cacheable,
    /// 4 KiB granule, no hardware update of access flag or dirty state.
    #[must_use]
    pub const fn vtcr(&self) -> u64 {
        const RES1: u64 = 1 << 31;
        const SH0_INNER: u64 = 0b11 << 12;
        const ORGN0_WB_WA: u64 = 0b01 << 10;
        const IRGN0_WB_WA: u64 = 0b01 << 8;
        const TG0_4K: u64 = 0b00 << 14;
        let t0sz = 64u64.saturating_sub(self.ipa_bits as u64);
        let sl0: u64 = if self.start_level == 0 {
            0b10 << 6
        } else {
            0b01 << 6
        };
        let ps = (self.pa_range as u64) << 16;
        let vs = (self.vmid16 as u64) << 19;
        RES1 | vs | ps | TG0_4K | SH0_INNER | ORGN0_WB_WA | IRGN0_WB_WA | sl0 | t0sz
    }

    /// VTTBR_EL2 for a root table at `root`: VMID in bits 63:48, no CnP.
    #[must_use]
    pub const fn vttbr(&self, root: u64, vmid: u16) -> u64 {
        ((vmid as u64) << 48) | root
    }

    /// The root table in a value of VTTBR_EL2: bits 47:1, aligned as a root is.
    pub(crate) const fn root(&self, vttbr: u64) -> u64 {
        vttbr & 0x0000_ffff_ffff_f000
    }

    /// The index of the descriptor at `level` that covers `ipa`. Concatenated root tables are indexed as one.
    pub(crate) const fn index(&self, level: u32, ipa: u64) -> usize {
        let number = ipa.wrapping_shr(level_shift(level)) as usize;
        if level == self.start_level {
            number
        } else {
            number % ENTRIES
        }
    }

    /// Bytes of the intermediate physical address space.
    #[must_use]
    pub const fn ipa_size(&self) -> u64 {
        1u64.wrapping_shl(self.ipa_bits)
    }

    /// Bytes of the physical address space.
    pub(crate) const fn pa_size(&self) -> u64 {
        1u64.wrapping_shl(self.pa_bits)
    }
}

const _: () = assert!(level_shift(3) == PAGE_SHIFT);
