//! GICv2 (Arm IHI 0048): distributor, CPU interface and virtual interface control, all memory-mapped.
//!
//! Groups are left as firmware set them, and enable bit 0 is used: from the Non-secure side it is group 1,
//! without Security Extensions group 0.

mod virtual_interface;

use core::sync::atomic::{AtomicU8, Ordering};

use arch::{MAX_CPUS, cpu};
use tables::Gic;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};
use tock_registers::{register_bitfields, register_structs};
use vgic::{Control, CpuInterface, ListRegisters, Lr};

use crate::distributor::{CoreError, Ctlr, Distributor, Trigger};
use crate::mmio::Registers;

register_structs! {
    CpuLayout {
        (0x0000 => ctlr: ReadWrite<u32, CpuCtlr::Register>),
        (0x0004 => pmr: ReadWrite<u32>),
        (0x0008 => bpr: ReadWrite<u32>),
        (0x000c => iar: ReadOnly<u32>),
        (0x0010 => eoir: WriteOnly<u32>),
        (0x0014 => _reserved0),
        (0x1000 => dir: WriteOnly<u32>),
        (0x1004 => @END),
    }
}

register_bitfields![u32,
    CpuCtlr [
        Enable OFFSET(0) NUMBITS(1) [],
        /// EOIR drops the priority only; DIR deactivates.
        EoiMode OFFSET(9) NUMBITS(1) [],
    ],
];

impl core::fmt::Debug for CpuLayout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("GICC registers")
    }
}

use virtual_interface::Layout as VirtualLayout;
pub use virtual_interface::VirtualInterface;

/// An acknowledged interrupt: what GICC_IAR said, with an SGI's sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged(u32);

impl Acknowledged {
    /// Its INTID, 0 to 1019.
    #[must_use]
    #[inline(always)]
    pub const fn intid(self) -> u32 {
        self.0 & 0x3ff
    }
}

/// The host's GICv2.
#[derive(Debug)]
pub struct GicV2 {
    distributor: Distributor,
    cpu: Registers<CpuLayout>,
    hypervisor: Registers<VirtualLayout>,
    maintenance: u32,
    /// The distributor's target bit of each core; zero before that core's `init_core`.
    targets: [AtomicU8; MAX_CPUS],
}

impl GicV2 {
    /// The controller that the board's table describes; `None` if that is another version.
    ///
    /// # Safety
    ///
    /// The table is right, its regions are mapped as devices whenever a method is called, and this is
    /// the only driver for them.
    #[must_use]
    pub const unsafe fn new(gic: &Gic) -> Option<Self> {
        match gic {
            Gic::V2 {
                distributor,
                cpu,
                hypervisor,
                maintenance,
                ..
            } => Some(Self {
                // SAFETY: by the caller's promise, for all three.
                distributor: Distributor(unsafe { Registers::at(distributor.base) }),
                // SAFETY: as above.
                cpu: unsafe { Registers::at(cpu.base) },
                // SAFETY: as above.
                hypervisor: unsafe { Registers::at(hypervisor.base) },
                maintenance: *maintenance,
                targets: [const { AtomicU8::new(0) }; MAX_CPUS],
            }),
            Gic::V3 { .. } => None,
        }
    }

    /// INTID of the virtual interface's maintenance interrupt.
    #[must_use]
    pub const fn maintenance(&self) -> u32 {
        self.maintenance
    }

    /// INTIDs that exist, a multiple of 32.
    #[must_use]
    pub fn intids(&self) -> u32 {
        self.distributor.intids()
    }

    /// Resets and enables the distributor: everything shared is disabled. Once, on one core.
    pub fn init_distributor(&self) {
        let registers = &self.distributor.0;
        registers.ctlr.set(0);
        self.distributor.quiesce(32, self.distributor.intids());
        registers.ctlr.write(Ctlr::EnableGroup0::SET);
    }

