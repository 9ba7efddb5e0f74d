//! Mapping, one promise at a time. `fakes` watches every write, barrier and invalidation meanwhile.

mod fakes;

use fakes::{Event, Fake};
use stage2::{Attributes, Error, Geometry, MemoryType, Stage2, Translation};

const GIB: u64 = 1 << 30;
const MIB2: u64 = 2 << 20;
const PAGE: u64 = 4096;

fn space(bits: u32, pages: u32) -> (Stage2, Fake) {
    let fake = Fake::new(pages);
    let geometry = Geometry::new(bits, 5, false).unwrap();
    let space = Stage2::new(geometry, 7, &mut fake.clone()).unwrap();
    fake.watch(&space);
    (space, fake)
}

fn map(
    space: &mut Stage2,
    fake: &Fake,
    ipa: u64,
    pa: u64,
    size: u64,
    attributes: Attributes,
) -> Result<(), Error> {
    let result = space.map(
        &mut fake.clone(),
        &mut fake.clone(),
        ipa,
        pa,
        size,
        attributes,
    );
    fake.check_quiet();
    result
}

fn unmap(space: &mut Stage2, fake: &Fake, ipa: u64, size: u64) -> Result<(), Error> {
    let result = space.unmap(&mut fake.clone(), &mut fake.clone(), ipa, size);
    fake.check_quiet();
    result
}

fn protect(
    space: &mut Stage2,
    fake: &Fake,
    ipa: u64,
    size: u64,
    attributes: Attributes,
) -> Result<(), Error> {
    let result = space.protect(&mut fake.clone(), &mut fake.clone(), ipa, size, attributes);
    fake.check_quiet();
    result
}

fn writes(events: &[Event]) -> Vec<(usize, u64)> {
    let writes = events.iter().filter_map(|event| match event {
        Event::Write { index, new, .. } => Some((*index, *new)),
        _ => None,
    });
    writes.collect()
}

#[test]
fn an_aligned_gibibyte_costs_one_descriptor_and_no_table() {
    let (mut space, fake) = space(40, 100);
    let before = fake.used();
    map(&mut space, &fake, GIB, 3 * GIB, GIB, Attributes::RAM).unwrap();
    assert_eq!(writes(&fake.take_events()).len(), 1);
    assert_eq!(fake.used(), before);
    let found = space.translate(&fake, GIB + 0x1234_5678).unwrap();
    assert_eq!(
        found,
        Translation {
            pa: 3 * GIB + 0x1234_5678,
            attributes: Attributes::RAM,
            size: GIB
        }
    );
}

#[test]
fn descriptors_are_bit_exact() {
    let (mut space, fake) = space(32, 100);
    map(&mut space, &fake, GIB, 2 * GIB, GIB, Attributes::RAM).unwrap();
    // Block: AF, SH inner, S2AP read-write, MemAttr write-back.
    assert_eq!(writes(&fake.take_events()), [(1, 0x8000_0000 | 0x7fd)]);
    map(
        &mut space,
        &fake,
        0x0900_0000,
        0x0900_0000,
        PAGE,
        Attributes::DEVICE,
    )
    .unwrap();
    let all = writes(&fake.take_events());
    // Page: XN, AF, S2AP read-write, MemAttr Device-nGnRE.
    assert_eq!(all[0], (0, 1 << 54 | 0x0900_0000 | 0x4c7));
    assert_eq!(all[1].1 & 0xfff, 3);
    assert_eq!(all.len(), 3);
    map(&mut space, &fake, 0, 0x4000_0000, MIB2, Attributes::ROM).unwrap();
    assert_eq!(writes(&fake.take_events()), [(0, 0x4000_0000 | 0x77d)]);
}

