//! Interrupts between vCPUs: routing of SPIs, SGIs to others, what a vCPU that was off gets.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::rt::exception::{Frame, on_interrupt_raw};
use crate::rt::gic::{self, reg};
use crate::rt::report::{check, equal};
use crate::rt::{Machine, cpu, smp};

const SGI: u32 = 3;
const SPI: u32 = 41;
const ROUNDS: u32 = 200;

/// What each vCPU has acknowledged: SGIs, SPIs, others.
static SGIS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
static SPIS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
static OTHERS: AtomicU32 = AtomicU32::new(0);
/// Bits 12:10 of the last SGI's acknowledgement.
static SENDER: AtomicU32 = AtomicU32::new(0);
static STOP: AtomicU32 = AtomicU32::new(0);
static READY: AtomicU32 = AtomicU32::new(0);
/// A vCPU that should send an SGI to vCPU 0, plus one.
static SEND: AtomicU32 = AtomicU32::new(0);

/// Runs the checks.
pub fn run(machine: &'static Machine) {
    on_interrupt_raw(handle);
    gic::enable(SGI);
    cpu::unmask();
    let started = smp::start_others(machine, listen);
    equal(
        "all vCPUs start",
        u64::from(started) + 1,
        machine.cpus as u64,
    );
    check(
        "and get going",
        cpu::wait_us(2_000_000, || READY.load(Ordering::Acquire) == started),
        0,
    );
    for target in 0..machine.cpus {
        route(target, machine.cpus);
    }
    for round in 1..=ROUNDS {
        gic::sgi_others(SGI);
        let arrived = cpu::wait_us(2_000_000, || {
            (1..machine.cpus).all(|n| SGIS[n].load(Ordering::Acquire) == round)
        });
        if !arrived {
            return check("SGI to all others", false, u64::from(round));
        }
    }
    equal(
        "SGIs to others spare me",
        u64::from(SGIS[0].load(Ordering::Relaxed)),
        0,
    );
    for sender in 1..machine.cpus {
        let before = SGIS[0].load(Ordering::Relaxed);
        SEND.store(sender as u32 + 1, Ordering::Release);
        cpu::sev();
        check(
            "SGI from another vCPU",
            cpu::wait_us(2_000_000, || SGIS[0].load(Ordering::Acquire) == before + 1),
            0,
        );
        if !gic::is_v3() {
            equal(
                "its sender",
                u64::from(SENDER.load(Ordering::Relaxed)),
                sender as u64,
            );
        }
    }
    equal(
        "nothing unexpected",
        u64::from(OTHERS.load(Ordering::Relaxed)),
        0,
    );
    STOP.store(1, Ordering::Release);
    cpu::sev();
    cpu::mask();
    gic::disable(SPI);
    check("others stop", smp::wait_for(started, 2_000_000), 0);
}

/// An SPI made pending by software arrives once, at the vCPU it is routed to.
fn route(target: usize, cpus: usize) {
    gic::route(SPI, target);
    gic::enable(SPI);
    let before: [u32; 8] = core::array::from_fn(|n| SPIS[n].load(Ordering::Relaxed));
    gic::poke(reg::ISPENDR, SPI);
    check(
        "routed SPI arrives",
        cpu::wait_us(2_000_000, || {
            SPIS[target].load(Ordering::Acquire) == before[target] + 1
        }),
        target as u64,
    );
    cpu::delay_us(500);
    for (n, count) in before.iter().enumerate().take(cpus) {
        equal(
            "and only there",
            u64::from(SPIS[n].load(Ordering::Relaxed)),
            u64::from(count + u32::from(n == target)),
        );
    }
}

fn listen(number: usize) {
    gic::enable(SGI);
    cpu::unmask();
    READY.fetch_add(1, Ordering::Release);
    while STOP.load(Ordering::Acquire) == 0 {
        let mine = number as u32 + 1;
        if SEND
            .compare_exchange(mine, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            gic::sgi(SGI, 1);
        }
        cpu::pause();
    }
    cpu::mask();
    smp::arrive();
}

fn handle(_: u32, _: &Frame) {
    let iar = gic::acknowledge();
    let number = cpu::index();
    match iar & 0x3ff {
        SGI => {
            SENDER.store(iar >> 10 & 7, Ordering::Relaxed);
            gic::end(iar);
            SGIS[number].fetch_add(1, Ordering::Release);
        }
        SPI => {
            gic::end(iar);
            SPIS[number].fetch_add(1, Ordering::Release);
        }
        // Sent to this vCPU by earlier checks, before it was on.
        0..=15 => gic::end(iar),
        // Taken away between the exception and the acknowledgement: allowed.
        1023 => {}
        _ => {
            gic::end(iar);
            OTHERS.fetch_add(1, Ordering::Release);
        }
    }
}