    /// Resets and enables this core's private interrupts' state, its CPU interface and its virtual interface. On
    /// each core, after [`GicV2::init_distributor`]. Its private interrupts are disabled.
    ///
    /// # Errors
    ///
    /// None on this version; the signature is GICv3's.
    pub fn init_core(&self) -> Result<(), CoreError> {
        self.distributor.quiesce(0, 32);
        // Banked: each core reads its own bit. With a single core the register reads zero.
        let own = match self.distributor.0.itargetsr[0].get() as u8 {
            0 => 1,
            own => own,
        };
        if let Some(target) = self.targets.get(cpu::index()) {
            target.store(own, Ordering::Relaxed);
        }
        self.cpu.pmr.set(0xff);
        self.cpu.bpr.set(0);
        self.cpu
            .ctlr
            .write(CpuCtlr::Enable::SET + CpuCtlr::EoiMode::SET);
        let mut interface = self.virtual_interface();
        for n in 0..interface.count() {
            interface.write(n, Lr::INVALID);
        }
        interface.restore(&CpuInterface::RESET);
        interface.set_control(Control::QUIET);
        Ok(())
    }

    /// Lets an interrupt be signalled; a private one on this core.
    #[inline]
    pub fn enable(&self, intid: u32) {
        self.distributor.enable(intid);
    }

    /// Stops an interrupt from being signalled; a private one on this core.
    #[inline]
    pub fn disable(&self, intid: u32) {
        self.distributor.disable(intid);
    }

    /// Sets a priority, 0 the highest. Shared interrupts: one core at a time.
    pub fn set_priority(&self, intid: u32, priority: u8) {
        self.distributor.set_priority(intid, priority);
    }

    /// Sets how a disabled interrupt is signalled. One core at a time.
    pub fn set_trigger(&self, intid: u32, trigger: Trigger) {
        self.distributor.set_trigger(intid, trigger);
    }

    /// Sends a shared interrupt to core `cpu`, which has done its `init_core`. One core at a time.
    pub fn route(&self, intid: u32, cpu: usize) {
        if let Some(target) = self.targets.get(cpu) {
            self.distributor
                .set_targets(intid, target.load(Ordering::Relaxed));
        }
    }

    /// Takes the most urgent pending interrupt of this core: pending becomes active.
    #[must_use]
    #[inline]
    pub fn ack(&self) -> Option<Acknowledged> {
        let interrupt = Acknowledged(self.cpu.iar.get());
        (interrupt.intid() < 1020).then_some(interrupt)
    }

    /// Ends the handling as far as priorities go: others of the same priority may be signalled.
    #[inline]
    pub fn drop_priority(&self, interrupt: Acknowledged) {
        self.cpu.eoir.set(interrupt.0);
    }

    /// Ends the interrupt: active becomes inactive.
    #[inline]
    pub fn deactivate(&self, interrupt: Acknowledged) {
        self.cpu.dir.set(interrupt.0);
    }

    /// Sends software interrupt `intid` (0 to 15) to the cores whose bits are set in `cpus`. What this core
    /// stored before is visible to them.
    #[inline]
    pub fn send_sgi(&self, cpus: u64, intid: u32) {
        let mut list = 0;
        let mut rest = cpus;
        while let Some(target) = self.targets.get(rest.trailing_zeros() as usize) {
            rest &= rest - 1;
            list |= u32::from(target.load(Ordering::Relaxed));
        }
        cpu::dsb();
        self.distributor.0.sgir.set(list << 16 | intid & 0xf);
    }

    /// Makes an interrupt active or inactive; a private one on this core.
    #[inline]
    pub fn set_active(&self, intid: u32, active: bool) {
        self.distributor.set_active(intid, active);
    }

    /// Whether an interrupt is pending, which for a level-triggered one includes "its line is asserted"; a
    /// private one on this core.
    #[must_use]
    #[inline]
    pub fn is_pending(&self, intid: u32) -> bool {
        self.distributor.is_pending(intid)
    }

    /// This core's virtual interface. IRQs must be masked while it is used.
    #[must_use]
    #[inline]
    pub fn virtual_interface(&self) -> VirtualInterface<'_> {
        VirtualInterface::new(self)
    }
}
