//! Switching a core from one vCPU to another: system registers, FP and SIMD, first entry.
//!
//! Writes take effect at the return to the guest, which is a context synchronisation event.

use core::arch::asm;

use aarch64_cpu::registers::*;

use crate::context::{FpContext, SysContext};
use crate::{id, sysreg};

pub use crate::vectors::enter;

macro_rules! each_register {
    ($each:ident) => {
        $each! {
            sp_el0 = SP_EL0, sp_el1 = SP_EL1, elr_el1 = ELR_EL1, spsr_el1 = SPSR_EL1,
            sctlr_el1 = SCTLR_EL1, ttbr0_el1 = TTBR0_EL1, ttbr1_el1 = TTBR1_EL1, tcr_el1 = TCR_EL1,
            mair_el1 = MAIR_EL1, amair_el1 = AMAIR_EL1, vbar_el1 = VBAR_EL1, esr_el1 = ESR_EL1,
            far_el1 = FAR_EL1, afsr0_el1 = AFSR0_EL1, afsr1_el1 = AFSR1_EL1, par_el1 = PAR_EL1,
            tpidr_el0 = TPIDR_EL0, tpidrro_el0 = TPIDRRO_EL0, tpidr_el1 = TPIDR_EL1,
            contextidr_el1 = CONTEXTIDR_EL1, cpacr_el1 = CPACR_EL1, cntkctl_el1 = CNTKCTL_EL1,
            mdscr_el1 = MDSCR_EL1, csselr_el1 = CSSELR_EL1,
        }
    };
}

impl SysContext {
    /// Takes the registers off this core.
    #[inline]
    pub fn save(&mut self) {
        // In pairs: two are stored by one instruction.
        macro_rules! save {
            ($($field:ident = $register:ident, $field2:ident = $register2:ident),* $(,)?) => { $(
                let (first, second) = ($register.get(), $register2.get());
                self.$field = first;
                self.$field2 = second;
            )* };
        }
        each_register!(save);
        if id::has_ras() {
            self.vdisr_el2 = sysreg::read!("S3_4_C12_C1_1");
        }
    }

    /// Puts the registers on this core.
    ///
    /// # Safety
    ///
    /// No guest runs on this core between this and the entry of the vCPU whose registers these are, and
    /// nothing translates addresses at EL1 meanwhile.
    #[inline]
    pub unsafe fn restore(&self) {
        macro_rules! restore {
            ($($field:ident = $register:ident, $field2:ident = $register2:ident),* $(,)?) => { $(
                let (first, second) = (self.$field, self.$field2);
                $register.set(first);
                $register2.set(second);
            )* };
        }
        each_register!(restore);
        if id::has_ras() {
            // SAFETY: it exists with RAS, and only the guest sees it.
            unsafe { sysreg::write!("S3_4_C12_C1_1", self.vdisr_el2) };
        }
    }
}

impl FpContext {
    /// Takes the registers off this core. FP must not be trapped ([`crate::guest::trap_fp`]).
    #[inline]
    pub fn save(&mut self) {
        // SAFETY: stores exactly the 528 bytes of `self`; changes no register but its scratch.
        unsafe {
            asm!(
                ".arch_extension fp",
                ".arch_extension simd",
                "stp q0, q1, [{c}, #0]",
                "stp q2, q3, [{c}, #32]",
                "stp q4, q5, [{c}, #64]",
                "stp q6, q7, [{c}, #96]",
                "stp q8, q9, [{c}, #128]",
                "stp q10, q11, [{c}, #160]",
                "stp q12, q13, [{c}, #192]",
                "stp q14, q15, [{c}, #224]",
                "stp q16, q17, [{c}, #256]",
                "stp q18, q19, [{c}, #288]",
                "stp q20, q21, [{c}, #320]",
                "stp q22, q23, [{c}, #352]",
                "stp q24, q25, [{c}, #384]",
                "stp q26, q27, [{c}, #416]",
                "stp q28, q29, [{c}, #448]",
                "stp q30, q31, [{c}, #480]",
                "mrs {t}, fpcr",
                "mrs {u}, fpsr",
                "add {c}, {c}, #512",
                "stp {t}, {u}, [{c}]",
                ".arch_extension nosimd",
                ".arch_extension nofp",
                c = inout(reg) self => _,
                t = out(reg) _,
                u = out(reg) _,
                options(nostack, preserves_flags)
            );
        }
    }

    /// Puts the registers on this core. FP must not be trapped.
    ///
    /// # Safety
    ///
    /// The next guest to run on this core is the vCPU whose registers these are.
    #[inline]
    pub unsafe fn restore(&self) {
        // SAFETY: EL2's code is compiled without FP, so it has no values in these registers.
        unsafe {
            asm!(
                ".arch_extension fp",
                ".arch_extension simd",
                "ldp q0, q1, [{c}, #0]",
                "ldp q2, q3, [{c}, #32]",
                "ldp q4, q5, [{c}, #64]",
                "ldp q6, q7, [{c}, #96]",
                "ldp q8, q9, [{c}, #128]",
                "ldp q10, q11, [{c}, #160]",
                "ldp q12, q13, [{c}, #192]",
                "ldp q14, q15, [{c}, #224]",
                "ldp q16, q17, [{c}, #256]",
                "ldp q18, q19, [{c}, #288]",
                "ldp q20, q21, [{c}, #320]",
                "ldp q22, q23, [{c}, #352]",
                "ldp q24, q25, [{c}, #384]",
                "ldp q26, q27, [{c}, #416]",
                "ldp q28, q29, [{c}, #448]",
                "ldp q30, q31, [{c}, #480]",
                "add {c}, {c}, #512",
                "ldp {t}, {u}, [{c}]",
                "msr fpcr, {t}",
                "msr fpsr, {u}",
                ".arch_extension nosimd",
                ".arch_extension nofp",
                c = inout(reg) self => _,
                t = out(reg) _,
                u = out(reg) _,
                options(nostack, preserves_flags, readonly)
            );
        }
    }
}

/// Puts EL1's system registers into their reset state: a suspended guest wakes as from reset.
///
/// # Safety
///
/// As [`SysContext::restore`], for the guest that is loaded.
pub unsafe fn reset_system() {
    // SAFETY: by the caller's promise.
    unsafe { SysContext::reset().restore() }
}

/// Replaces the loaded guest's MDSCR_EL1, which it cannot write itself.
pub fn set_mdscr(value: u64) {
    MDSCR_EL1.set(value);
}
