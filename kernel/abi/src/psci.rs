//! Power State Coordination Interface 1.1 (Arm DEN0022): function identifiers and return codes.

use crate::smccc::{fast, owner};

/// `PSCI_VERSION`.
pub const VERSION: u32 = fast(false, owner::STANDARD_SECURE, 0);
/// `CPU_SUSPEND`, 32-bit.
pub const CPU_SUSPEND_32: u32 = fast(false, owner::STANDARD_SECURE, 1);
/// `CPU_SUSPEND`, 64-bit.
pub const CPU_SUSPEND_64: u32 = fast(true, owner::STANDARD_SECURE, 1);
/// `CPU_OFF`.
pub const CPU_OFF: u32 = fast(false, owner::STANDARD_SECURE, 2);
/// `CPU_ON`, 32-bit.
pub const CPU_ON_32: u32 = fast(false, owner::STANDARD_SECURE, 3);
/// `CPU_ON`, 64-bit.
pub const CPU_ON_64: u32 = fast(true, owner::STANDARD_SECURE, 3);
/// `AFFINITY_INFO`, 32-bit.
pub const AFFINITY_INFO_32: u32 = fast(false, owner::STANDARD_SECURE, 4);
/// `AFFINITY_INFO`, 64-bit.
pub const AFFINITY_INFO_64: u32 = fast(true, owner::STANDARD_SECURE, 4);
/// `MIGRATE_INFO_TYPE`.
pub const MIGRATE_INFO_TYPE: u32 = fast(false, owner::STANDARD_SECURE, 6);
/// `SYSTEM_OFF`.
pub const SYSTEM_OFF: u32 = fast(false, owner::STANDARD_SECURE, 8);
/// `SYSTEM_RESET`.
pub const SYSTEM_RESET: u32 = fast(false, owner::STANDARD_SECURE, 9);
/// `PSCI_FEATURES`.
pub const FEATURES: u32 = fast(false, owner::STANDARD_SECURE, 0xa);
/// `SYSTEM_SUSPEND`, 32-bit.
pub const SYSTEM_SUSPEND_32: u32 = fast(false, owner::STANDARD_SECURE, 0xe);
/// `SYSTEM_SUSPEND`, 64-bit.
pub const SYSTEM_SUSPEND_64: u32 = fast(true, owner::STANDARD_SECURE, 0xe);
/// `SYSTEM_RESET2`, 32-bit.
pub const SYSTEM_RESET2_32: u32 = fast(false, owner::STANDARD_SECURE, 0x12);
/// `SYSTEM_RESET2`, 64-bit.
pub const SYSTEM_RESET2_64: u32 = fast(true, owner::STANDARD_SECURE, 0x12);

/// PSCI 1.1, encoded major << 16 | minor.
pub const VERSION_1_1: u64 = 0x1_0001;

/// `SUCCESS` (DEN0022 §5.2.2).
pub const SUCCESS: u64 = 0;
/// `NOT_SUPPORTED`.
pub const NOT_SUPPORTED: u64 = -1i64 as u64;
/// `INVALID_PARAMETERS`.
pub const INVALID_PARAMETERS: u64 = -2i64 as u64;
/// `DENIED`.
pub const DENIED: u64 = -3i64 as u64;
/// `ALREADY_ON`.
pub const ALREADY_ON: u64 = -4i64 as u64;
/// `ON_PENDING`.
pub const ON_PENDING: u64 = -5i64 as u64;
/// `INTERNAL_FAILURE`.
pub const INTERNAL_FAILURE: u64 = -6i64 as u64;
/// `INVALID_ADDRESS`.
pub const INVALID_ADDRESS: u64 = -9i64 as u64;

/// Results of `AFFINITY_INFO`.
pub mod affinity {
    /// At least one core of the affinity instance is on.
    pub const ON: u64 = 0;
    /// All cores of the affinity instance are off.
    pub const OFF: u64 = 1;
    /// The affinity instance is turning on.
    pub const ON_PENDING: u64 = 2;
}
