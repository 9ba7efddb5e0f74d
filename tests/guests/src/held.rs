//! A VM whose core is kept with interrupts masked, and one on another core that starts, pauses, resets and destroys it
//! meanwhile. The latter has to wait for that core, and must not make others wait with it.
//!
//! `mode=1` does things to the VM `vm=`, for `ms=` milliseconds. `mode=2` is that VM: it has its core kept, again and again, by a
//! hypervisor with `CONFIG_DEBUG_FAULT` (`kernel/image/src/provoke.rs`). With `slow=1` the hypervisor takes long to ask the VM's
//! core to stop it, and `mode=3` is that VM: it makes calls, which until its end have the answers they always have. `mode=4` computes
//! for `ms=` milliseconds, and lets the hypervisor's timer fire for nothing every now and then.

use abi::ops::{self, error};
use abi::vendor;

use crate::println;
use crate::rt::fault::{FIRE_TIMER, KEEP_CORE, PAUSE_SLOWLY, provoke};
use crate::rt::hypercall::{call, until_running};
use crate::rt::report::{check, failures};
use crate::rt::timer::sleep_us;
use crate::rt::{Machine, cpu, firmware};

/// How long the core is kept.
const HELD_US: u64 = 5_000;

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    cpu::mask();
    match machine.mode {
        1 => torment(machine),
        2 => loop {
            provoke(KEEP_CORE);
            // Time to be stopped in, too.
            cpu::wait_us(300, || false);
        },
        3 => loop {
            let answer = call(ops::GRANT_FIND, [0, 0]);
            if answer.status != error::NO_GRANT {
                // What is printed is lost with this VM; this is not.
                let _ = firmware::hvc(u64::from(vendor::REPORT), [1, 0, 0]);
                println!("WRONG {answer:x?}");
            }
        },
        4 => {
            let end =
                cpu::count() + machine.number("ms=").unwrap_or(100) * (cpu::frequency() / 1000);
            while cpu::count() < end {
                provoke(FIRE_TIMER);
                cpu::wait_us(20_000, || false);
            }
        }
        other => check("mode= is 1 to 4", false, other),
    }
    failures()
}

fn torment(machine: &Machine) {
    let vm = machine.number("vm=").unwrap_or(1);
    let end = cpu::count() + machine.number("ms=").unwrap_or(100) * (cpu::frequency() / 1000);
    let slow = machine.number("slow=").is_some();
    let (mut calls, mut longest) = (0_u64, (0, ""));
    let mut ask = |what: &'static str, function| {
        if slow && [ops::VM_RESET, ops::VM_DESTROY].contains(&function) {
            provoke(PAUSE_SLOWLY);
        }
        let begun = cpu::count();
        let answer = call(function, [vm]);
        longest = longest.max((cpu::count() - begun, what));
        calls += 1;
        check(what, answer.is_ok(), answer.status as u64);
    };
    // Different moments of its being held.
    let mut pause = (0..).map(|turn| 1_000 + turn * 700 % HELD_US);
    let mut wait = || sleep_us(pause.next().unwrap_or(1_000));
    while cpu::count() < end {
        ask("it is made", ops::VM_CREATE);
        ask("it is started", ops::VM_START);
        until_running(vm);
        wait();
        ask("it is paused", ops::VM_PAUSE);
        ask("it goes on", ops::VM_RESUME);
        wait();
        ask("it is reset", ops::VM_RESET);
        until_running(vm);
        wait();
        ask("it is destroyed", ops::VM_DESTROY);
    }
    let (ticks, what) = longest;
    let us = ticks / (cpu::frequency() / 1_000_000).max(1);
    // Else nobody has waited for the core, and nothing is shown.
    check("one has waited for the core", us > HELD_US / 2, us);
    println!("HELD {calls} calls, the longest {us} us: {what}");
}
