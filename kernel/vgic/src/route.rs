//! Where shared interrupts go.
//!
//! For: `GICD_ITARGETSR<n>` and `GICD_IROUTER<n>`, turned into one vCPU per interrupt when they are
//! written, so that delivery only looks it up. An interrupt that may go to several goes to the lowest that
//! is on (IHI 0048 1.4.3 and IHI 0069 4.4 leave the choice of the 1 of N to the implementation). Changing
//! a route moves a pending interrupt, never an active one.

use crate::MAX_VCPUS;
use crate::bank::{assign, bit};
use crate::kick::vcpu_bit;
use crate::state::{Place, Vgic};

/// `GICD_IROUTER<n>.Interrupt_Routing_Mode`: any vCPU.
const IRM: u32 = 1 << 31;

/// Bits of `GICD_IROUTER<n>` that can be written: IRM, Aff2, Aff1, Aff0. `GICD_TYPER.A3V` is 0.
const ROUTE_BITS: u32 = IRM | 0x00ff_ffff;

impl<const WORDS: usize> Vgic<WORDS> {
    /// The vCPUs that exist.
    pub(crate) fn everyone(&self) -> u8 {
        match self.vcpus {
            0 => 0,
            n => u8::MAX.wrapping_shr(8u32.wrapping_sub(u32::from(n))),
        }
    }

    /// The vCPUs that a route names.
    pub(crate) fn named(&self, route: u32) -> u8 {
        if !self.is_v3() {
            // With one vCPU there are no targets to choose.
            return if self.vcpus == 1 { 1 } else { route as u8 };
        }
        if route & IRM != 0 {
            self.everyone()
        } else {
            // An affinity that no vCPU has is nobody: all of ours are in 0.0.0.x.
            vcpu_bit(route as usize) & self.everyone()
        }
    }

    /// Reads the route of shared interrupt `index` of `word`: a target mask or IROUTER's low half.
    pub(crate) fn route(&self, word: usize, index: usize) -> u32 {
        self.spi(word)
            .and_then(|spi| spi.route.get(index & 31))
            .copied()
            .unwrap_or(0)
    }

    /// Writes it; bits that do not exist are dropped.
    pub(crate) fn set_route(&mut self, word: usize, index: usize, value: u32) {
        let route = if self.is_v3() {
            value & ROUTE_BITS
        } else {
            value & u32::from(self.everyone())
        };
        let named = self.named(route);
        let Some(spi) = self.spi_mut(word) else {
            return;
        };
        if let Some(slot) = spi.route.get_mut(index & 31) {
            *slot = route;
        }
        for (vcpu, reach) in spi.reach.iter_mut().enumerate() {
            assign(reach, bit(index), named & vcpu_bit(vcpu) != 0);
        }
        self.resolve(word);
    }

    /// A vCPU went on or off: finds anew where those routes lead that leave a choice.
    pub(crate) fn reroute(&mut self) {
        if self.vcpus < 2 {
            return;
        }
        let vcpus = usize::from(self.vcpus);
        for word in 0..self.spi_words as usize {
            let Some(spi) = self.spi(word) else { continue };
            let reach = spi.reach.iter().take(vcpus);
            let (_, choice) = reach.fold((0, 0), |(one, several), reach| {
                (one | reach, several | one & reach)
            });
            if choice != 0 {
                self.resolve(word);
            }
        }
    }

    /// Finds where the routes of a word lead now, for all 32 at once: this is done with interrupts masked.
    fn resolve(&mut self, word: usize) {
        let (online, vcpus) = (self.online, usize::from(self.vcpus));
        let Some(spi) = self.spi_mut(word) else {
            return;
        };
        let mut moved = 0;
        let mut free = u32::MAX;
        let mut target = [0; MAX_VCPUS];
        for on in [true, false] {
            let each = target.iter_mut().zip(&spi.reach).take(vcpus).enumerate();
            for (_, (target, reach)) in each.filter(|(n, _)| (online & vcpu_bit(*n) != 0) == on) {
                *target = reach & free;
                free &= !reach;
            }
        }
        for (new, old) in target.iter().zip(&spi.target) {
            moved |= new ^ old;
        }
        spi.target = target;
        if moved != 0 {
            self.touch(Place::Shared(word), moved);
        }
    }
}
