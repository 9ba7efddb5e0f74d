//! What credit promises on its own: shares by weight, caps, and no gain from sleeping.

mod machine;

use machine::Machine;
use proptest::prelude::*;
use sched::{Config, Credit, Error, Params, Policy, VcpuId};

const SLICE: u64 = 10_000;

fn machine(cores: usize, params: Vec<Params>) -> Machine<Credit<4, 8>> {
    let mut scheduler = Credit::default();
    scheduler.configure(&Config::sliced(SLICE)).unwrap();
    Machine::new(scheduler, 4, params).with_online(cores)
}

/// Time used, weighed: ticks at weight 256.
fn weighed(ran: u64, weight: u32) -> f64 {
    ran as f64 * 256.0 / f64::from(weight)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn busy_vcpus_share_a_core_by_weight_within_a_slice(
        weights in prop::collection::vec(16u32..2048, 2..8),
        ticks in 0u64..4_000_000,
    ) {
        let params = weights.iter().map(|weight| Params::shared(1, *weight));
        let mut machine = machine(1, params.collect());
        machine.start_all();
        machine.run_for(ticks);
        for (first, a) in weights.iter().enumerate() {
            for (second, b) in weights.iter().enumerate() {
                let ahead = weighed(machine.ran[first], *a) - weighed(machine.ran[second], *b);
                prop_assert!(ahead <= weighed(SLICE, *a) + 300.0, "{weights:?}: {:?}", machine.ran);
            }
        }
        prop_assert_eq!(machine.ran.iter().sum::<u64>(), ticks);
    }

    #[test]
    fn a_capped_vcpu_keeps_to_its_cap_in_every_stretch_of_time(
        cap in 1u8..100,
        busy in any::<bool>(),
        naps in prop::collection::vec((1u64..60_000, 0u64..60_000), 1..200),
    ) {
        let mut params = vec![Params::shared(1, 256).capped(cap)];
        if busy {
            params.push(Params::shared(1, 256));
        }
        let mut machine = machine(1, params);
        machine.start_all();
        let mut history = vec![(machine.now, 0)];
        for (awake, asleep) in naps {
            machine.run_for(awake);
            if machine.cores[0].running == Some(VcpuId(0)) {
                machine.wait_for_event(0);
                machine.settle();
            }
            machine.run_for(asleep);
            machine.post(0);
            machine.event[0] = false;
            machine.settle();
            history.push((machine.now, machine.ran[0]));
        }
        for (index, (from, before)) in history.iter().enumerate() {
            for (to, after) in &history[index..] {
                let bound = u64::from(cap) * (to - from + 20 * SLICE) / 100;
                prop_assert!(after - before <= bound, "{} of {} at {cap} %", after - before, to - from);
            }
        }
    }

    #[test]
    fn a_vcpu_that_sleeps_as_it_likes_gets_no_more_than_its_share_and_its_head_starts(
        (mine, other) in (64u32..1024, 64u32..1024),
        naps in prop::collection::vec((1u64..30_000, 1u64..30_000), 1..400),
    ) {
        let mut machine = machine(1, vec![Params::shared(1, mine), Params::shared(1, other)]);
        machine.start_all();
        for (awake, asleep) in naps {
            machine.run_for(awake);
            if machine.cores[0].running == Some(VcpuId(0)) {
                machine.wait_for_event(0);
                machine.settle();
            }
            machine.run_for(asleep);
            machine.post(0);
            machine.event[0] = false;
            machine.settle();
        }
        // The other was ready without a break: the sleeper is never ahead by more than where a wake-up puts it.
        let ahead = weighed(machine.ran[0], mine) - weighed(machine.ran[1], other);
        let bound = 1.125 * SLICE as f64 + weighed(SLICE, mine) + 500.0;
        prop_assert!(ahead <= bound, "{ahead} of {bound}: {:?}", machine.ran);
    }
}

#[test]
fn a_vcpu_that_sleeps_mostly_preempts_busy_ones_at_once() {
    let mut machine = machine(1, vec![Params::shared(1, 256); 3]);
    machine.start(0);
    machine.settle();
    machine.wait_for_event(0);
    machine.settle();
    machine.start(1);
    machine.start(2);
    machine.settle();
    machine.run_for(50 * SLICE);
    for _ in 0..100 {
        machine.post(0);
        machine.event[0] = false;
        machine.settle();
        assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
        machine.run_for(SLICE / 20);
        machine.wait_for_event(0);
        machine.settle();
        machine.run_for(SLICE + SLICE / 3);
    }
}

#[test]
fn a_vcpu_that_was_alone_for_long_does_not_owe_that_to_one_that_wakes() {
    let mut machine = machine(1, vec![Params::shared(1, 256), Params::shared(1, 256)]);
    machine.start(1);
    machine.settle();
    machine.run_for(1000 * SLICE);
    machine.start(0);
    machine.settle();
    let before = machine.ran.clone();
    machine.run_for(20 * SLICE);
    let got = machine.ran[1] - before[1];
    assert!(got >= 8 * SLICE, "{got}");
}

#[test]
fn clocks_that_have_come_far_are_set_back_and_shares_stay() {
    let mut scheduler = Credit::<4, 8>::default();
    // Weighed time runs 65536 times as fast as the counter at weight 1.
    let slice = 1 << 40;
    scheduler.configure(&Config::sliced(slice)).unwrap();
    let params = vec![Params::shared(1, 1), Params::shared(1, 2)];
    let mut machine = Machine::new(scheduler, 4, params).with_online(1);
    machine.start_all();
    for _ in 0..1000 {
        let before = machine.ran.clone();
        machine.run_for(30 * slice);
        let got = [machine.ran[0] - before[0], machine.ran[1] - before[1]];
        assert!(got[0].abs_diff(10 * slice) <= 2 * slice, "{got:?}");
    }
}

#[test]
fn a_parked_vcpu_leaves_the_core_to_others_and_comes_back() {
    let mut machine = machine(1, vec![Params::shared(1, 256).capped(20)]);
    machine.start_all();
    machine.run_for(2 * SLICE);
    assert_eq!(machine.cores[0].running, None);
    assert!(machine.cores[0].until.is_some());
    machine.run_for(98 * SLICE);
    assert_eq!(machine.ran[0], 20 * SLICE);
}

#[test]
fn a_cap_beyond_a_core_is_refused() {
    let mut scheduler = Credit::<1, 1>::default();
    let params = Params::shared(1, 256).capped(101);
    assert_eq!(scheduler.add(VcpuId(0), params), Err(Error::BadCap));
}
