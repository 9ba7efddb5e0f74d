//! What the watchdog promises.

use trace::{Bounds, Doing, Open, Site, Verdict, Watchdog};

const BOUNDS: Bounds = Bounds {
    stay: 100,
    masked: 10,
};

fn check(dog: &Watchdog<2>, now: u64) -> String {
    check_masked(dog, now, None)
}

fn check_masked(dog: &Watchdog<2>, now: u64, since: Option<u64>) -> String {
    let open = since.map(|since| Open {
        site: Site::Name("section"),
        since,
    });
    match dog.check(0, now, &BOUNDS, open) {
        Verdict::Well => "well".into(),
        Verdict::Ask => "ask".into(),
        Verdict::Stuck { doing, ticks } => format!("{doing} for {ticks}"),
        Verdict::Masked { open, ticks } => format!("masked at {} for {ticks}", open.site),
        Verdict::Recovered => "recovered".into(),
    }
}

#[test]
fn a_core_that_is_off_idles_or_runs_a_guest_is_well_for_ever() {
    let dog = Watchdog::<2>::new();
    assert_eq!(check(&dog, 1_000_000), "well");
    for doing in [Doing::Idle, Doing::Guest(3), Doing::Off] {
        dog.pass(0, doing, 0);
        for now in [0, 1_000, 1_000_000] {
            assert_eq!(check(&dog, now), "well", "{doing}");
        }
    }
}

#[test]
fn a_core_that_keeps_passing_its_scheduler_is_well() {
    let dog = Watchdog::<2>::new();
    for now in (0..10_000).step_by(100) {
        dog.pass(0, Doing::Work(1), now);
        assert_eq!(check(&dog, now + 50), "well");
    }
}

#[test]
fn a_core_that_passes_nothing_is_asked_first_and_reported_once_the_bound_is_over() {
    let dog = Watchdog::<2>::new();
    dog.pass(0, Doing::Work(7), 1000);
    assert_eq!(check(&dog, 1010), "well");
    assert_eq!(check(&dog, 1020), "ask");
    assert_eq!(check(&dog, 1120), "well");
    assert_eq!(check(&dog, 1121), "working for entity 7 for 121");
    assert_eq!(check(&dog, 5000), "well");
    assert_eq!(dog.doing(0), (Doing::Work(7), 1000));
}

#[test]
fn long_work_that_lets_itself_be_preempted_when_asked_is_well() {
    let dog = Watchdog::<2>::new();
    for round in 1..100 {
        let now = round * 1000;
        dog.pass(0, Doing::Work(7), now);
        assert_eq!(check(&dog, now + 1), "well");
        assert_eq!(check(&dog, now + 101), "ask");
        // It passes the scheduler and goes on.
        dog.pass(0, Doing::Scheduling, now + 150);
    }
}

#[test]
fn a_core_that_goes_on_is_reported_as_recovered_once_and_can_get_stuck_again() {
    let dog = Watchdog::<2>::new();
    dog.pass(0, Doing::Scheduling, 0);
    let verdicts = [1, 2, 103].map(|now| check(&dog, now));
    assert_eq!(verdicts, ["well", "ask", "scheduling for 103"]);
    dog.pass(0, Doing::Work(2), 200);
    assert_eq!(check(&dog, 201), "recovered");
    assert_eq!(check(&dog, 202), "ask");
    assert_eq!(check(&dog, 303), "working for entity 2 for 103");
}

#[test]
fn interrupts_masked_beyond_the_bound_are_reported_with_the_place_once() {
    let dog = Watchdog::<2>::new();
    dog.pass(0, Doing::Work(1), 0);
    assert_eq!(check_masked(&dog, 10, Some(0)), "well");
    assert_eq!(check_masked(&dog, 11, Some(0)), "masked at section for 11");
    assert_eq!(check_masked(&dog, 12, Some(0)), "well");
    dog.pass(0, Doing::Guest(1), 13);
    assert_eq!(check(&dog, 14), "recovered");
}

#[test]
fn cores_that_do_not_exist_are_well() {
    let dog = Watchdog::<2>::new();
    dog.pass(9, Doing::Work(1), 0);
    assert!(matches!(dog.check(9, 1, &BOUNDS, None), Verdict::Well));
    assert_eq!(dog.doing(9), (Doing::Off, 0));
}

#[test]
fn every_entity_is_named_in_what_a_core_does() {
    let dog = Watchdog::<2>::new();
    for entity in [0, 1, u16::MAX] {
        for doing in [Doing::Guest(entity), Doing::Work(entity)] {
            dog.pass(1, doing, 5);
            assert_eq!(dog.doing(1), (doing, 5));
        }
    }
}
