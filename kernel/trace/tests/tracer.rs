//! What the tracer promises.

use std::cell::Cell;

use proptest::prelude::*;
use trace::{Record, Site, Tracer};

type Small = Tracer<2, 8>;

fn recording() -> Small {
    let tracer = Small::new();
    tracer.start(0);
    tracer.start(1);
    tracer
}

/// A section of core `cpu`, from `from` to `to`.
fn section(tracer: &Small, cpu: usize, site: Site, from: u64, to: u64) {
    assert!(tracer.begin(cpu, site, || from));
    assert_eq!(tracer.end(cpu, to), Some(to - from));
}

fn names(records: &[Option<Record>]) -> Vec<String> {
    records
        .iter()
        .flatten()
        .map(|record| record.to_string())
        .collect()
}

#[test]
fn the_longest_sections_come_first_with_their_sites_and_counts() {
    let tracer = recording();
    section(&tracer, 0, Site::Name("short"), 10, 12);
    section(&tracer, 1, Site::Name("long"), 100, 150);
    section(&tracer, 0, Site::Name("long"), 200, 230);
    section(&tracer, 0, Site::Address(0x4008_0000), 300, 305);
    assert_eq!(
        names(&tracer.longest::<2>()),
        [
            "max=50 at=long count=2 total=80 cpu=1",
            "max=5 at=0x40080000 count=1 total=5 cpu=0",
        ]
    );
    assert_eq!(names(&tracer.longest::<4>()).len(), 3);
}

#[test]
fn a_call_site_is_reported_as_file_and_line() {
    let tracer = recording();
    let here = core::panic::Location::caller();
    section(&tracer, 0, Site::Caller(here), 0, 7);
    assert_eq!(
        names(&tracer.longest::<1>()),
        [format!(
            "max=7 at={}:{} count=1 total=7 cpu=0",
            here.file(),
            here.line()
        )]
    );
}

#[test]
fn a_nested_section_counts_as_part_of_the_outermost() {
    let tracer = recording();
    assert!(tracer.begin(0, Site::Name("outer"), || 0));
    assert!(!tracer.begin(0, Site::Name("inner"), || 5));
    assert_eq!(tracer.end(0, 20), Some(20));
    assert_eq!(tracer.end(0, 25), None);
    assert_eq!(
        names(&tracer.longest::<4>()),
        ["max=20 at=outer count=1 total=20 cpu=0"]
    );
}

#[test]
fn the_clock_is_read_only_for_the_outermost_and_after_the_search() {
    let tracer = recording();
    let reads = Cell::new(0);
    let clock = || {
        reads.set(reads.get() + 1);
        0
    };
    tracer.begin(0, Site::Name("a"), clock);
    tracer.begin(0, Site::Name("b"), clock);
    assert_eq!(reads.get(), 1);
}

#[test]
fn nothing_is_recorded_before_the_start_and_after_the_stop_of_a_core() {
    let tracer = Small::new();
    assert!(!tracer.begin(0, Site::Name("boot"), || 0));
    assert_eq!(tracer.end(0, 1_000_000), None);
    tracer.start(0);
    assert!(!tracer.begin(1, Site::Name("other core"), || 0));
    section(&tracer, 0, Site::Name("work"), 0, 3);
    assert!(tracer.begin(0, Site::Name("power-off"), || 10));
    tracer.stop(0);
    assert_eq!(tracer.end(0, 1_000_000), None);
    assert_eq!(
        names(&tracer.longest::<4>()),
        ["max=3 at=work count=1 total=3 cpu=0"]
    );
}

#[test]
fn a_section_that_lasts_is_seen_from_other_cores() {
    let tracer = recording();
    assert!(tracer.open(1).is_none());
    tracer.begin(1, Site::Name("stuck"), || 40);
    let open = tracer.open(1).unwrap();
    assert_eq!((open.site.to_string().as_str(), open.since), ("stuck", 40));
    tracer.end(1, 50);
    assert!(tracer.open(1).is_none());
}

#[test]
fn sites_that_find_no_place_are_counted_together() {
    let tracer = recording();
    for address in 1..=20u64 {
        section(&tracer, 0, Site::Address(address * 4), 0, address);
    }
    let records = tracer.longest::<16>();
    assert_eq!(records.iter().flatten().count(), 9);
    let total: u64 = records.iter().flatten().map(|record| record.total).sum();
    assert_eq!(total, (1..=20).sum());
    assert_eq!(
        names(&records[..1]),
        [format!(
            "max=20 at=elsewhere count=12 total={} cpu=0",
            (9..=20).sum::<u64>()
        )]
    );
}

#[test]
fn unknown_cores_and_clocks_that_go_back_do_no_harm() {
    let tracer = recording();
    assert!(!tracer.begin(2, Site::Name("nobody"), || 0));
    assert_eq!(tracer.end(2, 9), None);
    tracer.begin(0, Site::Name("back"), || 9);
    assert_eq!(tracer.end(0, 3), Some(0));
}

#[test]
fn cleared_figures_begin_anew() {
    let tracer = recording();
    section(&tracer, 0, Site::Name("before"), 0, 100);
    tracer.clear();
    section(&tracer, 0, Site::Name("after"), 0, 1);
    assert_eq!(
        names(&tracer.longest::<4>()),
        ["max=1 at=after count=1 total=1 cpu=0"]
    );
}

#[test]
fn cores_that_meet_a_new_site_at_once_enter_it_once() {
    static TRACER: Tracer<4, 64> = Tracer::new();
    let threads: Vec<_> = (0..4)
        .map(|cpu| {
            std::thread::spawn(move || {
                TRACER.start(cpu);
                for address in 1..=16u64 {
                    TRACER.begin(cpu, Site::Address(address * 4), || 0);
                    TRACER.end(cpu, 1);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let records = TRACER.longest::<64>();
    let counts: Vec<u64> = records
        .iter()
        .flatten()
        .map(|record| record.count)
        .collect();
    assert_eq!(counts.iter().sum::<u64>(), 64);
    assert!(records.iter().flatten().all(|record| match record.site {
        Site::Address(_) => record.count == 4,
        _ => true,
    }));
}

proptest! {
    #[test]
    fn figures_are_those_of_the_outermost_sections(
        steps in prop::collection::vec((any::<bool>(), 0..5usize, 1..100u64), 0..200),
    ) {
        const SITES: [&str; 5] = ["a", "b", "c", "d", "e"];
        let tracer = recording();
        let mut model = [(0u64, 0u64, 0u64); 5];
        let (mut now, mut open) = (0, None);
        for (begin, site, pause) in steps {
            now += pause;
            if begin {
                let outermost = tracer.begin(0, Site::Name(SITES[site]), || now);
                prop_assert_eq!(outermost, open.is_none());
                open = open.or(Some((site, now)));
            } else {
                let ended = open.take().map(|(site, since): (usize, u64)| {
                    let sum = &mut model[site];
                    *sum = (sum.0 + 1, sum.1 + now - since, sum.2.max(now - since));
                    now - since
                });
                prop_assert_eq!(tracer.end(0, now), ended);
            }
        }
        let records = tracer.longest::<8>();
        let records: Vec<Record> = records.into_iter().flatten().collect();
        prop_assert!(records.is_sorted_by(|a, b| a.max >= b.max));
        for (name, sum) in SITES.iter().zip(model) {
            let found = records.iter().find(|record| record.site.to_string() == *name);
            let found = found.map_or((0, 0, 0), |r| (r.count, r.total, r.max));
            prop_assert_eq!(found, sum);
        }
    }
}
