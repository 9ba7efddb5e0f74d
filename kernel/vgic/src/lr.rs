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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_lr() -> impl Strategy<Value = Lr> {
        let state = prop_oneof![
            Just(LrState::Pending),
            Just(LrState::Active),
            Just(LrState::PendingActive)
        ];
        let hw = proptest::option::of(16..1020u32);
        (
            state,
            0..1020u32,
            any::<u8>(),
            any::<bool>(),
            hw,
            any::<bool>(),
            0..8u8,
        )
            .prop_map(
                |(state, intid, priority, group1, hw, eoi_maintenance, source)| Lr {
                    state,
                    intid,
                    priority: priority & crate::PRIORITY_BITS,
                    group1,
                    hw,
                    eoi_maintenance: eoi_maintenance && hw.is_none(),
                    sgi_source: if intid < SGI_END && hw.is_none() {
                        source
                    } else {
                        0
                    },
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(lr in any_lr()) {
            prop_assert_eq!(decode_v2(encode_v2(lr)), lr);
            prop_assert_eq!(decode_v3(encode_v3(lr)), Lr { sgi_source: 0, ..lr });
        }

        #[test]
        fn any_word_decodes_and_what_it_means_is_kept(word: u64) {
            let lr = decode_v3(word);
            if lr.state != LrState::Invalid {
                prop_assert_eq!(decode_v3(encode_v3(lr)), lr);
            }
            let lr = decode_v2(word as u32);
            if lr.state != LrState::Invalid {
                prop_assert_eq!(decode_v2(encode_v2(lr)), lr);
            }
        }
    }

    #[test]
    fn fields_stand_where_the_specifications_put_them() {
        let timer = Lr {
            state: LrState::Pending,
            intid: 27,
            priority: 0xa0,
            group1: true,
            hw: Some(30),
            ..Lr::INVALID
        };
        assert_eq!(encode_v3(timer), 0x70a0_001e_0000_001b);
        assert_eq!(encode_v2(timer), 0xda00_781b);
        let sgi = Lr {
            state: LrState::Active,
            intid: 3,
            priority: 0x08,
            eoi_maintenance: true,
            sgi_source: 5,
            ..Lr::INVALID
        };
        assert_eq!(encode_v3(sgi), 0x8008_0200_0000_0003);
        assert_eq!(encode_v2(sgi), 0x2088_1403);
        assert_eq!(encode_v3(Lr::INVALID), 0);
        assert_eq!(encode_v2(Lr::INVALID), 0);
    }
}
