//! Accounts: every tick is booked once, and under the right heading.

use proptest::prelude::*;
use sched::{Account, Heading, Times};

#[test]
fn time_in_el2_for_another_is_not_charged_to_the_vcpu_that_it_interrupts() {
    let mut account = Account::new(100);
    account.ready(110);
    account.run(130);
    account.enter_guest(131);
    account.exit_guest(200);
    account.others_begin(203);
    assert_eq!(account.others_end(1203), 1000);
    account.enter_guest(1205);
    account.exit_guest(1300);
    account.leave_core(1301, 0, false);
    let times = account.times(1400);
    assert_eq!(
        times,
        Times {
            asleep: 10,
            waiting: 20 + 99,
            guest: 69 + 95,
            own: 1 + 3 + 2 + 1,
            others: 1000,
            tasks: 0,
        }
    );
    assert_eq!(times.steal(), 1119);
    assert_eq!(times.charged(), 171);
}

#[test]
fn a_nested_stretch_for_others_is_one_stretch() {
    let mut account = Account::new(0);
    account.run(0);
    account.others_begin(10);
    account.others_begin(15);
    assert_eq!(account.others_end(30), 20);
    assert_eq!(account.others_end(40), 0);
    assert_eq!(account.heading(), Heading::Own);
    assert_eq!(account.times(40).others, 20);
}

#[test]
fn background_tasks_and_the_interrupts_that_come_meanwhile_are_booked_apart() {
    let mut account = Account::new(0);
    account.run(0);
    account.enter_guest(10);
    account.exit_guest(100);
    account.tasks_begin(103);
    account.others_begin(150);
    assert_eq!(account.others_end(170), 20);
    assert_eq!(account.tasks_end(200), 30);
    account.enter_guest(205);
    let times = account.times(300);
    assert_eq!((times.tasks, times.others), (47 + 30, 20));
    assert_eq!((times.guest, times.own), (90 + 95, 10 + 3 + 5));
    assert_eq!(account.stolen(300), 97);
    assert_eq!(account.tasks_end(300), 0);
}

#[test]
fn of_the_last_stretch_on_a_core_what_others_had_is_theirs() {
    let mut account = Account::new(0);
    account.run(0);
    account.enter_guest(10);
    account.exit_guest(100);
    account.leave_core(130, 20, false);
    let times = account.times(150);
    assert_eq!((times.own, times.others, times.waiting), (10 + 10, 20, 20));
    account.run(150);
    // They cannot have had more than there was.
    account.leave_core(160, 40, true);
    let times = account.times(200);
    assert_eq!((times.own, times.others, times.asleep), (20, 30, 40));
}

#[test]
fn one_that_sleeps_and_is_woken_before_its_core_has_let_go_of_it_waits() {
    let mut account = Account::new(0);
    account.run(0);
    account.asleep(10);
    account.leave_core(20, 0, false);
    assert_eq!(account.heading(), Heading::Asleep);
    account.run(30);
    account.asleep(40);
    account.ready(45);
    account.leave_core(50, 0, false);
    assert_eq!(account.heading(), Heading::Waiting);
    assert_eq!(account.stolen(100), 55);
}

#[test]
fn becoming_ready_on_a_core_changes_nothing() {
    let mut account = Account::new(0);
    account.run(0);
    account.enter_guest(5);
    account.ready(10);
    assert_eq!(account.heading(), Heading::Guest);
}

proptest! {
    #[test]
    fn the_headings_add_up_to_the_time_elapsed(
        start in 0u64..1_000_000,
        steps in prop::collection::vec((0u8..10, 0u64..100_000), 0..200),
    ) {
        let mut account = Account::new(start);
        let mut now = start;
        let mut stolen = 0;
        for (call, elapsed) in steps {
            now += elapsed;
            match call {
                0 => account.ready(now),
                1 => account.run(now),
                2 => account.enter_guest(now),
                3 => account.exit_guest(now),
                4 => account.others_begin(now),
                5 => { account.others_end(now); }
                6 => account.leave_core(now, elapsed / 2, elapsed % 3 == 0),
                7 => account.tasks_begin(now),
                8 => { account.tasks_end(now); }
                _ => account.asleep(now),
            }
            prop_assert_eq!(account.times(now).total(), now - start);
            prop_assert!(account.stolen(now) >= stolen);
            stolen = account.stolen(now);
        }
        prop_assert_eq!(account.times(now + 7).total(), now + 7 - start);
    }

    #[test]
    fn what_moves_from_the_guest_to_el2_is_neither_lost_nor_more_than_there_is(guest in 0u64..1000, ticks in 0u64..2000) {
        let mut account = Account::new(0);
        account.enter_guest(0);
        account.exit_guest(guest);
        account.guest_to_own(ticks);
        let times = account.times(guest);
        prop_assert_eq!(times.own, ticks.min(guest));
        prop_assert_eq!(times.total(), guest);
    }

    #[test]
    fn a_clock_that_runs_backwards_books_nothing(times in prop::collection::vec(0u64..1000, 1..50)) {
        let mut account = Account::new(0);
        let mut latest = 0;
        for now in times {
            account.enter_guest(now);
            latest = latest.max(now);
            prop_assert_eq!(account.times(latest).total(), latest);
        }
    }
}
