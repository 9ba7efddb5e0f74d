//! The page pool, alone and against a model.

use std::collections::BTreeMap;

use frames::{Error, Frames, MAX_POOL, PAGE_SIZE, Usage};
use proptest::prelude::*;

fn pool(base: u64, pages: u64) -> Frames {
    let mut frames = Frames::empty();
    frames.init(base, pages * PAGE_SIZE).unwrap();
    frames
}

#[test]
fn every_page_is_handed_out_once_and_then_none() {
    for pages in [0, 1, 63, 64, 65, 256, 4097] {
        let base = 0x4123_4000;
        let mut frames = pool(base, pages);
        let mut all: Vec<_> = std::iter::from_fn(|| frames.alloc()).collect();
        all.sort_unstable();
        let expected: Vec<_> = (0..pages).map(|page| base + page * PAGE_SIZE).collect();
        assert_eq!(all, expected);
        let total = pages as u32;
        assert_eq!(
            frames.usage(),
            Usage {
                total,
                used: total,
                peak: total
            }
        );
        assert_eq!(frames.alloc_run(2), Ok(None));
    }
}

#[test]
fn an_empty_pool_has_nothing_to_give_or_to_take() {
    let mut frames = Frames::empty();
    assert_eq!(frames.free(0), Err(Error::NotOurs));
    assert_eq!(frames.usage(), Usage::default());
    frames.init(0x1000, 0).unwrap();
    assert_eq!(frames.alloc(), None);
    assert_eq!(frames.alloc_run(2), Ok(None));
}

#[test]
fn a_page_freed_twice_or_foreign_is_refused_and_changes_nothing() {
    let mut frames = pool(0x4000_1000, 100);
    let page = frames.alloc().unwrap();
    assert_eq!(frames.free(page), Ok(()));
    assert_eq!(frames.free(page), Err(Error::DoubleFree));
    assert_eq!(frames.free(page + 8), Err(Error::NotOurs));
    assert_eq!(frames.free(0x4000_0000), Err(Error::NotOurs));
    assert_eq!(
        frames.free(0x4000_1000 + 100 * PAGE_SIZE),
        Err(Error::NotOurs)
    );
    assert_eq!(frames.free(!0 << 12), Err(Error::NotOurs));
    let run = frames.alloc_run(4).unwrap().unwrap();
    frames.free(run + PAGE_SIZE).unwrap();
    assert_eq!(frames.free_run(run, 4), Err(Error::DoubleFree));
    assert_eq!(frames.free_run(run + PAGE_SIZE, 2), Err(Error::NotOurs));
    assert_eq!(
        frames.usage(),
        Usage {
            total: 100,
            used: 3,
            peak: 4
        }
    );
}

#[test]
fn runs_are_powers_of_two_up_to_64() {
    let mut frames = pool(0, 1024);
    for pages in [0, 3, 65, 128] {
        assert_eq!(frames.alloc_run(pages), Err(Error::BadRun));
        assert_eq!(frames.free_run(0, pages), Err(Error::BadRun));
    }
    for pages in [1, 2, 4, 8, 16, 32, 64] {
        let run = frames.alloc_run(pages).unwrap().unwrap();
        assert_eq!(run % (u64::from(pages) * PAGE_SIZE), 0);
        assert_eq!(frames.free_run(run, pages), Ok(()));
    }
    assert_eq!(frames.usage().used, 0);
}

#[test]
fn a_pool_that_cannot_be_is_refused() {
    let mut frames = Frames::empty();
    assert_eq!(frames.init(0x800, PAGE_SIZE), Err(Error::BadPool));
    assert_eq!(frames.init(0, 100), Err(Error::BadPool));
    assert_eq!(frames.init(0, MAX_POOL + PAGE_SIZE), Err(Error::BadPool));
    assert_eq!(frames.init(PAGE_SIZE, MAX_POOL), Err(Error::BadPool));
    assert_eq!(frames.init(!0xfff, 2 * PAGE_SIZE), Err(Error::BadPool));
    assert_eq!(frames.init(0, MAX_POOL), Ok(()));
    assert_eq!(u64::from(frames.usage().free()) * PAGE_SIZE, MAX_POOL);
}

proptest! {
    #[test]
    fn pool_and_model_agree(
        skew in 0u64..130,
        pages in 1u64..300,
        steps in prop::collection::vec((any::<bool>(), 0u32..7, any::<prop::sample::Index>()), 0..300),
    ) {
        let base = 0x4000_0000 + skew * PAGE_SIZE;
        let mut frames = pool(base, pages);
        // Runs handed out: first page to number of pages.
        let mut held = BTreeMap::<u64, u32>::new();
        let mut peak = 0;
        for (take, log, which) in steps {
            if take {
                let count = 1 << log;
                match frames.alloc_run(count).unwrap() {
                    Some(run) => {
                        let (bytes, end) = (u64::from(count) * PAGE_SIZE, base + pages * PAGE_SIZE);
                        prop_assert!(run % bytes == 0 && run >= base && run + bytes <= end);
                        let overlaps = |(at, n): (&u64, &u32)| *at < run + bytes && run < at + u64::from(*n) * PAGE_SIZE;
                        prop_assert!(!held.iter().any(overlaps));
                        held.insert(run, count);
                    }
                    None => {
                        // There is indeed no such run: every aligned place has a page in use.
                        let bytes = u64::from(count) * PAGE_SIZE;
                        let end = base + pages * PAGE_SIZE;
                        let mut at = base.next_multiple_of(bytes);
                        while at + bytes <= end {
                            let overlaps = |(from, n): (&u64, &u32)| *from < at + bytes && at < from + u64::from(*n) * PAGE_SIZE;
                            prop_assert!(held.iter().any(overlaps), "{count} pages at {at:#x} are free");
                            at += bytes;
                        }
                    }
                }
            } else if !held.is_empty() {
                let run = *held.keys().nth(which.index(held.len())).unwrap();
                let count = held.remove(&run).unwrap();
                prop_assert_eq!(frames.free_run(run, count), Ok(()));
            }
            let used: u32 = held.values().sum();
            peak = peak.max(used);
            prop_assert_eq!(frames.usage(), Usage { total: pages as u32, used, peak });
        }
    }
}
