//! The virtual interface of GICv2: list registers and their controls as `vgic` asks for them, over the memory-mapped
//! GICH registers (Arm IHI 0048 §5.3), which are the calling core's.

use arch::cpu;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite};
use tock_registers::{register_bitfields, register_structs};
use vgic::{Control, CpuInterface, ListRegisters, Lr, Vmcr};

use super::GicV2;

register_structs! {
    pub(super) Layout {
        (0x000 => hcr: ReadWrite<u32, Hcr::Register>),
        (0x004 => vtr: ReadOnly<u32, Vtr::Register>),
        (0x008 => vmcr: ReadWrite<u32>),
        (0x00c => _reserved0),
        (0x010 => misr: ReadOnly<u32>),
        (0x014 => _reserved1),
        (0x020 => eisr: [ReadOnly<u32>; 2]),
        (0x028 => _reserved2),
        (0x030 => elrsr: [ReadOnly<u32>; 2]),
        (0x038 => _reserved3),
        (0x0f0 => apr: ReadWrite<u32>),
        (0x0f4 => _reserved4),
        (0x100 => lr: [ReadWrite<u32>; 64]),
        (0x200 => @END),
    }
}

register_bitfields![u32,
    Hcr [
        /// Deactivations of what was in no list register; the other bits are `vgic`'s.
        EoiCount OFFSET(27) NUMBITS(5) [],
    ],
    Vtr [
        /// Number of list registers, minus one.
        ListRegs OFFSET(0) NUMBITS(6) [],
    ],
];

impl core::fmt::Debug for Layout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("GICH registers")
    }
}

/// The calling core's virtual interface (GICH, IHI 0048 §5.3).
#[derive(Debug)]
pub struct VirtualInterface<'g>(&'g GicV2);

impl<'g> VirtualInterface<'g> {
    pub(super) const fn new(gic: &'g GicV2) -> Self {
        Self(gic)
    }

    /// Why the maintenance interrupt is asserted (GICH_MISR).
    #[must_use]
    pub fn maintenance_status(&self) -> u32 {
        self.0.hypervisor.misr.get()
    }
}

impl ListRegisters for VirtualInterface<'_> {
    #[inline]
    fn count(&self) -> usize {
        let implemented = self.0.hypervisor.vtr.read(Vtr::ListRegs) as usize + 1;
        implemented.min(16)
    }

    #[inline]
    fn read(&self, n: usize) -> Lr {
        let register = self.0.hypervisor.lr.get(n);
        register.map_or(Lr::INVALID, |lr| vgic::lr::decode_v2(lr.get()))
    }

    #[inline]
    fn write(&mut self, n: usize, lr: Lr) {
        if let Some(register) = self.0.hypervisor.lr.get(n) {
            register.set(vgic::lr::encode_v2(lr));
        }
    }

    #[inline]
    fn empty_mask(&self) -> u32 {
        self.0.hypervisor.elrsr[0].get()
    }

    fn take_eoi_count(&mut self) -> u32 {
        let hcr = self.0.hypervisor.hcr.extract();
        let count = hcr.read(Hcr::EoiCount);
        if count != 0 {
            let hcr = hcr.get() & !(0x1f << 27);
            self.0.hypervisor.hcr.set(hcr);
        }
        count
    }

    #[inline]
    fn set_control(&mut self, control: Control) {
        // There is no trap for deactivation: `trap_dir` has no bit here.
        self.0.hypervisor.hcr.set(control.common_bits());
    }

    #[inline]
    fn vmcr(&self) -> Vmcr {
        Vmcr(self.0.hypervisor.vmcr.get())
    }

    fn save(&mut self) -> CpuInterface {
        CpuInterface {
            vmcr: self.vmcr(),
            ap0r: [0; 4],
            ap1r: [self.0.hypervisor.apr.get(), 0, 0, 0],
        }
    }

    fn restore(&mut self, state: &CpuInterface) {
        self.0.hypervisor.vmcr.set(state.vmcr.0);
        self.0.hypervisor.apr.set(state.ap1r[0]);
    }

    fn set_physical_active(&mut self, pintid: u32, active: bool) {
        self.0.set_active(pintid, active);
    }

    fn physical_level(&mut self, pintid: u32) -> bool {
        cpu::isb();
        self.0.is_pending(pintid)
    }
}
