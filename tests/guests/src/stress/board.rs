//! The page on which workers count: the director's own, granted to both of them.

use core::sync::atomic::{AtomicU64, Ordering};

/// By which a worker finds the grant.
pub const TAG: u64 = 0xb0a2d;
/// Where the director has the page: RAM behind the program.
pub const AT: u64 = 0x4020_0000;
/// Where a worker maps it: in the window in which it may populate, behind all else there.
pub const MAPPED: u64 = 0x80b0_0000;

/// What there is for each vCPU of each worker; all zero at first.
#[repr(C)]
pub struct Vcpu {
    /// Operations made.
    pub operations: AtomicU64,
    /// Operations that were seen suspended.
    pub suspended: AtomicU64,
    /// Operations continued by the other vCPU.
    pub moved: AtomicU64,
    /// Operations let go of.
    pub abandoned: AtomicU64,
    /// Calls made while another was suspended.
    pub nested: AtomicU64,
    /// The last handle seen.
    pub handle: AtomicU64,
    /// Results that were wrong.
    pub wrong: AtomicU64,
    /// Times it was started.
    pub lives: AtomicU64,
}

/// The page.
#[repr(C)]
pub struct Board {
    /// By worker (VM number minus 1) and vCPU.
    pub vcpus: [[Vcpu; 2]; 2],
}

/// The page at its address, in the VM that calls.
pub fn at(address: u64) -> &'static Board {
    // SAFETY: page-aligned memory that is mapped at that address for as long as the program runs, outside of what Rust
    // uses otherwise; all of it is atomics, for which any content is valid.
    unsafe { &*(address as *const Board) }
}

impl Board {
    /// The sum of one of the counts.
    pub fn sum(&self, of: impl Fn(&Vcpu) -> &AtomicU64) -> u64 {
        let each = self.vcpus.iter().flatten();
        each.map(|vcpu| of(vcpu).load(Ordering::Relaxed)).sum()
    }
}

/// Adds one.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
