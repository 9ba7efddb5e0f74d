//! From the list registers back into the state, and the life of a vCPU on a core.
//!
//! For: the moments at which state and hardware meet. While a vCPU is on a core its list registers stay
//! there, and the state knows what it put in ([`Slot`]s); *folding* reads back what became of it.
//! Guarantees that after [`Vgic::refresh`] or [`Vgic::load`] the list registers say what the state says,
//! and after [`Vgic::unload`] nothing of the vCPU is left in the core. Filling is in `fill`.

use crate::bank::{Bits, assign, bit};
use crate::hw::{Control, ListRegisters, LrState};
use crate::kick::{Kick, vcpu_bit};
use crate::state::{Place, Slot, Vgic};

impl<const WORDS: usize> Vgic<WORDS> {
    /// vCPU `vcpu` comes to the core of `hw`: its CPU interface is restored, its interrupts are listed.
    /// Call after its timers are restored, so that a linked line can be sampled. Includes a refresh. Does
    /// nothing for a vCPU that is loaded already.
    pub fn load<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> Kick {
        if let Some(cpu) = self.cpu(vcpu)
            && !self.is_loaded(vcpu)
        {
            hw.restore(&cpu.interface);
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
        self.clear_stale(vcpu, hw);
        self.loaded &= !vcpu_bit(vcpu);
        self.dirty &= !vcpu_bit(vcpu);
        self.kick &= !vcpu_bit(vcpu);
        self.rwp &= !vcpu_bit(vcpu);
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return Kick::NONE;
        };
        cpu.interface = hw.save();
        if cpu.control != Control::QUIET {
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
        if self.is_loaded(vcpu) {
            self.fold(vcpu, hw);
            self.sample(vcpu, hw);
            self.fill(vcpu, hw);
        }
        self.take_kick()
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
        self.for_each_candidate(vcpu, |bank, index, active| {
            let signalled = if bank.group & bit(index) != 0 {
                vmcr.group1()
            } else {
                vmcr.group0()
            };
            found |= !active && signalled && bank.priority_of(index) < vmcr.priority_mask();
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
    pub(crate) fn fold<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        let count_lost = cpu.control.not_present_irq;
        let used = core::mem::take(&mut cpu.used);
        if used == 0 && !count_lost {
            return;
        }
        cpu.stale |= used;
        self.kick |= vcpu_bit(vcpu);
        if count_lost {
            self.fold_unlisted(vcpu, hw.take_eoi_count());
        }
        let empty = hw.empty_mask();
        for n in Bits(u32::from(used)) {
            let state = if empty & bit(n) != 0 {
                LrState::Invalid
            } else {
                hw.read(n).state
            };
            let slot = self.cpu(vcpu).and_then(|cpu| cpu.slots.get(n)).copied();
            if let Some(slot) = slot {
                self.fold_one(vcpu, slot, state);
            }
        }
    }

    /// What was put into a list register as `slot` is now in `state`.
    fn fold_one(&mut self, vcpu: usize, slot: Slot, state: LrState) {
        let (place, index) = self.find(vcpu, u32::from(slot.intid));
        let mask = bit(index);
        let v3 = self.is_v3();
        let Some(bank) = self.bank_mut(place) else {
            return;
        };
        bank.listed &= !mask;
        let back = state.is_pending() && bank.taken & mask != 0;
        bank.taken &= !mask;
        if back {
            bank.latch |= mask;
        }
        let active = state.is_active() && bank.drop_active & mask == 0;
        let active = active || bank.raise_active & mask != 0;
        assign(&mut bank.active, mask, active);
        bank.drop_active &= !mask;
        bank.raise_active &= !mask;
        if bank.linked & mask != 0 && !state.is_pending() {
            // Once acknowledged, the line's next word comes as a new physical interrupt.
            bank.line &= !mask;
            if state == LrState::Invalid {
                bank.physical &= !mask;
            }
        }
        match place {
            Place::Shared(word) => {
                let Some(spi) = self.spi_mut(word) else {
                    return;
                };
                spi.set_owner(index, vcpu);
                // Rerouted while it was listed here: it is the new target's from now on.
                if usize::from(spi.target_of(index)) != vcpu {
                    self.touch(place, mask);
                }
            }
            Place::Private(_) if !v3 && index < 16 => {
                if let Some(cpu) = self.cpu_mut(vcpu) {
                    if back && let Some(sources) = cpu.sources.get_mut(index) {
                        *sources |= vcpu_bit(slot.source as usize);
                    }
                    if let Some(source) = cpu.active_source.get_mut(index) {
                        *source = slot.source;
                    }
                }
            }
            Place::Private(_) => {}
        }
    }

    /// The guest deactivated `count` active interrupts that no list register held. In EOI mode 0 they end
    /// in the order of their priorities, so they are the most urgent of those.
    fn fold_unlisted(&mut self, vcpu: usize, count: u32) {
        for _ in 0..count {
            let mut best: Option<(u8, Place, usize)> = None;
            self.for_each_unlisted_active(vcpu, |place, index, priority| {
                if best.is_none_or(|(lowest, ..)| priority < lowest) {
                    best = Some((priority, place, index));
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
    pub(crate) fn sample<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let Some(bank) = self.cpu(vcpu).map(|cpu| &cpu.bank) else {
            return;
        };
        for index in Bits(bank.linked & bank.line & !bank.listed) {
            if !hw.physical_level(self.link_of(index))
                && let Some(cpu) = self.cpu_mut(vcpu)
            {
                cpu.bank.line &= !bit(index);
            }
        }
    }
}
