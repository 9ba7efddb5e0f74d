//! What the cyclic table promises on its own: windows to the tick, slack for the background, and tables that make sense.

mod machine;

use machine::{Machine, Order};
use proptest::prelude::*;
use sched::{Config, Cyclic, Error, Params, Policy, VcpuId, Window, check_windows};

const fn window(start_us: u32, length_us: u32, cores: u64, partition: u16) -> Window {
    Window {
        start_us,
        length_us,
        cores,
        partition,
    }
}

/// Core 0: partition 1, a gap, partition 2, a gap. Core 1: partition 1 throughout.
const WINDOWS: [Window; 3] = [
    window(0, 4000, 0b01, 1),
    window(0, 10_000, 0b10, 1),
    window(5000, 3000, 0b01, 2),
];

/// Ticks per microsecond.
const RATE: u64 = 24;

fn machine(params: Vec<Params>) -> Machine<Cyclic<2, 8>> {
    let mut scheduler = Cyclic::default();
    let config = Config {
        slice: 500 * RATE,
        frequency: RATE * 1_000_000,
        frame_us: 10_000,
        windows: &WINDOWS,
    };
    scheduler.configure(&config).unwrap();
    let mut machine = Machine::new(scheduler, 2, params).ordered(Order::Strict);
    // At the beginning of a frame.
    machine.now = 10_000 * RATE * 7;
    machine.with_online(2)
}

fn of(partition: u16) -> Params {
    Params::shared(0b01, 256).of_partition(partition)
}

#[test]
fn each_partition_runs_in_its_windows_to_the_tick_and_the_background_in_the_rest() {
    let mut machine = machine(vec![of(1), of(1), of(2), of(0).in_background()]);
    machine.start_all();
    machine.run_for(10 * 10_000 * RATE);
    let frames = 10 * RATE;
    assert_eq!(machine.ran[0] + machine.ran[1], 4000 * frames);
    assert!(machine.ran[0].abs_diff(machine.ran[1]) <= 500 * RATE);
    assert_eq!(machine.ran[2], 3000 * frames);
    assert_eq!(machine.ran[3], 3000 * frames);
}

#[test]
fn what_a_partition_leaves_of_its_window_goes_to_no_other_partition() {
    let mut machine = machine(vec![of(1), of(2)]);
    machine.start(1);
    machine.settle();
    machine.run_for(10 * 10_000 * RATE);
    assert_eq!(machine.ran[1], 10 * 3000 * RATE);
}

#[test]
fn a_wake_up_outside_the_window_is_kept_until_it_opens() {
    let mut machine = machine(vec![of(2)]);
    machine.start_all();
    machine.run_for(5500 * RATE);
    machine.wait_for_event(0);
    machine.settle();
    machine.run_for(3500 * RATE);
    machine.post(0);
    machine.settle();
    assert_eq!(machine.cores[0].running, None);
    let ran = machine.ran[0];
    machine.run_for(6000 * RATE - 1);
    assert_eq!(machine.ran[0], ran);
    machine.run_for(1);
    assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
}

#[test]
fn a_holder_runs_in_the_windows_of_whoever_waits_for_it() {
    let mut machine = machine(vec![of(1), of(2)]);
    machine.start_all();
    // The second waits in its window for what the first holds.
    machine.run_for(5100 * RATE);
    assert_eq!(machine.cores[0].running, Some(VcpuId(1)));
    machine.inherit(0, 1);
    machine.wait_for_event(0);
    machine.settle();
    assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
    machine.run_for(100 * RATE);
    machine.disinherit(0);
    machine.post(1);
    machine.settle();
    assert_eq!(machine.cores[0].running, Some(VcpuId(1)));
}

#[test]
fn members_are_spread_over_the_cores_on_which_their_partition_has_windows() {
    let mut scheduler = Cyclic::<2, 8>::default();
    let config = Config {
        slice: 1000,
        frequency: 1_000_000,
        frame_us: 10_000,
        windows: &WINDOWS,
    };
    scheduler.configure(&config).unwrap();
    let on = |affinity, partition| Params::shared(affinity, 256).of_partition(partition);
    assert_eq!(scheduler.add(VcpuId(0), on(0b11, 1)), Ok(()));
    assert_eq!(scheduler.add(VcpuId(1), on(0b11, 1)), Ok(()));
    assert_eq!(scheduler.add(VcpuId(2), on(0b11, 2)), Ok(()));
    let homes = [0, 1, 2].map(|id| scheduler.home(VcpuId(id)));
    assert_eq!(homes, [Some((0, true)), Some((1, true)), Some((0, true))]);
    assert_eq!(scheduler.add(VcpuId(3), on(0b10, 2)), Err(Error::NoWindow));
    assert_eq!(scheduler.add(VcpuId(3), on(0b11, 7)), Err(Error::NoWindow));
}

#[test]
fn a_table_that_makes_no_sense_is_refused_and_the_window_named() {
    assert_eq!(check_windows(10_000, &WINDOWS), Ok(()));
    assert_eq!(check_windows(0, &WINDOWS), Err(0));
    assert_eq!(check_windows(10_000, &[]), Err(0));
    let overlap = [window(0, 4000, 1, 1), window(3999, 1, 1, 2)];
    assert_eq!(check_windows(10_000, &overlap), Err(1));
    let beyond = [window(0, 4000, 1, 1), window(9000, 1001, 1, 2)];
    assert_eq!(check_windows(10_000, &beyond), Err(1));
    assert_eq!(check_windows(10_000, &[window(0, 0, 1, 1)]), Err(0));
    assert_eq!(check_windows(10_000, &[window(0, 1, 0, 1)]), Err(0));
    let unordered = [window(5000, 100, 1, 1), window(0, 100, 1, 2)];
    assert_eq!(check_windows(10_000, &unordered), Err(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_partition_runs_outside_its_windows_whatever_its_members_do(
        naps in prop::collection::vec((1u64..40_000, 1u64..40_000, 0u16..3), 1..100),
    ) {
        let mut machine = machine(vec![of(1), of(1), of(2)]);
        machine.start_all();
        for (awake, asleep, id) in naps {
            for ticks in [awake, asleep] {
                let end = machine.now + ticks;
                while machine.now < end {
                    let (from, before) = (machine.now, machine.ran.clone());
                    machine.run(end - machine.now);
                    let into = |at: u64| at % (10_000 * RATE) / RATE;
                    let (first, last) = (into(from), into(machine.now - 1));
                    for (id, inside) in [(0, 0..4000), (1, 0..4000), (2, 5000..8000)] {
                        let ran = machine.ran[id] != before[id];
                        prop_assert!(!ran || (inside.contains(&first) && inside.contains(&last)));
                    }
                }
                if machine.cores[0].running == Some(VcpuId(id)) {
                    machine.wait_for_event(0);
                }
                machine.settle();
            }
            machine.post(id);
            machine.event[id as usize] = false;
            machine.settle();
            machine.check_settled();
        }
    }
}
