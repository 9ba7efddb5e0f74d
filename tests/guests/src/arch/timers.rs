//! The generic timer's registers and interrupts (Arm ARM D11.2), virtual and physical.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::println;
use crate::rt::exception::{Frame, on_interrupt};
use crate::rt::gic::{self, reg};
use crate::rt::report::{self, check, equal};
use crate::rt::timer::{ENABLE, IMASK, ISTATUS, Timer};
use crate::rt::{Machine, cpu};

/// When the last timer interrupt was taken: the timer's counter.
static TAKEN: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// The virtual timer's interrupts do not come: nothing may sleep until one.
static SLEEPLESS: AtomicBool = AtomicBool::new(false);

/// Whether a vCPU may sleep until its virtual timer.
pub fn can_sleep() -> bool {
    !SLEEPLESS.load(Ordering::Relaxed)
}

/// Runs the checks.
pub fn run(_: &'static Machine) {
    let earlier = Timer::Virtual.count();
    let offset = Timer::Physical.count().wrapping_sub(earlier);
    check(
        "the virtual counter does not lead",
        offset < 1 << 63,
        offset,
    );
    let (first, second) = (cpu::count(), cpu::count());
    check(
        "the counter counts",
        second > first || cpu::wait_us(10, || cpu::count() > first),
        second,
    );
    for timer in [Timer::Virtual, Timer::Physical] {
        println!("  {timer:?}");
        registers(timer);
        pending(timer);
        let before = report::failures();
        interrupts(timer);
        // Without interrupts WFI would not end.
        if report::failures() == before {
            sleeps(timer);
        } else if timer == Timer::Virtual {
            SLEEPLESS.store(true, Ordering::Relaxed);
        }
        timer.set_control(0);
        gic::disable(timer.intid());
    }
}

fn ms(n: u64) -> u64 {
    cpu::frequency() / 1000 * n
}

fn registers(timer: Timer) {
    timer.set_control(0);
    let far = timer.count() + ms(100_000);
    timer.set_compare(far);
    equal("CVAL reads back", timer.compare(), far);
    timer.set_control(ENABLE | IMASK);
    equal("CTL before the time", timer.control(), ENABLE | IMASK);
    timer.set_compare(timer.count());
    equal("CTL at the time", timer.control(), ENABLE | IMASK | ISTATUS);
    timer.set_compare(0);
    equal(
        "CTL after the time",
        timer.control(),
        ENABLE | IMASK | ISTATUS,
    );
    timer.set_control(ENABLE | IMASK | ISTATUS | 0xff00);
    timer.set_compare(far);
    equal("ISTATUS cannot be written", timer.control(), ENABLE | IMASK);
    // TVAL: signed 32 bits relative to now.
    let before = timer.count();
    timer.set_value(0x1000_0000);
    let after = timer.count();
    let relative = timer.compare().wrapping_sub(0x1000_0000);
    check(
        "TVAL sets CVAL",
        (before..=after).contains(&relative),
        relative,
    );
    let value = timer.value();
    check(
        "TVAL counts down",
        value <= 0x1000_0000 && value > 0x1000_0000 - ms(100),
        value,
    );
    timer.set_value(0xffff_ff00);
    check(
        "TVAL is signed",
        timer.compare() < timer.count(),
        timer.compare(),
    );
    check(
        "TVAL in the past",
        timer.value() as u32 >= 0x8000_0000,
        timer.value(),
    );
    equal("TVAL has 32 bits", timer.value() >> 32, 0);
    equal(
        "a negative TVAL has expired",
        timer.control() & ISTATUS,
        ISTATUS,
    );
    timer.set_control(0);
    equal("CTL disabled", timer.control() & 3, 0);
}

/// The pending bit follows the level, and can be set and cleared by software when the level is low.
fn pending(timer: Timer) {
    let intid = timer.intid();
    cpu::mask();
    gic::enable(intid);
    timer.set_compare(timer.count() + ms(100_000));
    timer.set_control(ENABLE);
    check(
        "not pending before the time",
        !gic::get(reg::ISPENDR, intid),
        0,
    );
    timer.set_compare(0);
    check(
        "pending at the time",
        cpu::wait_us(100_000, || gic::get(reg::ISPENDR, intid)),
        0,
    );
    timer.set_control(ENABLE | IMASK);
    check(
        "not pending when masked",
        cpu::wait_us(100_000, || !gic::get(reg::ISPENDR, intid)),
        0,
    );
    timer.set_control(ENABLE);
    check(
        "pending again",
        cpu::wait_us(100_000, || gic::get(reg::ISPENDR, intid)),
        0,
    );
    timer.set_compare(timer.count() + ms(100_000));
    check(
        "not pending when moved",
        cpu::wait_us(100_000, || !gic::get(reg::ISPENDR, intid)),
        0,
    );
    timer.set_control(0);
    gic::poke(reg::ISPENDR, intid);
    check("set pending by software", gic::get(reg::ISPENDR, intid), 0);
    gic::poke(reg::ICPENDR, intid);
    check("cleared by software", !gic::get(reg::ISPENDR, intid), 0);
    let iar = gic::acknowledge();
    check(
        "nothing to acknowledge",
        iar & 0x3ff == 1023,
        u64::from(iar),
    );
}

fn interrupts(timer: Timer) {
    on_interrupt(handle);
    gic::enable(timer.intid());
    cpu::unmask();
    let slot = &TAKEN[timer as usize];
    for round in 1..=5 {
        slot.store(0, Ordering::Relaxed);
        let due = timer.count() + ms(1) * round;
        timer.set_compare(due);
        timer.set_control(ENABLE);
        check(
            "the interrupt comes",
            cpu::wait_us(500_000, || slot.load(Ordering::Relaxed) != 0),
            round,
        );
        let taken = slot.load(Ordering::Relaxed);
        check("not before its time", taken >= due, taken.wrapping_sub(due));
    }
    slot.store(0, Ordering::Relaxed);
    timer.set_control(ENABLE | IMASK);
    timer.set_compare(0);
    cpu::delay_us(2000);
    equal("no interrupt when masked", slot.load(Ordering::Relaxed), 0);
    cpu::mask();
    timer.set_control(0);
}

/// WFI ends at the time although interrupts are masked.
fn sleeps(timer: Timer) {
    cpu::mask();
    gic::enable(timer.intid());
    for _ in 0..5 {
        let due = timer.count() + ms(2);
        timer.set_compare(due);
        timer.set_control(ENABLE);
        let mut woken = 0u64;
        while timer.control() & ISTATUS == 0 && woken < 1_000_000 {
            cpu::wfi();
            woken += 1;
        }
        check("WFI ends at the time", timer.count() >= due, woken);
        check(
            "not much later",
            timer.count() < due + ms(1000),
            timer.count().wrapping_sub(due),
        );
        // The line falls before the next round.
        timer.set_control(0);
    }
}

fn handle(intid: u32, _: &Frame) {
    for timer in [Timer::Virtual, Timer::Physical] {
        if timer.intid() == intid {
            TAKEN[timer as usize].store(timer.count(), Ordering::Relaxed);
            timer.set_control(0);
        }
    }
}
