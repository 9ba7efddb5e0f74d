//! Sets this core up for guests: traps, stage 2, identity; and injects exceptions into them.

use aarch64_cpu::registers::*;
use trap::controls;

use crate::context::GuestContext;
use crate::exception::{self, Features, Sync, Vector};
use crate::traps::{CPTR_TFP, MDCR_HPMN, hcr};
use crate::{cpu, id, sysreg, tlb};

/// Once per core: everything that is the same for all guests. No guest runs yet. From here on unmasked physical
/// interrupts are taken at EL2.
///
/// Fine-grained traps, where they exist, are left at zero: there a zero means "trap" for the features that
/// came later, and "do not trap" for those the coarse traps cover. HCRX_EL2 = 0 disables what it could enable.
///
/// # Safety
///
/// Called on each core before its first guest, with IRQs masked.
pub unsafe fn init_core() {
    // No guest yet, but physical interrupts are EL2's from now on.
    HCR_EL2.set(hcr::HOST);
    CPTR_EL2.set(controls::CPTR_EL2);
    MDCR_EL2.set(MDCR_EL2.get() & MDCR_HPMN | controls::MDCR_EL2);
    CNTHCTL_EL2.set(controls::CNTHCTL_EL2);
    VTTBR_EL2.set(0);
    let (pfr0, mmfr0, mmfr1) = (id::read(4, 0), id::read(7, 0), id::read(7, 1));
    let field = |register: u64, shift: u32| (register >> shift) & 0xf;
    // SAFETY: each register is written only where its feature exists; the values give guests less, not more.
    unsafe {
        sysreg::write!("hstr_el2", controls::HSTR_EL2);
        if field(mmfr1, 40) != 0 {
            sysreg::write!("S3_4_C1_C2_2", controls::HCRX_EL2);
        }
        let fgt = field(mmfr0, 56);
        if fgt >= 1 {
            sysreg::write!("S3_4_C1_C1_4", 0); // HFGRTR_EL2
            sysreg::write!("S3_4_C1_C1_5", 0); // HFGWTR_EL2
            sysreg::write!("S3_4_C1_C1_6", 0); // HFGITR_EL2
            sysreg::write!("S3_4_C3_C1_4", 0); // HDFGRTR_EL2
            sysreg::write!("S3_4_C3_C1_5", 0); // HDFGWTR_EL2
            if field(pfr0, 44) != 0 {
                sysreg::write!("S3_4_C3_C1_6", 0); // HAFGRTR_EL2
            }
        }
        if fgt >= 2 {
            sysreg::write!("S3_4_C3_C1_2", 0); // HFGRTR2_EL2
            sysreg::write!("S3_4_C3_C1_3", 0); // HFGWTR2_EL2
            sysreg::write!("S3_4_C3_C1_7", 0); // HFGITR2_EL2
            sysreg::write!("S3_4_C3_C1_0", 0); // HDFGRTR2_EL2
            sysreg::write!("S3_4_C3_C1_1", 0); // HDFGWTR2_EL2
        }
        if id::has_ras() {
            // RAS: no deferred virtual error of an earlier life.
            sysreg::write!("S3_4_C12_C1_1", 0); // VDISR_EL2
            sysreg::write!("S3_4_C5_C2_3", 0); // VSESR_EL2
        }
        if field(pfr0, 40) != 0 {
            // MPAM: a guest's accesses trap.
            sysreg::write!("S3_4_C10_C5_0", 3 << 48); // MPAM2_EL2
        }
        sysreg::write!("hacr_el2", 0);
    }
    cpu::isb();
    tlb::invalidate_all_guests();
}

/// What distinguishes the guest on this core from the others, besides its registers.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// VTTBR_EL2: root of its stage 2 and its VMID.
    pub vttbr: u64,
    /// VTCR_EL2: the format of its stage 2.
    pub vtcr: u64,
    /// VMPIDR_EL2: what it reads as MPIDR_EL1; see [`crate::traps::vmpidr`].
    pub vmpidr: u64,
    /// VPIDR_EL2: what it reads as MIDR_EL1; usually this core's.
    pub vpidr: u64,
    /// HCR_EL2, usually [`hcr::GUEST`], with `TWI`, `TWE`, `VSE` as needed.
    pub hcr: u64,
}

/// Makes the next entry run this guest. Takes effect at the return to it.
///
/// # Safety
///
/// `vttbr` and `vtcr` describe tables that map only the guest's own memory, and that live as long as
/// the VMID may be used; `hcr` contains [`hcr::GUEST`].
#[inline]
pub unsafe fn load(identity: &Identity) {
    VTCR_EL2.set(identity.vtcr);
    VTTBR_EL2.set(identity.vttbr);
    VMPIDR_EL2.set(identity.vmpidr);
    // SAFETY: VPIDR_EL2 only changes what the guest reads.
    unsafe { sysreg::write!("vpidr_el2", identity.vpidr) };
    HCR_EL2.set(identity.hcr);
}

