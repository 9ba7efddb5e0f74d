//! Between the distributor's state and the list registers.

use crate::hw::ListRegisters;
use crate::kick::Kick;
use crate::state::Vgic;

impl<const WORDS: usize> Vgic<WORDS> {
    /// vCPU `vcpu` comes to the core of `hw`: its CPU interface is restored, its interrupts are listed.
    /// Call after its timers are restored, so that a linked line can be sampled. Includes a refresh.
    pub fn load<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let _ = (vcpu, hw);
    }

    /// vCPU `vcpu` leaves the core of `hw`: list registers are emptied, its CPU interface is saved, linked
    /// physical interrupts become inactive, so that the next vCPU's can fire. Call after its timers are
    /// saved and stopped.
    pub fn unload<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let _ = (vcpu, hw);
    }

    /// Takes what the guest did in the list registers into the state. If it returns a kick (to `vcpu`
    /// itself), [`refresh`](Self::refresh) must run before the guest does.
    pub fn sync<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> Kick {
        let _ = (vcpu, hw);
        Kick::NONE
    }

    /// [`sync`](Self::sync), and then fills the list registers anew. The loaded `vcpu` has collected all
    /// its kicks.
    pub fn refresh<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let _ = (vcpu, hw);
    }

    /// Whether `vcpu` was in a [`Kick`] since it was last refreshed.
    #[must_use]
    pub fn needs_refresh(&self, vcpu: usize) -> bool {
        let _ = vcpu;
        false
    }

    /// Whether an interrupt would end a WFI of `vcpu`: pending, enabled, its group enabled in distributor
    /// and CPU interface, more urgent than the priority mask. For a loaded vCPU call
    /// [`sync`](Self::sync) just before. Running priorities are not considered: a WFI inside a handler
    /// may end early, as the architecture allows.
    #[must_use]
    pub fn has_deliverable(&self, vcpu: usize) -> bool {
        let _ = vcpu;
        false
    }

    /// The guest deactivates `intid` with `ICC_DIR_EL1` (trapped as [`crate::Control::trap_dir`] asks) or
    /// `GICC_DIR` (GICv2: the second 4 KiB of the CPU interface, which are not mapped to the guest but
    /// emulated with this). Ignored unless EOI mode 1 is on and the interrupt is active.
    pub fn deactivate<H: ListRegisters>(&mut self, vcpu: usize, intid: u32, hw: &mut H) -> Kick {
        let _ = (vcpu, intid, hw);
        Kick::NONE
    }
}
