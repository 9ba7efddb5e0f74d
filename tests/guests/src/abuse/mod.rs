//! Long operations used as no guest should: whatever is asked, each call comes back with one of the answers that
//! `abi::ops` lists, nothing is lost, and nobody else is harmed.
//!
//! `mode=1` does the tests; they need two vCPUs, 64 MiB to populate, and the number of another VM in `vm=`, which it
//! may or may not control. `mode=2` is that other VM: it always has an operation suspended and shows its handle in memory
//! that it grants, so that the first can try it. Interrupts come from the vCPU's own timer.
//!
//! In a model in which operations do not leave, the parts about suspended ones find none and say so.

mod advisories;
mod arguments;
mod foreign;
mod handles;
mod nesting;

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use abi::ops::{self, stat};

use crate::println;
use crate::rt::exception::{Frame, on_interrupt, on_return};
use crate::rt::hypercall::{self, call, suspended};
use crate::rt::report::{check, equal, failures};
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu, gic};

/// Where memory is populated.
const WINDOW: u64 = 0x8000_0000;
const MIB: u64 = 1 << 20;

/// Microseconds between timer interrupts.
static PERIOD: AtomicU64 = AtomicU64::new(0);
/// Suspended operations that the handler has seen.
static SEEN: AtomicUsize = AtomicUsize::new(0);
/// What the handler does with them: `fn(&mut Frame, u64)`, 0 for nothing.
static TRICK: AtomicUsize = AtomicUsize::new(0);
/// The trick is being played: it is not played on what it does itself, unless it asks for that.
static PLAYING: AtomicBool = AtomicBool::new(false);

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    on_interrupt(tick);
    on_return(handled);
    gic::enable(Timer::Virtual.intid());
    match machine.mode {
        1 => {
            let before = stat_of(stat::HEAP_HELD);
            part("arguments", || arguments::run(machine));
            part("handles", || handles::run(machine));
            part("nesting", nesting::run);
            part("advisories", advisories::run);
            part("foreign", || foreign::run(machine));
            equal(
                "nothing is suspended in the end",
                stat_of(stat::SUSPENDED),
                0,
            );
            // What is free beside it changes: the other VM goes on.
            equal("pages held of the heap", stat_of(stat::HEAP_HELD), before);
        }
        2 => foreign::hold(machine),
        other => check("mode= is 1 or 2", false, other),
    }
    failures()
}

fn stat_of(which: u64) -> u64 {
    hypercall::stat(which).unwrap_or(u64::MAX)
}

fn part(name: &str, run: impl FnOnce() -> u64) {
    SEEN.store(0, Ordering::Relaxed);
    let tries = run();
    println!(
        "abuse: {name}: {tries} tries, {} suspended",
        SEEN.load(Ordering::Relaxed)
    );
}

/// Runs `action` with a timer interrupt after every `us` microseconds of it, and `trick` played on the operations that it
/// suspends.
fn with_timer(us: u64, trick: fn(&mut Frame, u64), action: impl FnOnce()) {
    TRICK.store(trick as usize, Ordering::Relaxed);
    PERIOD.store(us, Ordering::Relaxed);
    arm();
    cpu::unmask();
    action();
    cpu::mask();
    Timer::Virtual.set_control(0);
    TRICK.store(0, Ordering::Relaxed);
}

/// An interrupt after a period from now.
fn arm() {
    let ticks = PERIOD.load(Ordering::Relaxed) * (cpu::frequency() / 1_000_000).max(1);
    Timer::Virtual.set_compare(cpu::count() + ticks);
    Timer::Virtual.set_control(ENABLE);
}

/// The next interrupt comes a period after this one has been dealt with, however long that takes. A timer that went on
/// meanwhile would be due again, and its interrupt taken before the interrupted program has executed an instruction: an
/// operation that is suspended would stay so.
fn tick(_: u32, _: &Frame) {
    Timer::Virtual.set_control(0);
}

fn handled(frame: &mut Frame) {
    play(frame);
    arm();
}

fn play(frame: &mut Frame) {
    let Some(handle) = suspended(frame) else {
        return;
    };
    SEEN.fetch_add(1, Ordering::Relaxed);
    let trick = TRICK.load(Ordering::Relaxed);
    if trick == 0 || PLAYING.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: `TRICK` holds 0 or what `with_timer` stored: a function of this type.
    let trick: fn(&mut Frame, u64) = unsafe { core::mem::transmute(trick) };
    trick(frame, handle);
    PLAYING.store(false, Ordering::Relaxed);
}

/// No trick.
fn leave(_: &mut Frame, _: u64) {}

/// Ends an operation for the interrupted program with this in x0, without a call.
fn end(frame: &mut Frame, status: i64) {
    frame.x[0] = status as u64;
    frame.elr += 4;
}

/// Populates that many bytes of the window and gives them back; both must succeed whole.
fn round(bytes: u64) {
    let answer = call(ops::POPULATE, [WINDOW, bytes, 0]);
    check(
        "populate",
        answer.is_ok() && answer.value() == bytes,
        answer.status as u64,
    );
    let answer = call(ops::RECLAIM, [WINDOW, bytes]);
    check(
        "reclaim",
        answer.is_ok() && answer.value() == bytes,
        answer.status as u64,
    );
}

/// Gives back whatever is populated.
fn clear(bytes: u64) {
    let answer = call(ops::UNMAP, [WINDOW, bytes]);
    check(
        "unmap",
        answer.is_ok() && answer.value() == bytes,
        answer.status as u64,
    );
}
