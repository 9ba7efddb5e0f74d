//! From the syndrome to the reason: `ESR_EL2` decoded (Arm ARM D24.2, ESR_EL2).
//!
//! Where the PC is: after an `HVC` the preferred return address is the next instruction already. After
//! everything else it is the instruction itself: whoever has emulated it moves the PC on by
//! [`Exit::length`] bytes.

use crate::abort::{DataAbort, InstructionAbort};
use crate::sysreg::SysReg;

/// Exception classes, `ESR_ELx.EC` (Arm ARM D24.2, ESR_EL2).
pub mod ec {
    /// Unknown reason.
    pub const UNKNOWN: u8 = 0x00;
    /// Trapped `WFI`, `WFE`, `WFIT` or `WFET`.
    pub const WFX: u8 = 0x01;
    /// Trapped access to SVE, Advanced SIMD or floating point.
    pub const FP: u8 = 0x07;
    /// Trapped pointer authentication instruction.
    pub const POINTER_AUTH: u8 = 0x09;
    /// Trapped `LD64B`/`ST64B` family.
    pub const LS64: u8 = 0x0a;
    /// Branch target exception.
    pub const BRANCH_TARGET: u8 = 0x0d;
    /// Illegal execution state.
    pub const ILLEGAL_STATE: u8 = 0x0e;
    /// `HVC` from AArch64.
    pub const HVC: u8 = 0x16;
    /// Trapped `SMC` from AArch64.
    pub const SMC: u8 = 0x17;
    /// Trapped `MSR`, `MRS` or system instruction.
    pub const SYSREG: u8 = 0x18;
    /// Trapped access to SVE.
    pub const SVE: u8 = 0x19;
    /// Trapped `ERET`.
    pub const ERET: u8 = 0x1a;
    /// Pointer authentication failure.
    pub const POINTER_AUTH_FAIL: u8 = 0x1c;
    /// Trapped access to SME.
    pub const SME: u8 = 0x1d;
    /// Instruction abort from a lower exception level.
    pub const INSTRUCTION_ABORT_LOWER: u8 = 0x20;
    /// PC alignment fault.
    pub const PC_ALIGNMENT: u8 = 0x22;
    /// Data abort from a lower exception level.
    pub const DATA_ABORT_LOWER: u8 = 0x24;
    /// SP alignment fault.
    pub const SP_ALIGNMENT: u8 = 0x26;
    /// Memory copy and set exception.
    pub const MOPS: u8 = 0x27;
    /// Trapped floating-point exception, AArch64.
    pub const FP_EXCEPTION: u8 = 0x2c;
    /// Guarded control stack exception.
    pub const GCS: u8 = 0x2d;
    /// SError.
    pub const SERROR: u8 = 0x2f;
    /// Breakpoint from a lower exception level.
    pub const BREAKPOINT_LOWER: u8 = 0x30;
    /// Software step from a lower exception level.
    pub const STEP_LOWER: u8 = 0x32;
    /// Watchpoint from a lower exception level.
    pub const WATCHPOINT_LOWER: u8 = 0x34;
    /// `BRK`.
    pub const BRK: u8 = 0x3c;
}

/// Why a guest left for EL2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// `WFI`, `WFE` or their forms with a time limit.
    Wfx(Wfx),
    /// `HVC #imm`.
    Hvc {
        /// The immediate.
        imm: u16,
    },
    /// `SMC #imm`.
    Smc {
        /// The immediate.
        imm: u16,
    },
    /// A system register or system instruction.
    SysReg(SysRegTrap),
    /// A data abort that stage 2 or the memory system reported.
    DataAbort(DataAbort),
    /// The same for an instruction fetch.
    InstructionAbort(InstructionAbort),
    /// An instruction of a feature that is switched off for guests. If the feature is hidden from the
    /// guest: inject UNDEFINED. (`Fp` may instead mean that its registers are to be switched in.)
    Disabled(Feature),
    /// An illegal execution state that was routed here; inject as it is.
    IllegalState,
    /// A misaligned PC.
    PcAlignment,
    /// A misaligned SP.
    SpAlignment,
    /// A trapped floating-point exception.
    FpException,
    /// A breakpoint, only if debug exceptions are routed to EL2.
    Breakpoint,
    /// A software step, likewise.
    Step,
    /// A watchpoint, likewise.
    Watchpoint,
    /// `BRK #imm`, likewise.
    Brk {
        /// The immediate.
        imm: u16,
    },
    /// An SError that was taken to EL2 as a synchronous-looking exit: see the vector.
    SError {
        /// The low 25 bits of the syndrome.
        iss: u32,
    },
    /// An exit that only AArch32 code can cause. Guests are told that they have none (`ID_AA64PFR0_EL1.EL0`
    /// = 1), but EL0 may enter it where the hardware can: inject UNDEFINED.
    AArch32 {
        /// The exception class.
        class: u8,
    },
    /// Any other class, reserved ones included: inject UNDEFINED.
    Unknown {
        /// The exception class.
        class: u8,
    },
}

