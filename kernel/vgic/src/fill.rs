//! From the state into the list registers.
//!
//! For: choosing what a loaded vCPU is offered. Guarantees: no interrupt is in two list registers; whatever
//! is pending and enabled, or active, is listed if there is room; if there is not, the most urgent pending
//! one is listed, and the hardware reports when those listed have been taken, or when an active one that
//! is not listed ends. Hardware orders what is listed; the order of the registers means nothing.

use crate::bank::{Bank, Bits, bit};
use crate::hw::{Control, GroupIrq, ListRegisters, Lr, LrState};
use crate::kick::vcpu_bit;
use crate::state::{FIRST_SPI, MAX_LRS, Place, Vgic};

/// What goes into the list registers.
struct Choice {
    intids: [u16; MAX_LRS],
    count: usize,
    /// Something pending had to stay out.
    pending_left: bool,
    /// Something active had to stay out.
    active_left: bool,
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// Lists what `vcpu` should see. It is loaded, and nothing of it is listed.
    pub(crate) fn fill<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let limit = hw.count().min(MAX_LRS);
        let vmcr = hw.vmcr();
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        cpu.interface.vmcr = vmcr;
        let choice = self.choose(vcpu, limit);
        for (n, intid) in choice.intids.iter().take(choice.count).enumerate() {
            let lr = self.compose(vcpu, u32::from(*intid));
            hw.write(n, lr);
            if let Some(cpu) = self.cpu_mut(vcpu)
                && let Some(slot) = cpu.slots.get_mut(n)
            {
                slot.intid = *intid;
                slot.source = lr.sgi_source;
                cpu.used |= bit(n) as u16;
                cpu.stale &= !(bit(n) as u16);
            }
        }
        self.clear_stale(vcpu, hw);
        self.settle(vcpu, hw);
        let watch = |signalled| match (choice.pending_left, signalled) {
            (false, _) => GroupIrq::Off,
            (true, true) => GroupIrq::WhenDisabled,
            (true, false) => GroupIrq::WhenEnabled,
        };
        let control = Control {
            no_pending_irq: choice.pending_left,
            not_present_irq: choice.active_left,
            group_irq: [watch(vmcr.group0()), watch(vmcr.group1())],
            trap_dir: vmcr.split_eoi(),
        };
        if let Some(cpu) = self.cpu_mut(vcpu)
            && cpu.control != control
        {
            cpu.control = control;
            hw.set_control(control);
        }
        self.dirty &= !vcpu_bit(vcpu);
        self.kick &= !vcpu_bit(vcpu);
        self.rwp &= !vcpu_bit(vcpu);
    }

    /// Frees the list registers whose content was folded and not replaced.
    pub(crate) fn clear_stale<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        let stale = u32::from(core::mem::take(&mut cpu.stale));
        if stale == 0 {
            return;
        }
        for n in Bits(stale & !hw.empty_mask()) {
            hw.write(n, Lr::INVALID);
        }
    }

    /// Makes linked physical interrupts active exactly while their virtual ones are pending or active.
    fn settle<H: ListRegisters>(&mut self, vcpu: usize, hw: &mut H) {
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        let bank = &mut cpu.bank;
        let wanted = (bank.pending() | bank.active) & bank.linked;
        let changed = wanted ^ bank.physical;
        if changed == 0 {
            return;
        }
        bank.physical = wanted;
        for index in Bits(changed) {
            hw.set_physical_active(self.link_of(index), wanted & bit(index) != 0);
        }
    }

    /// Calls `visit(bank, index, active)` for each interrupt that is ready for, or active on, `vcpu`.
    pub(crate) fn for_each_candidate(
        &self,
        vcpu: usize,
        mut visit: impl FnMut(&Bank, usize, bool),
    ) {
        self.candidates(vcpu, |bank, _, index, active| visit(bank, index, active));
    }

    /// Calls `visit(place, index, priority)` for each interrupt active on `vcpu` and not listed.
    pub(crate) fn for_each_unlisted_active(
        &self,
        vcpu: usize,
        mut visit: impl FnMut(Place, usize, u8),
    ) {
        self.candidates(vcpu, |bank, intid, index, active| {
            if active && bank.listed & bit(index) == 0 {
                visit(self.find(vcpu, intid).0, index, bank.priority_of(index));
            }
        });
    }

    /// Calls `visit(bank, intid, index, active)` for each interrupt that is ready for, or active on,
    /// `vcpu`, in ascending order.
    #[inline]
    fn candidates(&self, vcpu: usize, mut visit: impl FnMut(&Bank, u32, usize, bool)) {
        let groups = self.groups();
        let Some(cpu) = self.cpu(vcpu) else { return };
        let bank = &cpu.bank;
        for index in Bits(bank.ready(groups) | bank.active) {
            visit(bank, index as u32, index, bank.active & bit(index) != 0);
        }
        for word in Bits(self.busy) {
            let Some(spi) = self.spi(word) else { continue };
            let bank = &spi.bank;
            let base = FIRST_SPI.wrapping_add((word as u32).wrapping_mul(32));
            for index in Bits(bank.ready(groups) | bank.active) {
                let active = bank.active & bit(index) != 0;
                // One that another vCPU lists is that one's until it gives it back.
                let holder = if active || bank.listed & bit(index) != 0 {
                    spi.owner_of(index)
                } else {
                    spi.target_of(index)
                };
                if usize::from(holder) == vcpu {
                    visit(bank, base.wrapping_add(index as u32), index, active);
                }
            }
        }
    }

    /// What to list, given `limit` list registers.
    #[inline]
    fn choose(&mut self, vcpu: usize, limit: usize) -> Choice {
        let mut choice = Choice {
            intids: [0; MAX_LRS],
            count: 0,
            pending_left: false,
            active_left: false,
        };
        let mut left = false;
        self.candidates(vcpu, |_, intid, _, _| {
            match choice.intids.get_mut(choice.count) {
                Some(place) if choice.count < limit => {
                    *place = intid as u16;
                    choice.count = choice.count.wrapping_add(1);
                }
                _ => left = true,
            }
        });
        self.forget_idle_words();
        if left {
            choice = self.choose_urgent(vcpu, limit);
        }
        choice
    }

    /// Words without anything pending or active need not be looked at.
    fn forget_idle_words(&mut self) {
        for word in Bits(self.busy) {
            let idle = self
                .spi(word)
                .is_none_or(|spi| spi.bank.pending() | spi.bank.active | spi.bank.listed == 0);
            if idle {
                self.busy &= !bit(word);
            }
        }
    }

    /// More than fits: the most urgent, active before pending at the same priority (it runs already), with
    /// the most urgent pending one among them in any case, or nothing would ever report that there is room.
    #[cold]
    #[inline(never)]
    fn choose_urgent(&self, vcpu: usize, limit: usize) -> Choice {
        let vmcr = self
            .cpu(vcpu)
            .map(|cpu| cpu.interface.vmcr)
            .unwrap_or_default();
        let mut keys = [u32::MAX; MAX_LRS];
        let mut best_pending = u32::MAX;
        let mut pending: u32 = 0;
        let mut active: u32 = 0;
        let keys = keys.get_mut(..limit).unwrap_or_default();
        self.candidates(vcpu, |bank, intid, index, is_active| {
            let mut key = u32::from(bank.priority_of(index)) << 16 | intid;
            if is_active {
                active = active.wrapping_add(1);
            } else {
                key |= PENDING;
                let group1 = bank.group & bit(index) != 0;
                // What the guest's CPU interface holds back must not stand in the way of the rest.
                if !(if group1 { vmcr.group1() } else { vmcr.group0() }) {
                    key |= HELD_BACK;
                }
                best_pending = best_pending.min(key);
                pending = pending.wrapping_add(1);
            }
            insert(keys, key);
        });
        if best_pending != u32::MAX
            && !keys.contains(&best_pending)
            && let Some(last) = keys.last_mut()
        {
            *last = best_pending;
        }
        let mut choice = Choice {
            intids: [0; MAX_LRS],
            count: 0,
            pending_left: false,
            active_left: false,
        };
        for (place, key) in choice.intids.iter_mut().zip(keys.iter()) {
            if *key == u32::MAX {
                break;
            }
            *place = (*key & INTID) as u16;
            choice.count = choice.count.wrapping_add(1);
            if key & PENDING != 0 {
                pending = pending.wrapping_sub(1);
            } else {
                active = active.wrapping_sub(1);
            }
        }
        choice.pending_left = pending != 0;
        choice.active_left = active != 0;
        choice
    }

    /// What the list register of `intid` should hold, and marks it as listed on `vcpu`.
    #[inline]
    fn compose(&mut self, vcpu: usize, intid: u32) -> Lr {
        let (place, index) = self.find(vcpu, intid);
        let mask = bit(index);
        let fixed = self.fixed_sgis(place) & mask != 0;
        let groups = self.groups();
        let link = self.link_of(index);
        let elsewhere = match place {
            Place::Shared(word) => self
                .spi(word)
                .is_some_and(|spi| usize::from(spi.target_of(index)) != vcpu),
            Place::Private(_) => false,
        };
        let Some(bank) = self.bank_mut(place) else {
            return Lr::INVALID;
        };
        let ready = bank.ready(groups) & mask != 0;
        let active = bank.active & mask != 0;
        let linked = bank.linked & mask != 0;
        let level = bank.line & !bank.edge & mask != 0;
        // Acknowledged and asserted again: an edge waits in the list register. A level is looked at anew
        // when the handler is done, one sender's SGI does not hide another's, and what has been rerouted
        // comes again elsewhere.
        let state = match (active, ready) {
            (false, _) => LrState::Pending,
            (true, true) if !(level || linked || fixed || elsewhere) => LrState::PendingActive,
            (true, _) => LrState::Active,
        };
        bank.listed |= mask;
        if state.is_pending() && bank.latch & mask != 0 {
            bank.taken |= mask;
            bank.latch &= !mask;
        }
        let mut lr = Lr {
            state,
            intid,
            priority: bank.priority_of(index),
            group1: bank.group & mask != 0,
            hw: linked.then_some(link),
            eoi_maintenance: ready && (level || elsewhere) && !linked,
            sgi_source: 0,
        };
        match place {
            Place::Shared(word) => {
                if let Some(spi) = self.spi_mut(word) {
                    spi.set_owner(index, vcpu);
                }
            }
            Place::Private(_) if fixed => self.compose_source(vcpu, index, active, ready, &mut lr),
            Place::Private(_) => {}
        }
        lr
    }

    /// GICv2: which sender's SGI is listed, and whether another's waits.
    fn compose_source(&mut self, vcpu: usize, sgi: usize, active: bool, ready: bool, lr: &mut Lr) {
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        let Some(sources) = cpu.sources.get_mut(sgi) else {
            return;
        };
        if active {
            lr.sgi_source = cpu.active_source.get(sgi).copied().unwrap_or(0);
        } else {
            lr.sgi_source = sources.trailing_zeros() as u8 & 7;
            *sources &= sources.wrapping_sub(1);
            if *sources != 0 {
                cpu.bank.latch |= bit(sgi);
            }
        }
        lr.eoi_maintenance = ready && *sources != 0;
    }
}

/// In a sort key: the INTID.
const INTID: u32 = 0x3ff;

/// In a sort key: not active. Above the INTID, below the priority.
const PENDING: u32 = 1 << 12;

/// In a sort key: of a group that the CPU interface does not signal.
const HELD_BACK: u32 = 1 << 31;

/// Inserts `key` into the ascending `keys`, dropping the last.
fn insert(keys: &mut [u32], mut key: u32) {
    for place in keys {
        if key < *place {
            core::mem::swap(place, &mut key);
        }
    }
}
