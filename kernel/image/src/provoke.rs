//! Faults on request (DEBUG_FAULT), to test the report of a real one: `HVC #0xfa17` with x0 = 1 reads where nothing is
//! mapped, 2 panics, 3 overflows the stack. 4 breaks nothing but a promise: it keeps its core with interrupts masked for
//! [`HELD_US`], to see who waits for that core. 5 breaks nothing at all: whoever stops or pauses an entity next takes as
//! long from saying so to asking the core where that runs, to see what happens there meanwhile; 7: whoever ends a VM next, from saying so
//! to telling its vCPUs. 6 breaks nothing either: EL2's timer has
//! fired, with nothing due, and at once another core wants to hear that this one looks at nothing. Any guest can end the
//! machine with it; no other configuration contains this module.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};

use tables::Region;

use crate::cores::{self, Work};
use crate::platform::{IrqGuard, ticks_from_us};
use crate::{deadline, hw};

/// The immediate of the hypercall.
const IMMEDIATE: u16 = 0xfa17;

/// How long 4 keeps the core, and 5 and 7 keep who stops something.
const HELD_US: u64 = 5_000;

/// 5 has been asked for.
static SLOW: AtomicBool = AtomicBool::new(false);
/// 7 has been asked for.
static SLOW_END: AtomicBool = AtomicBool::new(false);

/// Fails if asked to.
pub fn hypercall(imm: u16, how: u64) {
    match (imm, how) {
        (IMMEDIATE, 1) => abort(),
        (IMMEDIATE, 2) => fail(),
        (IMMEDIATE, 3) => {
            let _ = overflow(black_box(0));
        }
        (IMMEDIATE, 4) => IrqGuard::with(hold),
        (IMMEDIATE, 5) => SLOW.store(true, Ordering::Relaxed),
        (IMMEDIATE, 6) => IrqGuard::with(|irq| {
            deadline::fired(irq);
            cores::request_here(irq, Work::Grace);
        }),
        (IMMEDIATE, 7) => SLOW_END.store(true, Ordering::Relaxed),
        _ => {}
    }
}

/// Called after an entity has been told to stop or pause, and before its core is asked.
pub fn told(irq: &IrqGuard) {
    if SLOW.swap(false, Ordering::Relaxed) {
        hold(irq);
    }
}

/// Called after the end of a VM has begun, and before its vCPUs are told.
pub fn seized() {
    if SLOW_END.swap(false, Ordering::Relaxed) {
        IrqGuard::with(hold);
    }
}

fn hold(_: &IrqGuard) {
    let begun = arch::timer::now();
    while arch::timer::now().saturating_sub(begun) < ticks_from_us(HELD_US) {
        // On an emulator whose cores take turns the others run meanwhile, as they would on a board.
        arch::cpu::relax();
    }
}

#[inline(never)]
fn abort() {
    // The second page of the address space: no board has RAM there, so EL2 does not map it.
    let nowhere = Region {
        base: 0x1000,
        size: 0x1000,
    };
    let _ = black_box(hw::ram(nowhere).load(0x1000));
}

#[inline(never)]
fn fail() {
    let nothing: Option<u64> = black_box(None);
    #[allow(clippy::expect_used, reason = "the panic is what is asked for")]
    let _ = black_box(nothing.expect("a panic that was asked for"));
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "the overflow is what is asked for")]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    overflow(depth.wrapping_add(1)).wrapping_add(frame.iter().copied().fold(0, u64::wrapping_add))
}
