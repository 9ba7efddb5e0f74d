//! Handles: guessed, over, changed registers beside them, continued twice at once.

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use abi::ops::{self, error, stat};

use super::{MIB, WINDOW, clear, end, leave, round, stat_of, with_timer};
use crate::println;
use crate::rt::exception::Frame;
use crate::rt::hypercall::{call, raw};
use crate::rt::random::Random;
use crate::rt::report::{check, equal};
use crate::rt::{Machine, cpu, smp};

const GUESSES: u64 = 20_000;
/// Operations that both vCPUs continue at once.
const RACES: u64 = 300;

/// The last handle that was seen.
static LAST: AtomicU64 = AtomicU64::new(0);
/// A handle for the second vCPU to continue; [`STOP`] for it to end.
static OFFERED: AtomicU64 = AtomicU64::new(0);
/// What the second vCPU got for it; [`NONE`] until then.
static GOT: AtomicI64 = AtomicI64::new(NONE);
const NONE: i64 = i64::MIN;
const STOP: u64 = u64::MAX;

/// Tries them; returns how many.
pub fn run(machine: &Machine) -> u64 {
    guessed();
    // Undisturbed, then with every register overwritten that a call may change.
    with_timer(50, leave, || (0..8).for_each(|_| round(16 * MIB)));
    with_timer(50, scribble, || (0..8).for_each(|_| round(16 * MIB)));
    over();
    another_function();
    let races = if machine.cpus > 1 { twice(machine) } else { 0 };
    GUESSES + 32 + races
}

fn guessed() {
    let mut random = Random::new(3);
    for number in 0..GUESSES {
        let handle = if number < 1024 { number } else { random.next() };
        let answer = raw(u64::from(ops::RESUME), [handle; 6]);
        equal(
            "a guessed handle",
            answer.status as u64,
            error::HANDLE as u64,
        );
    }
}

fn scribble(frame: &mut Frame, handle: u64) {
    LAST.store(handle, Ordering::Relaxed);
    for register in frame.x.iter_mut().take(18).skip(2) {
        *register = !handle;
    }
}

/// The handle of an operation that has ended is worth nothing.
fn over() {
    with_timer(
        50,
        |_, handle| LAST.store(handle, Ordering::Relaxed),
        || round(16 * MIB),
    );
    let last = LAST.load(Ordering::Relaxed);
    for handle in [
        last,
        last ^ 1,
        last.wrapping_add(1),
        last.wrapping_sub(1),
        last.swap_bytes(),
    ] {
        let answer = raw(u64::from(ops::RESUME), [handle, 0, 0, 0, 0, 0]);
        equal(
            "a handle that is over",
            answer.status as u64,
            error::HANDLE as u64,
        );
    }
}

/// The guest makes another call instead of continuing: the operation stays where it is, and can still be continued.
fn another_function() {
    static KEPT: AtomicU64 = AtomicU64::new(0);
    with_timer(
        50,
        |frame, handle| {
            if KEPT.swap(handle, Ordering::Relaxed) == 0 {
                // Found by the HVC in place of RESUME.
                frame.x[0] = u64::from(ops::STATS);
                frame.x[1] = stat::SUSPENDED;
            } else {
                KEPT.store(handle, Ordering::Relaxed);
            }
        },
        || {
            let answer = call(ops::POPULATE, [WINDOW, 32 * MIB, 0]);
            let kept = KEPT.load(Ordering::Relaxed);
            if kept == 0 {
                // Nothing leaves in this model.
                return check("populate", answer.value() == 32 * MIB, answer.value());
            }
            equal("one is suspended", answer.value(), 1);
            let answer = raw(u64::from(ops::RESUME), [kept, 0, 0, 0, 0, 0]);
            check("it goes on", answer.is_ok(), answer.status as u64);
            equal("to its end", answer.value(), 32 * MIB);
        },
    );
    clear(32 * MIB);
}

/// Both vCPUs continue the same operation: one of them gets its result, the other is told so.
fn twice(machine: &Machine) -> u64 {
    smp::start_others(machine, |_| {
        cpu::mask();
        loop {
            let handle = OFFERED.swap(0, Ordering::AcqRel);
            if handle == STOP {
                break;
            }
            if handle != 0 {
                let answer = raw(u64::from(ops::RESUME), [handle, 0, 0, 0, 0, 0]);
                GOT.store(answer.status, Ordering::Release);
            }
            cpu::pause();
        }
        smp::arrive();
    });
    let mut races = 0;
    for number in 0..RACES {
        GOT.store(NONE, Ordering::Release);
        LAST.store(0, Ordering::Relaxed);
        // Each time from another point; the second vCPU is sometimes left alone with it.
        let alone = number % 4 == 3;
        let trick = if alone { hand_over } else { offer };
        let mut own = 0;
        with_timer(20 + number % 50, trick, || {
            own = call(ops::POPULATE, [WINDOW, 4 * MIB, 0]).status;
        });
        if LAST.load(Ordering::Relaxed) != 0 {
            races += 1;
            let answered = cpu::wait_us(5_000_000, || GOT.load(Ordering::Acquire) != NONE);
            check("the second vCPU is answered", answered, number);
            let got = GOT.load(Ordering::Acquire);
            let results = u32::from(own == 0) + u32::from(got == 0);
            equal("one of them gets the result", u64::from(results), 1);
            let loser = if own == 0 { got } else { own };
            let told = [error::HANDLE, error::BUSY, HANDED_OVER].contains(&loser);
            check("the other is told so", told, loser as u64);
        }
        equal("nothing is left suspended", stat_of(stat::SUSPENDED), 0);
        clear(4 * MIB);
    }
    OFFERED.store(STOP, Ordering::Release);
    check("the second vCPU ends", smp::wait_for(1, 5_000_000), 0);
    println!("abuse: {races} operations continued from two vCPUs");
    races
}

/// In x0 of an operation that only the second vCPU continues.
const HANDED_OVER: i64 = -1000;

fn offer(_: &mut Frame, handle: u64) {
    if LAST.swap(handle, Ordering::Relaxed) == 0 {
        OFFERED.store(handle, Ordering::Release);
    }
}

fn hand_over(frame: &mut Frame, handle: u64) {
    offer(frame, handle);
    end(frame, HANDED_OVER);
}
