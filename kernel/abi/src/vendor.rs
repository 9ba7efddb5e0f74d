//! Caesura's own hypercalls, in SMCCC's vendor-specific hypervisor range (DEN0028 §6.1), made with `HVC #0`.
//!
//! Function numbers below `0xff00` are ours to give; the last ones are the standard queries that every
//! hypervisor answers so that a guest can find out whose range it is.

use crate::smccc::{fast, owner};

/// Returns the four words of [`UID`] in w0..w3 (DEN0028 §6.2, "Call UID Query").
pub const CALL_UID: u32 = fast(false, owner::VENDOR_HYPERVISOR, 0xff01);
/// Returns [`REVISION`] in x0 (major) and x1 (minor).
pub const CALL_REVISION: u32 = fast(false, owner::VENDOR_HYPERVISOR, 0xff03);

/// This hypervisor's identity, a random (version 4) UUID: 6d9f0a1e-5c3b-4e6f-9a47-cae5012a0001.
pub const UID: [u32; 4] = [0x1e0a_9f6d, 0x6f4e_3b5c, 0xe5ca_479a, 0x0100_2a01];
/// Major and minor revision of this interface.
pub const REVISION: (u64, u64) = (0, 1);

/// The guest reports how its own checks ended: x1 = 0 for success, anything else for failure. The VM goes
/// on running; a VM that reported failure makes the system's exit status a failure. Returns `SUCCESS`.
pub const REPORT: u32 = fast(true, owner::VENDOR_HYPERVISOR, 1);
/// The guest declares itself crashed (what a panic handler calls): the VM's `on_crash` policy applies.
/// Does not return.
pub const CRASH: u32 = fast(true, owner::VENDOR_HYPERVISOR, 2);
/// Returns the calling vCPU's accounts: x0 = `SUCCESS`, x1 = guest time, x2 = time EL2 worked on its
/// behalf, x3 = time it was runnable but another ran, all in counter ticks.
pub const VCPU_TIMES: u32 = fast(true, owner::VENDOR_HYPERVISOR, 3);
