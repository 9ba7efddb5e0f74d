//! A VM's life and its vCPUs': restarts, crashes, power states. `mode=` in the boot arguments says which part.
//!
//! RAM does not survive a restart, but the real-time clock does: it counts the lives, a million seconds each. A check
//! that fails is reported at once, so that a later life cannot hide it.

mod power;
mod restarts;

use abi::vendor;

use crate::rt::mmio::{read32, write32};
use crate::rt::report::{self, check};
use crate::rt::{Machine, firmware};
use crate::{msr, println};

/// Seconds of the real-time clock that stand for a life.
const LIFE: u32 = 1_000_000;
/// RTCDR and RTCLR (PL031, DDI 0224).
const RTC_DATA: u64 = 0;
const RTC_LOAD: u64 = 8;

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    let life = next_life(machine);
    println!("life {life}");
    match machine.mode {
        1 => restarts::main(machine, life),
        2 => report::crash(),
        3 => vanish(),
        4 => power::main(machine),
        other => {
            check("mode= is one of 1 to 4", false, other);
            report::failures()
        }
    }
}

/// The number of this life, counted from 0; the clock is set for the next one.
fn next_life(machine: &Machine) -> u32 {
    let life = read32(machine.rtc + RTC_DATA) / LIFE;
    write32(machine.rtc + RTC_LOAD, (life + 1) * LIFE);
    life
}

/// Reports failed checks to the hypervisor, which remembers them beyond this life.
fn tell() {
    if report::failures() != 0 {
        let _ = firmware::hvc(u64::from(vendor::REPORT), [1, 0, 0]);
    }
}

/// Takes an exception whose vector is nowhere.
fn vanish() -> u32 {
    // Mapped as normal memory by our tables; there is no RAM of a small VM.
    msr!("vbar_el1", 0x7000_0000);
    // SAFETY: does not return; that is the point.
    unsafe { core::arch::asm!("udf #0") };
    check("an exception without a vector ends this VM", false, 0);
    report::failures()
}
