//! How an exception enters EL1: `AArch64.TakeException` of the Arm ARM (pseudocode, J1.1.1) for a target of
//! EL1, done by hand because EL2 injects it.
//!
//! Plain arithmetic on PSTATE; `guest` reads and writes the registers.

/// PSTATE bits that an entry changes depending on optional features of the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// FEAT_PAN.
    pub pan: bool,
    /// FEAT_UAO.
    pub uao: bool,
    /// FEAT_SSBS.
    pub ssbs: bool,
    /// FEAT_MTE: PSTATE.TCO exists.
    pub mte: bool,
    /// FEAT_NMI: PSTATE.ALLINT exists.
    pub nmi: bool,
}

/// Which of a vector table's four entries per source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vector {
    /// Synchronous exceptions.
    Sync = 0x000,
    /// SError.
    SError = 0x180,
}

/// Where and how EL1 continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The new program counter.
    pub pc: u64,
    /// The new PSTATE.
    pub pstate: u64,
    /// What SPSR_EL1 becomes.
    pub spsr_el1: u64,
    /// What ELR_EL1 becomes.
    pub elr_el1: u64,
}

const M: u64 = 0xf;
const AARCH32: u64 = 1 << 4;
const DAIF: u64 = 0xf << 6;
const BTYPE: u64 = 3 << 10;
const SSBS: u64 = 1 << 12;
const ALLINT: u64 = 1 << 13;
const IL: u64 = 1 << 20;
const SS: u64 = 1 << 21;
const PAN: u64 = 1 << 22;
const UAO: u64 = 1 << 23;
const DIT: u64 = 1 << 24;
const TCO: u64 = 1 << 25;
const NZCV: u64 = 0xf << 28;
/// DIT's place in a PSTATE of AArch32 (SPSR_EL2 for exceptions from AArch32).
const DIT_AARCH32: u64 = 1 << 21;

const SCTLR_SPAN: u64 = 1 << 23;
const SCTLR_DSSBS: u64 = 1 << 44;
const SCTLR_SPINTMASK: u64 = 1 << 62;

/// Takes an exception to EL1 from EL0 or EL1 in state `pstate` at `pc`.
#[must_use]
pub const fn take(
    pc: u64,
    pstate: u64,
    vbar_el1: u64,
    sctlr_el1: u64,
    features: Features,
    vector: Vector,
) -> Entry {
    let aarch32 = pstate & AARCH32 != 0;
    let source = if aarch32 {
        0x600
    } else {
        match pstate & M {
            0b0000 => 0x400,
            0b0100 => 0x000,
            _ => 0x200,
        }
    };
    // Flags, PAN and DIT live on; SS, IL, BTYPE and UAO are cleared; EL1h with everything masked.
    let mut new = pstate & (NZCV | PAN) | DAIF | 0b0101;
    if aarch32 {
        if pstate & DIT_AARCH32 != 0 {
            new |= DIT;
        }
    } else {
        new |= pstate & DIT;
    }
    if features.pan && sctlr_el1 & SCTLR_SPAN == 0 {
        new |= PAN;
    }
    if features.ssbs && sctlr_el1 & SCTLR_DSSBS != 0 {
        new |= SSBS;
    }
    if features.mte {
        new |= TCO;
    }
    if features.nmi && sctlr_el1 & SCTLR_SPINTMASK == 0 {
        new |= ALLINT;
    }
    new &= !(SS | IL | BTYPE | UAO);
    Entry {
        pc: (vbar_el1 & !0x7ff).wrapping_add(source + vector as u64),
        pstate: new,
        spsr_el1: pstate,
        elr_el1: pc,
    }
}

/// A synchronous exception for the guest, in terms of its ESR_EL1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// The instruction is undefined (EC 0).
    Undefined,
    /// A data access hit something that answers with a synchronous external abort (EC 0x24, 0x25).
    DataAbort {
        /// The virtual address.
        far: u64,
        /// ESR.WnR: it was a write.
        write: bool,
    },
    /// An instruction fetch did (EC 0x20, 0x21).
    InstructionAbort {
        /// The virtual address.
        far: u64,
    },
    /// Any other syndrome: what EL2 received, passed on.
    Other {
        /// ESR_EL1 as it shall be.
        esr: u64,
        /// FAR_EL1, where the syndrome has one.
        far: Option<u64>,
    },
}

