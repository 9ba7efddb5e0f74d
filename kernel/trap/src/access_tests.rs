//! Tests of the system register policy, over every encoding and for the registers that matter.

use super::*;
use crate::id::ModelConfig;

fn model(gic: GicVersion) -> CpuModel {
    let config = ModelConfig { gic, ipa_bits: 40 };
    CpuModel::derive(config, |_| u64::MAX)
}

fn both(reg: (u8, u8, u8, u8, u8)) -> (Action, Action) {
    let reg = SysReg::new(reg.0, reg.1, reg.2, reg.3, reg.4);
    let model = model(GicVersion::V3);
    (model.access(reg, true), model.access(reg, false))
}

const RAZ_WI: (Action, Action) = (Action::Value(0), Action::Ignore);
const UNDEFINED: (Action, Action) = (Action::Undefined, Action::Undefined);

fn emulated(what: Emulated) -> Action {
    Action::Emulate(what)
}

#[test]
fn every_encoding_has_an_answer_of_the_right_direction() {
    for gic in [GicVersion::V2, GicVersion::V3] {
        let model = model(gic);
        for reg in (0..=u16::MAX).map(SysReg::from_bits) {
            assert!(model.access(reg, true) != Action::Ignore, "{reg}");
            assert!(
                !matches!(model.access(reg, false), Action::Value(_)),
                "{reg}"
            );
        }
    }
}

#[test]
fn el2_and_el3_registers_do_not_exist() {
    let model = model(GicVersion::V3);
    for reg in (0..=u16::MAX).map(SysReg::from_bits) {
        if reg.op1() >= 4 {
            for read in [false, true] {
                assert_eq!(model.access(reg, read), Action::Undefined, "{reg}");
            }
        }
    }
}

#[test]
fn implementation_defined_space_does_not_exist() {
    let model = model(GicVersion::V3);
    for reg in (0..=u16::MAX).map(SysReg::from_bits) {
        if reg.op0() != 2 && (reg.crn() == 11 || reg.crn() == 15) {
            for read in [false, true] {
                assert_eq!(model.access(reg, read), Action::Undefined, "{reg}");
            }
        }
    }
}

#[test]
fn hidden_features_have_no_registers() {
    for reg in [
        (3, 3, 9, 12, 0),  // PMCR_EL0
        (3, 3, 9, 13, 0),  // PMCCNTR_EL0
        (3, 3, 14, 15, 7), // PMCCFILTR_EL0
        (3, 0, 9, 14, 1),  // PMINTENSET_EL1
        (3, 0, 2, 1, 0),   // APIAKeyLo_EL1
        (3, 0, 1, 2, 0),   // ZCR_EL1
        (3, 0, 1, 2, 6),   // SMCR_EL1
        (3, 1, 0, 0, 4),   // GMID_EL1
        (3, 0, 13, 0, 7),  // SCXTNUM_EL1
        (3, 3, 13, 0, 7),  // SCXTNUM_EL0
        (3, 3, 13, 2, 0),  // AMCR_EL0
        (3, 0, 10, 4, 0),  // LORSA_EL1
        (3, 0, 2, 0, 3),   // TCR2_EL1
        (3, 0, 1, 0, 3),   // SCTLR2_EL1
        (3, 0, 10, 2, 3),  // PIR_EL1
        (3, 0, 5, 3, 0),   // ERRIDR_EL1
        (3, 0, 1, 2, 1),   // TRFCR_EL1
        (3, 0, 9, 9, 0),   // PMSCR_EL1
        (2, 1, 0, 1, 0),   // TRCPRGCTLR
        (1, 0, 7, 6, 4),   // DC IGSW
    ] {
        assert_eq!(both(reg), UNDEFINED, "{reg:?}");
    }
}

#[test]
fn the_physical_timer_is_emulated_in_both_directions() {
    for (op2, what) in [
        (0, Emulated::CntpTval),
        (1, Emulated::CntpCtl),
        (2, Emulated::CntpCval),
    ] {
        let (read, write) = both((3, 3, 14, 2, op2));
        assert_eq!((read, write), (emulated(what), emulated(what)));
    }
    let count = (emulated(Emulated::Cntpct), Action::Undefined);
    assert_eq!(both((3, 3, 14, 0, 1)), count);
    assert_eq!(both((3, 3, 14, 0, 5)), count);
}

