//! The bounded steps, against a model. `fakes` watches every write, barrier and invalidation meanwhile.

mod fakes;

use std::collections::BTreeMap;

use fakes::Fake;
use proptest::prelude::*;
use stage2::{Attributes, Error, Geometry, Leaf, Stage2, Stop};

const PAGE: u64 = 4096;
const MIB2: u64 = 2 << 20;

fn space(pages: u32) -> (Stage2, Fake) {
    let fake = Fake::new(pages);
    let geometry = Geometry::new(32, 5, false).unwrap();
    let space = Stage2::new(geometry, 7, &mut fake.clone()).unwrap();
    fake.watch(&space);
    (space, fake)
}

fn leaf(ipa: u64, pa: u64, size: u64) -> Leaf {
    Leaf {
        ipa,
        pa,
        size,
        attributes: Attributes::DATA,
    }
}

fn map(space: &mut Stage2, fake: &Fake, leaf: Leaf) -> Result<(), Error> {
    let (tables, tlb) = (&mut fake.clone(), &mut fake.clone());
    let result = space.map_leaf(tables, tlb, leaf, || true);
    fake.check_quiet();
    result.map(|mapped| assert!(mapped))
}

fn unmap(
    space: &mut Stage2,
    fake: &Fake,
    ipa: u64,
    end: u64,
    most: usize,
) -> (Vec<Leaf>, Stop, u64) {
    let mut taken = vec![None; most];
    let (tables, tlb) = (&mut fake.clone(), &mut fake.clone());
    let sweep = space
        .unmap_some(tables, tlb, ipa, end, &mut taken, |_| true)
        .unwrap();
    fake.check_quiet();
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    assert_eq!(taken.len(), sweep.taken);
    (taken, sweep.stop, sweep.next)
}

#[test]
fn a_leaf_is_mapped_where_nothing_is() {
    let (mut space, fake) = space(100);
    assert_eq!(map(&mut space, &fake, leaf(MIB2, 4 * MIB2, MIB2)), Ok(()));
    for (ipa, size) in [(MIB2, MIB2), (MIB2 + PAGE, PAGE)] {
        assert_eq!(
            map(&mut space, &fake, leaf(ipa, 0, size)),
            Err(Error::Overlap { ipa })
        );
    }
    map(&mut space, &fake, leaf(5 * PAGE, 0, PAGE)).unwrap();
    assert_eq!(
        map(&mut space, &fake, leaf(0, 0, MIB2)),
        Err(Error::Overlap { ipa: 0 })
    );
    for wrong in [
        leaf(PAGE, 0, MIB2),
        leaf(0, PAGE, MIB2),
        leaf(0, 0, 2 * PAGE),
        leaf(8, 0, PAGE),
        leaf(0, 0, 0),
    ] {
        assert_eq!(map(&mut space, &fake, wrong), Err(Error::Misaligned));
    }
    assert_eq!(
        map(&mut space, &fake, leaf(1 << 32, 0, PAGE)),
        Err(Error::OutsideIpa)
    );
    assert_eq!(
        map(&mut space, &fake, leaf(0, 1 << 48, PAGE)),
        Err(Error::OutsidePa)
    );
}

#[test]
fn a_leaf_that_is_refused_or_finds_no_tables_changes_nothing() {
    let (mut space, fake) = space(100);
    let before = fake.used();
    let (tables, tlb) = (&mut fake.clone(), &mut fake.clone());
    let page = leaf(5 * PAGE, 0, PAGE);
    assert_eq!(space.map_leaf(tables, tlb, page, || false), Ok(false));
    for tables in 0..2 {
        fake.set_limit(before + tables);
        assert_eq!(map(&mut space, &fake, page), Err(Error::NoMemory));
        assert_eq!((fake.used(), space.pages()), (before, before));
    }
    fake.set_limit(before + 2);
    map(&mut space, &fake, page).unwrap();
    assert_eq!(space.translate(&fake, 5 * PAGE).unwrap().pa, 0);
    assert_eq!(fake.used(), before + 2);
}

#[test]
fn unmapping_ends_at_holes_and_at_what_straddles_or_is_refused() {
    let (mut space, fake) = space(100);
    let before = fake.used();
    assert_eq!(
        unmap(&mut space, &fake, 0, 1 << 30, 4),
        (vec![], Stop::Hole(1 << 30), 0)
    );
    for page in 0..6 {
        map(&mut space, &fake, leaf(page * PAGE, page * PAGE, PAGE)).unwrap();
    }
    map(&mut space, &fake, leaf(MIB2, 4 * MIB2, MIB2)).unwrap();
    let (taken, stop, next) = unmap(&mut space, &fake, PAGE, 4 * MIB2, 4);
    assert_eq!((taken.len(), stop, next), (4, Stop::More, 5 * PAGE));
    assert_eq!(
        unmap(&mut space, &fake, PAGE, 3 * PAGE, 4).1,
        Stop::Hole(3 * PAGE)
    );
    let straddles = unmap(&mut space, &fake, MIB2 + PAGE, 4 * MIB2, 4).1;
    assert_eq!(straddles, Stop::Straddles(leaf(MIB2, 4 * MIB2, MIB2)));
    let (tables, tlb) = (&mut fake.clone(), &mut fake.clone());
    let refused = space
        .unmap_some(tables, tlb, 5 * PAGE, MIB2, &mut [None], |_| false)
        .unwrap();
    assert_eq!(
        (refused.taken, refused.stop),
        (0, Stop::Refused(leaf(5 * PAGE, 5 * PAGE, PAGE)))
    );
    unmap(&mut space, &fake, 0, PAGE, 1);
    unmap(&mut space, &fake, 5 * PAGE, 6 * PAGE, 1);
    let (taken, stop, _) = unmap(&mut space, &fake, MIB2, 2 * MIB2, 1);
    assert_eq!((taken.len(), stop), (1, Stop::End));
    assert_eq!(fake.used(), before, "empty tables are given back");
}

