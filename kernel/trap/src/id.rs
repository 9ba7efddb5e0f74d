//! The ID registers that guests read (Arm ARM D24.2, `ID_AA64*_EL1`).
//!
//! A field is shown only if its feature works in a guest without help, or is emulated; every other field,
//! those that future architectures define included, reads as "not implemented". So the value is built up
//! from what is known to be good, never cut down from the host's. docs/guest-view.md gives the reasons,
//! field by field.

use crate::sysreg::SysReg;

/// The processor that all guests of this machine see.
#[derive(Clone, Debug)]
pub struct CpuModel {
    pub(crate) gic: GicVersion,
    /// S3_0_C0_C`m`_`n` at 8 × m + n, m = 0 to 7. Unallocated ones read as zero. Of m = 0 only `REVIDR_EL1` is
    /// here: `MIDR_EL1` and `MPIDR_EL1` have registers of EL2 that stand for them.
    ids: [u64; 64],
}

/// Which interrupt controller guests have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GicVersion {
    /// GICv2: memory-mapped, no system registers.
    V2,
    /// GICv3: the CPU interface is system registers.
    V3,
}

/// What the model depends on besides the host's own registers.
#[derive(Clone, Copy, Debug)]
pub struct ModelConfig {
    /// The guests' interrupt controller.
    pub gic: GicVersion,
    /// Bits of a guest physical address, as stage 2 is set up (`64 − VTCR_EL2.T0SZ`).
    pub ipa_bits: u8,
}

const fn id(crm: u8, op2: u8) -> SysReg {
    SysReg::new(3, 0, 0, crm, op2)
}

const REVIDR: SysReg = id(0, 6);
const PFR0: SysReg = id(4, 0);
const PFR1: SysReg = id(4, 1);
const DFR0: SysReg = id(5, 0);
const ISAR0: SysReg = id(6, 0);
const ISAR1: SysReg = id(6, 1);
const ISAR2: SysReg = id(6, 2);
const MMFR0: SysReg = id(7, 0);
const MMFR1: SysReg = id(7, 1);
const MMFR2: SysReg = id(7, 2);

impl CpuModel {
    /// The host's registers that [`CpuModel::derive`] reads; all of them can be read on every Armv8-A core.
    pub const SOURCES: [SysReg; 10] = [
        REVIDR, PFR0, PFR1, DFR0, ISAR0, ISAR1, ISAR2, MMFR0, MMFR1, MMFR2,
    ];

    /// A processor with no features, for statics; [`CpuModel::derive`] makes a real one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            gic: GicVersion::V2,
            ids: [0; 64],
        }
    }

    /// The guests' processor, from the host's registers, which `host` reads.
    #[must_use]
    pub fn derive(config: ModelConfig, mut host: impl FnMut(SysReg) -> u64) -> Self {
        let mut model = Self {
            gic: config.gic,
            ids: [0; 64],
        };
        for reg in Self::SOURCES {
            let value = guest_value(reg, host(reg), config);
            if let Some(slot) = model.ids.get_mut(slot(reg)) {
                *slot = value;
            }
        }
        model
    }

    /// `REVIDR_EL1`, the hardware's own: together with `MIDR_EL1` it tells which errata were fixed.
    pub(crate) fn revidr(&self) -> u64 {
        self.ids.get(slot(REVIDR)).copied().unwrap_or(0)
    }

    /// The guests' value of an ID register S3_0_C0_C1_0 to S3_0_C0_C7_7; `None` for any other register.
    #[must_use]
    pub fn id(&self, reg: SysReg) -> Option<u64> {
        let in_space = reg.op0() == 3 && reg.op1() == 0 && reg.crn() == 0;
        if in_space && (1..8).contains(&reg.crm()) {
            self.ids.get(slot(reg)).copied()
        } else {
            None
        }
    }
}

impl Default for CpuModel {
    fn default() -> Self {
        Self::new()
    }
}

const fn slot(reg: SysReg) -> usize {
    (reg.crm() as usize & 7) << 3 | reg.op2() as usize
}

fn guest_value(reg: SysReg, host: u64, config: ModelConfig) -> u64 {
    let host = Fields(host);
    match reg {
        REVIDR => host.keep(u64::MAX),
        PFR0 => pfr0(host, config.gic),
        PFR1 => pfr1(host),
        DFR0 => dfr0(host),
        // Instructions without state: all but TME (27:24).
        ISAR0 => host.keep(!(0xf << 24)),
        ISAR1 => isar1(host),
        ISAR2 => isar2(host),
        MMFR0 => mmfr0(host, config.ipa_bits),
        MMFR1 => mmfr1(host),
        MMFR2 => mmfr2(host),
        _ => 0,
    }
}

/// The 4-bit fields of a host register, named by their lowest bit.
#[derive(Clone, Copy)]
struct Fields(u64);

