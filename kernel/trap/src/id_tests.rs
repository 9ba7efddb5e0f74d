//! Tests of the ID registers: what must be hidden is hidden whatever the host says, and real processors.

use super::*;
use proptest::prelude::*;

const V3: ModelConfig = ModelConfig {
    gic: GicVersion::V3,
    ipa_bits: 40,
};

fn field(value: u64, shift: u32) -> u64 {
    value >> shift & 0xf
}

fn model(host: u64) -> CpuModel {
    CpuModel::derive(V3, |_| host)
}

/// (register, lowest bits of fields that must read 0).
const HIDDEN: [(SysReg, &[u32]); 9] = [
    // EL2, EL3, RAS, SVE, SEL2, MPAM, AMU, RME.
    (PFR0, &[8, 12, 28, 32, 36, 40, 44, 52]),
    // MTE, RAS_frac, MPAM_frac, SME, RNDR_trap, NMI, MTE_frac, GCS, THE, MTEX, DF2, PFAR.
    (PFR1, &[8, 12, 16, 24, 28, 36, 40, 44, 48, 52, 56, 60]),
    // TraceVer, PMUVer, PMSS, SEBEP, CTX_CMPs, PMSVer, TraceFilt, TraceBuffer, MTPMU, BRBE, ExtTrcBuff, HPMN0.
    (DFR0, &[4, 8, 16, 24, 28, 32, 40, 44, 48, 52, 56, 60]),
    // TME.
    (ISAR0, &[24]),
    // APA, API, GPA, GPI, LS64.
    (ISAR1, &[4, 8, 24, 28, 60]),
    // WFxT, GPA3, APA3, MOPS, PAC_frac, SYSREG_128, SYSINSTR_128, PRFMSLC, PCDPHINT, ATS1A.
    (ISAR2, &[0, 8, 12, 16, 24, 32, 36, 40, 44, 60]),
    // BigEnd, SNSMem, BigEndEL0, TGran16_2, TGran64_2, TGran4_2, FGT, ECV.
    (MMFR0, &[8, 12, 16, 32, 36, 40, 48, 52, 56, 60]),
    // VMIDBits, VH, LO, XNX, TWED, HCX, TIDCP1, CMOW.
    (MMFR1, &[4, 8, 16, 28, 32, 40, 52, 56]),
    // LSM, IESB, NV, FWB, EVT.
    (MMFR2, &[8, 12, 24, 40, 44, 56]),
];

proptest! {
    #[test]
    fn what_is_not_virtualised_is_hidden_on_every_host(host: u64) {
        let model = model(host);
        for (reg, shifts) in HIDDEN {
            let value = model.id(reg).expect("an ID register");
            for shift in shifts {
                prop_assert_eq!(field(value, *shift), 0, "{} bit {}", reg, shift);
            }
        }
    }

    #[test]
    fn no_unsigned_field_promises_more_than_the_host_has(host: u64) {
        let model = model(host);
        // DIT, CSV2, CSV3; BT, SSBS; DebugVer; all of ISAR0 to 2; PARange, TGran16, ExS; MMFR1, MMFR2.
        let shifts = |reg| match reg {
            PFR0 => &[48, 56, 60][..],
            DFR0 => &[0],
            MMFR0 => &[0, 20, 44],
            _ => &[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60],
        };
        for reg in CpuModel::SOURCES {
            let value = model.id(reg).unwrap_or_default();
            for shift in shifts(reg) {
                prop_assert!(field(value, *shift) <= field(host, *shift), "{} bit {}", reg, shift);
            }
        }
    }
}

#[test]
fn guests_are_64_bit_at_both_levels() {
    assert_eq!(model(0x2222).id(PFR0).map(|v| v & 0xffff), Some(0x0011));
}

#[test]
fn the_interrupt_controller_is_the_configured_one() {
    for (gic, expected) in [(GicVersion::V2, 0), (GicVersion::V3, 1)] {
        let config = ModelConfig { gic, ..V3 };
        for host in [0, 3 << 24] {
            let value = CpuModel::derive(config, |_| host).id(PFR0).unwrap();
            assert_eq!(field(value, 24), expected);
        }
    }
}

#[test]
fn absent_floating_point_stays_absent() {
    let value = model(0xff << 16).id(PFR0).unwrap();
    assert_eq!((field(value, 16), field(value, 20)), (0xf, 0xf));
}

