//! The smallest complete guest: every vCPU starts, takes a timer interrupt and an SGI, and the VM powers off.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::println;
use crate::rt::exception::{Frame, on_interrupt};
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu, gic, smp};

/// Interrupts each vCPU has taken: SGI in bit 0, timer in bit 1.
static TAKEN: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
const SGI: u32 = 1;

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    println!("first instruction at {} ticks", machine.first_count);
    on_interrupt(handle);
    let started = 1 + smp::start_others(machine, |number| {
        let _ = exercise(number);
        smp::arrive();
    });
    let own = exercise(0);
    let all = smp::wait_for(started - 1, 5_000_000);
    println!("hello from {started} vCPUs");
    let complete = (0..started as usize).all(|n| TAKEN[n].load(Ordering::Relaxed) == 3);
    u32::from(!(own && all && complete && started as usize == machine.cpus))
}

/// One SGI to itself and one period of the virtual timer.
fn exercise(number: usize) -> bool {
    gic::enable(SGI);
    gic::enable(Timer::Virtual.intid());
    cpu::unmask();
    gic::sgi_self(SGI);
    Timer::Virtual.set_value(cpu::frequency() / 10_000);
    Timer::Virtual.set_control(ENABLE);
    cpu::wait_us(2_000_000, || TAKEN[number].load(Ordering::Acquire) == 3)
}

fn handle(intid: u32, _: &Frame) {
    let bit = match intid {
        SGI => 1,
        id if id == Timer::Virtual.intid() => {
            Timer::Virtual.set_control(0);
            2
        }
        other => {
            println!("unexpected interrupt {other}");
            4
        }
    };
    TAKEN[cpu::index()].fetch_or(bit, Ordering::Release);
}