impl Sync {
    /// ESR_EL1, and FAR_EL1 if it changes, for an exception from `pstate`. `instruction_32bit` is ESR_EL2.IL.
    #[must_use]
    pub const fn syndrome(self, pstate: u64, instruction_32bit: bool) -> (u64, Option<u64>) {
        const IL: u64 = 1 << 25;
        const SYNCHRONOUS_EXTERNAL: u64 = 0x10;
        const WRITE: u64 = 1 << 6;
        let il = if instruction_32bit { IL } else { 0 };
        let from_el1 = pstate & AARCH32 == 0 && pstate & M != 0;
        let same_el = from_el1 as u64;
        match self {
            Sync::Undefined => (il, None),
            Sync::DataAbort { far, write } => {
                let write = if write { WRITE } else { 0 };
                let class = (0x24 + same_el) << 26;
                (class | IL | write | SYNCHRONOUS_EXTERNAL, Some(far))
            }
            Sync::InstructionAbort { far } => {
                let class = (0x20 + same_el) << 26;
                (class | IL | SYNCHRONOUS_EXTERNAL, Some(far))
            }
            Sync::Other { esr, far } => (esr, far),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VBAR: u64 = 0xffff_8000_0801_0800;
    const NONE: Features = Features {
        pan: false,
        uao: false,
        ssbs: false,
        mte: false,
        nmi: false,
    };
    const ALL: Features = Features {
        pan: true,
        uao: true,
        ssbs: true,
        mte: true,
        nmi: true,
    };

    fn offset(pstate: u64, vector: Vector) -> u64 {
        take(0, pstate, VBAR, 0, NONE, vector).pc - VBAR
    }

    #[test]
    fn the_vector_depends_on_where_it_comes_from() {
        assert_eq!(offset(0x4, Vector::Sync), 0x000);
        assert_eq!(offset(0x5, Vector::Sync), 0x200);
        assert_eq!(offset(0x0, Vector::Sync), 0x400);
        assert_eq!(offset(0x10, Vector::Sync), 0x600);
        assert_eq!(offset(0x5, Vector::SError), 0x380);
    }

    #[test]
    fn el1h_masked_is_entered_and_the_old_state_is_kept_in_spsr() {
        let old = 0xa000_0000 | IL | SS | BTYPE | UAO;
        let entry = take(0x1234, old, VBAR, 0, NONE, Vector::Sync);
        assert_eq!(entry.pstate, 0xa000_03c5);
        assert_eq!(entry.spsr_el1, old);
        assert_eq!(entry.elr_el1, 0x1234);
    }

    #[test]
    fn pan_is_set_unless_sctlr_span_says_to_leave_it() {
        let pan = |old, sctlr| take(0, old, VBAR, sctlr, ALL, Vector::Sync).pstate & PAN;
        assert_eq!(pan(0, 0), PAN);
        assert_eq!(pan(0, SCTLR_SPAN), 0);
        assert_eq!(pan(PAN, SCTLR_SPAN), PAN);
        assert_eq!(take(0, 0, VBAR, 0, NONE, Vector::Sync).pstate & PAN, 0);
    }

    #[test]
    fn ssbs_tco_and_allint_become_what_the_architecture_says() {
        let new = |sctlr| take(0, 0, VBAR, sctlr, ALL, Vector::Sync).pstate;
        assert_eq!(new(0) & SSBS, 0);
        assert_eq!(new(SCTLR_DSSBS) & SSBS, SSBS);
        assert_eq!(new(0) & TCO, TCO);
        assert_eq!(new(0) & ALLINT, ALLINT);
        assert_eq!(new(SCTLR_SPINTMASK) & ALLINT, 0);
        let none = take(0, 0, VBAR, SCTLR_DSSBS, NONE, Vector::Sync).pstate;
        assert_eq!(none & (SSBS | TCO | ALLINT), 0);
    }

    #[test]
    fn dit_moves_from_its_aarch32_place() {
        let dit = |old| take(0, old, VBAR, 0, NONE, Vector::Sync).pstate & DIT;
        assert_eq!(dit(AARCH32 | DIT_AARCH32), DIT);
        assert_eq!(dit(AARCH32 | DIT), 0);
        assert_eq!(dit(DIT), DIT);
    }

    #[test]
    fn aborts_say_whether_they_come_from_the_same_level() {
        let abort = Sync::DataAbort {
            far: 0x99,
            write: true,
        };
        assert_eq!(abort.syndrome(0x5, true), (0x9600_0050, Some(0x99)));
        assert_eq!(abort.syndrome(0x0, true), (0x9200_0050, Some(0x99)));
        let fetch = Sync::InstructionAbort { far: 0x98 };
        assert_eq!(fetch.syndrome(0x4, true), (0x8600_0010, Some(0x98)));
        assert_eq!(fetch.syndrome(0x10, true), (0x8200_0010, Some(0x98)));
    }

    #[test]
    fn undefined_keeps_the_length_of_the_instruction() {
        assert_eq!(Sync::Undefined.syndrome(0x5, true), (1 << 25, None));
        assert_eq!(Sync::Undefined.syndrome(0x30, false), (0, None));
    }
}
