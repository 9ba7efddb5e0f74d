//! What a guest gets when it touches a system register that traps.
//!
//! The rule: UNDEFINED, as on a processor that does not have the register. The exceptions are listed here;
//! each is a register that the processor of [`CpuModel`] does have. Which registers trap in the first place
//! is said by [`crate::controls`]; a register that should not have trapped follows the rule.

use crate::id::{CpuModel, GicVersion};
use crate::sysreg::SysReg;

/// The answer to a trapped access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A read gets this value.
    Value(u64),
    /// A write is ignored.
    Ignore,
    /// The register does not exist, not in this direction, or not at this exception level: inject
    /// UNDEFINED, do not move the PC.
    Undefined,
    /// Ask whoever keeps the state.
    Emulate(Emulated),
}

/// Registers with state behind them. Whether it is read or written is known from the trap; directions that
/// a register does not have were answered [`Action::Undefined`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulated {
    /// `ICC_SGI0R_EL1`, written: a group 0 SGI.
    IccSgi0r,
    /// `ICC_SGI1R_EL1`, written: a group 1 SGI.
    IccSgi1r,
    /// `ICC_ASGI1R_EL1`, written: a group 1 SGI of the other security state.
    IccAsgi1r,
    /// `ICC_DIR_EL1`, written: deactivate an interrupt.
    IccDir,
    /// `CNTP_CTL_EL0`.
    CntpCtl,
    /// `CNTP_CVAL_EL0`.
    CntpCval,
    /// `CNTP_TVAL_EL0`.
    CntpTval,
    /// `CNTPCT_EL0` or `CNTPCTSS_EL0`, read: the physical count.
    Cntpct,
    /// `MDSCR_EL1`: [`crate::Debug::mdscr`] and [`crate::Debug::write_mdscr`].
    Mdscr,
    /// `OSLAR_EL1`, written: [`crate::Debug::write_oslar`].
    OsLar,
    /// `OSLSR_EL1`, read: [`crate::Debug::oslsr`].
    OsLsr,
    /// `DC ISW`, `DC CSW` or `DC CISW`, written: execute `DC CISW` with the guest's operand. It concerns
    /// one line of this core's caches, which is what the guest asked for; cleaning a line that is another
    /// guest's costs that guest time but no data.
    CleanInvalidateSetWay,
}

const fn bits(op0: u8, op1: u8, crn: u8, crm: u8, op2: u8) -> u16 {
    SysReg::new(op0, op1, crn, crm, op2).bits()
}

// Arm ARM C5.3, D24.10 (timer), D24.3 (debug); GIC: IHI 0069 §12.2.
const DC_ISW: u16 = bits(1, 0, 7, 6, 2);
const DC_CSW: u16 = bits(1, 0, 7, 10, 2);
const DC_CISW: u16 = bits(1, 0, 7, 14, 2);
const ACTLR_EL1: u16 = bits(3, 0, 1, 0, 1);
const REVIDR_EL1: u16 = bits(3, 0, 0, 0, 6);
const AIDR_EL1: u16 = bits(3, 1, 0, 0, 7);
const ICC_DIR_EL1: u16 = bits(3, 0, 12, 11, 1);
const ICC_SGI1R_EL1: u16 = bits(3, 0, 12, 11, 5);
const ICC_ASGI1R_EL1: u16 = bits(3, 0, 12, 11, 6);
const ICC_SGI0R_EL1: u16 = bits(3, 0, 12, 11, 7);
const ICC_SRE_EL1: u16 = bits(3, 0, 12, 12, 5);
const CNTPCT_EL0: u16 = bits(3, 3, 14, 0, 1);
const CNTPCTSS_EL0: u16 = bits(3, 3, 14, 0, 5);
const CNTP_TVAL_EL0: u16 = bits(3, 3, 14, 2, 0);
const CNTP_CTL_EL0: u16 = bits(3, 3, 14, 2, 1);
const CNTP_CVAL_EL0: u16 = bits(3, 3, 14, 2, 2);
const OSDTRRX_EL1: u16 = bits(2, 0, 0, 0, 2);
const MDCCINT_EL1: u16 = bits(2, 0, 0, 2, 0);
const MDSCR_EL1: u16 = bits(2, 0, 0, 2, 2);
const OSDTRTX_EL1: u16 = bits(2, 0, 0, 3, 2);
const OSECCR_EL1: u16 = bits(2, 0, 0, 6, 2);
const MDRAR_EL1: u16 = bits(2, 0, 1, 0, 0);
const OSLAR_EL1: u16 = bits(2, 0, 1, 0, 4);
const OSLSR_EL1: u16 = bits(2, 0, 1, 1, 4);
const OSDLR_EL1: u16 = bits(2, 0, 1, 3, 4);
const DBGPRCR_EL1: u16 = bits(2, 0, 1, 4, 4);
const DBGCLAIMSET_EL1: u16 = bits(2, 0, 7, 8, 6);
const DBGCLAIMCLR_EL1: u16 = bits(2, 0, 7, 9, 6);
const DBGAUTHSTATUS_EL1: u16 = bits(2, 0, 7, 14, 6);
const MDCCSR_EL0: u16 = bits(2, 3, 0, 1, 0);
const DBGDTR_EL0: u16 = bits(2, 3, 0, 4, 0);
const DBGDTRTX_EL0: u16 = bits(2, 3, 0, 5, 0);

