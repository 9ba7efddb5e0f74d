//! What taking an exception to EL1 changes: the values, for whoever owns the registers to write.
//!
//! This is `AArch64.TakeException` of the Arm ARM (J1) for an exception that EL2 gives to its guest.
//! Asynchronous ones are not given this way: SErrors by `HCR_EL2.VSE`, interrupts by list registers.

use crate::abort::{DataAbort, InstructionAbort};
use crate::exit::ec;

/// Where a guest stands when it gets the exception.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    /// Its PC (`ELR_EL2`): the instruction to be reported.
    pub pc: u64,
    /// Its PSTATE (`SPSR_EL2`).
    pub pstate: u64,
    /// `VBAR_EL1`.
    pub vbar: u64,
    /// `SCTLR_EL1`.
    pub sctlr: u64,
}

/// The exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The instruction is UNDEFINED.
    Undefined,
    /// The memory system refuses a load or store: a synchronous external abort.
    DataAbort {
        /// The guest virtual address, if known.
        va: Option<u64>,
        /// It was a write.
        write: bool,
        /// It was a cache maintenance instruction.
        cache_maintenance: bool,
    },
    /// The memory system refuses an instruction fetch: a synchronous external abort.
    InstructionAbort {
        /// The guest virtual address, if known.
        va: Option<u64>,
    },
}

impl From<&DataAbort> for Exception {
    /// The abort as the guest sees it, to which stage 2 is the memory system.
    fn from(abort: &DataAbort) -> Self {
        Self::DataAbort {
            va: abort.va,
            write: abort.write,
            cache_maintenance: abort.cache_maintenance,
        }
    }
}

impl From<&InstructionAbort> for Exception {
    fn from(abort: &InstructionAbort) -> Self {
        Self::InstructionAbort { va: abort.va }
    }
}

/// The registers after the exception was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The new PC (`ELR_EL2`).
    pub pc: u64,
    /// The new PSTATE (`SPSR_EL2`).
    pub pstate: u64,
    /// `ELR_EL1`.
    pub elr: u64,
    /// `SPSR_EL1`.
    pub spsr: u64,
    /// `ESR_EL1`.
    pub esr: u64,
    /// `FAR_EL1`, if the exception writes it.
    pub far: Option<u64>,
}

/// Takes `exception` to EL1.
#[must_use]
pub const fn take(guest: &Guest, exception: Exception) -> Taken {
    let far = match exception {
        Exception::Undefined => None,
        Exception::DataAbort { va, .. } | Exception::InstructionAbort { va } => va,
    };
    Taken {
        pc: (guest.vbar & !0x7ff).wrapping_add(vector(guest.pstate)),
        pstate: handler_pstate(guest),
        elr: guest.pc,
        spsr: guest.pstate,
        esr: syndrome(exception, from_el0(guest.pstate)),
        far,
    }
}

/// `ESR_EL1` for the exception, taken from EL0 (`lower`) or from EL1 (Arm ARM D24.2, ESR_EL1).
#[must_use]
pub const fn syndrome(exception: Exception, lower: bool) -> u64 {
    const IL: u64 = 1 << 25;
    const FNV: u64 = 1 << 10;
    const CM: u64 = 1 << 8;
    const WNR: u64 = 1 << 6;
    const EXTERNAL: u64 = 0x10;
    let (class, iss) = match exception {
        Exception::Undefined => (ec::UNKNOWN, 0),
        Exception::DataAbort {
            va,
            write,
            cache_maintenance,
        } => {
            let class = if lower {
                ec::DATA_ABORT_LOWER
            } else {
                ec::DATA_ABORT_SAME
            };
            let far = if va.is_none() { FNV } else { 0 };
            let write = if write { WNR } else { 0 };
            let cm = if cache_maintenance { CM } else { 0 };
            (class, far | write | cm | EXTERNAL)
        }
        Exception::InstructionAbort { va } => {
            let class = if lower {
                ec::INSTRUCTION_ABORT_LOWER
            } else {
                ec::INSTRUCTION_ABORT_SAME
            };
            let far = if va.is_none() { FNV } else { 0 };
            (class, far | EXTERNAL)
        }
    };
    (class as u64) << 26 | IL | iss
}

const AARCH32: u64 = 1 << 4;
const EL1H: u64 = 0b0101;

const fn from_el0(pstate: u64) -> bool {
    pstate & AARCH32 != 0 || pstate & 0xf == 0
}

/// The offset of the vector for a synchronous exception (Arm ARM D1.3, "Exception vectors").
const fn vector(pstate: u64) -> u64 {
    const EL1T: u64 = 0b0100;
    if pstate & AARCH32 != 0 {
        0x600
    } else {
        match pstate & 0xf {
            0 => 0x400,
            EL1T => 0x000,
            _ => 0x200,
        }
    }
}

