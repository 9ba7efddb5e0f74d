//! A hostile guest: everything that a guest may try, and more than it should.
//!
//! It succeeds if it reaches its end: whatever an access does, it must come back as a value, an ignored write or
//! an exception at EL1. What the neighbours and the hypervisor say meanwhile is the other half of the test.
//! Interrupts stay masked; a second vCPU tries registers and calls at the same time.

mod calls;
mod code;
mod devices;
mod registers;

use core::sync::atomic::{AtomicU32, Ordering};

use abi::psci;

use crate::println;
use crate::rt::report::{check, equal};
use crate::rt::{Machine, cpu, firmware, report, smp};

/// Exceptions that came back to us.
static FAULTS: AtomicU32 = AtomicU32::new(0);

/// Notes an exception.
fn count_fault() {
    FAULTS.fetch_add(1, Ordering::Relaxed);
}

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    cpu::mask();
    let version = firmware::call(psci::VERSION, [0; 3]);
    let others = smp::start_others(machine, |number| {
        cpu::mask();
        registers::run(number);
        calls::run(number, number as u64);
        smp::arrive();
    });
    part("devices", || devices::run(machine));
    part("registers", || registers::run(0));
    part("calls", || calls::run(0, 0));
    check(
        "the other vCPUs come through",
        smp::wait_for(others, 600_000_000),
        u64::from(others),
    );
    equal(
        "firmware still answers",
        firmware::call(psci::VERSION, [0; 3]),
        version,
    );
    report::failures()
}

fn part(name: &str, run: impl FnOnce() -> u32) {
    let before = FAULTS.load(Ordering::Relaxed);
    let tries = run();
    println!(
        "attack: {name}: {tries} tries, {} exceptions",
        FAULTS.load(Ordering::Relaxed) - before
    );
}
