//! More interrupts than list registers: which of them are listed.
//!
//! For: guests that have many pending, by need or to see what it does to us: this is done with interrupts masked.
//! Guarantees that it takes a step for each bank and for each list register, however many wait; which are chosen is
//! said in `fill`.

use crate::bank::{Bank, Bits, Groups, bit};
use crate::fill::{Left, Rules, spi_intid};
use crate::hw::ListRegisters;
use crate::state::Vgic;

impl<const WORDS: usize> Vgic<WORDS> {
    /// More than fits: lists the most urgent, active before pending at the same priority (it runs
    /// already), with the most urgent pending one among them in any case, or nothing would ever report that
    /// there is room. It takes a step for each bank and for each list register, however many are pending.
    #[cold]
    #[inline(never)]
    pub(crate) fn list_urgent<H: ListRegisters>(
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
        let signalled = cpu.interface.vmcr.groups();
        let mut private = Waiting::new(&cpu.bank, private, 0, signalled);
        let mut shared = [const { Waiting::NONE }; WORDS];
        for word in Bits(*busy) {
            if let (Some(spi), Some(waiting)) = (spis.get(word), shared.get_mut(word)) {
                let mine = spi.mine(vcpu, rules.groups);
                *waiting = Waiting::new(&spi.bank, mine, spi_intid(word, 0), signalled);
            }
        }
        let mut reports = false;
        for room in (0..rules.limit).rev() {
            let one_of = shared
                .iter()
                .fold(private.pending, |all, w| all | w.pending);
            if room == 0 && !reports && one_of != 0 {
                private.only_pending(&cpu.bank, signalled);
                for (waiting, spi) in shared.iter_mut().zip(&*spis) {
                    waiting.only_pending(&spi.bank, signalled);
                }
            }
            let others = shared.iter().enumerate();
            let (best, word) = others.fold((private.best, None), |most, (word, waiting)| {
                if waiting.best < most.0 {
                    (waiting.best, Some(word))
                } else {
                    most
                }
            });
            if best == u32::MAX {
                break;
            }
            reports |= best & PENDING != 0;
            let index = (best & 31) as usize;
            match word {
                None => {
                    cpu.list(index, links, rules, hw);
                    private.without(index, &cpu.bank, signalled);
                }
                Some(word) => {
                    if let (Some(spi), Some(waiting)) = (spis.get_mut(word), shared.get_mut(word)) {
                        spi.list(index, word, cpu, rules, hw);
                        waiting.without(index, &spi.bank, signalled);
                    }
                }
            }
        }
        let all = shared.iter();
        Left {
            pending: all.clone().fold(private.pending, |all, w| all | w.pending) != 0,
            active: all.fold(private.active, |all, w| all | w.active) != 0,
        }
    }
}

/// What of a bank is not listed yet, where not all of it may be.
struct Waiting {
    pending: u32,
    active: u32,
    /// INTID of the bank's first.
    first: u32,
    /// The key of the most urgent, or `u32::MAX`: the lower, the more urgent.
    best: u32,
}

impl Waiting {
    const NONE: Self = Self {
        pending: 0,
        active: 0,
        first: 0,
        best: u32::MAX,
    };

    /// Interrupts `mask` of a bank.
    fn new(bank: &Bank, mask: u32, first: u32, signalled: Groups) -> Self {
        let mut waiting = Self {
            pending: mask & !bank.active,
            active: mask & bank.active,
            first,
            best: u32::MAX,
        };
        waiting.best = waiting.look(bank, waiting.active, signalled);
        waiting
    }

    /// Interrupt `index` is listed.
    fn without(&mut self, index: usize, bank: &Bank, signalled: Groups) {
        self.pending &= !bit(index);
        self.active &= !bit(index);
        self.best = self.look(bank, self.active, signalled);
    }

    /// The next is to be a pending one.
    fn only_pending(&mut self, bank: &Bank, signalled: Groups) {
        self.best = self.look(bank, 0, signalled);
    }

    /// The key of the most urgent of those pending and of these active ones.
    #[inline]
    fn look(&self, bank: &Bank, active: u32, signalled: Groups) -> u32 {
        // What the guest's CPU interface holds back must not stand in the way of the rest.
        let front = active | self.pending & signalled.select(bank.group);
        let (held_back, mask) = match front {
            0 => (HELD_BACK, self.pending),
            _ => (0, front),
        };
        if mask == 0 {
            return u32::MAX;
        }
        let (priority, urgent) = bank.most_urgent(mask);
        let (class, urgent) = match urgent & active {
            0 => (PENDING, urgent),
            running => (0, running),
        };
        let intid = self.first.wrapping_add(urgent.trailing_zeros());
        held_back | u32::from(priority) << 16 | class | intid
    }
}

/// In a key: not active. Above the INTID, below the priority.
const PENDING: u32 = 1 << 12;

/// In a key: of a group that the CPU interface does not signal.
const HELD_BACK: u32 = 1 << 31;