#[test]
fn the_largest_blocks_that_alignment_permits_are_used() {
    let (mut space, fake) = space(36, 100);
    let (from, end) = (GIB - MIB2 - 3 * PAGE, 3 * GIB + 2 * MIB2 + PAGE);
    map(
        &mut space,
        &fake,
        from,
        from + 8 * GIB,
        end - from,
        Attributes::RAM,
    )
    .unwrap();
    let sizes: Vec<_> = [
        from,
        GIB - MIB2,
        GIB,
        2 * GIB,
        3 * GIB,
        3 * GIB + MIB2,
        end - PAGE,
    ]
    .map(|ipa| space.translate(&fake, ipa).unwrap().size)
    .to_vec();
    assert_eq!(sizes, [PAGE, MIB2, GIB, GIB, MIB2, MIB2, PAGE]);
    assert_eq!(space.translate(&fake, from - 1), None);
    assert_eq!(space.translate(&fake, end), None);
    // Physical addresses that are aligned less keep blocks smaller.
    map(
        &mut space,
        &fake,
        16 * GIB,
        20 * GIB + MIB2,
        GIB,
        Attributes::RAM,
    )
    .unwrap();
    assert_eq!(space.translate(&fake, 16 * GIB).unwrap().size, MIB2);
}

#[test]
fn splitting_a_block_breaks_before_it_makes() {
    let (mut space, fake) = space(32, 100);
    map(&mut space, &fake, GIB, GIB, GIB, Attributes::RAM).unwrap();
    fake.take_events();
    unmap(&mut space, &fake, GIB + 5 * PAGE, PAGE).unwrap();
    let events = fake.take_events();
    let root = space.vttbr() & 0xffff_ffff_f000;
    let on_root: Vec<_> = events
        .iter()
        .filter(|event| !matches!(event, Event::Write { table, .. } if *table != root))
        .copied()
        .collect();
    let Event::Write {
        index: 1, new: 0, ..
    } = on_root[0]
    else {
        panic!("{on_root:x?}")
    };
    assert_eq!(on_root[1], Event::Announce);
    assert_eq!(
        on_root[2],
        Event::Invalidate {
            ipa: GIB,
            size: GIB
        }
    );
    let Event::Write {
        index: 1,
        old: 0,
        new,
        ..
    } = on_root[3]
    else {
        panic!("{on_root:x?}")
    };
    assert_eq!(new & 3, 3);
    // Everything but the page leads where it led.
    for ipa in [
        GIB,
        GIB + 4 * PAGE,
        GIB + 6 * PAGE,
        GIB + MIB2,
        2 * GIB - PAGE,
    ] {
        let found = space.translate(&fake, ipa).unwrap();
        assert_eq!((found.pa, found.attributes), (ipa, Attributes::RAM));
    }
    assert_eq!(space.translate(&fake, GIB + 5 * PAGE), None);
}

#[test]
fn permissions_change_in_place_and_memory_types_through_break_before_make() {
    let (mut space, fake) = space(32, 100);
    map(&mut space, &fake, 0, GIB, MIB2, Attributes::RAM).unwrap();
    fake.take_events();
    protect(&mut space, &fake, 0, MIB2, Attributes::READ_ONLY).unwrap();
    let events = fake.take_events();
    assert_eq!(writes(&events).len(), 1);
    assert_eq!(
        events[1..],
        [Event::Announce, Event::Invalidate { ipa: 0, size: MIB2 }]
    );
    protect(&mut space, &fake, 0, MIB2, Attributes::DEVICE).unwrap();
    let events = fake.take_events();
    assert_eq!(writes(&events)[0], (0, 0));
    assert_eq!(
        events[1..3],
        [Event::Announce, Event::Invalidate { ipa: 0, size: MIB2 }]
    );
    assert_eq!(
        space.translate(&fake, 0).unwrap().attributes,
        Attributes::DEVICE
    );
}

