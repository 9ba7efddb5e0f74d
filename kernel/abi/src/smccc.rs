//! SMC Calling Convention (Arm DEN0028): how a function identifier is built, and the architecture calls.

/// Bit 31: a fast call, which cannot be preempted by the callee's scheduler (DEN0028 §2.5).
pub const FAST: u32 = 1 << 31;
/// Bit 30: arguments and results are 64 bits wide (SMC64/HVC64).
pub const CC64: u32 = 1 << 30;

/// Owning entity, bits 29:24 of a function identifier (DEN0028 §6).
pub mod owner {
    /// Arm Architecture Calls.
    pub const ARCH: u32 = 0;
    /// Standard Secure Service Calls: PSCI, TRNG.
    pub const STANDARD_SECURE: u32 = 4;
    /// Standard Hypervisor Service Calls: PV time.
    pub const STANDARD_HYPERVISOR: u32 = 5;
    /// Vendor Specific Hypervisor Service Calls: our own.
    pub const VENDOR_HYPERVISOR: u32 = 6;
}

/// Builds a fast-call function identifier.
#[must_use]
pub const fn fast(cc64: bool, owner: u32, function: u16) -> u32 {
    FAST | if cc64 { CC64 } else { 0 } | ((owner & 0x3f) << 24) | function as u32
}

/// The owning entity of a function identifier.
#[must_use]
pub const fn owner_of(function: u32) -> u32 {
    (function >> 24) & 0x3f
}

/// `SMCCC_VERSION` (DEN0028 §7.2).
pub const VERSION: u32 = fast(false, owner::ARCH, 0);
/// `SMCCC_ARCH_FEATURES` (DEN0028 §7.3).
pub const ARCH_FEATURES: u32 = fast(false, owner::ARCH, 1);
/// `SMCCC_ARCH_SOC_ID` (DEN0028 §7.4).
pub const ARCH_SOC_ID: u32 = fast(false, owner::ARCH, 2);
/// `SMCCC_ARCH_WORKAROUND_1`: branch predictor invalidation, CVE-2017-5715 (DEN0028 §7.5).
pub const ARCH_WORKAROUND_1: u32 = fast(false, owner::ARCH, 0x8000);
/// `SMCCC_ARCH_WORKAROUND_2`: speculative store bypass, CVE-2018-3639 (DEN0028 §7.6).
pub const ARCH_WORKAROUND_2: u32 = fast(false, owner::ARCH, 0x7fff);
/// `SMCCC_ARCH_WORKAROUND_3`: branch history clearing, CVE-2022-23960 (DEN0028 §7.7).
pub const ARCH_WORKAROUND_3: u32 = fast(false, owner::ARCH, 0x3fff);

/// The version this hypervisor implements: 1.2, encoded major << 16 | minor.
pub const VERSION_1_2: u64 = 0x1_0002;

/// `SUCCESS` (DEN0028 §7.1).
pub const SUCCESS: u64 = 0;
/// `NOT_SUPPORTED`: also the answer to every unknown function (DEN0028 §5.2).
pub const NOT_SUPPORTED: u64 = -1i64 as u64;
/// `NOT_REQUIRED`: the workaround is not needed on this PE.
pub const NOT_REQUIRED: u64 = -2i64 as u64;
/// `INVALID_PARAMETER`.
pub const INVALID_PARAMETER: u64 = -3i64 as u64;
