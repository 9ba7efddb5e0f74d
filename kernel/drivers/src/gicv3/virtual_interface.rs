//! The virtual interface of GICv3: list registers and their controls as `vgic` asks for them, over the ICH system
//! registers (Arm IHI 0069 §12.4) of the calling core.

use arch::{cpu, gic};
use vgic::{Control, CpuInterface, ListRegisters, Lr, Vmcr};

use super::GicV3;

/// The calling core's virtual interface (ICH registers, IHI 0069 §12.4).
#[derive(Debug)]
pub struct VirtualInterface<'g>(&'g GicV3);

const HCR_TC: u64 = 1 << 10;
const HCR_TDIR: u64 = 1 << 14;
const HCR_EOI_COUNT: u64 = 0x1f << 27;
/// ICH_VTR_EL2.TDS: TDIR is implemented.
const VTR_TDS: u64 = 1 << 19;

impl<'g> VirtualInterface<'g> {
    pub(super) const fn new(gic: &'g GicV3) -> Self {
        Self(gic)
    }

    /// Why the maintenance interrupt is asserted (ICH_MISR_EL2).
    #[must_use]
    pub fn maintenance_status(&self) -> u32 {
        gic::misr() as u32
    }

    /// How many active priority registers there are per group: 1 for 5 preemption bits, 2 for 6, 4 for 7.
    fn active_priority_registers() -> usize {
        1 << (gic::vtr() >> 26 & 7).saturating_sub(4).min(2)
    }
}

impl ListRegisters for VirtualInterface<'_> {
    #[inline]
    fn count(&self) -> usize {
        (gic::vtr() & 0xf) as usize + 1
    }

    #[inline]
    fn read(&self, n: usize) -> Lr {
        vgic::lr::decode_v3(gic::lr(n))
    }

    #[inline]
    fn write(&mut self, n: usize, lr: Lr) {
        gic::set_lr(n, vgic::lr::encode_v3(lr));
    }

    #[inline]
    fn empty_mask(&self) -> u32 {
        // A list register written just now shows here only after synchronisation.
        cpu::isb();
        gic::elrsr() as u32
    }

    fn take_eoi_count(&mut self) -> u32 {
        let hcr = gic::hcr();
        if hcr & HCR_EOI_COUNT != 0 {
            gic::set_hcr(hcr & !HCR_EOI_COUNT);
        }
        (hcr >> 27 & 0x1f) as u32
    }

    #[inline]
    fn set_control(&mut self, control: Control) {
        let mut hcr = u64::from(control.common_bits());
        if control.trap_dir {
            let tdir = gic::vtr() & VTR_TDS != 0;
            hcr |= if tdir { HCR_TDIR } else { HCR_TC };
        }
        gic::set_hcr(hcr);
    }

    #[inline]
    fn vmcr(&self) -> Vmcr {
        Vmcr(gic::vmcr() as u32)
    }

    fn save(&mut self) -> CpuInterface {
        let mut state = CpuInterface {
            vmcr: self.vmcr(),
            ..CpuInterface::RESET
        };
        let registers = state.ap0r.iter_mut().zip(&mut state.ap1r);
        for (n, (ap0r, ap1r)) in registers
            .enumerate()
            .take(Self::active_priority_registers())
        {
            *ap0r = gic::ap0r(n) as u32;
            *ap1r = gic::ap1r(n) as u32;
        }
        state
    }

    fn restore(&mut self, state: &CpuInterface) {
        gic::set_vmcr(u64::from(state.vmcr.0));
        let registers = state.ap0r.iter().zip(&state.ap1r);
        for (n, (ap0r, ap1r)) in registers
            .enumerate()
            .take(Self::active_priority_registers())
        {
            gic::set_ap0r(n, u64::from(*ap0r));
            gic::set_ap1r(n, u64::from(*ap1r));
        }
    }

    fn set_physical_active(&mut self, pintid: u32, active: bool) {
        self.0.set_active(pintid, active);
    }

    fn physical_level(&mut self, pintid: u32) -> bool {
        // Timer registers written just now reach the interrupt line only after synchronisation.
        cpu::isb();
        self.0.is_pending(pintid)
    }
}
