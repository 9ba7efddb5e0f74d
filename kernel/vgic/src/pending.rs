//! Registers whose truth may be in a list register: pending and active.
//!
//! For: the set, clear and read of both, on any bank. The own list registers are folded first, so a vCPU
//! sees and changes its own exactly. What another core lists is changed by request (it applies when that
//! core is next read back, and it is kicked) and read as of the last time, with a kick that makes the next
//! read newer; IHI 0069 promises no more for interrupts that another PE is handling.

use crate::hw::ListRegisters;
use crate::kick::vcpu_bit;
use crate::state::{Place, Vgic};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Pending,
    Active,
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// Reads the pending or active bits of `place`.
    pub(crate) fn read_state<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        place: Place,
        which: Which,
        hw: &mut H,
    ) -> u32 {
        if self.is_loaded(vcpu) {
            self.fold(vcpu, hw);
            self.sample(vcpu, hw);
        }
        let Some(bank) = self.bank(place) else {
            return 0;
        };
        let (value, listed) = match which {
            Which::Pending => (bank.pending(), bank.listed),
            Which::Active => (bank.active, bank.listed),
        };
        // After the fold, whatever is listed is listed by others.
        self.kick_owners(place, listed);
        value
    }

    /// Writes `mask` to a set-pending (`set`) or clear-pending register of `place`.
    pub(crate) fn write_pending<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        place: Place,
        mask: u32,
        set: bool,
        hw: &mut H,
    ) {
        let mask = mask & !self.fixed_sgis(place);
        if self.is_loaded(vcpu) {
            self.fold(vcpu, hw);
        }
        let Some(bank) = self.bank_mut(place) else {
            return;
        };
        if set {
            bank.latch |= mask;
        } else {
            // Without its mark, a pending list register has nothing to give back.
            bank.taken &= !mask;
            bank.latch &= !mask;
        }
        self.touch(place, mask);
    }

    /// Writes `mask` to a set-active (`set`) or clear-active register of `place`, or deactivates it.
    pub(crate) fn write_active<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        place: Place,
        mask: u32,
        set: bool,
        hw: &mut H,
    ) {
        if self.is_loaded(vcpu) {
            self.fold(vcpu, hw);
        }
        let Some(bank) = self.bank_mut(place) else {
            return;
        };
        let listed = mask & bank.listed;
        if set {
            let fresh = mask & !bank.active;
            bank.raise_active |= listed;
            bank.drop_active &= !listed;
            bank.active |= mask;
            if let Place::Shared(word) = place {
                self.adopt(vcpu, word, fresh & !listed);
            }
            self.kick_owners(place, mask);
        } else {
            self.kick_owners(place, mask & self.bank(place).map_or(0, |bank| bank.active));
            if let Some(bank) = self.bank_mut(place) {
                bank.drop_active |= listed;
                bank.raise_active &= !listed;
                bank.active &= !mask;
            }
            self.touch(place, mask);
        }
    }

    /// Shared interrupts that a write made active belong to their target, or to the writer if they have
    /// none.
    fn adopt(&mut self, vcpu: usize, word: usize, mask: u32) {
        self.busy |= crate::bank::bit(word);
        let Some(spi) = self.spi_mut(word) else {
            return;
        };
        let target = spi.target;
        let nobodys = target.iter().fold(mask, |rest, sent| rest & !sent);
        spi.own(mask, |other| {
            let sent = target.get(other).copied().unwrap_or(0) & mask;
            if other == vcpu { sent | nobodys } else { sent }
        });
    }

    /// Kicks whoever has interrupts `mask` of `place` listed or active.
    pub(crate) fn kick_owners(&mut self, place: Place, mask: u32) {
        let kick = match place {
            _ if mask == 0 => 0,
            Place::Private(vcpu) => vcpu_bit(vcpu),
            Place::Shared(word) => {
                let Some(spi) = self.spi(word) else { return };
                spi.concerned(self.vcpus, mask, 0)
            }
        };
        self.kick |= kick & self.loaded;
    }

    /// GICv2: reads `GICD_SPENDSGIR<n>`/`GICD_CPENDSGIR<n>`: the senders of SGI `sgi` and up, one byte each.
    pub(crate) fn read_sources<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        sgi: usize,
        count: usize,
        hw: &mut H,
    ) -> u32 {
        if self.is_loaded(vcpu) {
            self.fold(vcpu, hw);
        }
        let mut bytes = [0; 4];
        for (offset, byte) in bytes.iter_mut().enumerate().take(count) {
            *byte = self.sources(vcpu, sgi.wrapping_add(offset));
        }
        u32::from_le_bytes(bytes)
    }

    /// GICv2: writes `count` bytes of `GICD_SPENDSGIR<n>` (`set`) or `GICD_CPENDSGIR<n>`.
    pub(crate) fn write_sources<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        sgi: usize,
        count: usize,
        value: u32,
        set: bool,
        hw: &mut H,
    ) {
        if self.is_loaded(vcpu) {
            self.fold(vcpu, hw);
        }
        for (offset, sources) in value.to_le_bytes().into_iter().enumerate().take(count) {
            let sgi = sgi.wrapping_add(offset);
            if set {
                self.set_sources(vcpu, sgi, sources);
            } else {
                self.clear_sources(vcpu, sgi, sources);
            }
        }
    }
}
