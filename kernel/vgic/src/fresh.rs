//! The short way into the list registers: for what has only just become pending.
//!
//! For: software interrupts and the virtual timer, whose cost guests feel. Guarantees that after it the list
//! registers are as after a full refresh would be, except that those whose interrupt the guest has ended are
//! still counted as used: the next fold finds out, as it would have before. Whatever is not plain (no room,
//! still listed and not ended, something to report) is left to the full refresh, untouched.

use crate::bank::{Bits, bit};
use crate::fill::Rules;
use crate::hw::{ListRegisters, LrState};
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

impl Cpu {
    /// Takes private interrupt `index`, which is listed, out of its list register if the guest has ended it.
    #[inline]
    fn unlist_ended<H: ListRegisters>(&mut self, index: usize, rules: Rules, hw: &H) -> bool {
        let mask = bit(index);
        if (self.bank.drop_active | self.bank.raise_active) & mask != 0 {
            return false;
        }
        let listing = |n: &usize| {
            self.slots
                .get(*n)
                .is_some_and(|slot| usize::from(slot.intid) == index)
        };
        let Some(n) = Bits(u32::from(self.used)).find(listing) else {
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
