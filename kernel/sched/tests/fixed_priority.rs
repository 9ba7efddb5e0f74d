//! What fixed priorities promise on their own: the most urgent at once, turns among equals, inheritance across cores.

mod machine;

use machine::{Machine, Order};
use sched::{Config, FixedPriority, Params, VcpuId};

const SLICE: u64 = 10_000;

fn machine(cores: usize, params: &[(u64, u8)]) -> Machine<FixedPriority<4, 8>> {
    let mut scheduler = FixedPriority::default();
    scheduler.configure(&Config::sliced(SLICE)).unwrap();
    let params = params
        .iter()
        .map(|(affinity, priority)| Params::shared(*affinity, 256).urgent(*priority));
    Machine::new(scheduler, 4, params.collect())
        .ordered(Order::Global)
        .with_online(cores)
}

#[test]
fn the_most_urgent_preempts_at_once_and_the_other_goes_on_with_its_turn() {
    let mut machine = machine(1, &[(1, 5), (1, 5), (1, 9)]);
    machine.start(0);
    machine.start(1);
    machine.settle();
    machine.run_for(SLICE / 2);
    let interrupted = machine.cores[0].running;
    machine.start(2);
    machine.settle();
    assert_eq!(machine.cores[0].running, Some(VcpuId(2)));
    assert_eq!(machine.cores[0].until, None, "nobody shares its priority");
    machine.run_for(3 * SLICE);
    machine.wait_for_event(0);
    machine.settle();
    assert_eq!(machine.cores[0].running, interrupted);
    assert_eq!(machine.cores[0].until, Some(machine.now + SLICE / 2));
}

#[test]
fn equals_take_turns_of_a_slice() {
    let mut machine = machine(1, &[(1, 5), (1, 5), (1, 5), (1, 4)]);
    machine.start_all();
    machine.run_for(300 * SLICE);
    assert_eq!(machine.ran, [100 * SLICE, 100 * SLICE, 100 * SLICE, 0]);
}

#[test]
fn a_less_urgent_arrival_does_not_disturb_the_core() {
    let mut machine = machine(1, &[(1, 5), (1, 4)]);
    machine.start(0);
    machine.settle();
    machine.start(1);
    assert!(!machine.cores[0].kicked);
}

#[test]
fn one_that_is_preempted_goes_on_where_a_less_urgent_one_runs() {
    let mut machine = machine(2, &[(0b11, 5), (0b11, 3), (0b01, 9)]);
    machine.start_all();
    machine.check_settled();
    assert_eq!(machine.cores[0].running, Some(VcpuId(2)));
    assert_eq!(machine.cores[1].running, Some(VcpuId(0)));
}

#[test]
fn who_holds_what_an_urgent_one_waits_for_is_not_kept_off_by_those_between() {
    let mut machine = machine(1, &[(1, 1), (1, 5), (1, 9)]);
    machine.start(0);
    machine.settle();
    machine.start(2);
    machine.start(1);
    machine.settle();
    // The urgent one finds the lock taken by the least urgent, and blocks.
    machine.inherit(0, 2);
    machine.wait_for_event(0);
    machine.settle();
    assert_eq!(
        machine.cores[0].running,
        Some(VcpuId(0)),
        "priority inversion"
    );
    // Woken for another reason, the waiter does not push the holder aside: they are equals now.
    machine.disinherit(0);
    machine.post(2);
    machine.settle();
    assert_eq!(machine.cores[0].running, Some(VcpuId(2)));
    machine.event[2] = false;
    machine.wait_for_event(0);
    machine.settle();
    assert_eq!(
        machine.cores[0].running,
        Some(VcpuId(1)),
        "back to its own priority"
    );
}

#[test]
fn a_waiting_holder_is_hurried_onto_another_core() {
    let mut machine = machine(2, &[(0b11, 1), (0b01, 5), (0b10, 6), (0b11, 9)]);
    machine.start(1);
    machine.start(2);
    machine.start(0);
    machine.settle();
    machine.inherit(0, 3);
    machine.settle();
    machine.check_settled();
    assert_eq!(
        machine.cores[0].running,
        Some(VcpuId(0)),
        "it displaces the least urgent"
    );
}
