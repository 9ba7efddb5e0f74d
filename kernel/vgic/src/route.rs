//! Where shared interrupts go.
//!
//! For: `GICD_ITARGETSR<n>` and `GICD_IROUTER<n>`, turned into one vCPU per interrupt when they are
//! written, so that delivery only looks it up. An interrupt that may go to several goes to the lowest that
//! is on (IHI 0048 1.4.3 and IHI 0069 4.4 leave the choice of the 1 of N to the implementation). Changing
//! a route moves a pending interrupt, never an active one.

use crate::bank::{Bits, bit};
use crate::kick::vcpu_bit;
use crate::state::{NOBODY, Place, Vgic};

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

    /// Which vCPU a route means now.
    pub(crate) fn resolve(&self, route: u32) -> u8 {
        if self.vcpus == 1 && !self.is_v3() {
            return 0;
        }
        let candidates = if !self.is_v3() {
            route as u8
        } else if route & IRM != 0 {
            self.everyone()
        } else {
            // An affinity that no vCPU has is nobody: all of ours are in 0.0.0.x.
            vcpu_bit((route & !IRM) as usize) & self.everyone()
        };
        let on = candidates & self.online;
        let choice = if on != 0 { on } else { candidates };
        match choice {
            0 => NOBODY,
            _ => choice.trailing_zeros() as u8,
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
        let target = self.resolve(route);
        let Some(spi) = self.spi_mut(word) else {
            return;
        };
        if let Some(slot) = spi.route.get_mut(index & 31) {
            *slot = route;
        }
        let moved = spi.target_of(index) != target;
        if let Some(slot) = spi.target.get_mut(index & 31) {
            *slot = target;
        }
        if moved {
            self.touch(Place::Shared(word), bit(index));
        }
    }

    /// A vCPU went on or off: resolves those routes anew that leave a choice. There are few, and this is done with interrupts
    /// masked.
    pub(crate) fn reroute(&mut self) {
        if self.vcpus < 2 {
            return;
        }
        let is_v3 = self.is_v3();
        let chooses = |route: u32| {
            if is_v3 {
                route & IRM != 0
            } else {
                route & route.wrapping_sub(1) != 0
            }
        };
        for word in 0..self.spi_words as usize {
            let Some(spi) = self.spi(word) else { continue };
            let routes = (0..).zip(&spi.route).filter(|(_, route)| chooses(**route));
            let free = routes.fold(0u32, |free, (index, _)| free | bit(index));
            for index in Bits(free) {
                self.set_route(word, index, self.route(word, index));
            }
        }
    }
}
