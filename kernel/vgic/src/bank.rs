//! The state of 32 interrupts: one bit each, in one word per property.
//!
//! For: making a register of the distributor one word of memory. A bank is the private interrupts of a
//! vCPU (INTID 0 to 31) or one word's worth of shared ones. Plain data with a few derived words; which
//! vCPU an interrupt belongs to, and when the words change, is decided elsewhere.

use crate::hw::{Lr, LrState};

/// Bits 15:0 of a private bank: the software-generated interrupts.
pub(crate) const SGIS: u32 = 0xffff;

/// 32 interrupts.
pub(crate) struct Bank {
    /// May be forwarded.
    pub enabled: u32,
    /// Group 1 if set.
    pub group: u32,
    /// Edge-triggered if set.
    pub edge: u32,
    /// The input line, as last told.
    pub line: u32,
    /// Pending independently of the line: an edge, a write to a set-pending register, an SGI.
    pub latch: u32,
    /// The latch was moved into a list register; it comes back if the guest has not acknowledged it.
    pub taken: u32,
    /// Acknowledged and not deactivated; for listed ones, as of when the list register was last read.
    pub active: u32,
    /// In a list register of its owner.
    pub listed: u32,
    /// Listed, and to be deactivated when its list register is next read.
    pub drop_active: u32,
    /// Listed, and to be active once its list register has been read.
    pub raise_active: u32,
    /// Linked to a physical interrupt.
    pub linked: u32,
    /// That physical interrupt is active.
    pub physical: u32,
    /// It fired again while listed: what the list register says is about the time before, when the guest has
    /// deactivated it already.
    pub refired: u32,
    /// Priorities; only [`crate::PRIORITY_BITS`]. See [`set_priority`](Self::set_priority).
    priority: [u8; 32],
    /// The same, a word for each of those bits, the highest first: so the most urgent of many is found in as many steps.
    levels: [u32; LEVELS],
}

/// How many bits a priority has.
const LEVELS: usize = crate::PRIORITY_BITS.count_ones() as usize;

impl Bank {
    /// Everything disabled, inactive, level-triggered, of group 0.
    pub const ZERO: Self = Self {
        enabled: 0,
        group: 0,
        edge: 0,
        line: 0,
        latch: 0,
        taken: 0,
        active: 0,
        listed: 0,
        drop_active: 0,
        raise_active: 0,
        linked: 0,
        physical: 0,
        refired: 0,
        priority: [0; 32],
        levels: [0; LEVELS],
    };

    /// [`ZERO`](Self::ZERO), but for the groups.
    pub const fn in_group(group: u32) -> Self {
        Self {
            group,
            ..Self::ZERO
        }
    }

    /// What a set-pending register reads as.
    pub fn pending(&self) -> u32 {
        self.latch | self.taken | self.line & !self.edge
    }

    /// Pending, enabled, and of a group that the distributor forwards.
    pub fn ready(&self, groups: Groups) -> u32 {
        self.pending() & self.enabled & groups.select(self.group)
    }

    /// Interrupt `index` goes into a list register, whose content this returns (without its INTID, link and
    /// sender). If it is active and asserted again, `hold` keeps it from being pending there too.
    #[inline]
    pub fn list(&mut self, index: usize, groups: Groups, hold: bool) -> Lr {
        let mask = bit(index);
        let ready = self.ready(groups) & mask != 0;
        let again = self.line & !self.edge & mask != 0 || hold;
        // Acknowledged and asserted again: an edge waits in the list register. A level is looked at anew
        // when the handler is done.
        let state = match (self.active & mask != 0, ready && !again) {
            (false, _) => LrState::Pending,
            (true, true) => LrState::PendingActive,
            (true, false) => LrState::Active,
        };
        self.listed |= mask;
        if state.is_pending() {
            self.taken |= self.latch & mask;
            self.latch &= !mask;
        }
        Lr {
            state,
            priority: self.priority_of(index),
            group1: self.group & mask != 0,
            eoi_maintenance: ready && again,
            ..Lr::INVALID
        }
    }

    /// Interrupts `mask` (one) came out of a list register that said `state`. Whether it is pending still
    /// on its own account.
    #[inline]
    pub fn unlist(&mut self, mask: u32, state: LrState) -> bool {
        let back = if state.is_pending() {
            self.taken & mask
        } else {
            0
        };
        self.latch |= back;
        self.taken &= !mask;
        self.listed &= !mask;
        let held = if state.is_active() { mask } else { 0 };
        let active = held & !self.drop_active | self.raise_active & mask;
        self.active = self.active & !mask | active;
        self.drop_active &= !mask;
        self.raise_active &= !mask;
        let refired = self.refired & mask != 0;
        self.refired &= !mask;
        if !state.is_pending() && !refired {
            // A linked line's next word, once acknowledged, comes as a new physical interrupt.
            self.line &= !(self.linked & mask);
            if state == LrState::Invalid {
                self.physical &= !mask;
            }
        }
        back != 0
    }

