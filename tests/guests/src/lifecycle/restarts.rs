//! Restarts, each in another situation; every life begins with a look at what may not have survived.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::psci;

use super::tell;
use crate::rt::exception::{Frame, on_interrupt};
use crate::rt::mmio::{read32, read64, write32, write64};
use crate::rt::report::{check, equal, failures};
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu, firmware, gic, machine, smp};
use crate::{mrs, msr, println};

/// Lives that end in a restart; the one after them powers off.
const RESTARTS: u32 = 30;
/// An address in RAM behind everything of this program, and what is left there for the next life to miss.
const LEFTOVER: u64 = 0x4030_0000;
/// An SPI that no device uses.
const SPI: u32 = 40;

static UP: AtomicU32 = AtomicU32::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);
static LETHAL: AtomicBool = AtomicBool::new(false);
/// How the others spend their time in this life.
static WAY: AtomicU32 = AtomicU32::new(0);

/// Runs it.
pub fn main(machine: &'static Machine, life: u32) -> u32 {
    looks_new(machine);
    on_interrupt(|intid, _: &Frame| {
        equal(
            "the interrupt is the timer's",
            u64::from(intid),
            u64::from(Timer::Virtual.intid()),
        );
        TICKS.fetch_add(1, Ordering::Relaxed);
        if LETHAL.load(Ordering::Relaxed) {
            // In the middle of handling it: the interrupt is active.
            restart();
        }
        Timer::Virtual.set_control(0);
    });
    gic::enable(Timer::Virtual.intid());
    cpu::unmask();
    Timer::Virtual.set_value(cpu::frequency() / 1000);
    Timer::Virtual.set_control(ENABLE);
    let ticked = cpu::wait_us(60_000_000, || TICKS.load(Ordering::Relaxed) > 0);
    check(
        "the virtual timer's interrupt comes",
        ticked,
        u64::from(life),
    );
    tell();
    if life >= RESTARTS {
        println!("{RESTARTS} restarts survived");
        return failures();
    }
    leave_traces(machine);
    let way = life % 8;
    WAY.store(way, Ordering::Release);
    if way != 0 {
        smp::start_others(machine, other);
    }
    if !(way == 0 || way == 7) {
        let all = cpu::wait_us(60_000_000, || {
            UP.load(Ordering::Acquire) as usize >= machine.cpus - 1
        });
        check(
            "the others are up",
            all,
            u64::from(UP.load(Ordering::Relaxed)),
        );
        tell();
    }
    match way {
        3 => {
            // Somebody is always on the way up or down.
            for round in 0..200 + u64::from(life) {
                turn_on(machine, 1 + (round as usize) % (machine.cpus - 1));
            }
            restart()
        }
        4 => sleep(),
        5 => {
            LETHAL.store(true, Ordering::Relaxed);
            Timer::Virtual.set_value(cpu::frequency() / 1000);
            Timer::Virtual.set_control(ENABLE);
            sleep()
        }
        // 0: alone. 1: the others spin. 2: they wait. 6: all at once. 7: they are just being turned on.
        _ => restart(),
    }
}

/// What the other vCPUs do.
fn other(number: usize) {
    UP.fetch_add(1, Ordering::Release);
    match WAY.load(Ordering::Acquire) {
        1 => loop {
            cpu::pause();
        },
        2 => sleep(),
        // Turns the next one on and itself off.
        3 => {
            let machine = machine::get();
            turn_on(machine, 1 + number % (machine.cpus - 1));
        }
        4 if number == 1 => restart(),
        4 => sleep(),
        6 => {
            cpu::wait_us(60_000_000, || {
                UP.load(Ordering::Acquire) as usize >= machine::get().cpus - 1
            });
            restart()
        }
        _ => {}
    }
}

/// The state that a VM begins with.
fn looks_new(machine: &Machine) {
    equal("RAM is clear", read64(LEFTOVER), 0);
    equal("MDSCR_EL1 is reset", mrs!("mdscr_el1"), 0);
    equal("the timer is off", Timer::Virtual.control() & ENABLE, 0);
    equal(
        "the physical timer is off",
        Timer::Physical.control() & ENABLE,
        0,
    );
    check(
        "the SPI is disabled",
        !gic::get(gic::reg::ISENABLER, SPI),
        0,
    );
    check(
        "the SPI is not pending",
        !gic::get(gic::reg::ISPENDR, SPI),
        0,
    );
    equal(
        "the alarm is masked",
        u64::from(read32(machine.rtc + 0x10)),
        0,
    );
    for number in 1..machine.cpus {
        let info = firmware::call(psci::AFFINITY_INFO_64, [machine.mpidr[number], 0, 0]);
        equal("the others are off", info, psci::affinity::OFF);
    }
    tell();
}

/// Changes what [`looks_new`] looks at.
fn leave_traces(machine: &Machine) {
    write64(LEFTOVER, 0x5a5a);
    // KDE, software use bits: kept, without effect while debug exceptions are masked.
    msr!("mdscr_el1", 1 << 13);
    Timer::Physical.set_value(cpu::frequency() * 100);
    Timer::Physical.set_control(ENABLE);
    gic::poke(gic::reg::ISPENDR, SPI);
    write32(machine.rtc + 0x10, 1);
}

fn turn_on(machine: &Machine, number: usize) {
    firmware::call(
        psci::CPU_ON_64,
        [machine.mpidr[number], smp::entry(), number as u64],
    );
}

fn sleep() -> ! {
    loop {
        cpu::wfi();
    }
}

fn restart() -> ! {
    firmware::call(psci::SYSTEM_RESET, [0; 3]);
    loop {
        cpu::pause();
    }
}
