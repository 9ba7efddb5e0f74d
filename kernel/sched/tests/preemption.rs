//! What preemptible EL2 asks of every policy: reprieves, pauses, inheritance, and the defects that a scheduler had when one
//! was first made preemptible.

mod machine;

use machine::Machine;
use sched::{Any, Config, Error, Kind, Params, Policy, State, VcpuId, Window};

const SLICE: u64 = 10_000;

const WINDOWS: [Window; 1] = [Window {
    start_us: 0,
    length_us: 1_000_000,
    cores: 0b11,
    partition: 0,
}];

fn config() -> Config {
    Config {
        slice: SLICE,
        frequency: 1_000_000,
        frame_us: 1_000_000,
        windows: &WINDOWS,
    }
}

fn machine(kind: Kind, cores: usize, params: Vec<Params>) -> Machine<Any<4, 8>> {
    let mut scheduler = Any::of(kind);
    scheduler.configure(&config()).unwrap();
    Machine::new(scheduler, 4, params).with_online(cores)
}

/// One that every policy takes.
fn common(affinity: u64) -> Params {
    Params::shared(affinity, 256).urgent(5)
}

#[test]
fn rtds_on_smp_never_schedules_a_running_vcpu_twice() {
    // 2021: with the scheduler preemptible, a vCPU that had been put back into the queue by the core that it was still
    // on was taken up by another. Woken, depleted, replenished or preempted: between the decision and the save it is
    // nobody else's.
    for kind in Kind::ALL {
        let background = common(0b11).in_background();
        let mut machine = machine(kind, 2, vec![background, common(0b01), common(0b10)]);
        machine.start(0);
        machine.settle();
        let core = machine
            .cores
            .iter()
            .position(|core| core.running == Some(VcpuId(0)));
        let (here, other) = (core.unwrap(), 1 - core.unwrap());
        // It is preempted here by one that may run nowhere else, and the save is slow.
        machine.start(if here == 0 { 1 } else { 2 });
        let decision = machine.schedule(here);
        assert_eq!(decision.leave, Some(VcpuId(0)), "{kind:?}");
        for _ in 0..3 {
            // The other core looks, again and again, kicked or not, and time passes.
            assert_eq!(machine.schedule(other).next, None, "{kind:?}");
            machine.post(0);
            machine.now += 1;
        }
        machine.saved(here);
        assert!(
            machine.cores[other].kicked,
            "{kind:?}: nobody told the idle core"
        );
        assert_eq!(machine.schedule(other).next, Some(VcpuId(0)), "{kind:?}");
    }
}

#[test]
fn a_vcpu_stopped_while_el2_works_for_it_goes_on_until_its_boundary() {
    for kind in Kind::ALL {
        let mut machine = machine(kind, 1, vec![common(1)]);
        machine.start_all();
        machine.stop(0);
        // The core has been kicked, and finds it in the middle of an operation.
        assert!(machine.policy.reprieve(0), "{kind:?}");
        machine.alive[0] = true;
        assert!(
            !machine.policy.reprieve(0),
            "{kind:?}: only what was stopped"
        );
        machine.settle();
        assert_eq!(
            machine.policy.state(VcpuId(0)),
            State::Running(0),
            "{kind:?}"
        );
        assert!(!machine.policy.is_off(VcpuId(0)));
        // It may block on a lock and be woken meanwhile.
        machine.wait_for_event(0);
        machine.settle();
        machine.post(0);
        machine.settle();
        assert_eq!(
            machine.policy.state(VcpuId(0)),
            State::Running(0),
            "{kind:?}"
        );
        machine.stop(0);
        machine.settle();
        assert!(machine.policy.is_off(VcpuId(0)), "{kind:?}");
    }
}

#[test]
fn a_paused_vcpu_keeps_its_wake_ups_and_does_not_run() {
    for kind in Kind::ALL {
        let mut machine = machine(kind, 1, vec![common(1)]);
        machine.start_all();
        machine.wait_for_event(0);
        machine.settle();
        machine.pause(0);
        machine.settle();
        assert!(machine.policy.is_quiet(VcpuId(0)), "{kind:?}");
        machine.post(0);
        machine.settle();
        assert_eq!(
            machine.policy.state(VcpuId(0)),
            State::Ready,
            "{kind:?}: woken all the same"
        );
        assert_eq!(machine.cores[0].running, None, "{kind:?}");
        machine.unpause(0);
        machine.settle();
        assert_eq!(machine.cores[0].running, Some(VcpuId(0)), "{kind:?}");
        // Running, it is off its core once the core has been kicked, and ready.
        machine.pause(0);
        assert!(machine.cores[0].kicked, "{kind:?}");
        machine.settle();
        assert!(machine.policy.is_quiet(VcpuId(0)), "{kind:?}");
        assert_eq!(machine.policy.state(VcpuId(0)), State::Ready, "{kind:?}");
        machine.stop(0);
        machine.settle();
        assert!(machine.policy.is_off(VcpuId(0)), "{kind:?}");
    }
}

