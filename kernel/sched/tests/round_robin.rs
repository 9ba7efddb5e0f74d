//! What the weighted round robin promises on its own: shares, promptness, no timer without need.

mod machine;

use machine::Machine;
use proptest::prelude::*;
use sched::{Error, Params, Policy, RoundRobin, State, VcpuId};

const SLICE: u64 = 10_000;

fn machine(cores: usize, params: &[(u64, u32)]) -> Machine<RoundRobin<4, 8>> {
    let mut scheduler = RoundRobin::new();
    scheduler.set_slice(SLICE);
    let params = params
        .iter()
        .map(|(affinity, weight)| Params::shared(*affinity, *weight));
    let mut machine = Machine::new(scheduler, 4, params.collect());
    for cpu in 0..cores {
        machine.online(cpu);
    }
    machine.settle();
    machine
}

fn start_all(machine: &mut Machine<RoundRobin<4, 8>>) {
    for id in 0..machine.params.len() as u16 {
        machine.start(id);
    }
    machine.settle();
}

/// A turn of that weight, in whole ticks.
fn turn(weight: u32) -> f64 {
    (SLICE * u64::from(weight) / 256) as f64
}

proptest! {
    #[test]
    fn busy_vcpus_share_a_core_by_weight_within_two_turns(
        weights in prop::collection::vec(1u32..2048, 2..8),
        ticks in 0u64..4_000_000,
    ) {
        let params: Vec<_> = weights.iter().map(|weight| (1, *weight)).collect();
        let mut machine = machine(1, &params);
        start_all(&mut machine);
        machine.run_for(ticks);
        for (first, a) in weights.iter().enumerate() {
            for (second, b) in weights.iter().enumerate() {
                let ahead = machine.ran[first] as f64 / turn(*a) - machine.ran[second] as f64 / turn(*b);
                prop_assert!(ahead <= 2.0, "{weights:?}: {:?}", machine.ran);
            }
        }
        prop_assert_eq!(machine.ran.iter().sum::<u64>(), ticks);
    }

    #[test]
    fn a_vcpu_that_blocks_as_it_likes_gets_no_more_than_its_share_and_a_turn(
        (mine, other) in (64u32..1024, 64u32..1024),
        naps in prop::collection::vec((1u64..30_000, 1u64..30_000), 1..400),
    ) {
        let mut machine = machine(1, &[(1, mine), (1, other)]);
        start_all(&mut machine);
        let (from, ran) = (machine.now, machine.ran[0]);
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
        let elapsed = (machine.now - from) as f64;
        let fair = elapsed * f64::from(mine) / f64::from(mine + other);
        let got = (machine.ran[0] - ran) as f64;
        prop_assert!(got <= fair + 2.0 * turn(mine) + turn(other), "got {got} of {elapsed}, fair is {fair}");
    }
}

#[test]
fn a_vcpu_alone_on_its_core_has_no_deadline() {
    let mut machine = machine(1, &[(1, 256), (1, 256)]);
    machine.start(0);
    machine.settle();
    assert_eq!(machine.cores[0].until, None);
    assert!(!machine.policy.contended(0));
    // The second one brings a deadline, and gets its turn.
    machine.run_for(50 * SLICE);
    machine.start(1);
    machine.settle();
    assert!(machine.policy.contended(0));
    assert!(machine.cores[0].until.is_some());
    machine.run_for(2 * SLICE);
    assert!(machine.ran[1] >= SLICE);
}

#[test]
fn a_vcpu_woken_with_its_turn_unused_preempts_at_once() {
    let mut machine = machine(1, &[(1, 256), (1, 256), (1, 256)]);
    start_all(&mut machine);
    machine.run_for(4 * SLICE);
    while machine.cores[0].running != Some(VcpuId(0)) {
        machine.run(SLICE);
    }
    machine.run_for(SLICE / 4);
    machine.wait_for_event(0);
    machine.settle();
    machine.run_for(SLICE / 2);
    let interrupted = machine.cores[0].running;
    machine.post(0);
    assert!(machine.cores[0].kicked);
    machine.settle();
    assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
    // The one that it interrupted gets the rest of its turn afterwards, before anybody else.
    machine.event[0] = false;
    machine.wait_for_event(0);
    machine.settle();
    assert_eq!(machine.cores[0].running, interrupted);
    assert_eq!(machine.cores[0].until, Some(machine.now + SLICE / 2));
}

