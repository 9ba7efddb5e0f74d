//! Interrupts that vCPUs send each other.

use crate::kick::Kick;
use crate::state::Vgic;

/// Which SGI register a GICv3 guest wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SgiRegister {
    /// `ICC_SGI1R_EL1`.
    Sgi1r,
    /// `ICC_ASGI1R_EL1`.
    Asgi1r,
    /// `ICC_SGI0R_EL1`.
    Sgi0r,
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// vCPU `vcpu` wrote `value` to a GICv3 SGI register. Ignored on GICv2, whose guests use `GICD_SGIR`.
    pub fn sgi_write(&mut self, vcpu: usize, register: SgiRegister, value: u64) -> Kick {
        let _ = (vcpu, register, value);
        Kick::NONE
    }
}