impl CpuModel {
    /// What the guest gets that reads (`read`) or writes `reg`. Defined for every encoding.
    #[inline]
    #[must_use]
    pub fn access(&self, reg: SysReg, read: bool) -> Action {
        // Every inter-processor interrupt of a GICv3 guest comes this way.
        if reg.bits() == ICC_SGI1R_EL1 && !read && self.gic == GicVersion::V3 {
            return Action::Emulate(Emulated::IccSgi1r);
        }
        self.other(reg, read)
    }

    fn other(&self, reg: SysReg, read: bool) -> Action {
        let v3 = self.gic == GicVersion::V3;
        match (reg.bits(), read) {
            (CNTP_CTL_EL0, _) => Action::Emulate(Emulated::CntpCtl),
            (CNTP_CVAL_EL0, _) => Action::Emulate(Emulated::CntpCval),
            (CNTP_TVAL_EL0, _) => Action::Emulate(Emulated::CntpTval),
            (CNTPCT_EL0 | CNTPCTSS_EL0, true) => Action::Emulate(Emulated::Cntpct),
            (ICC_SGI0R_EL1, false) if v3 => Action::Emulate(Emulated::IccSgi0r),
            (ICC_ASGI1R_EL1, false) if v3 => Action::Emulate(Emulated::IccAsgi1r),
            (ICC_DIR_EL1, false) if v3 => Action::Emulate(Emulated::IccDir),
            // SRE, DFB and DIB, all read-only: there is no memory-mapped interface and no bypass.
            (ICC_SRE_EL1, _) if v3 => read_only(read, 0b111),
            (ACTLR_EL1, _) => read_only(read, 0),
            (REVIDR_EL1, true) => Action::Value(self.revidr()),
            // IMPLEMENTATION DEFINED, so 0 is a value too.
            (AIDR_EL1, true) => Action::Value(0),
            (DC_ISW | DC_CSW | DC_CISW, false) => Action::Emulate(Emulated::CleanInvalidateSetWay),
            _ if reg.op0() == 2 => debug(reg, read),
            _ if read => self.id(reg).map_or(Action::Undefined, Action::Value),
            _ => Action::Undefined,
        }
    }
}

/// A register of which writes are ignored.
const fn read_only(read: bool, value: u64) -> Action {
    if read {
        Action::Value(value)
    } else {
        Action::Ignore
    }
}

/// Debug registers (op0 = 2): those of a core to which no external debugger is attached, with two
/// breakpoints and two watchpoints that do nothing. Trace registers (op1 = 1) do not exist.
fn debug(reg: SysReg, read: bool) -> Action {
    match (reg.bits(), read) {
        (MDSCR_EL1, _) => Action::Emulate(Emulated::Mdscr),
        (OSLAR_EL1, false) => Action::Emulate(Emulated::OsLar),
        (OSLSR_EL1, true) => Action::Emulate(Emulated::OsLsr),
        // No debug ROM; nothing in the communication channel.
        (MDRAR_EL1 | MDCCSR_EL0, true) => Action::Value(0),
        // Without FEAT_DoubleLock OSDLR_EL1 is RAZ/WI (Arm ARM D24.3).
        (
            OSDTRRX_EL1 | MDCCINT_EL1 | OSDTRTX_EL1 | OSECCR_EL1 | OSDLR_EL1 | DBGPRCR_EL1
            | DBGCLAIMCLR_EL1 | DBGDTR_EL0 | DBGDTRTX_EL0,
            _,
        ) => read_only(read, 0),
        // Eight claim tags exist and none is claimed.
        (DBGCLAIMSET_EL1, _) => read_only(read, 0xff),
        // Non-secure debug is implemented and disabled.
        (DBGAUTHSTATUS_EL1, true) => Action::Value(0b1010),
        _ if is_point(reg) => read_only(read, 0),
        _ => Action::Undefined,
    }
}

/// `DBGBVR`, `DBGBCR`, `DBGWVR` and `DBGWCR` 0 and 1, as many as `ID_AA64DFR0_EL1` says.
const fn is_point(reg: SysReg) -> bool {
    reg.op1() == 0 && reg.crn() == 0 && reg.crm() < 2 && reg.op2() >= 4
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
