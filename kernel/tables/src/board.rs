//! What the machine is: one [`Board`] constant per build.

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

impl Region {
    /// The first address after the range, saturating at the end of the address space.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.base.saturating_add(self.size)
    }

    /// Whether the two ranges share a byte.
    #[must_use]
    pub const fn overlaps(&self, other: &Region) -> bool {
        self.base < other.end() && other.base < self.end()
    }
}

/// The machine.
#[derive(Debug)]
pub struct Board {
    /// The name of its folder under `boards/`.
    pub name: &'static str,
    /// Where the boot loader puts the image, and for which the image is linked.
    pub load_address: u64,
    /// Physical cores, boot core first is *not* promised: compare MPIDRs.
    pub cpus: &'static [Cpu],
    /// RAM that the hypervisor and its guests may use, ascending, disjoint.
    pub memory: &'static [Region],
    /// The console.
    pub uart: Uart,
    /// The interrupt controller.
    pub gic: Gic,
    /// Per-core interrupts.
    pub timers: Timers,
    /// How firmware is called for PSCI.
    pub psci: Conduit,
}

/// A physical core.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// Affinity fields of its MPIDR_EL1: bits 39:32 and 23:0, others zero.
    pub mpidr: u64,
    /// Whether the hypervisor can be preempted on it: all are in the model `full`, none in `legacy`, those that the
    /// system or the board marks in `hybrid`.
    pub preemptible: bool,
}

/// The console's device.
#[derive(Clone, Copy, Debug)]
pub struct Uart {
    /// Which driver.
    pub kind: UartKind,
    /// Its registers.
    pub region: Region,
    /// Its interrupt.
    pub intid: u32,
    /// Input clock in hertz; 0 leaves the baud rate as firmware set it.
    pub clock_hz: u32,
}

/// Which UART driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartKind {
    /// Arm PL011 (DDI 0183).
    Pl011,
}

/// The physical interrupt controller.
#[derive(Clone, Copy, Debug)]
pub enum Gic {
    /// GICv2 (IHI 0048).
    V2 {
        /// Distributor.
        distributor: Region,
        /// CPU interface, as EL2 uses it.
        cpu: Region,
        /// Virtual interface control (GICH).
        hypervisor: Region,
        /// Virtual CPU interface (GICV), mapped to guests.
        vcpu: Region,
        /// Maintenance interrupt.
        maintenance: u32,
    },
    /// GICv3 and v4 (IHI 0069).
    V3 {
        /// Distributor.
        distributor: Region,
        /// Redistributors; frames are walked until the one with our affinity is found.
        redistributors: &'static [Region],
        /// Maintenance interrupt.
        maintenance: u32,
    },
}

/// Interrupts of the generic timer, as INTIDs (PPI n is INTID 16 + n).
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Non-secure EL2 physical timer, CNTHP.
    pub hypervisor: u32,
    /// EL1 virtual timer, CNTV.
    pub virtual_: u32,
    /// Non-secure EL1 physical timer, CNTP.
    pub physical: u32,
}

/// How a firmware call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduit {
    /// `smc #0`.
    Smc,
    /// `hvc #0`.
    Hvc,
    /// There is no PSCI: one core only, and no power-off.
    None,
}

/// Where everything lies in RAM. Regions are disjoint and inside [`Board::memory`].
#[derive(Debug)]
pub struct MemoryPlan {
    /// The linked kernel, from its first instruction to the end of its bss; starts at the load address.
    pub kernel: Region,
    /// Where the pack may lie: it starts at the first page after the kernel's last section.
    pub pack: Region,
    /// Pages for tables and other allocations of the hypervisor.
    pub pool: Region,
}
