//! Identification registers of this core, by encoding.

use crate::sysreg;

macro_rules! by_encoding {
    ($crm:expr, $op2:expr, $($m:literal $o:literal $name:literal;)*) => {
        match ($crm, $op2) {
            $(($m, $o) => sysreg::read!($name),)*
            _ => 0,
        }
    };
}

/// ID register `S3_0_C0_C<crm>_<op2>` of this core: the space of AArch64 feature registers, CRm 0 to 7. Encodings
/// that are reserved read as zero, as the architecture says; of CRm 0 only MIDR (0), MPIDR (5) and REVIDR (6).
#[must_use]
#[inline]
pub fn read(crm: u8, op2: u8) -> u64 {
    by_encoding!(crm, op2,
        0 0 "S3_0_C0_C0_0"; 0 5 "S3_0_C0_C0_5"; 0 6 "S3_0_C0_C0_6";
        1 0 "S3_0_C0_C1_0"; 1 1 "S3_0_C0_C1_1"; 1 2 "S3_0_C0_C1_2"; 1 3 "S3_0_C0_C1_3";
        1 4 "S3_0_C0_C1_4"; 1 5 "S3_0_C0_C1_5"; 1 6 "S3_0_C0_C1_6"; 1 7 "S3_0_C0_C1_7";
        2 0 "S3_0_C0_C2_0"; 2 1 "S3_0_C0_C2_1"; 2 2 "S3_0_C0_C2_2"; 2 3 "S3_0_C0_C2_3";
        2 4 "S3_0_C0_C2_4"; 2 5 "S3_0_C0_C2_5"; 2 6 "S3_0_C0_C2_6"; 2 7 "S3_0_C0_C2_7";
        3 0 "S3_0_C0_C3_0"; 3 1 "S3_0_C0_C3_1"; 3 2 "S3_0_C0_C3_2"; 3 3 "S3_0_C0_C3_3";
        3 4 "S3_0_C0_C3_4"; 3 5 "S3_0_C0_C3_5"; 3 6 "S3_0_C0_C3_6"; 3 7 "S3_0_C0_C3_7";
        4 0 "S3_0_C0_C4_0"; 4 1 "S3_0_C0_C4_1"; 4 2 "S3_0_C0_C4_2"; 4 3 "S3_0_C0_C4_3";
        4 4 "S3_0_C0_C4_4"; 4 5 "S3_0_C0_C4_5"; 4 6 "S3_0_C0_C4_6"; 4 7 "S3_0_C0_C4_7";
        5 0 "S3_0_C0_C5_0"; 5 1 "S3_0_C0_C5_1"; 5 2 "S3_0_C0_C5_2"; 5 3 "S3_0_C0_C5_3";
        5 4 "S3_0_C0_C5_4"; 5 5 "S3_0_C0_C5_5"; 5 6 "S3_0_C0_C5_6"; 5 7 "S3_0_C0_C5_7";
        6 0 "S3_0_C0_C6_0"; 6 1 "S3_0_C0_C6_1"; 6 2 "S3_0_C0_C6_2"; 6 3 "S3_0_C0_C6_3";
        6 4 "S3_0_C0_C6_4"; 6 5 "S3_0_C0_C6_5"; 6 6 "S3_0_C0_C6_6"; 6 7 "S3_0_C0_C6_7";
        7 0 "S3_0_C0_C7_0"; 7 1 "S3_0_C0_C7_1"; 7 2 "S3_0_C0_C7_2"; 7 3 "S3_0_C0_C7_3";
        7 4 "S3_0_C0_C7_4"; 7 5 "S3_0_C0_C7_5"; 7 6 "S3_0_C0_C7_6"; 7 7 "S3_0_C0_C7_7";
    )
}

/// Four bits of an ID register as an unsigned number.
pub(crate) fn field(crm: u8, op2: u8, shift: u32) -> u64 {
    (read(crm, op2) >> shift) & 0xf
}

/// `CTR_EL0`, the cache type register.
#[must_use]
pub fn ctr() -> u64 {
    sysreg::read!("ctr_el0")
}

/// How many bits a physical address has on this core: 32 to 52 (ID_AA64MMFR0_EL1.PARange).
#[must_use]
pub fn physical_address_bits() -> u32 {
    match read(7, 0) & 0xf {
        0 => 32,
        1 => 36,
        2 => 40,
        3 => 42,
        4 => 44,
        5 => 48,
        _ => 52,
    }
}

/// How many bits a VMID has: 16 or 8 (ID_AA64MMFR1_EL1.VMIDBits).
#[must_use]
pub fn vmid_bits() -> u32 {
    if field(7, 1, 4) == 2 { 16 } else { 8 }
}

/// Whether the GICv3 system registers exist (ID_AA64PFR0_EL1.GIC).
#[must_use]
pub fn has_gic_registers() -> bool {
    field(4, 0, 24) != 0
}

/// Whether there are the RAS registers (ID_AA64PFR0_EL1.RAS).
#[must_use]
#[inline]
pub fn has_ras() -> bool {
    read(4, 0) >> 28 & 0xf != 0
}