/// PSTATE in the handler: EL1h, all masked; flags, DIT and, by `SCTLR_EL1.SPAN`, PAN stay; SSBS is
/// `SCTLR_EL1.DSSBS`; UAO, SS, IL and BTYPE are cleared.
const fn handler_pstate(guest: &Guest) -> u64 {
    const NZCV: u64 = 0xf << 28;
    const DIT: u64 = 1 << 24;
    const PAN: u64 = 1 << 22;
    const SSBS: u64 = 1 << 12;
    const DAIF: u64 = 0xf << 6;
    const SPAN: u64 = 1 << 23;
    const DSSBS: u64 = 1 << 44;
    // AArch32 has other bits in DIT's place.
    let kept = if guest.pstate & AARCH32 != 0 {
        NZCV | PAN
    } else {
        NZCV | PAN | DIT
    };
    let pan = if guest.sctlr & SPAN == 0 { PAN } else { 0 };
    let ssbs = if guest.sctlr & DSSBS != 0 { SSBS } else { 0 };
    guest.pstate & kept | pan | ssbs | DAIF | EL1H
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::{Exit, decode};
    use proptest::prelude::*;

    const SPAN: u64 = 1 << 23;

    fn guest(pstate: u64) -> Guest {
        Guest {
            pc: 0x4008_1234,
            pstate,
            vbar: 0x4010_0000,
            sctlr: SPAN,
        }
    }

    #[test]
    fn the_vector_depends_on_where_the_guest_was() {
        for (mode, offset) in [(0b0000, 0x400), (0b0100, 0), (0b0101, 0x200), (0x10, 0x600)] {
            let taken = take(&guest(mode), Exception::Undefined);
            assert_eq!(taken.pc, 0x4010_0000 + offset);
        }
    }

    #[test]
    fn an_undefined_instruction_has_an_unknown_reason() {
        let taken = take(&guest(0b0101), Exception::Undefined);
        assert_eq!(taken.esr, 0x0200_0000);
        assert_eq!(taken.elr, 0x4008_1234);
        assert_eq!(taken.spsr, 0b0101);
        assert_eq!(taken.far, None);
    }

    #[test]
    fn aborts_are_external_and_know_their_level() {
        let data = Exception::DataAbort {
            va: Some(0x1000),
            write: true,
            cache_maintenance: false,
        };
        assert_eq!(syndrome(data, true), 0x24 << 26 | 1 << 25 | 1 << 6 | 0x10);
        assert_eq!(syndrome(data, false), 0x25 << 26 | 1 << 25 | 1 << 6 | 0x10);
        assert_eq!(take(&guest(0), data).far, Some(0x1000));
        let fetch = Exception::InstructionAbort { va: Some(0x1000) };
        assert_eq!(syndrome(fetch, true), 0x20 << 26 | 1 << 25 | 0x10);
        assert_eq!(syndrome(fetch, false), 0x21 << 26 | 1 << 25 | 0x10);
    }

    #[test]
    fn an_unknown_address_is_said_to_be_unknown() {
        let exception = Exception::InstructionAbort { va: None };
        assert_eq!(
            syndrome(exception, true),
            0x20 << 26 | 1 << 25 | 1 << 10 | 0x10
        );
        assert_eq!(take(&guest(0), exception).far, None);
    }

    #[test]
    fn a_decoded_abort_becomes_the_guest_s_abort() {
        let esr = 0x24 << 26 | 1 << 25 | 1 << 8 | 1 << 6 | 0x07;
        let Exit::DataAbort(abort) = decode(esr, 0x1234, 0x4000) else {
            panic!("not an abort")
        };
        assert_eq!(
            Exception::from(&abort),
            Exception::DataAbort {
                va: Some(0x1234),
                write: true,
                cache_maintenance: true
            }
        );
    }

    #[test]
    fn the_handler_runs_masked_at_el1_with_the_guest_s_flags() {
        let nzcv_dit = 0xf << 28 | 1 << 24;
        // UAO, SS, IL, BTYPE and all masks off before.
        let noise = 1 << 23 | 1 << 21 | 1 << 20 | 3 << 10;
        let taken = take(&guest(nzcv_dit | noise), Exception::Undefined);
        assert_eq!(taken.pstate, nzcv_dit | 0x3c5);
        assert_eq!(taken.spsr, nzcv_dit | noise);
    }

    #[test]
    fn pan_and_ssbs_follow_sctlr() {
        let state = |sctlr, pstate| {
            let guest = Guest {
                sctlr,
                ..guest(pstate)
            };
            take(&guest, Exception::Undefined).pstate
        };
        assert_eq!(state(SPAN, 0), 0x3c5);
        assert_eq!(state(SPAN, 1 << 22), 0x3c5 | 1 << 22);
        assert_eq!(state(0, 0), 0x3c5 | 1 << 22);
        assert_eq!(state(SPAN | 1 << 44, 0), 0x3c5 | 1 << 12);
        assert_eq!(state(SPAN, 1 << 12), 0x3c5);
    }

    proptest! {
        #[test]
        fn a_guest_never_gets_above_el1(pc: u64, pstate: u64, vbar: u64, sctlr: u64) {
            let taken = take(&Guest { pc, pstate, vbar, sctlr }, Exception::Undefined);
            prop_assert_eq!(taken.pstate & 0x1f, 0b0101);
            prop_assert_eq!(taken.pstate & 0x3c0, 0x3c0);
            prop_assert!(taken.pc.wrapping_sub(vbar & !0x7ff) < 0x800);
        }
    }
}