#[test]
fn a_background_thread_that_holds_what_a_vcpu_waits_for_goes_before_the_others() {
    for kind in Kind::ALL {
        let server = common(1).served(2 * SLICE, 5 * SLICE);
        let thread = common(1).in_background();
        let busy = if kind == Kind::Null {
            vec![]
        } else {
            vec![server]
        };
        let mut machine = machine(kind, 1, [vec![server, thread], busy].concat());
        machine.start_all();
        // The vCPU waits for what the thread holds; another keeps the core busy.
        while machine.cores[0].running != Some(VcpuId(0)) {
            machine.run(SLICE);
        }
        machine.inherit(1, 0);
        machine.wait_for_event(0);
        machine.settle();
        let before = machine.ran[1];
        machine.run_for(3 * SLICE);
        assert!(
            machine.ran[1] - before >= SLICE,
            "{kind:?}: {:?}",
            machine.ran
        );
        machine.disinherit(1);
        machine.post(0);
        machine.settle();
        assert_ne!(
            machine.cores[0].running,
            Some(VcpuId(1)),
            "{kind:?}: back to the background"
        );
    }
}

#[test]
fn one_that_holds_a_lock_beyond_its_budget_runs_on_and_pays_afterwards() {
    let params = common(1).served(SLICE, 10 * SLICE);
    let mut machine = machine(Kind::Edf, 1, vec![params, params]);
    machine.start_all();
    machine.run_for(SLICE);
    let from = machine.now;
    assert_eq!(machine.ran[0], SLICE);
    machine.inherit(0, 1);
    machine.wait_for_event(0);
    machine.settle();
    assert_eq!(
        machine.cores[0].running,
        Some(VcpuId(0)),
        "its budget does not hold it back"
    );
    machine.run_for(2 * SLICE);
    machine.disinherit(0);
    machine.settle();
    assert_eq!(machine.ran[0], 3 * SLICE);
    // Two budgets beyond: two periods without.
    machine.run_for(from + 29 * SLICE - machine.now);
    assert_eq!(machine.ran[0], 3 * SLICE);
    machine.run_for(10 * SLICE);
    assert_eq!(machine.ran[0], 4 * SLICE);
}

#[test]
fn one_vcpu_for_each_core_has_no_deadline_and_refuses_a_second() {
    let mut scheduler = Any::<2, 4>::of(Kind::Null);
    scheduler.configure(&config()).unwrap();
    assert_eq!(scheduler.add(VcpuId(0), common(0b11)), Ok(()));
    assert_eq!(scheduler.add(VcpuId(1), common(0b11)), Ok(()));
    assert_eq!(scheduler.add(VcpuId(2), common(0b11)), Err(Error::NoRoom));
    assert_eq!(
        scheduler.add(VcpuId(2), common(0b11).in_background()),
        Ok(())
    );
    let homes = [0, 1].map(|id| scheduler.home(VcpuId(id)));
    assert_eq!(homes, [Some((0, true)), Some((1, true))]);
    let thread = common(0b1).in_background();
    let mut machine = machine(Kind::Null, 1, vec![common(1), thread, thread]);
    machine.start_all();
    assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
    assert_eq!(machine.cores[0].until, None);
    machine.run_for(100 * SLICE);
    machine.wait_for_event(0);
    machine.settle();
    machine.run_for(20 * SLICE);
    assert_eq!(machine.ran[1..], [10 * SLICE, 10 * SLICE]);
    machine.post(0);
    assert!(machine.cores[0].kicked);
    machine.settle();
    assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
}

#[test]
fn a_scheduler_without_a_policy_takes_nobody() {
    let mut scheduler = Any::<1, 1>::Nothing;
    assert_eq!(scheduler.configure(&config()), Err(Error::NoPolicy));
    assert_eq!(scheduler.add(VcpuId(0), common(1)), Err(Error::NoPolicy));
    assert_eq!(scheduler.schedule(0, 0).next, None);
    for kind in Kind::ALL {
        assert!(kind.is_built());
        let mut scheduler = Any::<1, 1>::of(kind);
        assert!(!matches!(scheduler, Any::Nothing), "{kind:?}");
        let mut config = config();
        config.slice = 0;
        assert_eq!(scheduler.configure(&config), Err(Error::BadConfig));
    }
}

#[test]
fn one_that_holds_a_lock_beyond_its_turn_lacks_that_in_its_next() {
    let mut machine = machine(Kind::RoundRobin, 1, vec![common(1), common(1), common(1)]);
    machine.start_all();
    // Everybody's turn begins anew.
    machine.run_for(3 * SLICE);
    assert_eq!(machine.ran, [SLICE; 3]);
    let holder = machine.cores[0].running.unwrap().0;
    machine.inherit(holder, (holder + 1) % 3);
    machine.run_for(SLICE + SLICE / 2);
    machine.disinherit(holder);
    machine.settle();
    assert_eq!(machine.ran[holder as usize], 2 * SLICE + SLICE / 2);
    machine.run_for(2 * SLICE + SLICE / 2);
    assert_eq!(machine.ran[holder as usize], 3 * SLICE, "half a turn");
    machine.run_for(SLICE);
    assert_eq!(machine.ran[holder as usize], 3 * SLICE);
}

#[test]
fn one_held_back_on_a_core_that_went_offline_is_released_on_one_that_comes() {
    let params = vec![common(0b11).capped(10)];
    let mut machine = machine(Kind::Credit, 1, params);
    machine.start_all();
    machine.run_for(2 * SLICE);
    assert_eq!(machine.cores[0].running, None);
    machine.offline(0);
    machine.online(1);
    machine.settle();
    machine.check_settled();
    machine.run_for(10 * SLICE);
    assert!(machine.ran[0] > SLICE, "{:?}", machine.ran);
}