impl Fields {
    /// The fields under `mask`, as they are.
    const fn keep(self, mask: u64) -> u64 {
        self.0 & mask
    }

    /// The field as it is, in place.
    const fn same(self, shift: u32) -> u64 {
        self.0 & 0xf_u64.wrapping_shl(shift)
    }

    /// The (unsigned) field, at most `max`, in place.
    const fn at_most(self, shift: u32, max: u64) -> u64 {
        let field = self.0.wrapping_shr(shift) & 0xf;
        let field = if field < max { field } else { max };
        field.wrapping_shl(shift)
    }
}

/// EL0 and EL1 in AArch64 only, no EL2, EL3, RAS, SVE, MPAM, AMU, RME; CSV2 without `SCXTNUM`.
fn pfr0(host: Fields, gic: GicVersion) -> u64 {
    const AARCH64_ONLY: u64 = 1;
    let gic = match gic {
        GicVersion::V2 => 0,
        GicVersion::V3 => 1 << 24,
    };
    AARCH64_ONLY // EL0
        | AARCH64_ONLY << 4 // EL1
        | host.same(16) // FP
        | host.same(20) // AdvSIMD
        | gic
        | host.at_most(48, 1) // DIT
        | host.at_most(56, 1) // CSV2
        | host.at_most(60, 1) // CSV3
}

/// Branch targets and store bypass safety; no MTE, SME, NMI, GCS, THE.
fn pfr1(host: Fields) -> u64 {
    host.at_most(0, 1) // BT
        | host.at_most(4, 2) // SSBS
        | host.at_most(32, 1) // CSV2_frac
}

/// Armv8.0 to v8.2 debug with the fewest breakpoints and watchpoints there can be; no PMU, trace, SPE.
fn dfr0(host: Fields) -> u64 {
    const TWO: u64 = 1;
    const NO_DOUBLE_LOCK: u64 = 0xf;
    host.at_most(0, 8) // DebugVer
        | TWO << 12 // BRPs
        | TWO << 20 // WRPs
        | NO_DOUBLE_LOCK << 36
}

/// All but pointer authentication and LS64.
fn isar1(host: Fields) -> u64 {
    const APA_API: u64 = 0xff << 4;
    const GPA_GPI: u64 = 0xff << 24;
    const LS64: u64 = 0xf << 60;
    host.keep(!(APA_API | GPA_GPI | LS64))
}

/// RPRES, BC, CLRBHB, RPRFM, CSSC, LUT; no WFxT, pointer authentication, MOPS, 128-bit registers.
fn isar2(host: Fields) -> u64 {
    host.same(4) | host.same(20) | host.same(28) | host.same(48) | host.same(52) | host.same(56)
}

/// Address sizes limited to stage 2's; granules without 52-bit descriptors; no mixed endianness, FGT, ECV.
fn mmfr0(host: Fields, ipa_bits: u8) -> u64 {
    // The smallest range that covers the guest's memory: addresses above it fault at stage 2 anyway.
    let range = match ipa_bits {
        0..=32 => 0,
        33..=36 => 1,
        37..=40 => 2,
        41..=42 => 3,
        43..=44 => 4,
        45..=48 => 5,
        _ => 6,
    };
    // 4 KiB: 0 is supported, 1 adds 52 bits, 0xf is not supported.
    let granule_4k = if host.same(28) == 1 << 28 {
        0
    } else {
        host.same(28)
    };
    host.at_most(0, range) // PARange
        | host.same(4) // ASIDBits
        | host.at_most(20, 1) // TGran16
        | host.same(24) // TGran64
        | granule_4k
        | host.at_most(44, 1) // ExS
}

/// Stage 1 features of EL1; none of EL2 (VMIDBits, VH, XNX, TWED, HCX), no LORegions, TIDCP1, CMOW.
fn mmfr1(host: Fields) -> u64 {
    host.at_most(0, 2) // HAFDBS
        | host.at_most(12, 2) // HPDS
        | host.at_most(20, 3) // PAN
        | host.same(24) // SpecSEI
        | host.same(36) // ETS
        | host.same(44) // AFP
        | host.same(48) // nTLBPA
        | host.same(60) // ECBHB
}

/// Stage 1 features of EL1; no IESB (RAS), NV, FWB, EVT. CCIDX and IDS tell how the hardware reports, so
/// they must be the hardware's.
fn mmfr2(host: Fields) -> u64 {
    host.at_most(0, 1) // CnP
        | host.at_most(4, 1) // UAO
        | host.at_most(16, 1) // VARange
        | host.same(20) // CCIDX
        | host.at_most(28, 1) // ST
        | host.at_most(32, 1) // AT
        | host.at_most(36, 1) // IDS
        | host.same(48) // TTL
        | host.same(52) // BBM
        | host.same(60) // E0PD
}

#[cfg(test)]
#[path = "id_tests.rs"]
mod tests;
