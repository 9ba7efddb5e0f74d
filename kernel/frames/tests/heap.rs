//! The heap, alone and against a model.

use std::collections::BTreeMap;

use frames::{Chunk, Chunks, EXTENT_SIZE, Heap, HeapUsage, PAGE_SIZE, Refusal, Size};
use proptest::prelude::*;

const BASE: u64 = 0x8000_0000;

fn heap(extents: u64) -> Box<Heap<2, 3>> {
    let mut heap = Box::new(Heap::empty());
    let bytes = extents * EXTENT_SIZE;
    assert_eq!(heap.init(BASE, bytes), bytes);
    for owner in 0..3 {
        heap.set_limit(owner, u32::MAX);
    }
    heap
}

#[test]
fn a_heap_is_the_whole_extents_of_what_it_is_given() {
    let mut heap = Heap::<2, 3>::empty();
    assert_eq!(heap.alloc(0, Size::Page), Err(Refusal::Quota));
    heap.set_limit(0, 10_000);
    assert_eq!(heap.alloc(0, Size::Page), Err(Refusal::Exhausted));
    assert_eq!(
        heap.init(BASE + PAGE_SIZE, 3 * EXTENT_SIZE),
        2 * EXTENT_SIZE
    );
    assert_eq!(heap.usage().total, 1024);
    assert_eq!(heap.alloc(0, Size::Extent).unwrap().pa, BASE + EXTENT_SIZE);
    let mut heap = Heap::<2, 3>::empty();
    assert_eq!(heap.init(BASE, 1000 * EXTENT_SIZE), 128 * EXTENT_SIZE);
    assert_eq!(heap.init(BASE, 100), 0);
}

#[test]
fn an_owner_frees_its_own_and_each_once() {
    let mut heap = heap(2);
    let page = heap.alloc(0, Size::Page).unwrap();
    let extent = heap.alloc(1, Size::Extent).unwrap();
    assert_eq!(heap.free(1, page), Err(Refusal::NotYours));
    assert_eq!(heap.free(0, extent), Err(Refusal::NotYours));
    assert_eq!(heap.free(255, page), Err(Refusal::NotYours));
    for wrong in [
        0,
        page.pa + 8,
        page.pa + PAGE_SIZE,
        BASE + 2 * EXTENT_SIZE,
        !0,
    ] {
        assert_eq!(
            heap.free(0, Chunk { pa: wrong, ..page }),
            Err(Refusal::NotYours),
            "{wrong:#x}"
        );
    }
    assert_eq!(
        heap.free(0, Chunk { pages: 2, ..page }),
        Err(Refusal::NotYours)
    );
    assert_eq!(heap.free(0, page), Ok(()));
    assert_eq!(heap.free(0, page), Err(Refusal::NotYours));
    // An extent may come back page by page, and no more than that.
    let first = Chunk { pages: 1, ..extent };
    assert_eq!(heap.free(1, first), Ok(()));
    assert_eq!(heap.free(1, extent), Err(Refusal::NotYours));
    assert_eq!(heap.held_by(1), 511);
}

#[test]
fn owners_do_not_share_an_extent() {
    let mut heap = heap(2);
    let a = heap.alloc(0, Size::Page).unwrap().pa;
    let b = heap.alloc(1, Size::Page).unwrap().pa;
    assert_ne!(a / EXTENT_SIZE, b / EXTENT_SIZE);
    assert_eq!(
        (
            heap.owner_of(a + 5),
            heap.owner_of(b),
            heap.owner_of(a + PAGE_SIZE)
        ),
        (Some(0), Some(1), None)
    );
    assert_eq!(heap.alloc(2, Size::Page), Err(Refusal::Exhausted));
}

#[test]
fn the_page_in_the_scrubbers_hand_is_nobodys_and_stops_nobody() {
    let mut heap = heap(1);
    let hand = heap.take_dirty().unwrap();
    assert_eq!(heap.take_dirty(), None);
    assert_eq!(heap.owner_of(hand), None);
    // The only extent is not whole, but its other pages are to be had.
    assert_eq!(heap.alloc(0, Size::Extent), Err(Refusal::Exhausted));
    let page = heap.alloc(0, Size::Page).unwrap();
    assert_ne!(page.pa, hand);
    assert_eq!(
        heap.free(0, Chunk { pa: hand, ..page }),
        Err(Refusal::NotYours)
    );
    assert_eq!(heap.release_some(0), Some(1));
    assert_eq!(heap.release_some(0), None);
    heap.put_back(true);
    let usage = heap.usage();
    assert_eq!(
        (usage.free, usage.dirty, usage.held, usage.scrubbed),
        (512, 511, 0, 1)
    );
    assert_eq!(
        heap.alloc(1, Size::Page).map(|page| (page.pa, page.clean)),
        Ok((hand, true))
    );
}

