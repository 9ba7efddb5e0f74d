//! From the state into the list registers.
//!
//! For: choosing what a loaded vCPU is offered. Guarantees: no interrupt is in two list registers; whatever
//! is pending and enabled, or active, is listed if there is room; if there is not, the most urgent pending
//! one is listed, and the hardware reports when those listed have been taken, or when an active one that
//! is not listed ends. Hardware orders what is listed; the order of the registers means nothing.

use crate::bank::{Bank, Bits, Groups, SGIS, bit};
use crate::hw::{Control, GroupIrq, ListRegisters, Lr};
use crate::kick::vcpu_bit;
use crate::state::{Cpu, FIRST_SPI, MAX_LRS, Place, Spi, Vgic};

impl<const WORDS: usize> Vgic<WORDS> {
    /// Lists what `vcpu` should see. It is loaded, and nothing of it is listed.
    pub(crate) fn fill<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let rules = self.rules(vcpu, hw);
        let Some(cpu) = self.cpus.get_mut(vcpu) else {
            return;
        };
        cpu.interface.vmcr = hw.vmcr();
        let private = cpu.bank.ready(rules.groups) | cpu.bank.active;
        // Most often it is one at most: the timer's.
        let one = self.busy == 0 && private & private.wrapping_sub(1) == 0;
        let left = if one && rules.limit != 0 {
            if private != 0 {
                cpu.list_at(0, private.trailing_zeros() as usize, &self.links, rules, hw);
            }
            Left::default()
        } else {
            self.list_all(vcpu, private, rules, hw)
        };
        let Some(cpu) = self.cpus.get_mut(vcpu) else {
            return;
        };
        cpu.clear_stale(hw);
        cpu.settle(&self.links, hw);
        cpu.report(left, hw);
        cpu.fresh = 0;
        let others = !rules.vcpu_bit;
        self.dirty &= others;
        self.whole &= others;
        self.kick &= others;
        self.rwp &= others;
    }

    /// What listing on `vcpu` needs to know of the rest.
    #[inline]
    pub(crate) fn rules<H: ListRegisters>(&self, vcpu: usize, hw: &H) -> Rules {
        Rules {
            groups: self.groups(),
            senders: if self.is_v3() { 0 } else { SGIS },
            limit: hw.count().min(MAX_LRS),
            vcpu,
            vcpu_bit: vcpu_bit(vcpu),
        }
    }

    /// Calls `visit(place, bank, mask)` for each bank with interrupts that are ready for, or active on, `vcpu`: they are
    /// `mask`. In ascending order.
    #[inline]
    pub(crate) fn for_each_bank(&self, vcpu: usize, mut visit: impl FnMut(Place, &Bank, u32)) {
        let groups = self.groups();
        let Some(cpu) = self.cpu(vcpu) else { return };
        let bank = &cpu.bank;
        visit(Place::Private(vcpu), bank, bank.ready(groups) | bank.active);
        for word in Bits(self.busy) {
            let Some(spi) = self.spi(word) else { continue };
            visit(Place::Shared(word), &spi.bank, spi.mine(vcpu, groups));
        }
    }

    /// Lists the `private` interrupts of `vcpu` and what it should see of the shared ones.
    #[inline(never)]
    fn list_all<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        private: u32,
        rules: Rules,
        hw: &mut H,
    ) -> Left {
        let Self {
            cpus,
            spis,
            links,
            busy,
            ..
        } = self;
        let Some(cpu) = cpus.get_mut(vcpu) else {
            return Left::default();
        };
        // First it is seen whether all fit: of many, nothing is to be done twice.
        let mut room = rules.limit;
        let mut fits = takes(&mut room, private);
        for word in Bits(*busy) {
            let Some(spi) = spis.get(word) else { continue };
            if spi.bank.is_idle() {
                *busy &= !bit(word);
            } else {
                fits = fits && takes(&mut room, spi.mine(vcpu, rules.groups));
            }
        }
        if !fits {
            return self.list_urgent(vcpu, private, rules, hw);
        }
        for index in Bits(private) {
            cpu.list(index, links, rules, hw);
        }
        for word in Bits(*busy) {
            let Some(spi) = spis.get_mut(word) else {
                continue;
            };
            for index in Bits(spi.mine(vcpu, rules.groups)) {
                spi.list(index, word, cpu, rules, hw);
            }
        }
        Left::default()
    }
}

/// Whether there is `room` for `mask`, from which it is taken.
#[inline]
fn takes(room: &mut usize, mask: u32) -> bool {
    for _ in Bits(mask) {
        let Some(rest) = room.checked_sub(1) else {
            return false;
        };
        *room = rest;
    }
    true
}

/// What had to stay out of the list registers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Left {
    pub pending: bool,
    pub active: bool,
}

/// What listing needs to know besides the interrupts themselves.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub groups: Groups,
    /// Private interrupts that have senders: GICv2's SGIs.
    pub senders: u32,
    /// How many list registers there are.
    pub limit: usize,
    /// Whose they are.
    pub vcpu: usize,
    pub vcpu_bit: u8,
}

