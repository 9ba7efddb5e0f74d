//! What a guest may do with a range, and how the core treats it.

/// How the core may access memory (Arm ARM D8.6.5: stage 2 MemAttr\[3:0\] without FEAT_S2FWB).
///
/// The guest's own stage 1 attributes are combined with these; the stricter of the two wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryType {
    /// Normal, inner and outer write-back cacheable, inner shareable: RAM.
    Normal,
    /// Device-nGnRE: registers.
    Device,
}

/// How a range is mapped. Everything mapped can be read.
///
/// W^X at stage 2 is about what the *hypervisor* knows: registers are never executable, ROM is never
/// writable. A guest's RAM has to be writable and executable at once, because the guest loads and patches code
/// there and only its own stage 1 knows which page is which; so [`RAM`](Self::RAM) is the one attribute that
/// is both, and a caller gets it only by asking for it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Memory type.
    pub memory: MemoryType,
    /// The guest may write.
    pub writable: bool,
    /// The guest may fetch instructions, at EL1 and EL0. Never together with [`MemoryType::Device`].
    pub executable: bool,
}

impl Attributes {
    /// Guest RAM: readable, writable, executable.
    pub const RAM: Self = Attributes {
        memory: MemoryType::Normal,
        writable: true,
        executable: true,
    };
    /// Memory for data alone, such as a buffer shared between VMs: readable, writable.
    pub const DATA: Self = Attributes {
        memory: MemoryType::Normal,
        writable: true,
        executable: false,
    };
    /// ROM with code: readable, executable.
    pub const ROM: Self = Attributes {
        memory: MemoryType::Normal,
        writable: false,
        executable: true,
    };
    /// ROM without code: readable.
    pub const READ_ONLY: Self = Attributes {
        memory: MemoryType::Normal,
        writable: false,
        executable: false,
    };
    /// Registers of a device: readable, writable, never executable.
    pub const DEVICE: Self = Attributes {
        memory: MemoryType::Device,
        writable: true,
        executable: false,
    };
}