#[test]
fn software_interrupts_are_write_only_and_gicv3_only() {
    let v2 = model(GicVersion::V2);
    for (op2, what) in [
        (5, Emulated::IccSgi1r),
        (6, Emulated::IccAsgi1r),
        (7, Emulated::IccSgi0r),
        (1, Emulated::IccDir),
    ] {
        let written = (Action::Undefined, emulated(what));
        assert_eq!(both((3, 0, 12, 11, op2)), written);
        let reg = SysReg::new(3, 0, 12, 11, op2);
        assert_eq!(v2.access(reg, false), Action::Undefined);
    }
    assert_eq!(both((3, 0, 12, 12, 5)), (Action::Value(7), Action::Ignore));
    let sre = SysReg::new(3, 0, 12, 12, 5);
    assert_eq!(v2.access(sre, true), Action::Undefined);
}

#[test]
fn id_registers_read_the_model_s_value_and_cannot_be_written() {
    let model = model(GicVersion::V3);
    for crm in 1..8 {
        for op2 in 0..8 {
            let reg = SysReg::new(3, 0, 0, crm, op2);
            let value = model.id(reg).expect("an ID register");
            assert_eq!(model.access(reg, true), Action::Value(value));
            assert_eq!(model.access(reg, false), Action::Undefined);
        }
    }
    assert_eq!(both((3, 0, 0, 8, 0)), UNDEFINED);
    assert_eq!(both((3, 0, 0, 0, 1)), UNDEFINED);
}

#[test]
fn the_revision_is_the_hardware_s_and_the_auxiliary_identity_empty() {
    let revision = (Action::Value(u64::MAX), Action::Undefined);
    assert_eq!(both((3, 0, 0, 0, 6)), revision);
    let auxiliary = (Action::Value(0), Action::Undefined);
    assert_eq!(both((3, 1, 0, 0, 7)), auxiliary);
    // It is REVIDR_EL1 that the host was asked for.
    let config = ModelConfig {
        gic: GicVersion::V3,
        ipa_bits: 40,
    };
    let revidr = SysReg::new(3, 0, 0, 0, 6);
    let model = CpuModel::derive(config, |reg| u64::from(reg == revidr));
    assert_eq!(model.access(revidr, true), Action::Value(1));
    // SMIDR_EL1 traps with them, and SME is hidden.
    assert_eq!(both((3, 1, 0, 0, 6)), UNDEFINED);
}

#[test]
fn auxiliary_control_does_nothing() {
    assert_eq!(both((3, 0, 1, 0, 1)), RAZ_WI);
}

#[test]
fn set_way_maintenance_cleans_and_invalidates_one_line() {
    for crm in [6, 10, 14] {
        let expected = (Action::Undefined, emulated(Emulated::CleanInvalidateSetWay));
        assert_eq!(both((1, 0, 7, crm, 2)), expected);
    }
}

#[test]
fn as_many_breakpoints_exist_as_the_id_register_says() {
    for op2 in 4..8 {
        for n in 0..2 {
            assert_eq!(both((2, 0, 0, n, op2)), RAZ_WI);
        }
        for n in 2..16 {
            assert_eq!(both((2, 0, 0, n, op2)), UNDEFINED);
        }
    }
}

#[test]
fn debug_registers_are_those_of_a_core_without_a_debugger() {
    let mdscr = emulated(Emulated::Mdscr);
    assert_eq!(both((2, 0, 0, 2, 2)), (mdscr, mdscr));
    let lock = (Action::Undefined, emulated(Emulated::OsLar));
    assert_eq!(both((2, 0, 1, 0, 4)), lock);
    let status = (emulated(Emulated::OsLsr), Action::Undefined);
    assert_eq!(both((2, 0, 1, 1, 4)), status);
    let raz = (Action::Value(0), Action::Undefined);
    assert_eq!(both((2, 0, 1, 0, 0)), raz); // MDRAR_EL1
    assert_eq!(both((2, 3, 0, 1, 0)), raz); // MDCCSR_EL0
    assert_eq!(both((2, 0, 7, 8, 6)), (Action::Value(0xff), Action::Ignore));
    assert_eq!(
        both((2, 0, 7, 14, 6)),
        (Action::Value(10), Action::Undefined)
    );
    for reg in [
        (2, 0, 0, 0, 2), // OSDTRRX_EL1
        (2, 0, 0, 2, 0), // MDCCINT_EL1
        (2, 0, 0, 3, 2), // OSDTRTX_EL1
        (2, 0, 0, 6, 2), // OSECCR_EL1
        (2, 0, 1, 3, 4), // OSDLR_EL1
        (2, 0, 1, 4, 4), // DBGPRCR_EL1
        (2, 0, 7, 9, 6), // DBGCLAIMCLR_EL1
        (2, 3, 0, 4, 0), // DBGDTR_EL0
        (2, 3, 0, 5, 0), // DBGDTRRX_EL0, DBGDTRTX_EL0
    ] {
        assert_eq!(both(reg), RAZ_WI, "{reg:?}");
    }
}
