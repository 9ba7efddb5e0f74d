//! CPU_ON, CPU_OFF and AFFINITY_INFO, a thousand times and from several vCPUs at once: every CPU_ON that succeeds
//! starts its vCPU exactly once.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::psci;

use crate::println;
use crate::rt::report::{check, equal, failures};
use crate::rt::timer::{ENABLE, PHYSICAL, Timer};
use crate::rt::{Machine, cpu, firmware, gic, machine, smp};

/// Times that each caller turns each vCPU on.
const ROUNDS: u64 = 1000;

static STARTS: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
static SUCCESSES: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
/// vCPU 1 turns others on too.
static RACE: AtomicBool = AtomicBool::new(false);
static RACED: AtomicBool = AtomicBool::new(false);

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    refusals(machine);
    let started = smp::start_others(machine, other);
    for (number, successes) in SUCCESSES.iter().enumerate().take(machine.cpus).skip(1) {
        successes.store(1, Ordering::Relaxed);
        check("it starts", started > 0, number as u64);
    }
    all_off(machine);
    for _ in 0..ROUNDS {
        for number in 1..machine.cpus {
            turn_on(machine, number);
        }
    }
    all_off(machine);
    compare(machine);
    println!("{ROUNDS} times on and off");
    if machine.cpus > 2 {
        RACE.store(true, Ordering::Release);
        turn_on(machine, 1);
        turn_all_on(machine);
        let over = cpu::wait_us(60_000_000, || RACED.load(Ordering::Acquire));
        check("the other caller ends", over, 0);
        all_off(machine);
        compare(machine);
        println!("{ROUNDS} times from two vCPUs at once");
    }
    failures()
}

/// What cannot be turned on.
fn refusals(machine: &Machine) {
    let on = |mpidr, entry| firmware::call(psci::CPU_ON_64, [mpidr, entry, 0]);
    equal(
        "on already",
        on(machine.mpidr[0], smp::entry()),
        psci::ALREADY_ON,
    );
    equal(
        "no such vCPU",
        on(machine.cpus as u64, smp::entry()),
        psci::INVALID_PARAMETERS,
    );
    equal(
        "an entry outside of memory",
        on(machine.mpidr[1], 0x7000_0000),
        psci::INVALID_ADDRESS,
    );
    equal(
        "an entry in a device",
        on(machine.mpidr[1], machine.uart),
        psci::INVALID_ADDRESS,
    );
    let info = |mpidr| firmware::call(psci::AFFINITY_INFO_64, [mpidr, 0, 0]);
    equal("vCPU 0 is on", info(machine.mpidr[0]), psci::affinity::ON);
    equal("vCPU 1 is off", info(machine.mpidr[1]), psci::affinity::OFF);
}

/// A vCPU that was turned on; returning turns it off.
fn other(number: usize) {
    STARTS[number].fetch_add(1, Ordering::AcqRel);
    // Whoever turned it on before left its timer firing.
    let late = gic::get(gic::reg::ISPENDR, PHYSICAL);
    check("no timer of its last life is pending", !late, number as u64);
    Timer::Physical.set_compare(0);
    Timer::Physical.set_control(ENABLE);
    if number == 1 && RACE.swap(false, Ordering::AcqRel) {
        turn_all_on(machine::get());
        RACED.store(true, Ordering::Release);
    }
}

/// Turns all but the first two on, often.
fn turn_all_on(machine: &Machine) {
    for _ in 0..ROUNDS {
        for number in 2..machine.cpus {
            turn_on(machine, number);
        }
    }
}

/// Turns a vCPU on as soon as it is off.
fn turn_on(machine: &Machine, number: usize) {
    let mut answer = 0;
    let done = cpu::wait_us(20_000_000, || {
        answer = firmware::call(
            psci::CPU_ON_64,
            [machine.mpidr[number], smp::entry(), number as u64],
        );
        answer != psci::ALREADY_ON && answer != psci::ON_PENDING
    });
    check("it goes off again", done, number as u64);
    equal("CPU_ON", answer, psci::SUCCESS);
    SUCCESSES[number].fetch_add(1, Ordering::AcqRel);
}

fn all_off(machine: &Machine) {
    for number in 1..machine.cpus {
        let mut info = 0;
        let off = cpu::wait_us(20_000_000, || {
            info = firmware::call(psci::AFFINITY_INFO_64, [machine.mpidr[number], 0, 0]);
            info == psci::affinity::OFF
        });
        check("it is off in the end", off, info);
    }
}

fn compare(machine: &Machine) {
    for number in 1..machine.cpus {
        let starts = STARTS[number].load(Ordering::Acquire);
        equal(
            "as many starts as successes",
            starts,
            SUCCESSES[number].load(Ordering::Acquire),
        );
    }
}
