//! Who stops a VM is not kept waiting by what is less urgent: that VM's vCPU may have been left in the middle of a call, on a core
//! that one of a priority between the two has taken.
//!
//! `mode=1`, the most urgent, makes, starts and destroys the VM `vm=` `rounds=` times, after pauses of different lengths; none may take longer
//! than `most=` microseconds. `mode=2` is in between: it computes for `busy=` microseconds, sleeps for as long, and so on, for `ms=`
//! milliseconds. The VM that is destroyed makes long calls (`neighbour`).

use abi::ops;

use crate::println;
use crate::rt::hypercall::{call, until_running};
use crate::rt::report::{check, failures};
use crate::rt::timer::sleep_us;
use crate::rt::{Machine, cpu};

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    cpu::mask();
    match machine.mode {
        1 => urgent(machine),
        2 => {
            println!("computes");
            let us = machine.number("busy=").unwrap_or(10_000);
            let end =
                cpu::count() + machine.number("ms=").unwrap_or(1000) * (cpu::frequency() / 1000);
            while cpu::count() < end {
                cpu::wait_us(us, || false);
                sleep_us(us);
            }
        }
        other => check("mode= is 1 or 2", false, other),
    }
    failures()
}

fn urgent(machine: &Machine) {
    let vm = machine.number("vm=").unwrap_or(2);
    let most = machine.number("most=").unwrap_or(1_000);
    let rounds = machine.number("rounds=").unwrap_or(20);
    let mut longest = 0;
    for round in 0..rounds {
        let answer = call(ops::VM_CREATE, [vm]);
        check("it is made", answer.is_ok(), answer.status as u64);
        let answer = call(ops::VM_START, [vm]);
        check("it is started", answer.is_ok(), answer.status as u64);
        until_running(vm);
        // It makes its calls while the one in between sleeps; so both phases of that are met.
        sleep_us(30_000 + round * 2_700);
        let begun = cpu::count();
        let answer = call(ops::VM_DESTROY, [vm]);
        let us = (cpu::count() - begun) / (cpu::frequency() / 1_000_000).max(1);
        longest = longest.max(us);
        check("it is destroyed", answer.is_ok(), answer.status as u64);
    }
    println!("URGENT {rounds} rounds, the longest {longest} us");
    check(
        "nobody less urgent was waited for",
        longest <= most,
        longest,
    );
}
