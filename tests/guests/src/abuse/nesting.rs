//! Calls made from the interrupt handler while others are suspended, deeper than there are slots for.
//!
//! What does not fit any more costs the oldest its slot: it is cancelled, whoever continues it is told that there is no
//! such operation, and what it had populated stays.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::ops::{self, error, stat};

use super::{MIB, PLAYING, WINDOW, arm, clear, stat_of, with_timer};
use crate::rt::cpu;
use crate::rt::exception::Frame;
use crate::rt::hypercall::{Answer, call};
use crate::rt::report::{check, equal};

/// More than a VM has slots.
const DEEP: u64 = 20;
/// Bytes that each level populates, at a place of its own.
const EACH: u64 = MIB;
const ROUNDS: u64 = 20;

static DEPTH: AtomicU64 = AtomicU64::new(0);
static WANTED: AtomicU64 = AtomicU64::new(0);
static DEEPEST: AtomicU64 = AtomicU64::new(0);
/// Calls that were told that they do not exist any more.
static CANCELLED: AtomicU64 = AtomicU64::new(0);
static OVER: AtomicBool = AtomicBool::new(false);

/// Tries it at every depth; returns how many.
pub fn run() -> u64 {
    let mut tries = 0;
    for wanted in [1, 2, 3, 4, 5, DEEP] {
        for _ in 0..ROUNDS {
            one(wanted);
            tries += 1;
        }
    }
    tries
}

fn one(wanted: u64) {
    WANTED.store(wanted, Ordering::Relaxed);
    DEPTH.store(0, Ordering::Relaxed);
    DEEPEST.store(0, Ordering::Relaxed);
    CANCELLED.store(0, Ordering::Relaxed);
    OVER.store(false, Ordering::Relaxed);
    let before = stat_of(stat::ABANDONED);
    with_timer(20, deeper, || {
        let answer = call(ops::POPULATE, [WINDOW, 2 * EACH, 0]);
        judge(0, answer);
    });
    let cancelled = CANCELLED.load(Ordering::Relaxed);
    equal(
        "each that was abandoned is told so",
        cancelled,
        stat_of(stat::ABANDONED) - before,
    );
    let deepest = DEEPEST.load(Ordering::Relaxed);
    // One slot is always there; the configuration says how many more.
    check(
        "the first alone loses nothing",
        deepest > 0 || cancelled == 0,
        cancelled,
    );
    if wanted == DEEP && deepest == DEEP {
        check("there is a bound", cancelled > 0, deepest);
    }
    equal("nothing is left suspended", stat_of(stat::SUSPENDED), 0);
    clear(2 * EACH * (DEEP + 1));
    equal("nothing is held", stat_of(stat::HEAP_HELD), 0);
}

/// Makes another call, in which this may happen again.
fn deeper(_: &mut Frame, _: u64) {
    if OVER.load(Ordering::Relaxed) {
        return;
    }
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed) + 1;
    DEEPEST.fetch_max(depth, Ordering::Relaxed);
    if depth >= WANTED.load(Ordering::Relaxed) {
        // Deep enough: from here on all of them go on.
        OVER.store(true, Ordering::Relaxed);
    }
    PLAYING.store(false, Ordering::Relaxed);
    arm();
    cpu::unmask();
    let answer = call(ops::POPULATE, [WINDOW + depth * 2 * EACH, 2 * EACH, 0]);
    cpu::mask();
    judge(depth, answer);
}

fn judge(depth: u64, answer: Answer) {
    match answer.status {
        0 => equal("all of it is populated", answer.value(), 2 * EACH),
        error::HANDLE => {
            CANCELLED.fetch_add(1, Ordering::Relaxed);
        }
        other => {
            check("populated or abandoned", false, other as u64);
            check("at this depth", false, depth);
        }
    }
}
