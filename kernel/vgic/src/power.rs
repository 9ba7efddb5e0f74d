//! Reset, and vCPUs going on and off.

use crate::state::Vgic;

impl<const WORDS: usize> Vgic<WORDS> {
    /// Everything as after power-on: distributor off, everything disabled, nothing pending, every vCPU
    /// off. Configuration and links stay. No vCPU may be loaded.
    pub fn reset(&mut self) {}

    /// vCPU `vcpu` starts (PSCI CPU_ON, or boot): its CPU interface is as after reset; what the
    /// distributor and its redistributor hold, pending interrupts too, stays. It must not be loaded.
    pub fn cpu_on(&mut self, vcpu: usize) {
        let _ = vcpu;
    }

    /// vCPU `vcpu` stopped (PSCI CPU_OFF). Unload it first.
    pub fn cpu_off(&mut self, vcpu: usize) {
        let _ = vcpu;
    }
}
