//! How late a periodic virtual timer reaches its handler: the counter at the vector's third instruction minus the timer's
//! compare value, in ticks.
//!
//! Under QEMU with `-icount shift=0,sleep=off -cpu max` a tick is an instruction. Boot arguments: `periods=` (1,000)
//! of `us=` (1,000) microseconds; `load=`, one of `guests::loads`, is what this vCPU itself does meanwhile instead of
//! sleeping, for `turns=` turns (then the run ends even if periods are left); `most=`, how many ticks late none may be.
//!
//! Periods keep their distance: the next compare value is the last one plus a period. One that has passed already when
//! the handler runs is not tried again: it is counted as missed. Prints what `guests::histogram` says, and `MISSED n`.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::histogram::Histogram;
use crate::loads::{self, Load};
use crate::println;
use crate::rt::exception::{Frame, on_interrupt};
use crate::rt::report::{check, failures};
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu, gic};

static LATENESS: Histogram = Histogram::new();
/// Ticks of a period.
static PERIOD: AtomicU64 = AtomicU64::new(0);
/// How many samples are wanted.
static WANTED: AtomicU64 = AtomicU64::new(0);
static MISSED: AtomicU64 = AtomicU64::new(0);

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    let period = machine.number("us=").unwrap_or(1000) * (cpu::frequency() / 1_000_000);
    let load = Load::named(machine.word("load=")).filter(|load| load.calls());
    PERIOD.store(period, Ordering::Relaxed);
    WANTED.store(
        machine.number("periods=").unwrap_or(1000),
        Ordering::Relaxed,
    );
    on_interrupt(handle);
    gic::enable(Timer::Virtual.intid());
    Timer::Virtual.set_compare(cpu::count() + period);
    Timer::Virtual.set_control(ENABLE);
    cpu::unmask();
    match load {
        Some(load) => work(load, machine),
        None => sleep(),
    }
    cpu::mask();
    Timer::Virtual.set_control(0);
    LATENESS.print();
    println!("MISSED {}", MISSED.load(Ordering::Relaxed));
    check(
        "interrupts came",
        LATENESS.count() > 0,
        LATENESS.count() as u64,
    );
    if let Some(most) = machine.number("most=") {
        check(
            "none is later than it may be",
            LATENESS.max() <= most,
            LATENESS.max(),
        );
    }
    failures() + load.map_or(0, |load| loads::report(load, machine.word("load=")))
}

/// An interrupt between the question and WFI is not missed: it stays pending, which ends WFI.
fn sleep() {
    while !enough() {
        cpu::mask();
        if !enough() {
            cpu::wfi();
        }
        cpu::unmask();
    }
}

fn work(load: Load, machine: &Machine) {
    let partner = machine.number("vm=").unwrap_or(0);
    load.prepare(partner);
    for _ in 0..machine.number("turns=").unwrap_or(u64::MAX) {
        load.turn(partner);
        if enough() {
            break;
        }
    }
}

fn enough() -> bool {
    LATENESS.count() as u64 >= WANTED.load(Ordering::Relaxed)
}

fn handle(_: u32, frame: &Frame) {
    let timer = Timer::Virtual;
    let due = timer.compare();
    LATENESS.add(frame.count.saturating_sub(due));
    if enough() {
        return timer.set_control(0);
    }
    let period = PERIOD.load(Ordering::Relaxed);
    let passed = cpu::count().saturating_sub(due).checked_div(period);
    let passed = passed.unwrap_or(0);
    MISSED.fetch_add(passed, Ordering::Relaxed);
    timer.set_compare(due + period * (passed + 1));
}
