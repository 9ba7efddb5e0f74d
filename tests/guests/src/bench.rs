//! Micro-costs: what a guest pays for what goes through the hypervisor, in counter ticks.
//!
//! Under QEMU with `-icount shift=0,sleep=off -cpu max` a tick is an instruction. Lines are
//! `BENCH name min mean max`. Rows that are loops have their mean from one long loop (its own cost, the row
//! `loop`, included) and minimum and maximum from single tries (the two counter reads included).
//!
//! Lateness is the counter at the vector's third instruction minus the timer's compare value.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::psci;

use crate::mrs;
use crate::println;
use crate::rt::exception::{Frame, on_interrupt};
use crate::rt::gic::{self, reg};
use crate::rt::mmio::read32;
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu, firmware, smp};

const LOOPS: u64 = 65_536;
const TRIES: u64 = 4_096;
const SGI: u32 = 4;

static RECEIVED: AtomicU32 = AtomicU32::new(0);
static STOP: AtomicU32 = AtomicU32::new(0);
static READY: AtomicU32 = AtomicU32::new(0);
/// The second vCPU sleeps in WFI instead of spinning.
static SLEEPY: AtomicU32 = AtomicU32::new(0);
/// Lateness of the last timer interrupt, plus one.
static LATE: AtomicU64 = AtomicU64::new(0);

/// Minimum, sum and maximum of a row.
struct Row {
    name: &'static str,
    min: u64,
    max: u64,
    sum: u64,
    count: u64,
}

impl Row {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            min: u64::MAX,
            max: 0,
            sum: 0,
            count: 0,
        }
    }

    fn add(&mut self, value: u64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.count += 1;
    }

    fn print(&self) {
        println!(
            "BENCH {} {} {} {}",
            self.name,
            self.min,
            self.sum.checked_div(self.count).unwrap_or(0),
            self.max
        );
    }
}

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    cpu::mask();
    println!("bench: {} ticks a second", cpu::frequency());
    repeat("loop", || {});
    repeat("hypercall", || {
        firmware::call(psci::VERSION, [0; 3]);
    });
    repeat("unknown-function", || {
        firmware::call(0x8400_00fe, [0; 3]);
    });
    let (enable, _) = gic::bit(reg::ISENABLER, 32);
    repeat("vgic-read", || {
        let _ = read32(enable);
    });
    acknowledge();
    if machine.cpus > 1 {
        between_vcpus(machine);
    }
    lateness("timer-10ms-wfi", 100, 10_000, true);
    lateness("timer-1ms-wfi", 1000, 1000, true);
    lateness("timer-1ms-busy", 1000, 1000, false);
    0
}

fn now() -> u64 {
    mrs!("cntvct_el0")
}

fn repeat(name: &'static str, action: impl Fn()) {
    let start = now();
    for _ in 0..LOOPS {
        action();
        // Keeps the loop a loop.
        core::hint::black_box(());
    }
    let mean = (now() - start) / LOOPS;
    let mut row = Row::new(name);
    for _ in 0..TRIES {
        let start = now();
        action();
        row.add(now() - start);
    }
    println!("BENCH {name} {} {mean} {}", row.min, row.max);
}

/// Acknowledging and ending an interrupt that is pending already.
fn acknowledge() {
    gic::enable(SGI);
    let mut row = Row::new("acknowledge-and-end");
    for _ in 0..TRIES {
        gic::sgi_self(SGI);
        cpu::barrier();
        let start = now();
        let iar = gic::acknowledge();
        gic::end(iar);
        row.add(now() - start);
    }
    row.print();
}

/// From sending an SGI to seeing that the other vCPU's handler has run.
fn between_vcpus(machine: &'static Machine) {
    on_interrupt(handle);
    if smp::start_others(machine, listen) == 0 {
        return println!("bench: no second vCPU");
    }
    cpu::wait_us(2_000_000, || READY.load(Ordering::Acquire) != 0);
    for (name, sleepy) in [("ipi-busy", 0), ("ipi-wfi", 1)] {
        SLEEPY.store(sleepy, Ordering::Release);
        let mut row = Row::new(name);
        for _ in 0..TRIES {
            cpu::delay_us(20);
            let before = RECEIVED.load(Ordering::Acquire);
            let start = now();
            gic::sgi(SGI, 2);
            while RECEIVED.load(Ordering::Acquire) == before {
                cpu::pause();
            }
            row.add(now() - start);
        }
        row.print();
    }
    STOP.store(1, Ordering::Release);
    gic::sgi(SGI, 2);
    let _ = smp::wait_for(1, 2_000_000);
}

fn listen(number: usize) {
    if number == 1 {
        gic::enable(SGI);
        cpu::unmask();
        READY.store(1, Ordering::Release);
        while STOP.load(Ordering::Acquire) == 0 {
            if SLEEPY.load(Ordering::Acquire) == 0 {
                cpu::pause();
            } else {
                sleep_unless(|| STOP.load(Ordering::Acquire) != 0);
            }
        }
        cpu::mask();
        smp::arrive();
    }
}

/// Sleeps until an interrupt, and takes it. An interrupt between the question and WFI is not missed: it stays
/// pending, which ends WFI.
fn sleep_unless(done: impl Fn() -> bool) {
    cpu::mask();
    if !done() {
        cpu::wfi();
    }
    cpu::unmask();
}

fn lateness(name: &'static str, count: u64, period_us: u64, sleep: bool) {
    on_interrupt(handle);
    let timer = Timer::Virtual;
    gic::enable(timer.intid());
    cpu::unmask();
    let period = cpu::frequency() / 1_000_000 * period_us;
    let mut row = Row::new(name);
    for _ in 0..count {
        LATE.store(0, Ordering::Relaxed);
        timer.set_compare(cpu::count() + period);
        timer.set_control(ENABLE);
        while LATE.load(Ordering::Relaxed) == 0 {
            if sleep {
                sleep_unless(|| LATE.load(Ordering::Relaxed) != 0);
            }
        }
        row.add(LATE.load(Ordering::Relaxed) - 1);
    }
    cpu::mask();
    gic::disable(timer.intid());
    row.print();
}

fn handle(intid: u32, frame: &Frame) {
    if intid == SGI {
        RECEIVED.fetch_add(1, Ordering::Release);
    } else {
        LATE.store(
            frame.count.saturating_sub(Timer::Virtual.compare()) + 1,
            Ordering::Relaxed,
        );
        Timer::Virtual.set_control(0);
    }
}
