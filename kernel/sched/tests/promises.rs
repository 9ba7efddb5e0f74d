//! What every policy promises, against random histories: no vCPU on two cores, no lost wake-up, work
//! conserving, stop means stop. `machine` checks the first after every single step.

mod machine;

use machine::Machine;
use proptest::prelude::*;
use sched::{Params, Policy, RoundRobin};

const CPUS: usize = 4;
const VCPUS: usize = 6;

/// One step of a history; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Start(u16),
    Stop(u16),
    Post(u16),
    /// The vCPU on a core waits for an event, and perhaps one comes between its look and its blocking.
    Wait(usize),
    WaitWhilePosting(usize),
    /// A core calls the scheduler, kicked or not.
    Schedule(usize),
    /// A core says that it has saved what it was to save.
    Saved(usize),
    Online(usize),
    Offline(usize),
    Time(u64),
    /// All obey.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let (vcpu, cpu) = (0..VCPUS as u16, 0..CPUS);
    prop_oneof![
        2 => vcpu.clone().prop_map(Step::Start),
        1 => vcpu.clone().prop_map(Step::Stop),
        4 => vcpu.prop_map(Step::Post),
        4 => cpu.clone().prop_map(Step::Wait),
        2 => cpu.clone().prop_map(Step::WaitWhilePosting),
        6 => cpu.clone().prop_map(Step::Schedule),
        5 => cpu.clone().prop_map(Step::Saved),
        1 => cpu.clone().prop_map(Step::Online),
        1 => cpu.prop_map(Step::Offline),
        3 => (0u64..3000).prop_map(Step::Time),
        2 => Just(Step::Settle),
    ]
}

fn params() -> impl Strategy<Value = Vec<Params>> {
    let one = (1u64..1 << CPUS, 1u32..1024);
    prop::collection::vec(
        one.prop_map(|(affinity, weight)| Params::shared(affinity, weight)),
        VCPUS,
    )
}

fn play(machine: &mut Machine<RoundRobin<CPUS, VCPUS>>, step: Step) {
    match step {
        Step::Start(id) => machine.start(id),
        Step::Stop(id) => machine.stop(id),
        Step::Post(id) => machine.post(id),
        Step::Wait(cpu) => {
            // A core acts on its decision only when it is not about to make another.
            if !machine.cores[cpu].kicked {
                machine.wait_for_event(cpu);
            }
        }
        Step::WaitWhilePosting(cpu) => {
            if let Some(id) = machine.cores[cpu]
                .running
                .filter(|_| !machine.cores[cpu].kicked)
            {
                machine.policy.prepare_block(cpu);
                if !std::mem::take(&mut machine.event[id.0 as usize]) {
                    machine.post(id.0);
                    let blocks = machine.policy.block(cpu, machine.now);
                    let stopped = !machine.alive[id.0 as usize];
                    assert!(!blocks || stopped, "blocked although woken");
                    machine.cores[cpu].kicked |= blocks;
                    machine.event[id.0 as usize] = false;
                }
            }
        }
        Step::Schedule(cpu) => {
            if machine.cores[cpu].online {
                machine.schedule(cpu);
            }
        }
        Step::Saved(cpu) => machine.saved(cpu),
        Step::Online(cpu) => {
            if !machine.cores[cpu].online {
                machine.online(cpu);
            }
        }
        Step::Offline(cpu) => {
            let core = machine.cores[cpu];
            if core.online && core.leaving.is_none() {
                machine.offline(cpu);
            }
        }
        Step::Time(ticks) => machine.now += ticks,
        Step::Settle => {
            machine.settle();
            machine.check_settled();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_history_breaks_a_promise(
        params in params(),
        online in 0u64..1 << CPUS,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut scheduler = RoundRobin::<CPUS, VCPUS>::new();
        scheduler.set_slice(1000);
        let mut machine = Machine::new(scheduler, CPUS, params);
        for cpu in (0..CPUS).filter(|cpu| online >> cpu & 1 != 0) {
            machine.online(cpu);
        }
        for step in steps {
            play(&mut machine, step);
        }
        machine.settle();
        machine.check_settled();
        // Whoever is alive gets a core in the end, if one that it may use is there.
        for id in 0..VCPUS as u16 {
            machine.post(id);
        }
        machine.settle();
        machine.check_settled();
    }
}