#[test]
fn a_block_is_split_in_steps_and_only_while_it_is_what_it_was() {
    let (mut space, fake) = space(100);
    let (mut tables, mut tlb) = (fake.clone(), fake.clone());
    map(&mut space, &fake, leaf(MIB2, 4 * MIB2, MIB2)).unwrap();
    let used = fake.used();
    let mut split = space
        .split_begin(&mut tables, &mut tlb, MIB2 + 5 * PAGE)
        .unwrap()
        .unwrap();
    let mut steps = 1;
    while !space.split_fill(&mut tables, &mut split, 32) {
        steps += 1;
    }
    assert_eq!(steps, 16);
    assert!(space.split_finish(&mut tables, &mut tlb, split));
    fake.check_quiet();
    let found = space.translate(&fake, MIB2 + 77 * PAGE).unwrap();
    assert_eq!(
        (found.pa, found.size, found.attributes),
        (4 * MIB2 + 77 * PAGE, PAGE, Attributes::DATA)
    );
    assert!(
        space
            .split_begin(&mut tables, &mut tlb, MIB2)
            .unwrap()
            .is_none()
    );
    // One that was unmapped meanwhile, one that is not full, one that is given up.
    map(&mut space, &fake, leaf(2 * MIB2, 8 * MIB2, MIB2)).unwrap();
    let mut split = space
        .split_begin(&mut tables, &mut tlb, 2 * MIB2)
        .unwrap()
        .unwrap();
    space.split_fill(&mut tables, &mut split, 512);
    unmap(&mut space, &fake, 2 * MIB2, 3 * MIB2, 1);
    assert!(!space.split_finish(&mut tables, &mut tlb, split));
    map(&mut space, &fake, leaf(2 * MIB2, 8 * MIB2, MIB2)).unwrap();
    let split = space
        .split_begin(&mut tables, &mut tlb, 2 * MIB2)
        .unwrap()
        .unwrap();
    assert!(!space.split_finish(&mut tables, &mut tlb, split));
    let split = space
        .split_begin(&mut tables, &mut tlb, 2 * MIB2)
        .unwrap()
        .unwrap();
    space.split_abandon(&mut tables, &mut tlb, split);
    assert_eq!(fake.used(), used + 1);
    assert_eq!(space.translate(&fake, 2 * MIB2).unwrap().size, MIB2);
}

proptest! {
    // The fakes look at everything each time, and this looks at each page after each step.
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn steps_and_model_agree(
        steps in prop::collection::vec((0u8..4, 0u64..1600, 1u64..700, 1usize..9), 1..60),
    ) {
        let (mut space, fake) = space(60);
        let roots = fake.used();
        let mut model = BTreeMap::<u64, u64>::new();
        for (what, page, length, most) in steps {
            let ipa = page * PAGE;
            match what {
                0 | 1 => {
                    let size = if what == 0 { PAGE } else { MIB2 };
                    let (ipa, pages) = (ipa / size * size, size / PAGE);
                    let numbers = || (0..pages).map(move |n| ipa / PAGE + n);
                    let pa = ipa + (1 << 30);
                    let free = numbers().all(|n| !model.contains_key(&n));
                    let mapped = map(&mut space, &fake, leaf(ipa, pa, size));
                    prop_assert_eq!(mapped.is_ok(), free, "{:?}", mapped);
                    if free {
                        model.extend(numbers().map(|n| (n, pa + n * PAGE - ipa)));
                    }
                }
                2 => {
                    let (mut at, end) = (ipa, ipa + length * PAGE);
                    while at < end {
                        let (taken, stop, next) = unmap(&mut space, &fake, at, end, most);
                        for leaf in &taken {
                            for n in 0..leaf.size / PAGE {
                                let known = model.remove(&(leaf.ipa / PAGE + n));
                                prop_assert_eq!(known, Some(leaf.pa + n * PAGE));
                            }
                        }
                        at = match stop {
                            Stop::Hole(until) => {
                                prop_assert!(until > at);
                                prop_assert!(model.range(at / PAGE..until / PAGE).next().is_none());
                                until
                            }
                            Stop::Straddles(leaf) => leaf.ipa + leaf.size,
                            _ => {
                                prop_assert!(next > at);
                                next
                            }
                        };
                    }
                }
                _ => {
                    let (mut tables, mut tlb) = (fake.clone(), fake.clone());
                    if let Some(mut split) = space.split_begin(&mut tables, &mut tlb, ipa).unwrap() {
                        while !space.split_fill(&mut tables, &mut split, 100) {}
                        prop_assert!(space.split_finish(&mut tables, &mut tlb, split));
                        fake.check_quiet();
                    }
                }
            }
            for n in 0..2400 {
                let found = space.translate(&fake, n * PAGE).map(|found| found.pa);
                prop_assert_eq!(found, model.get(&n).copied(), "page {:#x}", n);
            }
        }
        let mut at = 0;
        while at < 2400 * PAGE {
            let (_, stop, next) = unmap(&mut space, &fake, at, 4096 * PAGE, 8);
            at = if let Stop::Hole(until) = stop { until } else { next };
        }
        prop_assert_eq!(fake.used(), roots);
        space.destroy(&mut fake.clone(), &mut fake.clone());
        prop_assert_eq!(fake.used(), 0);
    }
}
