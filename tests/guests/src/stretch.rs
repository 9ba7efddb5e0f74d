//! Whether what the hypervisor says of its longest stretch between two checkpoints agrees with what its guest sees.
//!
//! Meant to be alone, on one core whose instructions are counted: then nothing has worked before it, and nothing interrupts it.
//! A burn of [`UNITS`] is timed, which gives the length of a checkpoint's interval; the longest stretch is about one of
//! them. Where the hypervisor can be preempted there is none.

use abi::ops::{self, stat};

use crate::println;
use crate::rt::hypercall::{call, stat};
use crate::rt::report::{check, equal, failures};
use crate::rt::timer::Timer;
use crate::rt::{Machine, cpu};

const UNITS: u64 = 16 * INTERVALS;
/// Of 16 units, which is what the configuration says unless it is changed.
const INTERVALS: u64 = 1000;

/// Runs it.
pub fn main(_: &'static Machine) -> u32 {
    cpu::mask();
    let longest = || stat(stat::LONGEST_STRETCH).unwrap_or(u64::MAX);
    equal("before anything has worked", longest(), 0);
    let begun = Timer::Virtual.count();
    let answer = call(ops::BURN, [UNITS]);
    let interval = Timer::Virtual.count().wrapping_sub(begun) / INTERVALS;
    equal("all is burnt", answer.value(), UNITS);
    let found = longest();
    if found == 0 {
        println!("STRETCH none");
        return failures();
    }
    check("at least half an interval", found >= interval / 2, found);
    check("at most two", found <= interval * 2, found);
    check("it never becomes shorter", longest() >= found, found);
    println!("STRETCH {found} of intervals of {interval}");
    failures()
}
