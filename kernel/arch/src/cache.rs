//! Cache maintenance by address. Ranges are in bytes and widened to whole lines.

use core::arch::asm;

use crate::sysreg;

/// Bytes of the smallest data cache line in the system (CTR_EL0.DminLine).
#[must_use]
pub fn data_line() -> u64 {
    4 << ((sysreg::read!("ctr_el0") >> 16) & 0xf)
}

/// Runs one maintenance instruction on each line of a range, then waits for all of them. Eight lines a turn: guests'
/// memory is hundreds of megabytes, and the loop would cost three times the instruction.
macro_rules! by_line {
    ($instruction:literal, $start:expr, $end:expr) => {{
        let line = data_line();
        let end: u64 = $end;
        let mut at: u64 = $start & !(line - 1);
        while end.saturating_sub(at) >= 8 * line {
            asm!(
                $instruction,
                "add {0}, {0}, {1}",
                $instruction,
                "add {0}, {0}, {1}",
                $instruction,
                "add {0}, {0}, {1}",
                $instruction,
                "add {0}, {0}, {1}",
                $instruction,
                "add {0}, {0}, {1}",
                $instruction,
                "add {0}, {0}, {1}",
                $instruction,
                "add {0}, {0}, {1}",
                $instruction,
                "add {0}, {0}, {1}",
                inout(reg) at,
                in(reg) line,
                options(nostack, preserves_flags)
            );
        }
        while at < end {
            asm!($instruction, inout(reg) at, options(nostack, preserves_flags));
            at += line;
        }
        asm!("dsb sy", options(nostack, preserves_flags));
    }};
}

/// Drops the lines of `start..end` without writing them back.
///
/// # Safety
///
/// No line of the range holds data that is newer than memory and still wanted.
pub unsafe fn invalidate(start: u64, end: u64) {
    // SAFETY: by the caller's promise nothing is lost.
    unsafe { by_line!("dc ivac, {0}", start, end) }
}

/// Writes the lines of the range back to memory, so that a core or device without caches sees them.
/// The range must be mapped.
pub fn clean_to_memory(start: u64, size: u64) {
    // SAFETY: cleaning changes no data that any observer sees through the caches.
    unsafe { by_line!("dc cvac, {0}", start, start.saturating_add(size)) }
}

/// Writes back and drops the lines of the range: what a guest with its caches off reads is what is there.
/// The range must be mapped.
pub fn clean_and_invalidate(start: u64, size: u64) {
    // SAFETY: as `clean_to_memory`; what is dropped was written back.
    unsafe { by_line!("dc civac, {0}", start, start.saturating_add(size)) }
}

/// Drops all instruction cache lines of all cores: after instructions were written and cleaned.
pub fn invalidate_instructions() {
    // SAFETY: instructions are fetched anew; nothing else changes.
    unsafe {
        asm!(
            "dsb ish",
            "ic ialluis",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

/// Writes back and drops one line of this core's caches by set and way, as `DC CISW` names it.
pub fn clean_and_invalidate_set_way(set_way: u64) {
    // SAFETY: what is dropped was written back.
    unsafe { asm!("dc cisw, {}", in(reg) set_way, options(nostack, preserves_flags)) }
}
