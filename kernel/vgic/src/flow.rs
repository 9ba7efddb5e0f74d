//! From the list registers back into the state, and the life of a vCPU on a core.
//!
//! For: the moments at which state and hardware meet. While a vCPU is on a core its list registers stay
//! there, and the state knows what it put in (slots); *folding* reads back what became of it.
//! Guarantees that after [`Vgic::refresh`] or [`Vgic::load`] the list registers say what the state says,
//! and after [`Vgic::unload`] nothing of the vCPU is left in the core. Filling is in `fill`.

use crate::bank::{Bits, bit};
use crate::hw::{Control, ListRegisters, LrState};
use crate::kick::{Kick, vcpu_bit};
use crate::state::{FIRST_SPI, Place, Vgic};

impl<const WORDS: usize> Vgic<WORDS> {
    /// vCPU `vcpu` comes to the core of `hw`: its CPU interface is restored, its interrupts are listed.
    /// Call after its timers are restored, so that a linked line can be sampled. Includes a refresh. Does
    /// nothing for a vCPU that is loaded already.
    pub fn load<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> Kick {
        self.load_fired(vcpu, 0, hw)
    }

    /// [`load`](Self::load), where physical interrupts that are linked to `fired` (bit n: private interrupt n) have fired
    /// already, as for [`linked_fired`](Self::linked_fired): they are listed with the rest.
    pub fn load_fired<H: ListRegisters>(&mut self, vcpu: usize, fired: u32, hw: &mut H) -> Kick {
        if !self.is_loaded(vcpu)
            && let Some(cpu) = self.cpu_mut(vcpu)
        {
            hw.restore(&cpu.interface);
            // None of them is listed: it left its list registers when it left its core.
            let fired = fired & cpu.bank.linked;
            cpu.bank.line |= fired;
            cpu.bank.physical |= fired;
            self.loaded |= vcpu_bit(vcpu);
            self.sample(vcpu, hw);
            self.fill(vcpu, hw);
        }
        self.take_kick()
    }

