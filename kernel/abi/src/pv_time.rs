//! Paravirtualized time (Arm DEN0057): how a guest learns how long its vCPUs wanted to run and did not.
//!
//! Only the stolen-time part, version 1.0. What is here: the two calls, and the layout of the structure that the second
//! one leads to. A guest probes in three steps: `SMCCC_ARCH_FEATURES` for [`FEATURES`], [`FEATURES`] for [`STOLEN_TIME`],
//! then [`STOLEN_TIME`] on each vCPU.

use crate::smccc::{fast, owner};

/// `PV_TIME_FEATURES` (DEN0057): w1 = one of the functions here. `SUCCESS` if it is there, else `NOT_SUPPORTED`.
pub const FEATURES: u32 = fast(true, owner::STANDARD_HYPERVISOR, 0x20);
/// `PV_TIME_ST` (DEN0057): x0 = IPA of the calling vCPU's structure, or `NOT_SUPPORTED`.
pub const STOLEN_TIME: u32 = fast(true, owner::STANDARD_HYPERVISOR, 0x21);

/// The structure (DEN0057, "Stolen time"). Little-endian, in memory that the guest may only read, and should map as Normal,
/// Inner Shareable, Write-Back. Each field may change at any time, as a whole.
pub mod structure {
    /// Bytes from one vCPU's structure to the next, and its alignment: no two share a cache line.
    pub const SIZE: usize = 64;
    /// Where a u32 is, 0 for version 1.0.
    pub const REVISION: usize = 0;
    /// Where a u32 is, always 0.
    pub const ATTRIBUTES: usize = 4;
    /// Where a u64 is: nanoseconds for which this vCPU was ready to run, or on its core, and the core worked for
    /// others. Never falls while the VM runs; 0 when the vCPU first asks for it.
    pub const STOLEN: usize = 8;
}
