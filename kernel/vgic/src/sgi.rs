//! Interrupts that vCPUs send each other.
//!
//! For: `ICC_SGI1R_EL1` and its kin (IHI 0069, 12.2.19 and on) and `GICD_SGIR` (IHI 0048, 4.3.15). GICv2
//! keeps a pending bit per sender, and the guest sees the senders one by one; GICv3 has one per interrupt.

use crate::bank::{Bits, bit};
use crate::hw::Lr;
use crate::kick::{Kick, vcpu_bit};
use crate::state::{Cpu, Place, Vgic};

/// Which SGI register a GICv3 guest wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SgiRegister {
    /// `ICC_SGI1R_EL1`: reaches interrupts of either group, as for the only security state.
    Sgi1r,
    /// `ICC_ASGI1R_EL1`: reaches group 0 only.
    Asgi1r,
    /// `ICC_SGI0R_EL1`: reaches group 0 only.
    Sgi0r,
}

/// `ICC_SGI*R_EL1.IRM`: all but the sender.
const IRM: u64 = 1 << 40;

/// Aff3, RS, Aff2 and Aff1: all zero in the affinity of a vCPU.
const UPPER_AFFINITY: u64 = 0xff << 48 | 0xf << 44 | 0xff << 32 | 0xff << 16;

impl Cpu {
    /// GICv2: takes the sender whose SGI goes into a list register, lowest first; an active one's is known.
    /// Asks to be told of its end if another sender waits.
    pub(crate) fn list_sender(&mut self, sgi: usize, lr: &mut Lr) {
        let Some(sources) = self.sources.get_mut(sgi & 15) else {
            return;
        };
        if lr.state.is_active() {
            lr.sgi_source = self.active_source.get(sgi & 15).copied().unwrap_or(0);
            return;
        }
        lr.sgi_source = sources.trailing_zeros() as u8 & 7;
        *sources &= sources.wrapping_sub(1);
        if *sources != 0 {
            self.bank.latch |= bit(sgi & 15);
            lr.eoi_maintenance = true;
        }
    }

    /// GICv2: an SGI from `source` came out of a list register, `back` if it is pending still.
    pub(crate) fn fold_sender(&mut self, sgi: usize, source: u8, back: bool) {
        if back && let Some(sources) = self.sources.get_mut(sgi & 15) {
            *sources |= vcpu_bit(source.into());
        }
        if let Some(active) = self.active_source.get_mut(sgi & 15) {
            *active = source;
        }
    }
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// vCPU `vcpu` wrote `value` to a GICv3 SGI register. Ignored on GICv2, whose guests use `GICD_SGIR`.
    pub fn sgi_write(&mut self, vcpu: usize, register: SgiRegister, value: u64) -> Kick {
        if !self.is_v3() {
            return Kick::NONE;
        }
        let targets = if value & IRM != 0 {
            self.everyone() & !vcpu_bit(vcpu)
        } else if value & UPPER_AFFINITY == 0 {
            value as u8 & self.everyone()
        } else {
            0
        };
        let mask = bit((value >> 24) as usize & 15);
        for target in Bits(u32::from(targets)) {
            let Some(cpu) = self.cpu_mut(target) else {
                continue;
            };
            if register != SgiRegister::Sgi1r && cpu.bank.group & mask != 0 {
                continue;
            }
            if cpu.bank.latch & mask == 0 {
                cpu.bank.latch |= mask;
                cpu.fresh |= mask;
                self.touch(Place::Private(target), mask);
            }
        }
        self.take_fresh_kick()
    }

    /// vCPU `vcpu` wrote `value` to `GICD_SGIR`.
    pub(crate) fn write_sgir(&mut self, vcpu: usize, value: u32) {
        let targets = match value >> 24 & 3 {
            0 => (value >> 16) as u8 & self.everyone(),
            1 => self.everyone() & !vcpu_bit(vcpu),
            2 => vcpu_bit(vcpu),
            _ => 0,
        };
        for target in Bits(u32::from(targets)) {
            self.set_sources(target, value as usize & 15, vcpu_bit(vcpu));
        }
    }

    /// GICv2: makes SGI `sgi` of `target` pending from `sources` too.
    pub(crate) fn set_sources(&mut self, target: usize, sgi: usize, sources: u8) {
        let sources = sources & self.everyone();
        let Some(cpu) = self.cpu_mut(target) else {
            return;
        };
        let Some(pending) = cpu.sources.get_mut(sgi & 15) else {
            return;
        };
        if sources & !*pending != 0 {
            *pending |= sources;
            cpu.bank.latch |= bit(sgi & 15);
            cpu.fresh |= bit(sgi & 15);
            self.touch(Place::Private(target), bit(sgi & 15));
        }
    }

    /// GICv2: SGI `sgi` of `target` is no longer pending from `sources`.
    pub(crate) fn clear_sources(&mut self, target: usize, sgi: usize, sources: u8) {
        let Some(cpu) = self.cpu_mut(target) else {
            return;
        };
        let Some(pending) = cpu.sources.get_mut(sgi & 15) else {
            return;
        };
        *pending &= !sources;
        if *pending == 0 {
            cpu.bank.latch &= !bit(sgi & 15);
        }
        self.touch(Place::Private(target), bit(sgi & 15));
    }

    /// GICv2: the senders from which SGI `sgi` of `target` is pending.
    pub(crate) fn sources(&self, target: usize, sgi: usize) -> u8 {
        self.cpu(target)
            .and_then(|cpu| cpu.sources.get(sgi & 15))
            .copied()
            .unwrap_or(0)
    }
}