proptest! {
    #[test]
    fn heap_and_model_agree(
        extents in 1u64..5,
        steps in prop::collection::vec((0u8..12, 0u8..3, any::<prop::sample::Index>(), any::<bool>()), 0..400),
    ) {
        let mut heap = heap(extents);
        let total = extents as u32 * 512;
        // Pages in use, with their owners; pages that are clean.
        let mut used = BTreeMap::<u64, u8>::new();
        let mut clean = std::collections::BTreeSet::<u64>::new();
        let mut hand = None;
        let pages = |chunk: Chunk| (0..u64::from(chunk.pages)).map(move |n| chunk.pa + n * PAGE_SIZE);
        for (what, owner, which, flag) in steps {
            match what {
                0..6 => {
                    let size = if what == 0 { Size::Extent } else { Size::Page };
                    match heap.alloc(owner, size) {
                        Ok(chunk) => {
                            for page in pages(chunk) {
                                prop_assert!(used.insert(page, owner).is_none() && hand != Some(page));
                                prop_assert!(clean.remove(&page) || !chunk.clean);
                            }
                        }
                        Err(refusal) => {
                            prop_assert_eq!(refusal, Refusal::Exhausted);
                            for extent in 0..extents {
                                let inside = |page: &u64| (page - BASE) / EXTENT_SIZE == extent;
                                let mut others = used.iter().filter(|(page, _)| inside(page));
                                let free = 512 - others.clone().count() - usize::from(hand.as_ref().is_some_and(inside));
                                let whole = free == 512;
                                let room = size == Size::Page && free > 0 && others.all(|(_, by)| *by == owner);
                                prop_assert!(!whole && !room, "there is room in extent {extent}");
                            }
                        }
                    }
                }
                6..9 if !used.is_empty() => {
                    let (page, owner) = used.iter().nth(which.index(used.len())).map(|(p, o)| (*p, *o)).unwrap();
                    let start = page / EXTENT_SIZE * EXTENT_SIZE;
                    let whole = (0..512).all(|n| used.contains_key(&(start + n * PAGE_SIZE)));
                    let chunk = if whole && what == 6 {
                        Chunk { pa: start, pages: 512, clean: flag }
                    } else {
                        Chunk { pa: page, pages: 1, clean: flag }
                    };
                    prop_assert_eq!(heap.free(owner, chunk), Ok(()));
                    for page in pages(chunk) {
                        used.remove(&page);
                        if flag {
                            clean.insert(page);
                        }
                    }
                }
                9 => {
                    let gone = heap.release_some(owner);
                    let before = used.len();
                    if gone.is_some() {
                        // The lowest extent of that owner; the model learns which by asking.
                        used.retain(|page, by| *by != owner || heap.owner_of(*page) == Some(owner));
                        prop_assert_eq!(before - used.len(), gone.unwrap() as usize);
                    } else {
                        prop_assert!(!used.values().any(|by| *by == owner));
                    }
                }
                10 if hand.is_none() => {
                    hand = heap.take_dirty();
                    if let Some(page) = hand {
                        prop_assert!(!used.contains_key(&page) && !clean.contains(&page));
                    } else {
                        prop_assert_eq!(used.len() + clean.len(), total as usize);
                    }
                }
                11 => {
                    heap.put_back(flag);
                    if let Some(page) = hand.take().filter(|_| flag) {
                        clean.insert(page);
                    }
                }
                _ => {}
            }
            let held = u32::from(hand.is_some());
            let free = total - used.len() as u32 - held;
            let HeapUsage { scrubbed, .. } = heap.usage();
            let dirty = free - clean.len() as u32;
            prop_assert_eq!(heap.usage(), HeapUsage { total, free, dirty, held, scrubbed });
            for owner in 0..3 {
                let count = used.values().filter(|by| **by == owner).count();
                prop_assert_eq!(heap.held_by(owner), count as u32);
            }
        }
        for (page, owner) in used {
            prop_assert_eq!(heap.owner_of(page), Some(owner));
        }
    }
}
