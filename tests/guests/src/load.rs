//! A good neighbour under load: every vCPU computes, verifies its data and registers, takes timer interrupts
//! and SGIs, for some seconds (`seconds=` in the boot arguments; 5 if not given).
//!
//! Run it beside `attack`: nothing that another VM does may change a byte here or stop the timers.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::println;
use crate::rt::exception::{Frame, on_interrupt};
use crate::rt::report::{check, equal};
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu, gic, machine, report, smp};

/// 64-bit words that each vCPU fills and verifies.
const WORDS: usize = 2048;
const SGI: u32 = 2;
/// Microseconds between timer interrupts.
const PERIOD_US: u64 = 1000;

static DATA: [[AtomicU64; WORDS]; 8] = [const { [const { AtomicU64::new(0) }; WORDS] }; 8];
static TICKS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
static SGIS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
static SENT: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
static ROUNDS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
/// The latest timer interrupt, in ticks after its time.
static LATEST: AtomicU64 = AtomicU64::new(0);
static READY: AtomicU32 = AtomicU32::new(0);

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    on_interrupt(handle);
    let started = smp::start_others(machine, |number| {
        work(number, machine::get());
        smp::arrive();
    });
    equal(
        "all vCPUs start",
        u64::from(started) + 1,
        machine.cpus as u64,
    );
    work(0, machine);
    check(
        "all vCPUs end",
        smp::wait_for(started, 30_000_000),
        u64::from(started),
    );
    let us = LATEST.load(Ordering::Relaxed).saturating_mul(1_000_000) / cpu::frequency();
    for number in 0..machine.cpus {
        let sent = SENT[(number + machine.cpus - 1) % machine.cpus].load(Ordering::Relaxed);
        let (ticks, sgis) = (
            TICKS[number].load(Ordering::Relaxed),
            SGIS[number].load(Ordering::Relaxed),
        );
        println!(
            "vCPU {number}: {} rounds, {ticks} ticks, {sgis} of {sent} SGIs",
            ROUNDS[number].load(Ordering::Relaxed)
        );
        check("timer interrupts came", ticks > 0, u64::from(ticks));
        // Two SGIs may be merged while the first is pending, none may be invented.
        check(
            "SGIs came",
            sgis <= sent && (sgis > 0 || sent == 0),
            u64::from(sgis),
        );
    }
    println!("latest timer interrupt: {us} us after its time");
    report::failures()
}

fn work(number: usize, machine: &Machine) {
    READY.fetch_add(1, Ordering::Release);
    cpu::wait_us(5_000_000, || {
        READY.load(Ordering::Acquire) as usize == machine.cpus
    });
    gic::enable(SGI);
    gic::enable(Timer::Virtual.intid());
    Timer::Virtual.set_compare(cpu::count() + period());
    Timer::Virtual.set_control(ENABLE);
    cpu::unmask();
    let seconds = if machine.seconds == 0 {
        5
    } else {
        machine.seconds
    };
    let end = cpu::count() + seconds * cpu::frequency();
    while cpu::count() < end {
        let round = ROUNDS[number].fetch_add(1, Ordering::Relaxed);
        compute(number, u64::from(round));
        if machine.cpus > 1 {
            SENT[number].fetch_add(1, Ordering::Relaxed);
            gic::sgi(SGI, 1 << ((number + 1) % machine.cpus));
        }
    }
    cpu::mask();
    Timer::Virtual.set_control(0);
}

/// Fills the vCPU's data with a sequence, then runs through it backwards and checks every word.
fn compute(number: usize, round: u64) {
    let word = |n: usize| {
        let seed = round << 32 | (number as u64) << 24 | n as u64;
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    };
    let data = &DATA[number];
    for (n, slot) in data.iter().enumerate() {
        slot.store(word(n), Ordering::Relaxed);
    }
    for (n, slot) in data.iter().enumerate().rev() {
        let found = slot.load(Ordering::Relaxed);
        if found != word(n) {
            println!(
                "vCPU {number} round {round} word {n}: {found:#x} instead of {:#x}",
                word(n)
            );
            check("data", false, found);
        }
    }
}

fn period() -> u64 {
    cpu::frequency() / 1_000_000 * PERIOD_US
}

fn handle(intid: u32, _: &Frame) {
    let number = cpu::index();
    if intid == SGI {
        SGIS[number].fetch_add(1, Ordering::Relaxed);
    } else if intid == Timer::Virtual.intid() {
        let now = cpu::count();
        let due = Timer::Virtual.compare();
        if now < due {
            check("not before its time", false, due - now);
        }
        LATEST.fetch_max(now.saturating_sub(due), Ordering::Relaxed);
        TICKS[number].fetch_add(1, Ordering::Relaxed);
        Timer::Virtual.set_compare(now + period());
    } else {
        check("unexpected interrupt", false, u64::from(intid));
    }
}
