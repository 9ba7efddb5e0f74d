//! Reset, and vCPUs going on and off.
//!
//! For: PSCI and VM restart. A vCPU that is off keeps its private interrupts' state, as a redistributor
//! does, and shared interrupts that may go elsewhere do.

use crate::MAX_VCPUS;
use crate::bank::{Bank, SGIS};
use crate::hw::{Control, CpuInterface};
use crate::kick::{Kick, vcpu_bit};
use crate::state::Vgic;

impl<const WORDS: usize> Vgic<WORDS> {
    /// Everything as after power-on: distributor off, everything disabled (GICv2: except SGIs), nothing
    /// pending, every vCPU off. Configuration and links stay. No vCPU may be loaded.
    ///
    /// All interrupts are in group 0 on GICv2 and in group 1 on GICv3, where the reset value is not
    /// architected: guests that expect firmware to have chosen group 1 for them run.
    pub fn reset(&mut self) {
        for vcpu in 0..MAX_VCPUS {
            self.reset_private(vcpu);
        }
        self.reset_shared();
    }

    /// The part of [`reset`](Self::reset) that concerns one vCPU, for who cannot do all at once. The others are first.
    pub fn reset_private(&mut self, vcpu: usize) {
        let v3 = self.is_v3();
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        let linked = cpu.bank.linked;
        cpu.bank = Bank::in_group(if v3 { u32::MAX } else { 0 });
        cpu.bank.enabled = if v3 { 0 } else { SGIS };
        cpu.bank.edge = SGIS;
        cpu.bank.linked = linked;
        cpu.sources = [0; 16];
        cpu.active_source = [0; 16];
        cpu.used = 0;
        cpu.fresh = 0;
        cpu.stale = 0;
        cpu.control = Control::QUIET;
        cpu.loud = false;
        cpu.interface = CpuInterface::RESET;
        cpu.awake = false;
    }

    /// The part of [`reset`](Self::reset) that concerns all vCPUs; the last.
    pub fn reset_shared(&mut self) {
        let group = if self.is_v3() { u32::MAX } else { 0 };
        self.enabled_groups = 0;
        self.online = 0;
        self.loaded = 0;
        self.dirty = 0;
        self.whole = 0;
        self.rwp = 0;
        self.busy = 0;
        // All have the same route, and with nothing pending nobody is concerned by where it leads. It names one at most.
        let named = self.named(0);
        let reach = core::array::from_fn(|vcpu| {
            if named & vcpu_bit(vcpu) != 0 {
                u32::MAX
            } else {
                0
            }
        });
        for spi in &mut self.spis {
            spi.bank = Bank::in_group(group);
            spi.route = [0; 32];
            spi.reach = reach;
            spi.target = reach;
        }
        self.kick = 0;
    }

    /// vCPU `vcpu` starts (PSCI CPU_ON, or boot): its CPU interface is as after reset; what the
    /// distributor and its redistributor hold, pending interrupts too, stays. It must not be loaded.
    pub fn cpu_on(&mut self, vcpu: usize) -> Kick {
        if let Some(cpu) = self.cpu_mut(vcpu) {
            cpu.interface = CpuInterface::RESET;
            self.online |= vcpu_bit(vcpu);
        }
        self.reroute();
        self.take_kick()
    }

    /// vCPU `vcpu` stopped (PSCI CPU_OFF). Unload it first.
    pub fn cpu_off(&mut self, vcpu: usize) -> Kick {
        self.online &= !vcpu_bit(vcpu);
        self.dirty &= !vcpu_bit(vcpu);
        self.reroute();
        self.take_kick()
    }
}