    /// vCPU `vcpu` leaves the core of `hw`: list registers are emptied, its CPU interface is saved, linked
    /// physical interrupts become inactive, so that the next vCPU's can fire. Call after its timers are
    /// saved and stopped. The kick is for others, to whom shared interrupts now belong.
    pub fn unload<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> Kick {
        if !self.is_loaded(vcpu) {
            return Kick::NONE;
        }
        self.fold(vcpu, hw);
        self.loaded &= !vcpu_bit(vcpu);
        self.dirty &= !vcpu_bit(vcpu);
        self.kick &= !vcpu_bit(vcpu);
        self.rwp &= !vcpu_bit(vcpu);
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return Kick::NONE;
        };
        cpu.clear_stale(hw);
        cpu.interface = hw.save();
        if cpu.loud {
            cpu.loud = false;
            cpu.control = Control::QUIET;
            hw.set_control(Control::QUIET);
        }
        let active = core::mem::take(&mut cpu.bank.physical);
        for index in Bits(active) {
            hw.set_physical_active(self.link_of(index), false);
        }
        self.take_kick()
    }

    /// Takes what the guest did in the list registers into the state. If it returns a kick (to `vcpu`
    /// itself), [`refresh`](Self::refresh) must run before the guest does.
    pub fn sync<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> Kick {
        if self.is_loaded(vcpu) {
            self.fold(vcpu, hw);
            self.sample(vcpu, hw);
            let vmcr = hw.vmcr();
            if let Some(cpu) = self.cpu_mut(vcpu) {
                cpu.interface.vmcr = vmcr;
            }
        }
        self.take_kick()
    }

    /// [`sync`](Self::sync), and then fills the list registers anew. The loaded `vcpu` has collected all
    /// its kicks; the one returned is for others, to whom shared interrupts now belong.
    pub fn refresh<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> Kick {
        if self.is_loaded(vcpu) && !self.list_fresh(vcpu, hw) {
            self.fold(vcpu, hw);
            self.sample(vcpu, hw);
            self.fill(vcpu, hw);
        }
        self.take_kick()
    }

    /// [`refresh`](Self::refresh), if no more is to be done than to list what has just become pending; whether it was.
    pub fn refresh_fresh<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> bool {
        let done = self.is_loaded(vcpu) && self.list_fresh(vcpu, hw);
        if !done {
            // It need not be tried again.
            self.whole |= vcpu_bit(vcpu);
        }
        done
    }

    /// Whether the loaded `vcpu` has many list registers in use, so that [`sync`](Self::sync) and then
    /// [`refresh`](Self::refresh), with a breath in between, are better than `refresh` alone.
    #[must_use]
    pub fn is_crowded(&self, vcpu: usize) -> bool {
        self.cpu(vcpu).is_some_and(|cpu| cpu.used.count_ones() > 1)
    }

    /// Whether `vcpu` was in a [`Kick`] since it was last refreshed.
    #[must_use]
    pub fn needs_refresh(&self, vcpu: usize) -> bool {
        self.dirty & vcpu_bit(vcpu) != 0
    }

    /// Whether an interrupt would end a WFI of `vcpu`: pending, enabled, its group enabled in distributor
    /// and CPU interface, more urgent than the priority mask. For a loaded vCPU call
    /// [`sync`](Self::sync) just before. Running priorities are not considered: a WFI inside a handler
    /// may end early, as the architecture allows.
    #[must_use]
    pub fn has_deliverable(&self, vcpu: usize) -> bool {
        let Some(cpu) = self.cpu(vcpu) else {
            return false;
        };
        let vmcr = cpu.interface.vmcr;
        let mut found = false;
        self.for_each_bank(vcpu, |_, bank, mask| {
            let signalled = mask & !bank.active & vmcr.groups().select(bank.group);
            found |= signalled != 0 && bank.most_urgent(signalled).0 < vmcr.priority_mask();
        });
        found
    }

    /// The guest deactivates `intid` with `ICC_DIR_EL1` (trapped as [`Control::trap_dir`] asks) or
    /// `GICC_DIR` (GICv2: the second 4 KiB of the CPU interface, which are not mapped to the guest but
    /// emulated with this). Ignored unless EOI mode 1 is on and the interrupt is active.
    pub fn deactivate<H: ListRegisters>(&mut self, vcpu: usize, intid: u32, hw: &mut H) -> Kick {
        if self.is_loaded(vcpu) && hw.vmcr().split_eoi() {
            let (place, index) = self.find(vcpu, intid);
            self.write_active(vcpu, place, bit(index), false, hw);
        }
        self.take_kick()
    }

    /// Whether the list registers of `vcpu` live in a core.
    pub(crate) fn is_loaded(&self, vcpu: usize) -> bool {
        self.loaded & vcpu_bit(vcpu) != 0
    }

    /// Reads all list registers back; `vcpu` is loaded and then has to be filled before its guest runs.
    #[inline]
    pub(crate) fn fold<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let Some(cpu) = self.cpus.get_mut(vcpu) else {
            return;
        };
        if cpu.used == 0 && !cpu.control.not_present_irq {
            return;
        }
        self.fold_used(vcpu, hw);
    }

    /// [`fold`](Self::fold), when there is something.
    fn fold_used<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let v3 = self.is_v3();
        let Some(cpu) = self.cpus.get_mut(vcpu) else {
            return;
        };
        let used = core::mem::take(&mut cpu.used);
        cpu.stale |= used;
        self.kick |= vcpu_bit(vcpu);
        if cpu.control.not_present_irq {
            let count = hw.take_eoi_count();
            self.fold_unlisted(vcpu, count);
        }
        let empty = hw.empty_mask();
        for n in Bits(u32::from(used)) {
            let state = if empty & bit(n) != 0 {
                LrState::Invalid
            } else {
                hw.read(n).state
            };
            let Some(cpu) = self.cpus.get_mut(vcpu) else {
                return;
            };
            let Some(slot) = cpu.slots.get(n).copied() else {
                return;
            };
            let index = usize::from(slot.intid & 31);
            if u32::from(slot.intid) >= FIRST_SPI {
                self.fold_shared(vcpu, slot.intid, state);
                continue;
            }
            let back = cpu.bank.unlist(bit(index), state);
            if !v3 && index < 16 {
                cpu.fold_sender(index, slot.source, back);
            }
        }
    }

    /// Shared interrupt `intid` came out of a list register of `vcpu` that said `state`.
    fn fold_shared(&mut self, vcpu: usize, intid: u16, state: LrState) {
        let (place, index) = self.find(vcpu, u32::from(intid));
        let Place::Shared(word) = place else { return };
        let Some(spi) = self.spi_mut(word) else {
            return;
        };
        spi.bank.unlist(bit(index), state);
        spi.set_owner(index, vcpu);
        // Rerouted while it was listed here: it is the new target's from now on.
        if spi.sent_to(vcpu) & bit(index) == 0 {
            self.touch(place, bit(index));
        }
    }

    /// The guest deactivated `count` active interrupts that no list register held. In EOI mode 0 they end
    /// in the order of their priorities, so they are the most urgent of those.
    #[cold]
    #[inline(never)]
    fn fold_unlisted(&mut self, vcpu: usize, count: u32) {
        for _ in 0..count {
            let mut best: Option<(u8, Place, usize)> = None;
            self.for_each_bank(vcpu, |place, bank, mask| {
                let unlisted = mask & bank.active & !bank.listed;
                let (priority, urgent) = bank.most_urgent(unlisted);
                if unlisted != 0 && best.is_none_or(|(lowest, ..)| priority < lowest) {
                    best = Some((priority, place, urgent.trailing_zeros() as usize));
                }
            });
            let Some((_, place, index)) = best else {
                return;
            };
            if let Some(bank) = self.bank_mut(place) {
                bank.active &= !bit(index);
            }
            // A shared one that is pending again may now belong to another vCPU.
            self.touch(place, bit(index));
        }
    }

    /// Asks the hardware whether the lines of linked interrupts that were asserted still are.
    #[inline]
    pub(crate) fn sample<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let Some(cpu) = self.cpus.get_mut(vcpu) else {
            return;
        };
        let bank = &mut cpu.bank;
        for index in Bits(bank.linked & bank.line & !bank.listed) {
            let pintid = self.links.get(index & 15).copied().unwrap_or(0);
            if !hw.physical_level(pintid.into()) {
                bank.line &= !bit(index);
                // The physical interrupt is to be freed.
                self.kick |= vcpu_bit(vcpu);
            }
        }
    }
}
