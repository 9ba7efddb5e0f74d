//! The short way into the list registers: for what has only just become pending.
//!
//! For: software interrupts and the virtual timer, whose cost guests feel. Guarantees that after it the list
//! registers are as after a full refresh would be, except that those whose interrupt the guest has ended are
//! still counted as used: the next fold finds out, as it would have before. Whatever is not plain (no room,
//! still listed and not ended, something to report) is left to the full refresh, untouched.

use crate::bank::{Bits, SGIS, bit};
use crate::fill::Rules;
use crate::hw::{ListRegisters, Lr, LrState};
use crate::kick::vcpu_bit;
use crate::state::{Cpu, Vgic};

impl<const WORDS: usize> Vgic<WORDS> {
    /// Lists what is fresh for the loaded `vcpu`, if that is all there is to do; says whether it was.
    #[inline]
    pub(crate) fn list_fresh<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) -> bool {
        let rules = self.rules(vcpu, hw);
        if self.whole & rules.vcpu_bit != 0 {
            return false;
        }
        let Self { cpus, links, .. } = self;
        let Some(cpu) = cpus.get_mut(vcpu) else {
            return false;
        };
        // Nothing is fresh: somebody wants a full one.
        if cpu.fresh == 0 || cpu.loud || cpu.stale != 0 {
            return false;
        }
        for index in Bits(cpu.fresh & cpu.bank.ready(rules.groups)) {
            let mask = bit(index);
            if cpu.list_sgi_again(index, rules, hw) {
                continue;
            }
            if cpu.bank.listed & mask != 0 && !cpu.unlist_ended(index, rules, hw) {
                return false;
            }
            if cpu.bank.active & mask != 0 || !cpu.list(index, links, rules, hw) {
                return false;
            }
            cpu.fresh &= !mask;
        }
        cpu.fresh = 0;
        self.dirty &= !rules.vcpu_bit;
        true
    }
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// The physical interrupt linked to `intid` fired for the loaded `vcpu`, as for
    /// [`linked_fired`](Self::linked_fired), and everything is as it was when it fired before, the guest having ended
    /// that one: then it is listed once more and nothing else remains to be done. `false`, and nothing has changed:
    /// use `linked_fired`.
    #[inline]
    pub fn linked_again<H: ListRegisters>(&mut self, vcpu: usize, intid: u32, hw: &mut H) -> bool {
        // Any change since the last refresh that concerns this vCPU has made it dirty.
        if (self.dirty | !self.loaded) & vcpu_bit(vcpu) != 0 {
            return false;
        }
        let Some(cpu) = self.cpus.get_mut(vcpu) else {
            return false;
        };
        let bank = &cpu.bank;
        let index = (intid & 31) as usize;
        let ended = bank.listed & bank.line & bank.physical & bank.linked;
        let special = bank.active | bank.latch | bank.taken;
        let n = usize::from(cpu.linked_slot);
        let there = cpu
            .slots
            .get(n)
            .is_some_and(|slot| u32::from(slot.intid) == intid);
        if ended & !special & bit(index) == 0 || !there || hw.empty_mask() & bit(n) == 0 {
            return false;
        }
        let lr = Lr {
            state: LrState::Pending,
            intid,
            priority: bank.priority_of(index),
            group1: bank.group & bit(index) != 0,
            hw: self.links.get(index & 15).copied().map(u32::from),
            ..Lr::INVALID
        };
        hw.write(n, lr);
        true
    }
}

impl Cpu {
    /// Lists the ready software interrupt `index` once more where it is listed, if the guest has ended that one and at
    /// most one sender waits. What the state says of it then is what it said before, but for latch and sender.
    #[inline(always)]
    fn list_sgi_again<H: ListRegisters>(&mut self, index: usize, rules: Rules, hw: &mut H) -> bool {
        let mask = bit(index);
        let bank = &self.bank;
        let special = bank.active | bank.drop_active | bank.raise_active | bank.refired;
        if SGIS & bank.listed & bank.latch & !special & mask == 0 {
            return false;
        }
        let Some(n) = self.listing(index) else {
            return false;
        };
        if hw.empty_mask() & bit(n) == 0 {
            return false;
        }
        let mut sgi_source = 0;
        if rules.senders & mask != 0 {
            let (Some(sources), Some(active), Some(slot)) = (
                self.sources.get_mut(index),
                self.active_source.get_mut(index),
                self.slots.get_mut(n),
            ) else {
                return false;
            };
            if !sources.is_power_of_two() {
                return false;
            }
            sgi_source = sources.trailing_zeros() as u8;
            *sources = 0;
            *active = slot.source;
            slot.source = sgi_source;
        }
        let lr = Lr {
            state: LrState::Pending,
            sgi_source,
            intid: index as u32,
            priority: bank.priority_of(index),
            group1: bank.group & mask != 0,
            ..Lr::INVALID
        };
        self.bank.latch &= !mask;
        self.bank.taken |= mask;
        hw.write(n, lr);
        true
    }

    /// The list register that lists private interrupt `index`.
    #[inline(always)]
    fn listing(&self, index: usize) -> Option<usize> {
        Bits(u32::from(self.used)).find(|n| {
            self.slots
                .get(*n)
                .is_some_and(|slot| usize::from(slot.intid) == index)
        })
    }

    /// Takes private interrupt `index`, which is listed, out of its list register if the guest has ended it.
    #[inline]
    fn unlist_ended<H: ListRegisters>(&mut self, index: usize, rules: Rules, hw: &H) -> bool {
        let mask = bit(index);
        if (self.bank.drop_active | self.bank.raise_active) & mask != 0 {
            return false;
        }
        let Some(n) = self.listing(index) else {
            return false;
        };
        if hw.empty_mask() & bit(n) == 0 {
            return false;
        }
        self.used &= !(bit(n) as u16);
        self.bank.unlist(mask, LrState::Invalid);
        if rules.senders & mask != 0 {
            let source = self.slots.get(n).map_or(0, |slot| slot.source);
            self.fold_sender(index, source, false);
        }
        true
    }
}
