//! What a VM's interrupt controller is like.
//!
//! For: handing the generated tables' choice to [`crate::Vgic::configure`], which refuses what it cannot
//! hold. Nothing here changes while the VM runs.

/// Which architecture version the guest sees; always the board's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Version {
    /// GICv2, IHI 0048, without the Security Extensions.
    V2 = 0,
    /// GICv3, IHI 0069, affinity routing always on, one security state (`GICD_CTLR.DS` = 1), no LPIs.
    V3 = 1,
}

/// What [`crate::Vgic::configure`] needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the guest sees.
    pub version: Version,
    /// vCPUs, 1 to 8; vCPU n has Aff0 = n, the other affinity fields 0.
    pub vcpus: usize,
    /// Shared interrupts: INTIDs 32 to 31 + this. A multiple of 32, at most 32 × the const parameter of
    /// `Vgic`.
    pub spis: u32,
}

/// Why a [`Config`] was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Not 1 to 8 vCPUs.
    Vcpus,
    /// Not a multiple of 32, or more than there is room for.
    Spis,
}