/// A trapped wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wfx {
    /// It waits for an event (`WFE`, `WFET`), not for an interrupt.
    pub event: bool,
    /// With a time limit: the number of the register that holds the virtual count at which it ends (31 is
    /// XZR). Guests are not told of FEAT_WFxT; returning at once is allowed too.
    pub until: Option<u8>,
}

/// A trapped `MRS`, `MSR` or system instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SysRegTrap {
    /// Which one.
    pub reg: SysReg,
    /// The general register, 0 to 31; 31 is XZR.
    pub rt: u8,
    /// `MRS` (or `SYSL`): the guest reads.
    pub read: bool,
}

/// Features that can be switched off for a guest with a class of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Floating point and Advanced SIMD.
    Fp,
    /// SVE.
    Sve,
    /// SME.
    Sme,
    /// Pointer authentication.
    PointerAuth,
    /// `LD64B`, `ST64B` and relatives.
    Ls64,
    /// `ERET` of a nested hypervisor.
    Eret,
    /// Guarded control stack.
    Gcs,
    /// Memory copy and set.
    Mops,
}

impl Exit {
    /// Bytes of the instruction that trapped, by which the PC moves on once it is emulated: 2 for a T32
    /// instruction in AArch32, else 4. 0 after `HVC`, where the PC has moved already.
    #[inline]
    #[must_use]
    pub const fn length(esr: u64) -> u64 {
        const IL: u64 = 1 << 25;
        if class(esr) == ec::HVC {
            0
        } else if esr & IL == 0 {
            2
        } else {
            4
        }
    }
}

/// The exception class of a syndrome.
#[inline]
#[must_use]
pub const fn class(esr: u64) -> u8 {
    (esr >> 26) as u8 & 0x3f
}

/// Decodes an exit. `esr`, `far` and `hpfar` are `ESR_EL2`, `FAR_EL2` and `HPFAR_EL2`; the last two are
/// looked at only by aborts and may be anything otherwise.
#[inline]
#[must_use]
pub fn decode(esr: u64, far: u64, hpfar: u64) -> Exit {
    let imm = esr as u16;
    match class(esr) {
        ec::WFX => Exit::Wfx(wfx(esr)),
        ec::HVC => Exit::Hvc { imm },
        ec::SMC => Exit::Smc { imm },
        ec::SYSREG => Exit::SysReg(sysreg(esr)),
        ec::DATA_ABORT_LOWER => Exit::DataAbort(DataAbort::decode(esr, far, hpfar)),
        ec::INSTRUCTION_ABORT_LOWER => {
            Exit::InstructionAbort(InstructionAbort::decode(esr, far, hpfar))
        }
        class => rare(class, esr),
    }
}