#[test]
fn a_vcpu_that_had_its_next_turn_in_advance_is_passed_over_once() {
    let mut machine = machine(1, &[(1, 256), (1, 256)]);
    start_all(&mut machine);
    machine.run_for(4 * SLICE);
    while machine.cores[0].running != Some(VcpuId(0)) {
        machine.run(SLICE);
    }
    // It sleeps with nearly nothing left, and is given nearly a turn in advance.
    machine.run_for(SLICE - 10);
    machine.wait_for_event(0);
    machine.settle();
    machine.run_for(3 * SLICE + SLICE / 2);
    machine.post(0);
    machine.settle();
    let before = machine.ran.clone();
    machine.run_for(SLICE);
    assert_eq!(machine.ran[0] - before[0], SLICE);
    // The other has the rest of its turn, and then a whole one instead of giving way for ten ticks.
    while machine.cores[0].running != Some(VcpuId(0)) {
        machine.run(SLICE);
    }
    assert!(
        machine.ran[1] - before[1] >= SLICE + SLICE / 4,
        "{}",
        machine.ran[1] - before[1]
    );
}

#[test]
fn a_vcpu_leaving_a_core_is_not_taken_up_by_another_until_it_is_saved() {
    let mut machine = machine(2, &[(0b11, 256), (0b01, 256), (0b10, 256)]);
    machine.start(0);
    machine.start(2);
    machine.settle();
    let here = machine
        .cores
        .iter()
        .position(|core| core.running == Some(VcpuId(0)))
        .unwrap();
    machine.start(1);
    assert_eq!(here, 0);
    machine.now += 2 * SLICE;
    let decision = machine.schedule(0);
    assert_eq!(
        (decision.next, decision.leave),
        (Some(VcpuId(1)), Some(VcpuId(0)))
    );
    // Core 1 has become idle and would take it.
    machine.wait_for_event(1);
    assert_eq!(machine.schedule(1).next, None);
    machine.saved(1);
    assert_eq!(machine.policy.state(VcpuId(0)), State::Ready);
    machine.saved(0);
    assert!(
        machine.cores[1].kicked,
        "the idle core has to hear that it may take it now"
    );
    assert_eq!(machine.schedule(1).next, Some(VcpuId(0)));
}

#[test]
fn a_vcpu_woken_before_its_registers_are_saved_goes_on_where_they_are() {
    let mut machine = machine(2, &[(0b11, 256)]);
    machine.start(0);
    machine.settle();
    let here = machine
        .cores
        .iter()
        .position(|core| core.running == Some(VcpuId(0)))
        .unwrap();
    machine.wait_for_event(here);
    assert_eq!(machine.schedule(here).leave, Some(VcpuId(0)));
    machine.post(0);
    assert!(machine.cores[here].kicked && !machine.cores[1 - here].kicked);
    let decision = machine.schedule(here);
    assert_eq!((decision.next, decision.leave), (Some(VcpuId(0)), None));
}

#[test]
fn a_wake_up_between_the_last_look_and_blocking_is_not_lost() {
    let mut machine = machine(1, &[(1, 256)]);
    machine.start(0);
    machine.settle();
    machine.policy.prepare_block(0);
    assert_eq!(machine.policy.wake(VcpuId(0), machine.now), None);
    assert!(!machine.policy.block(0, machine.now));
    assert_eq!(machine.policy.state(VcpuId(0)), State::Running(0));
}

#[test]
fn time_spent_for_others_is_not_held_against_the_running_vcpu() {
    let mut machine = machine(1, &[(1, 256), (1, 256)]);
    start_all(&mut machine);
    // Until both have used up the turns with which they started.
    machine.run_for(3 * SLICE);
    let first = machine.cores[0].running.unwrap();
    machine.now = machine.cores[0].until.unwrap();
    machine.policy.refund(0, SLICE / 4);
    let decision = machine.schedule(0);
    assert_eq!(decision.next, Some(first));
    assert_eq!(decision.until, Some(machine.now + SLICE / 4));
}

#[test]
fn switching_itself_off_and_on_does_not_buy_a_vcpu_time() {
    let mut machine = machine(1, &[(1, 256), (1, 256)]);
    start_all(&mut machine);
    let from = machine.now;
    for _ in 0..1000 {
        machine.run_for(100);
        if machine.cores[0].running == Some(VcpuId(0)) {
            machine.stop(0);
            machine.settle();
        }
        machine.start(0);
        machine.settle();
    }
    let fair = (machine.now - from) / 2;
    assert!(machine.ran[0] <= fair + 2 * SLICE, "{:?}", machine.ran);
}

