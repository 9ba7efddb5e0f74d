//! TLB maintenance for guests' translations (Arm ARM D8.16). All of it is broadcast to the inner shareable
//! domain and complete on return.
//!
//! Except for [`invalidate_all_guests`] it works on the VMID in this core's VTTBR_EL2: the VM whose stage 2
//! changed must be loaded; [`with_stage2`] does that for a moment.

use core::arch::asm;

use aarch64_cpu::registers::{Readable, VTTBR_EL2, Writeable};

use crate::cpu;

/// Drops what is cached of the current VMID's stage 2 for one page or block at `ipa`, and all its combined
/// stage 1 and 2 entries: a stage 2 entry was removed or changed (break before make).
#[inline]
pub fn invalidate_ipa(ipa: u64) {
    // SAFETY: dropping translations makes the walker read the tables again.
    unsafe {
        asm!(
            "dsb ishst",
            "tlbi ipas2e1is, {}",
            "dsb ish",
            "tlbi vmalle1is",
            "dsb ish",
            "isb",
            in(reg) ipa >> 12,
            options(nostack, preserves_flags)
        );
    }
}

/// Drops everything of the current VMID, both stages.
#[inline]
pub fn invalidate_vm() {
    // SAFETY: as above.
    unsafe {
        asm!(
            "dsb ishst",
            "tlbi vmalls12e1is",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

/// Drops what this core alone has cached of the current VMID's stage 1 and of both stages combined: another vCPU of
/// the VM comes to this core, whose ASIDs may stand for other address spaces.
pub fn forget_guest_here() {
    // SAFETY: as above. The barriers order it with the write to VTTBR_EL2 before and the guest after.
    unsafe {
        asm!(
            "isb",
            "dsb nshst",
            "tlbi vmalle1",
            "dsb nsh",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

/// Drops the guest translations of all VMIDs on all cores: at start-up.
pub fn invalidate_all_guests() {
    // SAFETY: as above.
    unsafe {
        asm!(
            "dsb ishst",
            "tlbi alle1is",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

/// Runs `maintenance` with `vttbr` in VTTBR_EL2, then puts the former value back.
///
/// IRQs are masked meanwhile, because an interrupt handler may switch guests.
pub fn with_stage2<R>(vttbr: u64, maintenance: impl FnOnce() -> R) -> R {
    let irqs = cpu::irq_mask();
    let former = VTTBR_EL2.get();
    VTTBR_EL2.set(vttbr);
    cpu::isb();
    let result = maintenance();
    VTTBR_EL2.set(former);
    cpu::isb();
    // SAFETY: the matching restore on the same core; the section is over.
    unsafe { cpu::irq_restore(irqs) };
    result
}