/// The classes whose exits end in an exception for the guest.
#[cold]
fn rare(class: u8, esr: u64) -> Exit {
    match class {
        ec::FP => Exit::Disabled(Feature::Fp),
        ec::SVE => Exit::Disabled(Feature::Sve),
        ec::SME => Exit::Disabled(Feature::Sme),
        ec::POINTER_AUTH | ec::POINTER_AUTH_FAIL => Exit::Disabled(Feature::PointerAuth),
        ec::LS64 => Exit::Disabled(Feature::Ls64),
        ec::ERET => Exit::Disabled(Feature::Eret),
        ec::GCS => Exit::Disabled(Feature::Gcs),
        ec::MOPS => Exit::Disabled(Feature::Mops),
        ec::ILLEGAL_STATE => Exit::IllegalState,
        ec::PC_ALIGNMENT => Exit::PcAlignment,
        ec::SP_ALIGNMENT => Exit::SpAlignment,
        ec::FP_EXCEPTION => Exit::FpException,
        ec::BREAKPOINT_LOWER => Exit::Breakpoint,
        ec::STEP_LOWER => Exit::Step,
        ec::WATCHPOINT_LOWER => Exit::Watchpoint,
        ec::BRK => Exit::Brk { imm: esr as u16 },
        ec::SERROR => Exit::SError {
            iss: esr as u32 & 0x1ff_ffff,
        },
        // MCR/MRC and MCRR/MRRC on CP15 and CP14, LDC/STC, VMRS, SVC, HVC, SMC, FP exception, BKPT and
        // vector catch.
        0x03..=0x06 | 0x08 | 0x0c | 0x11..=0x13 | 0x28 | 0x38 | 0x3a => Exit::AArch32 { class },
        class => Exit::Unknown { class },
    }
}

/// Arm ARM D24.2, ESR_EL2, "ISS encoding for an exception from a WF* instruction".
const fn wfx(esr: u64) -> Wfx {
    const TIMED: u64 = 1 << 1;
    const REGISTER_VALID: u64 = 1 << 2;
    let timed = esr & TIMED != 0 && esr & REGISTER_VALID != 0;
    Wfx {
        event: esr & 1 != 0,
        until: if timed {
            Some((esr >> 5) as u8 & 31)
        } else {
            None
        },
    }
}

