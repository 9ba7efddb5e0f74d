//! What every policy promises, against random histories: no vCPU on two cores, no lost wake-up, none outside its
//! affinity, none after its stop or while it is paused, no allowed core idle without a reason, the order kept. `machine`
//! checks the first after every single step.

mod machine;

use machine::{Machine, Order};
use proptest::prelude::*;
use sched::{Any, Config, Kind, Params, Policy, Window};

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
    Pause(u16),
    Unpause(u16),
    Reprieve(usize),
    /// The second waits for what the first holds.
    Inherit(u16, u16),
    Disinherit(u16),
    Refund(usize, u64),
    Time(u64),
    /// All obey.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let (vcpu, cpu) = (0..VCPUS as u16, 0..CPUS);
    prop_oneof![
        2 => vcpu.clone().prop_map(Step::Start),
        1 => vcpu.clone().prop_map(Step::Stop),
        4 => vcpu.clone().prop_map(Step::Post),
        1 => vcpu.clone().prop_map(Step::Pause),
        2 => vcpu.clone().prop_map(Step::Unpause),
        1 => (vcpu.clone(), vcpu.clone()).prop_map(|(holder, from)| Step::Inherit(holder, from)),
        2 => vcpu.prop_map(Step::Disinherit),
        2 => cpu.clone().prop_map(Step::Reprieve),
        1 => (cpu.clone(), 0u64..2000).prop_map(|(cpu, ticks)| Step::Refund(cpu, ticks)),
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
    let cap = prop_oneof![2 => Just(0u8), 1 => 1u8..=100];
    let server = prop_oneof![
        1 => Just((0, 0)),
        2 => (100u64..6000).prop_flat_map(|period| (1..=period, Just(period))),
    ];
    let one = (
        1u64..1 << CPUS,
        1u32..1024,
        cap,
        0u8..4,
        server,
        0u16..3,
        0u8..5,
    );
    let one = one.prop_map(
        |(affinity, weight, cap, priority, (budget, period), partition, rare)| {
            let params = Params::shared(affinity, weight)
                .capped(cap)
                .urgent(priority)
                .of_partition(partition);
            if rare == 0 {
                params.in_background()
            } else {
                params.served(budget, period)
            }
        },
    );
    prop::collection::vec(one, VCPUS)
}

/// Two cores whose partitions change places, one with a partition of its own, one with a gap.
const WINDOWS: [Window; 5] = [
    window(0, 2000, 0b0001, 0),
    window(0, 2000, 0b0010, 1),
    window(0, 5000, 0b1100, 2),
    window(2000, 2500, 0b0001, 1),
    window(2000, 1000, 0b0010, 0),
];

const fn window(start_us: u32, length_us: u32, cores: u64, partition: u16) -> Window {
    Window {
        start_us,
        length_us,
        cores,
        partition,
    }
}

fn config() -> Config {
    Config {
        slice: 1000,
        frequency: 1_000_000,
        frame_us: 5000,
        windows: &WINDOWS,
    }
}

fn play(machine: &mut Machine<Any<CPUS, VCPUS>>, step: Step) {
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
        Step::Pause(id) => machine.pause(id),
        Step::Unpause(id) => machine.unpause(id),
        Step::Reprieve(cpu) => machine.reprieve(cpu),
        Step::Inherit(holder, from) => machine.inherit(holder, from),
        Step::Disinherit(holder) => machine.disinherit(holder),
        Step::Refund(cpu, ticks) => machine.policy.refund(cpu, ticks),
        Step::Time(ticks) => machine.now += ticks,
        Step::Settle => {
            machine.settle();
            machine.check_settled();
        }
    }
}

/// Plays a history and lets it come to rest.
fn check(kind: Kind, order: Order, params: Vec<Params>, online: u64, steps: Vec<Step>) {
    let mut scheduler = Any::<CPUS, VCPUS>::of(kind);
    scheduler.configure(&config()).unwrap();
    let mut machine = Machine::new(scheduler, CPUS, params).ordered(order);
    for cpu in (0..CPUS).filter(|cpu| online >> cpu & 1 != 0) {
        machine.online(cpu);
    }
    for step in steps {
        play(&mut machine, step);
    }
    machine.settle();
    machine.check_settled();
    // Whoever is alive and may run gets a core in the end, or is seen to wait for one.
    for id in 0..VCPUS as u16 {
        machine.disinherit(id);
        machine.unpause(id);
        machine.post(id);
    }
    machine.settle();
    machine.check_settled();
    for _ in 0..20 {
        machine.run(500);
        machine.check_settled();
    }
}

macro_rules! no_history_breaks_a_promise {
    ($($name:ident: $kind:ident, $order:ident;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(500))]
            $(
                #[test]
                fn $name(
                    params in params(),
                    online in 0u64..1 << CPUS,
                    steps in prop::collection::vec(step(), 0..120),
                ) {
                    check(Kind::$kind, Order::$order, params, online, steps);
                }
            )*
        }
    };
}

no_history_breaks_a_promise! {
    no_history_breaks_a_promise_of_round_robin: RoundRobin, Shared;
    no_history_breaks_a_promise_of_credit: Credit, Shared;
    no_history_breaks_a_promise_of_edf: Edf, Strict;
    no_history_breaks_a_promise_of_fixed_priority: FixedPriority, Global;
    no_history_breaks_a_promise_of_the_cyclic_table: Cyclic, Strict;
    no_history_breaks_a_promise_of_one_vcpu_for_each_core: Null, Strict;
}