impl Cpu {
    /// Lists private interrupt `index`; false if there is no room.
    pub(crate) fn list<H: ListRegisters>(
        &mut self,
        index: usize,
        links: &[u8; 16],
        rules: Rules,
        hw: &mut H,
    ) -> bool {
        let n = self.used.trailing_ones() as usize;
        if n >= rules.limit {
            return false;
        }
        self.list_at(n, index, links, rules, hw);
        true
    }

    /// Lists private interrupt `index` in list register `n`, which is free.
    #[inline(always)]
    fn list_at<H: ListRegisters>(
        &mut self,
        n: usize,
        index: usize,
        links: &[u8; 16],
        rules: Rules,
        hw: &mut H,
    ) {
        let linked = self.bank.linked & bit(index) != 0;
        let sender = rules.senders & bit(index) != 0;
        let mut lr = self.bank.list(index, rules.groups, linked || sender);
        lr.intid = index as u32;
        if linked {
            lr.hw = links.get(index & 15).copied().map(u32::from);
            lr.eoi_maintenance = false;
            self.linked_slot = n as u8;
        }
        if sender {
            lr.eoi_maintenance &= lr.state.is_active();
            self.list_sender(index, &mut lr);
        }
        self.put(n, lr, hw);
    }

    /// Writes list register `n` and remembers what it was given.
    #[inline]
    fn put<H: ListRegisters>(&mut self, n: usize, lr: Lr, hw: &mut H) {
        hw.write(n, lr);
        let mask = bit(n) as u16;
        self.used |= mask;
        self.stale &= !mask;
        if let Some(slot) = self.slots.get_mut(n) {
            slot.intid = lr.intid as u16;
            slot.source = lr.sgi_source;
        }
    }

    /// Frees the list registers whose content was folded and not replaced.
    #[inline]
    pub(crate) fn clear_stale<H: ListRegisters>(&mut self, hw: &mut H) {
        let stale = u32::from(core::mem::take(&mut self.stale));
        if stale != 0 {
            for n in Bits(stale & !hw.empty_mask()) {
                hw.write(n, Lr::INVALID);
            }
        }
    }

    /// Makes linked physical interrupts active exactly while their virtual ones are pending or active.
    #[inline]
    fn settle<H: ListRegisters>(&mut self, links: &[u8; 16], hw: &mut H) {
        let bank = &mut self.bank;
        let wanted = (bank.pending() | bank.active) & bank.linked;
        let changed = wanted ^ bank.physical;
        bank.physical = wanted;
        for index in Bits(changed) {
            let pintid = links.get(index & 15).copied().unwrap_or(0);
            hw.set_physical_active(pintid.into(), wanted & bit(index) != 0);
        }
    }

    /// Asks the hardware to report what matters, given what had to stay out.
    #[inline]
    fn report<H: ListRegisters>(&mut self, left: Left, hw: &mut H) {
        let vmcr = self.interface.vmcr;
        let loud = left.pending || left.active || vmcr.split_eoi();
        if !loud && !self.loud {
            return;
        }
        let watch = |signalled| match (left.pending, signalled) {
            (false, _) => GroupIrq::Off,
            (true, true) => GroupIrq::WhenDisabled,
            (true, false) => GroupIrq::WhenEnabled,
        };
        let control = Control {
            no_pending_irq: left.pending,
            not_present_irq: left.active,
            group_irq: [watch(vmcr.group0()), watch(vmcr.group1())],
            trap_dir: vmcr.split_eoi(),
        };
        self.loud = loud;
        if self.control != control {
            self.control = control;
            hw.set_control(control);
        }
    }
}

impl Spi {
    /// Lists shared interrupt `index` of `word` on `cpu`; false if there is no room.
    #[inline]
    pub(crate) fn list<H: ListRegisters>(
        &mut self,
        index: usize,
        word: usize,
        cpu: &mut Cpu,
        rules: Rules,
        hw: &mut H,
    ) -> bool {
        let n = cpu.used.trailing_ones() as usize;
        if n >= rules.limit {
            return false;
        }
        // What has been rerouted while active comes again elsewhere.
        let rerouted = self.sent_to(rules.vcpu) & bit(index) == 0;
        let mut lr = self.bank.list(index, rules.groups, rerouted);
        lr.intid = spi_intid(word, index);
        self.set_owner(index, rules.vcpu);
        cpu.put(n, lr, hw);
        true
    }

    /// The interrupts that are ready for, or active on, `vcpu`. One that another vCPU lists is that one's
    /// until it comes back.
    #[inline]
    pub(crate) fn mine(&self, vcpu: usize, groups: Groups) -> u32 {
        let bank = &self.bank;
        let owned = bank.active | bank.listed;
        let by_it = self.owner.get(vcpu).copied().unwrap_or(0);
        (bank.ready(groups) | bank.active) & (owned & by_it | !owned & self.sent_to(vcpu))
    }
}

/// The INTID of shared interrupt `index` of `word`.
pub(crate) fn spi_intid(word: usize, index: usize) -> u32 {
    FIRST_SPI
        .wrapping_add((word as u32).wrapping_mul(32))
        .wrapping_add(index as u32)
}