#[test]
fn an_unequal_spread_is_evened_out() {
    let mut machine = machine(
        2,
        &[
            (0b11, 256),
            (0b11, 256),
            (0b11, 256),
            (0b11, 256),
            (0b10, 256),
            (0b10, 256),
        ],
    );
    // Three end up on core 0 because two others keep core 1 busy; then those stop.
    for id in [4, 5, 0, 1, 2, 3] {
        machine.start(id);
    }
    machine.settle();
    machine.stop(4);
    machine.stop(5);
    machine.run_for(4 * SLICE);
    let before = machine.ran.clone();
    machine.run_for(40 * SLICE);
    for (id, before) in before.iter().enumerate().take(4) {
        let got = machine.ran[id] - before;
        assert!(
            got.abs_diff(20 * SLICE) <= 2 * SLICE,
            "{id}: {got} of {}",
            40 * SLICE
        );
    }
}

#[test]
fn a_core_that_goes_offline_leaves_its_vcpus_to_the_others() {
    let mut machine = machine(2, &[(0b11, 256), (0b11, 256), (0b01, 256)]);
    start_all(&mut machine);
    machine.offline(0);
    machine.settle();
    machine.check_settled();
    assert_eq!(machine.policy.state(VcpuId(2)), State::Ready);
    let before = machine.ran.clone();
    machine.run_for(10 * SLICE);
    assert!(
        machine.ran[0] > before[0] && machine.ran[1] > before[1] && machine.ran[2] == before[2]
    );
    // The one that may run nowhere else has waited for it.
    machine.online(0);
    machine.settle();
    assert_eq!(machine.policy.state(VcpuId(2)), State::Running(0));
}

#[test]
fn a_vcpu_started_before_its_core_is_online_runs_once_it_is() {
    let mut machine = machine(1, &[(0b10, 256)]);
    machine.start(0);
    machine.settle();
    machine.online(1);
    machine.settle();
    assert_eq!(machine.policy.state(VcpuId(0)), State::Running(1));
}

#[test]
fn a_stopped_vcpu_starts_anew_only_after_its_old_registers_are_gone() {
    let mut machine = machine(1, &[(1, 256)]);
    machine.start(0);
    machine.settle();
    let id = VcpuId(0);
    assert_eq!(
        machine.policy.start(id, machine.now),
        Err(Error::NotStopped)
    );
    assert_eq!(machine.policy.remove(id), Err(Error::NotStopped));
    machine.stop(0);
    assert!(!machine.policy.is_off(id));
    assert_eq!(
        machine.policy.start(id, machine.now),
        Err(Error::StillLoaded)
    );
    assert_eq!(machine.policy.remove(id), Err(Error::StillLoaded));
    machine.settle();
    assert!(machine.policy.is_off(id));
    assert_eq!(machine.policy.start(id, machine.now), Ok(Some(0)));
}

#[test]
fn what_cannot_be_scheduled_is_refused() {
    let mut scheduler = RoundRobin::<2, 2>::new();
    scheduler.set_slice(SLICE);
    let params = Params::shared;
    assert_eq!(scheduler.add(VcpuId(0), params(0, 256)), Err(Error::NoCore));
    assert_eq!(
        scheduler.add(VcpuId(0), params(0b100, 256)),
        Err(Error::NoCore)
    );
    assert_eq!(
        scheduler.add(VcpuId(0), params(1, 0)),
        Err(Error::BadWeight)
    );
    assert_eq!(
        scheduler.add(VcpuId(0), params(1, 65536)),
        Err(Error::BadWeight)
    );
    assert_eq!(
        scheduler.add(VcpuId(2), params(1, 256)),
        Err(Error::NoSuchVcpu)
    );
    assert_eq!(scheduler.add(VcpuId(0), params(1, 256)), Ok(()));
    assert_eq!(
        scheduler.add(VcpuId(0), params(1, 256)),
        Err(Error::AddedAlready)
    );
    assert_eq!(scheduler.start(VcpuId(1), 0), Err(Error::NotAdded));
    assert_eq!(scheduler.remove(VcpuId(1)), Err(Error::NotAdded));
    assert_eq!(scheduler.wake(VcpuId(9), 0), None);
    assert_eq!(scheduler.schedule(9, 0).next, None);
}
