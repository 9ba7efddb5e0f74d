//! Interrupts coming in from devices and timers.
//!
//! For: emulated devices (lines and pulses) and physical interrupts that a guest owns. What comes in is
//! kept until the guest takes it, whether or not it is enabled, its vCPU is on a core, or a list register
//! is free.

use crate::bank::{SGIS, assign, bit};
use crate::kick::Kick;
use crate::state::{FIRST_SPI, Place, Vgic};

/// First INTID that has an input line.
const FIRST_PPI: u32 = 16;

impl<const WORDS: usize> Vgic<WORDS> {
    /// The input line of `intid` is now asserted or not. Private interrupts (16 to 31) are `vcpu`'s; for
    /// shared ones `vcpu` is ignored. An interrupt configured as edge-triggered becomes pending when its
    /// line rises, a level-triggered one is pending while it is asserted. SGIs and unknown INTIDs are
    /// ignored.
    pub fn set_level(&mut self, vcpu: usize, intid: u32, asserted: bool) -> Kick {
        let (place, index) = self.find(vcpu, intid);
        let mask = bit(index);
        let Some(bank) = self.bank_mut(place).filter(|_| intid >= FIRST_PPI) else {
            return Kick::NONE;
        };
        if (bank.line & mask != 0) == asserted {
            return Kick::NONE;
        }
        assign(&mut bank.line, mask, asserted);
        if asserted {
            bank.latch |= mask & bank.edge;
        }
        self.touch(place, mask);
        self.take_kick()
    }

    /// A pulse on the line of `intid` (PPI of `vcpu`, or SPI): makes it pending however it is configured,
    /// until it is acknowledged.
    pub fn inject_edge(&mut self, vcpu: usize, intid: u32) -> Kick {
        let (place, index) = self.find(vcpu, intid);
        let mask = bit(index);
        let Some(bank) = self.bank_mut(place).filter(|_| intid >= FIRST_PPI) else {
            return Kick::NONE;
        };
        if bank.latch & mask != 0 {
            return Kick::NONE;
        }
        bank.latch |= mask;
        self.touch(place, mask);
        self.take_kick()
    }

    /// Links private interrupt `intid` (16 to 31) of every vCPU to the physical private interrupt
    /// `pintid`: the guest's deactivation deactivates the physical one. Level-triggered only. To be called
    /// after `configure`; survives `reset`. False if one of them is not a PPI.
    pub fn link(&mut self, intid: u32, pintid: u32) -> bool {
        if !(FIRST_PPI..FIRST_SPI).contains(&pintid) || !(FIRST_PPI..FIRST_SPI).contains(&intid) {
            return false;
        }
        if let Some(link) = self.links.get_mut((intid & 15) as usize) {
            *link = pintid as u8;
        }
        for cpu in &mut self.cpus {
            cpu.bank.linked |= bit(intid as usize) & !SGIS;
        }
        true
    }

    /// The physical interrupt that the private interrupt `index` is linked to.
    pub(crate) fn link_of(&self, index: usize) -> u32 {
        self.links.get(index & 15).copied().map_or(0, u32::from)
    }

    /// The physical interrupt linked to `intid` fired for the loaded `vcpu`: it was acknowledged and its
    /// priority dropped, and it stays active until the guest (or this crate, through
    /// [`crate::ListRegisters::set_physical_active`]) deactivates it. Ignored if there is no link or `vcpu`
    /// is not loaded; the caller then keeps the physical interrupt.
    pub fn linked_fired(&mut self, vcpu: usize, intid: u32) -> Kick {
        let loaded = self.is_loaded(vcpu);
        let mask = bit(intid as usize);
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return Kick::NONE;
        };
        if intid >= FIRST_SPI || cpu.bank.linked & mask == 0 || !loaded {
            return Kick::NONE;
        }
        cpu.bank.line |= mask;
        cpu.bank.physical |= mask;
        // It can only fire after its former self was deactivated, which its list register tells later.
        cpu.bank.refired |= cpu.bank.listed & mask;
        cpu.fresh |= mask;
        self.touch(Place::Private(vcpu), mask);
        self.take_fresh_kick()
    }
}
