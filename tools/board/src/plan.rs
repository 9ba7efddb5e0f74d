//! Placing things in RAM.
//!
//! Guarantees: nothing that is placed overlaps anything else, everything lies in RAM and is page aligned,
//! and a piece of guest memory is placed so that stage 2 can map it with the largest blocks for which the
//! RAM has room: `pa ≡ ipa` modulo 1 GiB if the piece contains such a block, else modulo 2 MiB, else 4 KiB
//! (Arm ARM DDI 0487, D8.2: block descriptors of the 4 KiB granule).
//!
//! It is first fit, larger pieces first; with a handful of VMs nothing cleverer finds more.

use tables::Region;

pub(crate) const PAGE: u64 = 4096;
const BLOCKS: [u64; 2] = [1 << 30, 2 << 20];

/// RAM that is not taken yet: ascending, disjoint, never empty pieces.
#[derive(Clone, Debug)]
pub(crate) struct FreeRam(Vec<Region>);

impl FreeRam {
    /// All of the board's RAM.
    pub fn new(memory: &[Region]) -> Self {
        Self(
            memory
                .iter()
                .copied()
                .filter(|region| region.size > 0)
                .collect(),
        )
    }

    /// How much is left.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|piece| piece.size).sum()
    }

    /// The largest piece that is left.
    pub fn largest(&self) -> u64 {
        self.0.iter().map(|piece| piece.size).max().unwrap_or(0)
    }

    /// Whether all of the range is still free.
    pub fn contains(&self, range: &Region) -> bool {
        self.0
            .iter()
            .any(|piece| piece.base <= range.base && range.end() <= piece.end())
    }

    /// Takes a range out, whether or not all of it was free.
    pub fn remove(&mut self, range: &Region) {
        let mut left = Vec::with_capacity(self.0.len() + 1);
        for piece in &self.0 {
            if !piece.overlaps(range) {
                left.push(*piece);
                continue;
            }
            if piece.base < range.base {
                left.push(Region {
                    base: piece.base,
                    size: range.base - piece.base,
                });
            }
            if range.end() < piece.end() {
                left.push(Region {
                    base: range.end(),
                    size: piece.end() - range.end(),
                });
            }
        }
        self.0 = left;
    }

    /// Takes the lowest range of `size` bytes whose base is `remainder` modulo `align`.
    pub fn take(&mut self, size: u64, align: u64, remainder: u64) -> Option<Region> {
        let found = self.0.iter().find_map(|piece| {
            let base = congruent_at_or_above(piece.base, align, remainder)?;
            let region = Region { base, size };
            let fits = base.checked_add(size)? <= piece.end();
            fits.then_some(region)
        })?;
        self.remove(&found);
        Some(found)
    }

    /// Takes room for guest memory that the guest sees at `ipa`.
    pub fn take_for_guest(&mut self, ipa: u64, size: u64) -> Option<Region> {
        BLOCKS
            .into_iter()
            .filter(|block| contains_block(ipa, size, *block))
            .chain([PAGE])
            .find_map(|align| self.take(size, align, ipa % align))
    }
}

/// Whether the range contains an aligned block of that size.
fn contains_block(ipa: u64, size: u64, block: u64) -> bool {
    let first = ipa.checked_next_multiple_of(block);
    let end = ipa.checked_add(size);
    matches!((first, end), (Some(first), Some(end)) if first < end && end - first >= block)
}

/// The lowest address ≥ `from` that is `remainder` modulo `align`.
fn congruent_at_or_above(from: u64, align: u64, remainder: u64) -> Option<u64> {
    let candidate = from - from % align + remainder;
    if candidate >= from {
        Some(candidate)
    } else {
        candidate.checked_add(align)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;

    #[test]
    fn guest_memory_keeps_the_alignment_of_its_blocks() {
        let mut free = FreeRam::new(&[Region {
            base: GIB,
            size: 4 * GIB,
        }]);
        free.remove(&Region {
            base: GIB,
            size: 3 * MIB,
        });
        let small = free.take_for_guest(0x4000_0000, 256 * MIB).unwrap();
        assert_eq!(
            small,
            Region {
                base: GIB + 4 * MIB,
                size: 256 * MIB
            }
        );
        let large = free.take_for_guest(0x4000_0000, GIB).unwrap();
        assert_eq!(
            large,
            Region {
                base: 2 * GIB,
                size: GIB
            }
        );
    }

    #[test]
    fn alignment_gives_way_when_room_is_short() {
        let mut free = FreeRam::new(&[Region {
            base: GIB + PAGE,
            size: 4 * MIB,
        }]);
        let tight = free.take_for_guest(0, 4 * MIB).unwrap();
        assert_eq!(
            tight,
            Region {
                base: GIB + PAGE,
                size: 4 * MIB
            }
        );
        assert_eq!(free.bytes(), 0);
        assert_eq!(free.take_for_guest(0, PAGE), None);
    }

    #[test]
    fn what_is_removed_from_the_middle_splits_the_piece() {
        let mut free = FreeRam::new(&[Region {
            base: 0,
            size: 10 * PAGE,
        }]);
        free.remove(&Region {
            base: 4 * PAGE,
            size: PAGE,
        });
        assert_eq!(free.largest(), 5 * PAGE);
        assert!(free.contains(&Region {
            base: 0,
            size: 4 * PAGE
        }));
        assert!(!free.contains(&Region {
            base: 3 * PAGE,
            size: 2 * PAGE
        }));
    }

    proptest! {
        #[test]
        fn placements_never_overlap_and_stay_in_ram(
            ram in prop::collection::vec((1u64..4096, 1u64..2_000_000), 1..4),
            wishes in prop::collection::vec((0u64..1 << 20, 1u64..600_000), 1..12),
        ) {
            let mut memory = Vec::new();
            let mut base = 0;
            for (gap, pages) in ram {
                base += gap * PAGE;
                memory.push(Region { base, size: pages * PAGE });
                base += pages * PAGE;
            }
            let mut free = FreeRam::new(&memory);
            let all = free.bytes();
            let mut taken: Vec<Region> = Vec::new();
            for (ipa, pages) in wishes {
                let (ipa, size) = (ipa * PAGE, pages * PAGE);
                let before = free.largest();
                let Some(region) = free.take_for_guest(ipa, size) else {
                    prop_assert!(before < size, "there was room");
                    continue;
                };
                prop_assert_eq!(region.size, size);
                prop_assert_eq!(region.base % PAGE, 0);
                prop_assert!(memory.iter().any(|m| m.base <= region.base && region.end() <= m.end()));
                prop_assert!(taken.iter().all(|other| !other.overlaps(&region)));
                taken.push(region);
                prop_assert_eq!(free.bytes() + taken.iter().map(|t| t.size).sum::<u64>(), all);
            }
        }

        #[test]
        fn an_empty_board_places_a_piece_with_its_best_alignment(
            ipa in 0u64..1 << 20, pages in 1u64..600_000,
        ) {
            let (ipa, size) = (ipa * PAGE, pages * PAGE);
            let mut free = FreeRam::new(&[Region { base: 0x8000_0000, size: 16 * GIB }]);
            let region = free.take_for_guest(ipa, size).unwrap();
            for block in BLOCKS {
                if contains_block(ipa, size, block) {
                    prop_assert_eq!(region.base % block, ipa % block);
                }
            }
        }
    }
}
