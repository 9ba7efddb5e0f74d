//! What the interrupt handler does with an operation that it has interrupted: mostly nothing, sometimes what a guest's
//! scheduler does, sometimes what no guest should do.
//!
//! - nothing: it goes on by itself;
//! - its scratch registers are overwritten: that changes nothing;
//! - another call is made first, from the handler;
//! - it is finished in the handler;
//! - it is given to the other vCPU, to be finished there;
//! - both vCPUs go on with it at once: one of them does, the other is told so;
//! - it is let go of: what it had in hand comes back when its slot is needed, or with the VM's end.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use abi::ops::{self, error};

use super::board::{Vcpu, count};
use super::exchange::{Exchange, NONE};
use super::{ABANDONED, MOVED, call};
use crate::rt::cpu;
use crate::rt::exception::Frame;
use crate::rt::hypercall::{Answer, suspended};
use crate::rt::random::Random;
use crate::rt::timer::{ENABLE, Timer};

/// By the vCPU that gives.
static EXCHANGES: [Exchange; 2] = [const {
    Exchange {
        handle: AtomicU64::new(0),
        status: AtomicI64::new(NONE),
        values: [const { AtomicU64::new(0) }; 3],
    }
}; 2];

/// The handler's own random sequence, by vCPU.
struct PerVcpu(Cell<Random>);

// SAFETY: each vCPU uses only its own, from its interrupt handler, where interrupts are masked, and once before they come.
unsafe impl Sync for PerVcpu {}

static RANDOM: [PerVcpu; 2] = [const { PerVcpu(Cell::new(Random::new(0))) }; 2];
/// Where to count, by vCPU; 0 before [`init`].
static COUNTS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Whether this vCPU is finishing the other's operation, with which no tricks are played.
static HELPING: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

/// Prepares this vCPU's handler.
pub fn init(number: usize, counts: &'static Vcpu, random: &mut Random) {
    if let (Some(own), Some(slot)) = (RANDOM.get(number), COUNTS.get(number)) {
        own.0.set(Random::new(random.next()));
        slot.store(core::ptr::from_ref(counts) as u64, Ordering::Release);
    }
}

/// Where a vCPU counts, once it is at work.
pub fn counts(number: usize) -> Option<&'static Vcpu> {
    let address = COUNTS.get(number)?.load(Ordering::Acquire);
    // SAFETY: not 0 means what `init` stored: a reference that is valid for ever.
    (address != 0).then(|| unsafe { &*(address as *const Vcpu) })
}

/// Called for every interrupt; sets the timer anew.
pub fn interrupt(intid: u32, _: &Frame) {
    if intid != Timer::Virtual.intid() {
        return; // A doorbell.
    }
    let Some(own) = RANDOM.get(cpu::index()) else {
        return;
    };
    let mut random = own.0.take_clone();
    // Long enough for an operation to get somewhere in between; now and then so short that it hardly does.
    let us = 20 + random.below(400);
    own.0.set(random);
    let ticks = us * (cpu::frequency() / 1_000_000).max(1);
    Timer::Virtual.set_compare(cpu::count() + ticks);
    Timer::Virtual.set_control(ENABLE);
}

trait TakeClone {
    fn take_clone(&self) -> Random;
}

impl TakeClone for Cell<Random> {
    fn take_clone(&self) -> Random {
        let random = self.replace(Random::new(0));
        self.set(random.clone());
        random
    }
}

/// Called on the way back from an interrupt.
pub fn on_return(frame: &mut Frame) {
    let number = cpu::index();
    if HELPING
        .get(number)
        .is_none_or(|helping| helping.load(Ordering::Relaxed))
    {
        return;
    }
    let (Some(handle), Some(own), Some(counts)) =
        (suspended(frame), RANDOM.get(number), counts(number))
    else {
        return;
    };
    count(&counts.suspended);
    counts.handle.store(handle, Ordering::Relaxed);
    let mut random = own.0.take_clone();
    let what = random.below(16);
    match what {
        0..=5 => {}
        6 | 7 => scribble(frame, &mut random),
        8..=10 => {
            count(&counts.nested);
            let units = 1 + random.below(200);
            let burnt = call(ops::BURN, [units]);
            // The other vCPU may have let go of so many while our core was away that this was dropped for one of them.
            let lost = burnt.status == error::HANDLE;
            if !lost && (!burnt.is_ok() || burnt.value() != units) {
                counts.wrong("a nested call", burnt);
            }
        }
        11 | 12 => {
            let answer = call(ops::RESUME, [handle]);
            give(frame, answer);
        }
        13 | 14 => {
            let both = what == 14;
            if offer(number, handle) {
                count(&counts.moved);
                if !both {
                    give(
                        frame,
                        Answer {
                            status: MOVED,
                            values: [0; 3],
                        },
                    );
                }
            }
        }
        _ => {
            count(&counts.abandoned);
            give(
                frame,
                Answer {
                    status: ABANDONED,
                    values: [0; 3],
                },
            );
        }
    }
    own.0.set(random);
}

/// Overwrites what the calling convention lets a call change, x0 and x1 excepted.
fn scribble(frame: &mut Frame, random: &mut Random) {
    for register in frame.x.iter_mut().take(18).skip(2) {
        *register = random.next();
    }
}

/// Lets the interrupted program find this result, behind its HVC.
fn give(frame: &mut Frame, answer: Answer) {
    let [x1, x2, x3] = answer.values;
    frame.x[..4].copy_from_slice(&[answer.status as u64, x1, x2, x3]);
    frame.elr += 4;
}

/// Offers the other vCPU an operation; false if it has not taken the last one's result back yet.
fn offer(number: usize, handle: u64) -> bool {
    let offered = EXCHANGES
        .get(number)
        .is_some_and(|exchange| exchange.offer(handle));
    if offered {
        cpu::sev();
    }
    offered
}

/// Finishes what the other vCPU has offered, if it has offered anything: both call this between their operations, and
/// while they wait.
pub fn help(number: usize) {
    let (Some(exchange), Some(helping)) = (EXCHANGES.get(number ^ 1), HELPING.get(number)) else {
        return;
    };
    let Some(handle) = exchange.wanted() else {
        return;
    };
    helping.store(true, Ordering::Relaxed);
    let answer = call(ops::RESUME, [handle]);
    helping.store(false, Ordering::Relaxed);
    exchange.answer(answer.status, answer.values);
}

/// The result of the operation that was offered to the other vCPU, if one was; waits for it.
pub fn collect(number: usize) -> Option<Answer> {
    let exchange = EXCHANGES.get(number)?;
    if !exchange.is_out() {
        return None;
    }
    loop {
        if let Some((status, values)) = exchange.collect() {
            return Some(Answer { status, values });
        }
        // The other may be waiting for us.
        help(number);
        cpu::pause();
    }
}
