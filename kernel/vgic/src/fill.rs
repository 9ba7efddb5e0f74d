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
        let Self {
            cpus,
            spis,
            links,
            busy,
            ..
        } = self;
        let Some(cpu) = cpus.get_mut(vcpu) else {
            return;
        };
        cpu.interface.vmcr = hw.vmcr();
        let mut fits = true;
        for index in Bits(cpu.bank.ready(rules.groups) | cpu.bank.active) {
            fits = fits && cpu.list(index, links, rules, hw);
        }
        for word in Bits(*busy) {
            if !fits {
                break;
            }
            let Some(spi) = spis.get_mut(word) else {
                continue;
            };
            if spi.bank.is_idle() {
                *busy &= !bit(word);
                continue;
            }
            for index in Bits(spi.mine(vcpu, rules.groups)) {
                fits = fits && spi.list(index, word, cpu, rules, hw);
            }
        }
        let mut left = Left::default();
        if !fits {
            // What was listed comes back as it went.
            self.fold(vcpu, hw);
            left = self.list_urgent(vcpu, rules, hw);
        }
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
    pub(crate) fn candidates(&self, vcpu: usize, mut visit: impl FnMut(&Bank, u32, usize, bool)) {
        let groups = self.groups();
        let Some(cpu) = self.cpu(vcpu) else { return };
        let bank = &cpu.bank;
        for index in Bits(bank.ready(groups) | bank.active) {
            visit(bank, index as u32, index, bank.active & bit(index) != 0);
        }
        for word in Bits(self.busy) {
            let Some(spi) = self.spi(word) else { continue };
            let bank = &spi.bank;
            for index in Bits(spi.mine(vcpu, groups)) {
                let active = bank.active & bit(index) != 0;
                visit(bank, spi_intid(word, index), index, active);
            }
        }
    }

    /// More than fits: lists the most urgent, active before pending at the same priority (it runs
    /// already), with the most urgent pending one among them in any case, or nothing would ever report that
    /// there is room.
    #[cold]
    #[inline(never)]
    fn list_urgent<H: ListRegisters>(&mut self, vcpu: usize, rules: Rules, hw: &mut H) -> Left {
        let vmcr = self
            .cpu(vcpu)
            .map(|cpu| cpu.interface.vmcr)
            .unwrap_or_default();
        let mut keys = [u32::MAX; MAX_LRS];
        let keys = keys.get_mut(..rules.limit).unwrap_or_default();
        let mut best_pending = u32::MAX;
        let mut pending: u32 = 0;
        let mut active: u32 = 0;
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
        for key in keys.iter().filter(|key| **key != u32::MAX) {
            let (place, index) = self.find(vcpu, key & INTID);
            let Some(cpu) = self.cpus.get_mut(vcpu) else {
                continue;
            };
            match place {
                Place::Private(_) => {
                    cpu.list(index, &self.links, rules, hw);
                }
                Place::Shared(word) => {
                    if let Some(spi) = self.spis.get_mut(word) {
                        spi.list(index, word, cpu, rules, hw);
                    }
                }
            }
            if key & PENDING != 0 {
                pending = pending.wrapping_sub(1);
            } else {
                active = active.wrapping_sub(1);
            }
        }
        Left {
            pending: pending != 0,
            active: active != 0,
        }
    }
}

/// What had to stay out of the list registers.
#[derive(Clone, Copy, Default)]
struct Left {
    pending: bool,
    active: bool,
}

/// What listing needs to know besides the interrupts themselves.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub groups: Groups,
    /// Private interrupts that have senders: GICv2's SGIs.
    pub senders: u32,
    /// How many list registers there are.
    limit: usize,
    /// Whose they are.
    vcpu: usize,
    pub vcpu_bit: u8,
}

impl Cpu {
    /// Lists private interrupt `index`; false if there is no room.
    #[inline]
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
        true
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
    fn list<H: ListRegisters>(
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
        let rerouted = usize::from(self.target_of(index)) != rules.vcpu;
        let mut lr = self.bank.list(index, rules.groups, rerouted);
        lr.intid = spi_intid(word, index);
        self.set_owner(index, rules.vcpu);
        cpu.put(n, lr, hw);
        true
    }

    /// The interrupts that are ready for, or active on, `vcpu`. One that another vCPU lists is that one's
    /// until it comes back.
    #[inline]
    fn mine(&self, vcpu: usize, groups: Groups) -> u32 {
        let bank = &self.bank;
        let owned = bank.active | bank.listed;
        Bits(bank.ready(groups) | bank.active)
            .filter(|index| {
                let holder = if owned & bit(*index) != 0 {
                    self.owner_of(*index)
                } else {
                    self.target_of(*index)
                };
                usize::from(holder) == vcpu
            })
            .fold(0, |mine, index| mine | bit(index))
    }
}

/// The INTID of shared interrupt `index` of `word`.
fn spi_intid(word: usize, index: usize) -> u32 {
    FIRST_SPI
        .wrapping_add((word as u32).wrapping_mul(32))
        .wrapping_add(index as u32)
}

/// In a sort key: the INTID.
const INTID: u32 = 0x3ff;

/// In a sort key: not active. Above the INTID, below the priority.
const PENDING: u32 = 1 << 12;

/// In a sort key: of a group that the CPU interface does not signal.
const HELD_BACK: u32 = 1 << 31;

/// Inserts `key` into the ascending `keys`, dropping the last.
fn insert(keys: &mut [u32], mut key: u32) {
    // Of many, most do not get in.
    if keys.last().is_none_or(|last| key >= *last) {
        return;
    }
    for place in keys {
        if key < *place {
            core::mem::swap(place, &mut key);
        }
    }
}