/// Names no stage 2 any more: from here on this core walks no guest's tables, not even ahead of need.
///
/// # Safety
///
/// No guest is entered before [`load`].
#[inline]
pub unsafe fn unload() {
    VTTBR_EL2.set(0);
    cpu::isb();
}

/// HCR_EL2 as it is: a pending virtual SError (VSE) clears itself when the guest takes it, so the value must be
/// saved when the guest leaves the core.
#[must_use]
#[inline]
pub fn hcr_now() -> u64 {
    HCR_EL2.get()
}

/// Replaces HCR_EL2 for the loaded guest.
///
/// # Safety
///
/// `value` contains [`hcr::GUEST`].
#[inline]
pub unsafe fn set_hcr(value: u64) {
    HCR_EL2.set(value);
}

/// This core's MIDR_EL1, for [`Identity::vpidr`].
#[must_use]
pub fn midr() -> u64 {
    MIDR_EL1.get()
}

/// Makes the guest's FP and SIMD instructions trap, or not: for switching their registers lazily. EL2 itself
/// must not touch them while they trap.
#[inline]
pub fn trap_fp(trap: bool) {
    CPTR_EL2.set(controls::CPTR_EL2 | if trap { CPTR_TFP } else { 0 });
    cpu::isb();
}

/// Syndrome of the exception that brought us to EL2. Valid until the next synchronous exception.
#[must_use]
#[inline(always)]
pub fn esr() -> u64 {
    ESR_EL2.get()
}

/// Virtual address of the abort that brought us to EL2.
#[must_use]
#[inline(always)]
pub fn far() -> u64 {
    FAR_EL2.get()
}

/// HPFAR_EL2; see [`crate::traps::fault_ipa`] for when it is valid.
#[must_use]
#[inline(always)]
pub fn hpfar() -> u64 {
    HPFAR_EL2.get()
}

/// The guest's intermediate physical address of a stage 2 abort, through HPFAR_EL2 or by asking the core.
/// `None`: its own tables changed meanwhile, let it try again. IRQs masked, the guest still loaded.
#[must_use]
pub fn fault_ipa(guest: &GuestContext, esr: u64) -> Option<u64> {
    let far = far();
    crate::traps::fault_ipa(esr, far, hpfar()).or_else(|| {
        let user = guest.pstate & 0x1f == 0 || guest.pstate & 0x10 != 0;
        crate::translate::guest_virtual(far, user)
    })
}

/// The PSTATE features of this core that an exception entry deals with.
#[must_use]
pub fn features() -> Features {
    let (pfr1, mmfr1, mmfr2) = (id::read(4, 1), id::read(7, 1), id::read(7, 2));
    let has = |register: u64, shift: u32, least: u64| (register >> shift) & 0xf >= least;
    Features {
        pan: has(mmfr1, 20, 1),
        uao: has(mmfr2, 4, 1),
        ssbs: has(pfr1, 4, 1),
        mte: has(pfr1, 8, 1),
        nmi: has(pfr1, 36, 1),
    }
}

/// Lets the loaded guest take a synchronous exception to its EL1 when it is resumed. `instruction_32bit` is
/// ESR_EL2.IL of the exit.
///
/// The guest's EL1 registers must be on this core.
pub fn inject(guest: &mut GuestContext, exception: Sync, instruction_32bit: bool) {
    let (esr, far) = exception.syndrome(guest.pstate, instruction_32bit);
    let entry = exception::take(
        guest.pc,
        guest.pstate,
        VBAR_EL1.get(),
        SCTLR_EL1.get(),
        features(),
        Vector::Sync,
    );
    ESR_EL1.set(esr);
    if let Some(far) = far {
        FAR_EL1.set(far);
    }
    ELR_EL1.set(entry.elr_el1);
    SPSR_EL1.set(entry.spsr_el1);
    guest.pc = entry.pc;
    guest.pstate = entry.pstate;
}

/// Makes a virtual SError pending for the loaded guest; it is taken when the guest unmasks SErrors. `syndrome` is
/// what the guest finds in ESR_EL1 bits 24:0, where the core can say (RAS).
pub fn inject_serror(syndrome: u64) {
    if id::has_ras() {
        // SAFETY: VSESR_EL2 exists with RAS and is only reported to the guest.
        unsafe { sysreg::write!("S3_4_C5_C2_3", syndrome & 0x1ff_ffff) };
    }
    HCR_EL2.set(HCR_EL2.get() | hcr::VSE);
}
