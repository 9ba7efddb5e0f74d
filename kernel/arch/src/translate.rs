//! Asks the core how it translates a guest's virtual address (Arm ARM D8.2.13, address translation
//! instructions).

use core::arch::asm;

use aarch64_cpu::registers::{PAR_EL1, Readable, Writeable};

use crate::cpu;

/// The intermediate physical address of `va` for a read by the loaded guest: at EL0 if `user`, else at EL1.
/// `None` when its stage 1 does not map it now; the guest may change its tables at any time, so the
/// caller lets it run again and fault anew.
///
/// Keeps the guest's PAR_EL1. IRQs must be masked, because a switch would load another guest.
#[must_use]
pub fn guest_virtual(va: u64, user: bool) -> Option<u64> {
    let saved = PAR_EL1.get();
    // SAFETY: walks the guest's tables by the guest's registers and changes only PAR_EL1.
    unsafe {
        if user {
            asm!("at s1e0r, {}", in(reg) va, options(nostack, preserves_flags));
        } else {
            asm!("at s1e1r, {}", in(reg) va, options(nostack, preserves_flags));
        }
    }
    cpu::isb();
    let par = PAR_EL1.get();
    PAR_EL1.set(saved);
    // Bit 0: the walk failed. Else bits 51:12 are the address.
    (par & 1 == 0).then_some(par & 0x000f_ffff_ffff_f000 | va & 0xfff)
}
