//! ID registers, and that they tell the truth: a feature that they do not announce is UNDEFINED.

use crate::rt::exception::catch;
use crate::rt::report::{check, equal};
use crate::rt::{Machine, cpu};
use crate::{mrs, msr};

/// A feature: where it is announced, and one of its registers.
struct Feature {
    name: &'static str,
    /// The field's value.
    field: u64,
    /// From this value on the register exists.
    from: u64,
    /// Must be hidden from VMs.
    hidden: bool,
    touch: fn(),
}

/// Reads a register and drops the value.
macro_rules! touch {
    ($name:literal) => {
        || {
            let _ = mrs!($name);
        }
    };
}

fn field(register: u64, low: u32) -> u64 {
    register >> low & 0xf
}

/// Runs the checks.
pub fn run(machine: &'static Machine) {
    let (pfr0, pfr1) = (mrs!("id_aa64pfr0_el1"), mrs!("id_aa64pfr1_el1"));
    let (dfr0, mmfr1) = (mrs!("id_aa64dfr0_el1"), mrs!("id_aa64mmfr1_el1"));
    let isar1 = mrs!("id_aa64isar1_el1");
    // ID_AA64ISAR2_EL1: reserved, hence zero, on older cores.
    let isar2 = mrs!("s3_0_c0_c6_2");
    let pauth = field(isar1, 4)
        | field(isar1, 8)
        | field(isar1, 24)
        | field(isar1, 28)
        | field(isar2, 8)
        | field(isar2, 12);
    let pmu = if field(dfr0, 8) == 0xf {
        0
    } else {
        field(dfr0, 8)
    };
    let features = [
        Feature {
            name: "PMU",
            field: pmu,
            from: 1,
            hidden: true,
            touch: touch!("pmcr_el0"),
        },
        Feature {
            name: "PMU counter",
            field: pmu,
            from: 1,
            hidden: true,
            touch: touch!("pmccntr_el0"),
        },
        Feature {
            name: "SVE",
            field: field(pfr0, 32),
            from: 1,
            hidden: true,
            touch: touch!("s3_0_c1_c2_0"),
        },
        Feature {
            name: "SME",
            field: field(pfr1, 24),
            from: 1,
            hidden: true,
            touch: touch!("s3_0_c1_c2_6"),
        },
        Feature {
            name: "MTE",
            field: field(pfr1, 8),
            from: 2,
            hidden: true,
            touch: touch!("s3_0_c1_c0_6"),
        },
        Feature {
            name: "pointer authentication",
            field: pauth,
            from: 1,
            hidden: false,
            touch: touch!("s3_0_c2_c1_0"),
        },
        Feature {
            name: "SPE",
            field: field(dfr0, 32),
            from: 1,
            hidden: true,
            touch: touch!("s3_0_c9_c9_0"),
        },
        Feature {
            name: "TRBE",
            field: field(dfr0, 44),
            from: 1,
            hidden: true,
            touch: touch!("s3_0_c9_c11_0"),
        },
        Feature {
            name: "trace filter",
            field: field(dfr0, 40),
            from: 1,
            hidden: true,
            touch: touch!("s3_0_c1_c2_1"),
        },
        Feature {
            name: "activity monitors",
            field: field(pfr0, 44),
            from: 1,
            hidden: true,
            touch: touch!("s3_3_c13_c2_0"),
        },
        Feature {
            name: "limited ordering",
            field: field(mmfr1, 16),
            from: 1,
            hidden: false,
            touch: touch!("s3_0_c10_c4_3"),
        },
        Feature {
            name: "RAS",
            field: field(pfr0, 28),
            from: 1,
            hidden: false,
            touch: touch!("s3_0_c5_c3_0"),
        },
        Feature {
            name: "GIC system registers",
            field: field(pfr0, 24),
            from: 1,
            hidden: false,
            touch: touch!("s3_0_c4_c6_0"),
        },
        Feature {
            name: "HCR_EL2",
            field: 0,
            from: 1,
            hidden: false,
            touch: touch!("s3_4_c1_c1_0"),
        },
        Feature {
            name: "VTTBR_EL2",
            field: 0,
            from: 1,
            hidden: false,
            touch: touch!("s3_4_c2_c1_0"),
        },
        Feature {
            name: "SCR_EL3",
            field: 0,
            from: 1,
            hidden: false,
            touch: touch!("s3_6_c1_c1_0"),
        },
    ];
    for feature in &features {
        let fault = catch(feature.touch);
        if feature.field < feature.from {
            check(
                feature.name,
                fault.is_some_and(|f| f.class() == 0),
                fault.map_or(0, |f| f.esr),
            );
            // Unknown reason, 32-bit instruction, no other syndrome.
            equal(feature.name, fault.map_or(0, |f| f.esr), 0x0200_0000);
        } else {
            // It may be trapped to EL1 itself (SVE and SME by CPACR_EL1), but is not unknown.
            check(
                feature.name,
                fault.is_none_or(|f| f.class() != 0),
                fault.map_or(0, |f| f.esr),
            );
        }
        if machine.in_vm && feature.hidden {
            check(feature.name, feature.field < feature.from, feature.field);
        }
    }
    if machine.in_vm {
        equal("no EL2 in a VM", field(pfr0, 8), 0);
        equal(
            "no nested virtualisation in a VM",
            field(mrs!("id_aa64mmfr2_el1"), 24),
            0,
        );
    }
    check("EL1 runs AArch64", field(pfr0, 4) >= 1, pfr0);
    check("EL0 runs AArch64", field(pfr0, 0) >= 1, pfr0);
    equal(
        "MPIDR affinity",
        mrs!("mpidr_el1") & 0xff_00ff_ffff,
        cpu::index() as u64,
    );
    check(
        "MPIDR bit 31 is one",
        mrs!("mpidr_el1") >> 31 & 1 == 1,
        mrs!("mpidr_el1"),
    );
    check(
        "MIDR names an implementer",
        mrs!("midr_el1") != 0,
        mrs!("midr_el1"),
    );
    equal("reserved ID register is zero", mrs!("s3_0_c0_c7_7"), 0);
    let fault = catch(|| msr!("s3_0_c0_c4_0", 0));
    check(
        "an ID register cannot be written",
        fault.is_some_and(|f| f.class() == 0),
        fault.map_or(0, |f| f.esr),
    );
    equal("CurrentEL", mrs!("currentel"), 4);
    // Debug: the lock and the status may be read without harm.
    let fault = catch(touch!("mdscr_el1"));
    check(
        "MDSCR_EL1 can be read",
        fault.is_none(),
        fault.map_or(0, |f| f.esr),
    );
    let fault = catch(touch!("s2_0_c1_c1_4"));
    check(
        "OSLSR_EL1 can be read",
        fault.is_none(),
        fault.map_or(0, |f| f.esr),
    );
}
