//! Registers and instructions of the vCPU we run on.

use core::arch::asm;

/// Reads a system register by its assembler name.
#[macro_export]
macro_rules! mrs {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading a system register does not touch memory; if it faults, our own vectors say so.
        unsafe { core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nostack)) };
        value
    }};
}

/// Writes a system register by its assembler name, and makes the write take effect.
#[macro_export]
macro_rules! msr {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: the registers that programs write configure timers, the interrupt controller and the like;
        // none of them moves memory from under Rust.
        unsafe { core::arch::asm!(concat!("msr ", $name, ", {}"), "isb", in(reg) value, options(nostack)) };
    }};
}

/// The number of this vCPU, counted from 0.
#[must_use]
pub fn index() -> usize {
    mrs!("tpidr_el1") as usize
}

/// The virtual counter.
#[must_use]
pub fn count() -> u64 {
    // SAFETY: reads a counter.
    unsafe {
        let value: u64;
        asm!("isb", "mrs {}, cntvct_el0", out(reg) value, options(nomem, nostack));
        value
    }
}

/// Its ticks per second.
#[must_use]
pub fn frequency() -> u64 {
    mrs!("cntfrq_el0")
}

/// Busy for so many microseconds.
pub fn delay_us(us: u64) {
    let ticks = us.saturating_mul(frequency()) / 1_000_000;
    let start = count();
    while count().wrapping_sub(start) < ticks {
        pause();
    }
}

/// Waits until `condition` holds, for at most so many microseconds; says whether it does.
pub fn wait_us(us: u64, mut condition: impl FnMut() -> bool) -> bool {
    let ticks = us.saturating_mul(frequency()) / 1_000_000;
    let start = count();
    while !condition() {
        if count().wrapping_sub(start) >= ticks {
            return condition();
        }
        pause();
    }
    true
}

/// One turn of a loop that waits for another vCPU.
pub fn pause() {
    // SAFETY: a hint.
    unsafe { asm!("yield", options(nomem, nostack)) };
}

/// Sleeps until an interrupt is pending, masked or not.
pub fn wfi() {
    // SAFETY: waits.
    unsafe { asm!("dsb sy", "wfi", options(nostack)) };
}

/// Sleeps until an event.
pub fn wfe() {
    // SAFETY: waits.
    unsafe { asm!("wfe", options(nostack)) };
}

/// Sends an event to all vCPUs.
pub fn sev() {
    // SAFETY: a hint, after making our writes visible.
    unsafe { asm!("dsb ish", "sev", options(nostack)) };
}

/// Lets interrupts in.
pub fn unmask() {
    // SAFETY: the vectors are in place; handlers keep all registers.
    unsafe { asm!("msr daifclr, #2", "isb", options(nostack)) };
}

/// Keeps interrupts out.
pub fn mask() {
    // SAFETY: only delays interrupts.
    unsafe { asm!("msr daifset, #2", "isb", options(nostack)) };
}

/// Completes all memory accesses before this one.
pub fn barrier() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", "isb", options(nostack)) };
}
