//! Interrupts coming in from devices and timers.

use crate::kick::Kick;
use crate::state::Vgic;

impl<const WORDS: usize> Vgic<WORDS> {
    /// The input line of `intid` is now asserted or not. Private interrupts (16 to 31) are `vcpu`'s; for
    /// shared ones `vcpu` is ignored. An interrupt configured as edge-triggered becomes pending when its
    /// line rises, a level-triggered one is pending while it is asserted. SGIs and unknown INTIDs are
    /// ignored.
    pub fn set_level(&mut self, vcpu: usize, intid: u32, asserted: bool) -> Kick {
        let _ = (vcpu, intid, asserted);
        Kick::NONE
    }

    /// A pulse on the line of `intid` (PPI of `vcpu`, or SPI): makes it pending however it is configured,
    /// until it is acknowledged.
    pub fn inject_edge(&mut self, vcpu: usize, intid: u32) -> Kick {
        let _ = (vcpu, intid);
        Kick::NONE
    }

    /// Links private interrupt `intid` (16 to 31) of every vCPU to the physical private interrupt
    /// `pintid`: the guest's deactivation deactivates the physical one. Level-triggered only. To be called
    /// after `configure`; survives `reset`. False if `intid` is not a PPI or `pintid` not a private
    /// interrupt.
    pub fn link(&mut self, intid: u32, pintid: u32) -> bool {
        let _ = (intid, pintid);
        false
    }

    /// The physical interrupt linked to `intid` fired for the loaded `vcpu`: it was acknowledged and its
    /// priority dropped, and it stays active until the guest (or this crate, through
    /// [`crate::ListRegisters::set_physical_active`]) deactivates it.
    pub fn linked_fired(&mut self, vcpu: usize, intid: u32) -> Kick {
        let _ = (vcpu, intid);
        Kick::NONE
    }
}