#[test]
fn debug_has_two_breakpoints_and_watchpoints_and_no_double_lock() {
    let value = model(u64::MAX).id(DFR0).unwrap();
    assert_eq!(value, 8 | 1 << 12 | 1 << 20 | 0xf << 36);
    let value = model(6).id(DFR0).unwrap();
    assert_eq!(field(value, 0), 6);
}

#[test]
fn the_physical_range_covers_guest_memory_and_not_more_than_the_host_has() {
    for (bits, host, expected) in [
        (32, 6, 0),
        (36, 6, 1),
        (39, 6, 2),
        (40, 6, 2),
        (41, 6, 3),
        (42, 6, 3),
        (43, 6, 4),
        (44, 6, 4),
        (48, 6, 5),
        (52, 6, 6),
        (48, 4, 4),
    ] {
        let config = ModelConfig {
            ipa_bits: bits,
            ..V3
        };
        let value = CpuModel::derive(config, |_| host).id(MMFR0).unwrap();
        assert_eq!(field(value, 0), expected, "{bits} bits");
    }
}

#[test]
fn granules_stay_but_their_52_bit_forms_go() {
    let granules = |host| {
        let value = model(host).id(MMFR0).unwrap();
        (field(value, 28), field(value, 24), field(value, 20))
    };
    assert_eq!(granules(0x0000_0000), (0, 0, 0));
    assert_eq!(granules(0x1020_0000), (0, 0, 1));
    assert_eq!(granules(0xff10_0000), (0xf, 0xf, 1));
}

#[test]
fn unallocated_and_aarch32_id_registers_read_as_zero() {
    let model = model(u64::MAX);
    for crm in 1..8 {
        for op2 in 0..8 {
            let reg = SysReg::new(3, 0, 0, crm, op2);
            if !CpuModel::SOURCES.contains(&reg) {
                assert_eq!(model.id(reg), Some(0), "{reg}");
            }
        }
    }
}

#[test]
fn other_registers_are_no_id_registers() {
    let model = model(u64::MAX);
    for reg in [
        SysReg::new(3, 0, 0, 0, 0),
        SysReg::new(3, 0, 0, 8, 0),
        SysReg::new(3, 1, 0, 4, 0),
        SysReg::new(2, 0, 0, 4, 0),
        SysReg::new(3, 0, 1, 4, 0),
    ] {
        assert_eq!(model.id(reg), None, "{reg}");
    }
}

/// Field by field what is shown of a host that has level 1 of everything, and the most that is ever shown.
#[test]
fn what_works_in_a_guest_is_shown_up_to_its_limit() {
    let (one, all) = (model(0x1111_1111_1111_1111), model(u64::MAX));
    for (reg, of_one, of_all) in [
        (PFR0, 0x1101_0000_0111_0011, 0x1101_0000_01ff_0011),
        (PFR1, 0x0000_0001_0000_0011, 0x0000_0001_0000_0021),
        (DFR0, 0x0000_00f0_0010_1001, 0x0000_00f0_0010_1008),
        (ISAR0, 0x1111_1111_1011_1111, 0xffff_ffff_f0ff_ffff),
        (ISAR1, 0x0111_1111_0011_1001, 0x0fff_ffff_00ff_f00f),
        (ISAR2, 0x0111_0000_1010_0010, 0x0fff_0000_f0f0_00f0),
        (MMFR0, 0x0000_1000_0110_0011, 0x0000_1000_ff10_00f2),
        (MMFR1, 0x1001_1010_0110_1001, 0xf00f_f0f0_0f30_2002),
        (MMFR2, 0x1011_0011_1011_0011, 0xf0ff_0011_10f1_0011),
    ] {
        assert_eq!(one.id(reg), Some(of_one), "{reg}");
        assert_eq!(all.id(reg), Some(of_all), "{reg}");
    }
}

/// Values of a Cortex-A72 r0p3 (Technical Reference Manual 100095, §4.2).
#[test]
fn a_cortex_a72_keeps_all_that_it_has_but_aarch32_el2_and_pmu() {
    let model = CpuModel::derive(
        ModelConfig {
            gic: GicVersion::V2,
            ipa_bits: 40,
        },
        |reg| match reg {
            PFR0 => 0x0000_2222,
            DFR0 => 0x1030_5106,
            ISAR0 => 0x0001_1120,
            MMFR0 => 0x0000_1124,
            _ => 0,
        },
    );
    assert_eq!(model.id(PFR0), Some(0x0011));
    assert_eq!(model.id(DFR0), Some(0xf0_0010_1006));
    assert_eq!(model.id(ISAR0), Some(0x0001_1120));
    assert_eq!(model.id(MMFR0), Some(0x0000_0022));
}
