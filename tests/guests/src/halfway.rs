//! A VM of several vCPUs is told to pause, to stop or to go one vCPU after the other; what happens when that is only half done.
//! Needs a hypervisor with `CONFIG_DEBUG_FAULT`.
//!
//! `mode=1` pauses the VM `vm=` `rounds=` times. `mode=2` is that VM, of two vCPUs and more urgent than who pauses it: the one sleeps
//! most of the time and answers the other, which sleeps and then waits for an answer.
//!
//! `mode=3` starts the VM `vm=` and destroys it, `rounds=` times, at once if `early=1`, else in the midst of its own end. `mode=4`
//! is that VM: it powers itself off, and knows that nothing of it runs after that.

use core::sync::atomic::{AtomicBool, Ordering};

use abi::ops::{self, state};
use abi::{psci, vendor};

use crate::println;
use crate::rt::fault::{PAUSE_SLOWLY, STOP_SLOWLY, provoke};
use crate::rt::hypercall::{call, until_running};
use crate::rt::report::{check, equal, failures};
use crate::rt::timer::sleep_us;
use crate::rt::{Machine, cpu, firmware, smp};

/// An answer is waited for.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    cpu::mask();
    match machine.mode {
        1 => pauses(machine),
        2 => {
            equal(
                "the other starts",
                smp::start_others(machine, asks).into(),
                1,
            );
            loop {
                sleep_us(300);
                ASKED.store(false, Ordering::Release);
            }
        }
        3 => destroys(machine),
        4 => {
            if machine.number("early=").is_none() {
                smp::start_others(machine, |_| {
                    loop {
                        cpu::wfi();
                    }
                });
                sleep_us(1_000);
                provoke(PAUSE_SLOWLY);
                firmware::call(psci::SYSTEM_OFF, [0; 3]);
            }
            // What is printed is lost with this VM; this is not.
            let _ = firmware::hvc(u64::from(vendor::REPORT), [1, 0, 0]);
            println!("WRONG: it runs");
        }
        other => check("mode= is 1 to 4", false, other),
    }
    failures()
}

fn asks(_number: usize) {
    loop {
        sleep_us(2_000);
        ASKED.store(true, Ordering::Release);
        while ASKED.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    }
}

fn pauses(machine: &Machine) {
    let vm = machine.number("vm=").unwrap_or(1);
    let rounds = machine.number("rounds=").unwrap_or(10);
    for round in 0..rounds {
        sleep_us(1_000 + round * 370);
        provoke(PAUSE_SLOWLY);
        let answer = call(ops::VM_PAUSE, [vm]);
        check("it is paused", answer.is_ok(), answer.status as u64);
        let answer = call(ops::VM_RESUME, [vm]);
        check("it goes on", answer.is_ok(), answer.status as u64);
    }
    println!("PAUSED {rounds}");
    let answer = call(ops::VM_DESTROY, [vm]);
    check("it is destroyed", answer.is_ok(), answer.status as u64);
}

fn destroys(machine: &Machine) {
    let vm = machine.number("vm=").unwrap_or(1);
    let rounds = machine.number("rounds=").unwrap_or(10);
    let early = machine.number("early=").is_some();
    for round in 0..rounds {
        let answer = call(ops::VM_CREATE, [vm]);
        check("it is made", answer.is_ok(), answer.status as u64);
        let answer = call(ops::VM_START, [vm]);
        check("it is started", answer.is_ok(), answer.status as u64);
        if early {
            sleep_us(20);
            equal(
                "it is being loaded",
                call(ops::VM_STATUS, [vm]).value(),
                state::LOADING,
            );
        } else {
            until_running(vm);
            // Then it takes its time to tell the first of its vCPUs.
            sleep_us(2_500 + round * 100);
        }
        provoke(STOP_SLOWLY);
        let answer = call(ops::VM_DESTROY, [vm]);
        check("it is destroyed", answer.is_ok(), answer.status as u64);
        equal(
            "it is gone",
            call(ops::VM_STATUS, [vm]).value(),
            state::ABSENT,
        );
    }
    println!("DESTROYED {rounds}");
}