/// Arm ARM D24.2, ESR_EL2, "ISS encoding for an exception from MSR, MRS, or System instruction execution".
#[inline]
const fn sysreg(esr: u64) -> SysRegTrap {
    SysRegTrap {
        reg: SysReg::from_iss(esr as u32),
        rt: (esr >> 5) as u8 & 31,
        read: esr & 1 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn esr(class: u8, iss: u64) -> u64 {
        u64::from(class) << 26 | 1 << 25 | iss
    }

    fn exit(class: u8, iss: u64) -> Exit {
        decode(esr(class, iss), 0, 0)
    }

    #[test]
    fn waits_tell_event_from_interrupt_and_know_their_limit() {
        let wait = |event, until| Exit::Wfx(Wfx { event, until });
        assert_eq!(exit(ec::WFX, 0x1e0_0000), wait(false, None));
        assert_eq!(exit(ec::WFX, 0x1e0_0001), wait(true, None));
        assert_eq!(exit(ec::WFX, 5 << 5 | 0b110), wait(false, Some(5)));
        assert_eq!(exit(ec::WFX, 31 << 5 | 0b111), wait(true, Some(31)));
        assert_eq!(exit(ec::WFX, 5 << 5 | 0b010), wait(false, None));
    }

    #[test]
    fn calls_carry_their_immediate() {
        assert_eq!(exit(ec::HVC, 0xea1), Exit::Hvc { imm: 0xea1 });
        assert_eq!(exit(ec::SMC, 0xffff), Exit::Smc { imm: 0xffff });
        assert_eq!(exit(ec::BRK, 0x800), Exit::Brk { imm: 0x800 });
    }

    #[test]
    fn classes_have_the_architecture_s_numbers() {
        assert_eq!((ec::UNKNOWN, ec::WFX, ec::FP), (0x00, 0x01, 0x07));
        assert_eq!((ec::POINTER_AUTH, ec::LS64), (0x09, 0x0a));
        assert_eq!((ec::ILLEGAL_STATE, ec::BRANCH_TARGET), (0x0e, 0x0d));
        assert_eq!((ec::HVC, ec::SMC, ec::SYSREG), (0x16, 0x17, 0x18));
        assert_eq!((ec::SVE, ec::ERET, ec::SME), (0x19, 0x1a, 0x1d));
        assert_eq!(ec::POINTER_AUTH_FAIL, 0x1c);
        assert_eq!(
            (ec::INSTRUCTION_ABORT_LOWER, ec::DATA_ABORT_LOWER),
            (0x20, 0x24)
        );
        assert_eq!((ec::PC_ALIGNMENT, ec::SP_ALIGNMENT), (0x22, 0x26));
        assert_eq!((ec::MOPS, ec::FP_EXCEPTION, ec::GCS), (0x27, 0x2c, 0x2d));
        assert_eq!((ec::SERROR, ec::BRK), (0x2f, 0x3c));
        assert_eq!(
            (ec::BREAKPOINT_LOWER, ec::STEP_LOWER, ec::WATCHPOINT_LOWER),
            (0x30, 0x32, 0x34)
        );
    }

    #[test]
    fn a_register_trap_names_register_and_direction() {
        // mrs x7, cntp_ctl_el0 (S3_3_C14_C2_1), as QEMU reports it.
        let iss = 3 << 20 | 1 << 17 | 3 << 14 | 14 << 10 | 7 << 5 | 2 << 1 | 1;
        assert_eq!(
            exit(ec::SYSREG, iss),
            Exit::SysReg(SysRegTrap {
                reg: SysReg::new(3, 3, 14, 2, 1),
                rt: 7,
                read: true
            })
        );
        assert_eq!(
            exit(ec::SYSREG, iss & !1),
            Exit::SysReg(SysRegTrap {
                reg: SysReg::new(3, 3, 14, 2, 1),
                rt: 7,
                read: false
            })
        );
    }

    #[test]
    fn only_a_hypercall_has_moved_the_pc_already() {
        assert_eq!(Exit::length(esr(ec::HVC, 0)), 0);
        assert_eq!(Exit::length(esr(ec::SMC, 0)), 4);
        assert_eq!(Exit::length(esr(ec::SYSREG, 0)), 4);
        assert_eq!(Exit::length(u64::from(ec::WFX) << 26), 2);
    }

    #[test]
    fn switched_off_features_are_told_apart() {
        for (class, feature) in [
            (ec::FP, Feature::Fp),
            (ec::SVE, Feature::Sve),
            (ec::SME, Feature::Sme),
            (ec::POINTER_AUTH, Feature::PointerAuth),
            (ec::LS64, Feature::Ls64),
            (ec::ERET, Feature::Eret),
            (ec::GCS, Feature::Gcs),
            (ec::MOPS, Feature::Mops),
        ] {
            assert_eq!(exit(class, 0), Exit::Disabled(feature));
        }
    }

    #[test]
    fn exceptions_without_details_are_told_apart() {
        assert_eq!(exit(ec::ILLEGAL_STATE, 0), Exit::IllegalState);
        assert_eq!(exit(ec::PC_ALIGNMENT, 0), Exit::PcAlignment);
        assert_eq!(exit(ec::SP_ALIGNMENT, 0), Exit::SpAlignment);
        assert_eq!(exit(ec::FP_EXCEPTION, 0), Exit::FpException);
        assert_eq!(exit(ec::BREAKPOINT_LOWER, 0), Exit::Breakpoint);
        assert_eq!(exit(ec::STEP_LOWER, 0), Exit::Step);
        assert_eq!(exit(ec::WATCHPOINT_LOWER, 0), Exit::Watchpoint);
        assert_eq!(
            exit(ec::SERROR, 0x1ff_ffff),
            Exit::SError { iss: 0x1ff_ffff }
        );
    }

    #[test]
    fn aarch32_and_reserved_classes_are_named() {
        for class in [
            0x03, 0x04, 0x05, 0x06, 0x08, 0x0c, 0x11, 0x12, 0x13, 0x28, 0x38, 0x3a,
        ] {
            assert_eq!(exit(class, 0), Exit::AArch32 { class });
        }
        for class in [0x00, 0x02, 0x0f, 0x15, 0x21, 0x25, 0x3f] {
            assert_eq!(exit(class, 0), Exit::Unknown { class });
        }
    }

    proptest! {
        #[test]
        fn every_syndrome_decodes(esr: u64, far: u64, hpfar: u64) {
            let _ = decode(esr, far, hpfar);
        }

        #[test]
        fn every_register_encoding_survives_the_syndrome(
            op0 in 0u8..4, op1 in 0u8..8, crn in 0u8..16, crm in 0u8..16, op2 in 0u8..8,
        ) {
            let iss = u64::from(op0) << 20 | u64::from(op2) << 17 | u64::from(op1) << 14
                | u64::from(crn) << 10 | u64::from(crm) << 1;
            let Exit::SysReg(trap) = exit(ec::SYSREG, iss) else { panic!("not a register") };
            prop_assert_eq!(trap.reg, SysReg::new(op0, op1, crn, crm, op2));
        }
    }
}