#[test]
fn tables_that_become_empty_are_given_back() {
    let (mut space, fake) = space(32, 100);
    let before = fake.used();
    map(&mut space, &fake, 0, GIB, 4 * PAGE, Attributes::RAM).unwrap();
    assert_eq!(fake.used(), before + 2);
    assert_eq!(space.pages(), fake.used());
    unmap(&mut space, &fake, 0, PAGE).unwrap();
    assert_eq!(fake.used(), before + 2);
    unmap(&mut space, &fake, PAGE, 3 * PAGE).unwrap();
    assert_eq!(fake.used(), before);
    assert_eq!(space.pages(), fake.used());
}

#[test]
fn a_map_without_room_for_its_tables_leaves_no_trace() {
    for limit in 1..6 {
        let (mut space, fake) = space(32, 100);
        map(&mut space, &fake, 0, GIB, PAGE, Attributes::RAM).unwrap();
        fake.set_limit(fake.used() + limit);
        let before = fake.used();
        // Pages, a gigabyte, pages: three tables besides the one that the first page has already.
        let result = map(
            &mut space,
            &fake,
            GIB - 3 * PAGE,
            4 * GIB - 3 * PAGE,
            GIB + 5 * PAGE,
            Attributes::RAM,
        );
        if limit < 3 {
            assert_eq!(result, Err(Error::NoMemory), "{limit}");
            assert_eq!((fake.used(), space.pages()), (before, before));
            for ipa in [GIB - 3 * PAGE, GIB, 2 * GIB - PAGE, 2 * GIB] {
                assert_eq!(space.translate(&fake, ipa), None);
            }
        } else {
            assert_eq!(result, Ok(()), "{limit}");
        }
        assert_eq!(space.translate(&fake, 0).unwrap().pa, GIB);
    }
}

#[test]
fn a_split_without_room_for_its_tables_changes_nothing() {
    let (mut space, fake) = space(32, 100);
    map(&mut space, &fake, GIB, GIB, 2 * GIB, Attributes::RAM).unwrap();
    let before = fake.used();
    // Both ends in different gigabytes, both odd: two tables each.
    for (limit, expected) in [(3, Err(Error::NoMemory)), (4, Ok(()))] {
        fake.set_limit(before + limit);
        assert_eq!(unmap(&mut space, &fake, GIB + PAGE, GIB), expected);
        if expected.is_err() {
            assert_eq!(fake.used(), before);
            assert_eq!(space.translate(&fake, GIB + PAGE).unwrap().size, GIB);
        }
    }
}

#[test]
fn ends_in_one_block_share_the_tables_that_split_it() {
    let (mut space, fake) = space(32, 100);
    map(&mut space, &fake, GIB, GIB, GIB, Attributes::RAM).unwrap();
    fake.set_limit(fake.used() + 2);
    unmap(&mut space, &fake, GIB + PAGE, PAGE).unwrap();
    assert_eq!(fake.used(), space.pages());
}

#[test]
fn what_is_mapped_is_not_mapped_over() {
    let (mut space, fake) = space(32, 100);
    map(&mut space, &fake, GIB + MIB2, GIB, MIB2, Attributes::RAM).unwrap();
    let overlap = map(&mut space, &fake, GIB, 2 * GIB, GIB, Attributes::RAM);
    assert_eq!(overlap, Err(Error::Overlap { ipa: GIB + MIB2 }));
    let overlap = map(
        &mut space,
        &fake,
        GIB + MIB2 + PAGE,
        2 * GIB,
        PAGE,
        Attributes::RAM,
    );
    assert_eq!(
        overlap,
        Err(Error::Overlap {
            ipa: GIB + MIB2 + PAGE
        })
    );
    assert_eq!(space.translate(&fake, GIB), None);
}

#[test]
fn what_is_not_mapped_is_not_unmapped_or_changed() {
    let (mut space, fake) = space(32, 100);
    map(&mut space, &fake, GIB, GIB, MIB2, Attributes::RAM).unwrap();
    let hole = Err(Error::NotMapped { ipa: GIB + MIB2 });
    assert_eq!(unmap(&mut space, &fake, GIB, MIB2 + PAGE), hole);
    assert_eq!(
        protect(&mut space, &fake, GIB + PAGE, MIB2, Attributes::ROM),
        hole
    );
    assert_eq!(space.translate(&fake, GIB).unwrap().size, MIB2);
}

