//! How a list register looks in each GIC version.
//!
//! For: the drivers, which move these words to and from hardware. Pure functions; any word decodes to
//! something, and what [`Lr`] can express survives encoding and decoding (GICv2: with five priority bits,
//! ten INTID bits and three bits of SGI source).
//!
//! Sources: IHI 0069, `ICH_LR<n>_EL2`; IHI 0048, 5.3.11 `GICH_LRn`.

use crate::hw::{Lr, LrState};

/// INTIDs that have no list register's HW bit in GICv2: those below 16 carry their sender instead.
const SGI_END: u32 = 16;

/// The 64 bits of `ICH_LR<n>_EL2`.
#[must_use]
pub const fn encode_v3(lr: Lr) -> u64 {
    if matches!(lr.state, LrState::Invalid) {
        return 0;
    }
    let word = (lr.state as u64) << 62
        | (lr.group1 as u64) << 60
        | (lr.priority as u64) << 48
        | (lr.intid as u64);
    match lr.hw {
        Some(pintid) => word | 1 << 61 | ((pintid & 0x1fff) as u64) << 32,
        None => word | (lr.eoi_maintenance as u64) << 41,
    }
}

/// What `ICH_LR<n>_EL2` says.
#[must_use]
pub const fn decode_v3(word: u64) -> Lr {
    let linked = word & 1 << 61 != 0;
    Lr {
        state: LrState::from_bits((word >> 62) as u32),
        intid: word as u32,
        priority: (word >> 48) as u8,
        group1: word & 1 << 60 != 0,
        hw: if linked {
            Some((word >> 32) as u32 & 0x1fff)
        } else {
            None
        },
        eoi_maintenance: !linked && word & 1 << 41 != 0,
        sgi_source: 0,
    }
}

/// The 32 bits of `GICH_LRn`.
#[must_use]
pub const fn encode_v2(lr: Lr) -> u32 {
    if matches!(lr.state, LrState::Invalid) {
        return 0;
    }
    let word = (lr.state as u32) << 28
        | (lr.group1 as u32) << 30
        | ((lr.priority >> 3) as u32) << 23
        | lr.intid & 0x3ff;
    match lr.hw {
        Some(pintid) => word | 1 << 31 | (pintid & 0x3ff) << 10,
        None => {
            let source = if lr.intid < SGI_END {
                ((lr.sgi_source & 7) as u32) << 10
            } else {
                0
            };
            word | (lr.eoi_maintenance as u32) << 19 | source
        }
    }
}

/// What `GICH_LRn` says.
#[must_use]
pub const fn decode_v2(word: u32) -> Lr {
    let linked = word & 1 << 31 != 0;
    let intid = word & 0x3ff;
    Lr {
        state: LrState::from_bits(word >> 28),
        intid,
        priority: ((word >> 23) as u8) << 3,
        group1: word & 1 << 30 != 0,
        hw: if linked {
            Some((word >> 10) & 0x3ff)
        } else {
            None
        },
        eoi_maintenance: !linked && word & 1 << 19 != 0,
        sgi_source: if !linked && intid < SGI_END {
            (word >> 10) as u8 & 7
        } else {
            0
        },
    }
}
