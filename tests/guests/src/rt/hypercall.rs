//! Caesura's long operations, called as `abi::ops` says.
//!
//! An operation that leaves for the guest's interrupts continues by itself: the PC is on the HVC again, with RESUME in
//! x0 and the handle in x1. So there is nothing to do for it here; only a program that wants to see it looks at the
//! interrupted registers ([`suspended`]).

use core::arch::asm;

use abi::ops;

use super::exception::Frame;
use super::report::equal;
use super::timer::sleep_us;

/// What a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// x0: 0 or one of `ops::error`.
    pub status: i64,
    /// x1 to x3.
    pub values: [u64; 3],
}

impl Answer {
    /// Whether it succeeded.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.status == 0
    }

    /// x1.
    #[must_use]
    pub const fn value(&self) -> u64 {
        let [x1, ..] = self.values;
        x1
    }
}

/// Makes a call; arguments that are not given are 0.
#[must_use]
pub fn call<const N: usize>(function: u32, arguments: [u64; N]) -> Answer {
    const { assert!(N <= 6, "a call has at most six arguments") };
    let mut all = [0; 6];
    for (slot, argument) in all.iter_mut().zip(arguments) {
        *slot = argument;
    }
    raw(u64::from(function), all)
}

/// Waits until VM `vm`, which has been started or reset, runs; a check that it does, within a second.
pub fn until_running(vm: u64) {
    let found = || call(ops::VM_STATUS, [vm]).value();
    for _ in 0..10_000 {
        if found() == ops::state::RUNNING {
            return;
        }
        sleep_us(100);
    }
    equal("it runs", found(), ops::state::RUNNING);
}

/// Makes a call with x0 and all six arguments as they are.
#[must_use]
pub fn raw(function: u64, arguments: [u64; 6]) -> Answer {
    let [mut x1, mut x2, mut x3, x4, x5, x6] = arguments;
    let mut x0 = function;
    // SAFETY: the calling convention lets the callee change x0 to x17. What an operation does to memory, it does to
    // pages and lists that the program has set aside for it.
    unsafe {
        asm!("hvc #0", inout("x0") x0, inout("x1") x1, inout("x2") x2, inout("x3") x3,
            inout("x4") x4 => _, inout("x5") x5 => _, inout("x6") x6 => _, out("x7") _, out("x8") _, out("x9") _,
            out("x10") _, out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _,
            out("x17") _, options(nostack));
    }
    Answer {
        status: x0 as i64,
        values: [x1, x2, x3],
    }
}

/// The value of one of `ops::stat`; `None` if the hypervisor does not tell.
#[must_use]
pub fn stat(which: u64) -> Option<u64> {
    let answer = call(ops::STATS, [which]);
    answer.is_ok().then(|| answer.value())
}

/// The handle of the operation that an interrupt has suspended, if that is what it interrupted: the next instruction
/// would continue it.
#[must_use]
pub fn suspended(frame: &Frame) -> Option<u64> {
    const HVC_0: u32 = 0xd400_0002;
    let [x0, x1, ..] = frame.x;
    if x0 != u64::from(ops::RESUME) {
        return None;
    }
    // A program's own attempt at RESUME has been interrupted before or behind its HVC, not on it; but it may be.
    (super::mmio::read32(frame.elr) == HVC_0).then_some(x1)
}