#[test]
fn a_range_that_is_none_is_refused() {
    let (mut space, fake) = space(40, 100);
    let ram = Attributes::RAM;
    assert_eq!(map(&mut space, &fake, 0, 0, 0, ram), Err(Error::Empty));
    assert_eq!(
        map(&mut space, &fake, 1, 0, PAGE, ram),
        Err(Error::Misaligned)
    );
    assert_eq!(
        map(&mut space, &fake, 0, 1, PAGE, ram),
        Err(Error::Misaligned)
    );
    assert_eq!(
        map(&mut space, &fake, 0, 0, PAGE + 1, ram),
        Err(Error::Misaligned)
    );
    assert_eq!(
        map(&mut space, &fake, 1 << 40, 0, PAGE, ram),
        Err(Error::OutsideIpa)
    );
    assert_eq!(
        map(&mut space, &fake, (1 << 40) - PAGE, 0, 2 * PAGE, ram),
        Err(Error::OutsideIpa)
    );
    assert_eq!(
        map(&mut space, &fake, !0 << 12, 0, 2 * PAGE, ram),
        Err(Error::OutsideIpa)
    );
    assert_eq!(
        map(&mut space, &fake, 0, (1 << 48) - PAGE, 2 * PAGE, ram),
        Err(Error::OutsidePa)
    );
    assert_eq!(
        map(&mut space, &fake, 0, !0 << 12, PAGE, ram),
        Err(Error::OutsidePa)
    );
    assert_eq!(unmap(&mut space, &fake, PAGE, 0), Err(Error::Empty));
    assert_eq!(space.translate(&fake, 1 << 40), None);
    assert_eq!(space.translate(&fake, u64::MAX), None);
}

#[test]
fn device_memory_is_never_executable() {
    let (mut space, fake) = space(32, 100);
    let wrong = Attributes {
        memory: MemoryType::Device,
        writable: true,
        executable: true,
    };
    assert_eq!(
        map(&mut space, &fake, 0, 0, PAGE, wrong),
        Err(Error::ExecutableDevice)
    );
    map(&mut space, &fake, 0, 0, PAGE, Attributes::DEVICE).unwrap();
    assert_eq!(
        protect(&mut space, &fake, 0, PAGE, wrong),
        Err(Error::ExecutableDevice)
    );
}

#[test]
fn the_top_of_concatenated_root_tables_is_reached() {
    for bits in [31, 39, 40, 43, 44, 48] {
        let (mut space, fake) = space(bits, 100);
        let top = 1u64 << bits;
        map(&mut space, &fake, top - PAGE, 0, PAGE, Attributes::RAM).unwrap();
        map(&mut space, &fake, 0, GIB, PAGE, Attributes::RAM).unwrap();
        assert_eq!(space.translate(&fake, top - 1).unwrap().pa, PAGE - 1);
        assert_eq!(space.translate(&fake, 1).unwrap().pa, GIB + 1);
        unmap(&mut space, &fake, top - PAGE, PAGE).unwrap();
        assert_eq!(space.translate(&fake, top - 1), None);
        space.destroy(&mut fake.clone(), &mut fake.clone());
        assert_eq!(fake.used(), 0);
    }
}

#[test]
fn destroying_gives_back_every_page_after_forgetting_the_vmid() {
    let (mut space, fake) = space(40, 100);
    map(
        &mut space,
        &fake,
        PAGE,
        GIB + PAGE,
        3 * GIB,
        Attributes::RAM,
    )
    .unwrap();
    fake.take_events();
    space.destroy(&mut fake.clone(), &mut fake.clone());
    assert_eq!(fake.used(), 0);
    assert_eq!(fake.take_events()[0], Event::InvalidateAll);
}