    /// Nothing here can concern anybody before it is touched again.
    pub fn is_idle(&self) -> bool {
        self.pending() | self.active | self.listed == 0
    }

    /// The priority of interrupt `index`.
    pub fn priority_of(&self, index: usize) -> u8 {
        self.priority.get(index & 31).copied().unwrap_or(0)
    }

    /// The priorities of all, in order.
    pub fn priorities(&self) -> &[u8; 32] {
        &self.priority
    }

    /// Sets the priority of interrupt `index`.
    pub fn set_priority(&mut self, index: usize, priority: u8) {
        let mut bits = priority & crate::PRIORITY_BITS;
        if let Some(slot) = self.priority.get_mut(index & 31) {
            *slot = bits;
        }
        for level in &mut self.levels {
            assign(level, bit(index), bits & 0x80 != 0);
            bits = bits.wrapping_shl(1);
        }
    }

    /// The priority of the most urgent of `mask`, and all of `mask` that have it. Takes the same time for one and for 32.
    #[inline]
    pub fn most_urgent(&self, mask: u32) -> (u8, u32) {
        let mut urgent = mask;
        let mut priority = 0;
        for level in &self.levels {
            let lower = urgent & !level;
            priority = priority << 1 | u8::from(lower == 0);
            urgent = if lower == 0 { urgent } else { lower };
        }
        (priority << crate::PRIORITY_BITS.trailing_zeros(), urgent)
    }
}

/// Which groups are enabled, as masks.
#[derive(Clone, Copy)]
pub(crate) struct Groups {
    zero: u32,
    one: u32,
}

impl Groups {
    /// From the two enables.
    pub fn new(zero: bool, one: bool) -> Self {
        Self {
            zero: if zero { u32::MAX } else { 0 },
            one: if one { u32::MAX } else { 0 },
        }
    }

    /// The interrupts whose group, given in `group`, is enabled.
    pub fn select(self, group: u32) -> u32 {
        group & self.one | !group & self.zero
    }
}

/// The bit of interrupt `index` in its bank.
pub(crate) fn bit(index: usize) -> u32 {
    1u32.wrapping_shl(index as u32 & 31)
}

/// The positions of the set bits, ascending.
pub(crate) struct Bits(pub u32);

impl Iterator for Bits {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let index = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        Some(index)
    }
}

/// Sets or clears `mask` in `word`.
pub(crate) fn assign(word: &mut u32, mask: u32, on: bool) {
    if on {
        *word |= mask;
    } else {
        *word &= !mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn bits_are_iterated_in_ascending_order() {
        assert_eq!(Bits(0x8000_0011).collect::<Vec<_>>(), [0, 4, 31]);
        assert_eq!(Bits(0).next(), None);
    }

    #[test]
    fn an_edge_interrupt_is_not_pending_because_its_line_is_high() {
        let mut bank = Bank::ZERO;
        bank.line = 0b11;
        bank.edge = 0b10;
        assert_eq!(bank.pending(), 0b01);
        bank.latch = 0b10;
        assert_eq!(bank.pending(), 0b11);
    }

    #[test]
    fn the_most_urgent_are_found_whatever_their_priorities() {
        let mut bank = Bank::ZERO;
        for index in 0..32 {
            // Each of the 32 priorities once, and what is no bit of one is dropped.
            bank.set_priority(index, (index as u8).wrapping_mul(40) | 7);
        }
        for mask in [1, 0b110, 0xf0f0_f0f0, 0x8000_0001, u32::MAX] {
            let best = Bits(mask).map(|index| bank.priority_of(index)).min();
            let (priority, urgent) = bank.most_urgent(mask);
            assert_eq!(Some(priority), best);
            let all = Bits(mask).filter(|index| bank.priority_of(*index) == priority);
            assert_eq!(Bits(urgent).collect::<Vec<_>>(), all.collect::<Vec<_>>());
        }
        for index in [3, 9, 20] {
            bank.set_priority(index, 0);
        }
        assert_eq!(bank.most_urgent(!1), (0, 1 << 3 | 1 << 9 | 1 << 20));
    }

    #[test]
    fn only_enabled_interrupts_of_enabled_groups_are_ready() {
        let mut bank = Bank::ZERO;
        bank.latch = 0b111;
        bank.enabled = 0b011;
        bank.group = 0b001;
        assert_eq!(bank.ready(Groups::new(false, true)), 0b001);
        assert_eq!(bank.ready(Groups::new(true, false)), 0b010);
        assert_eq!(bank.ready(Groups::new(false, false)), 0);
    }
}
