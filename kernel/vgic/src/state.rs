//! The state of one VM's interrupt controller, and who is concerned when a bit of it changes.
//!
//! For: one place that says what is stored. Guarantees that whatever a change makes deliverable, or makes
//! wrong in a list register, lands in the kick of the next public call. Where an interrupt goes is in
//! `route`; how it reaches a list register is in `flow` and `fill`.

use crate::MAX_VCPUS;
use crate::bank::{Bank, Groups, SGIS, bit};
use crate::config::{Config, ConfigError, Version};
use crate::hw::{Control, CpuInterface};
use crate::kick::{Kick, vcpu_bit};

/// The most list registers that an interface can have.
pub(crate) const MAX_LRS: usize = 16;

/// First INTID that is shared.
pub(crate) const FIRST_SPI: u32 = 32;

/// What a list register of a loaded vCPU was given.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub intid: u16,
    pub source: u8,
}

/// What belongs to one vCPU.
pub(crate) struct Cpu {
    /// INTID 0 to 31.
    pub bank: Bank,
    /// GICv2: for each pending SGI, its senders; its latch is set while there is one.
    pub sources: [u8; 16],
    /// GICv2: for each active SGI, its sender.
    pub active_source: [u8; 16],
    /// What each used list register was given.
    pub slots: [Slot; MAX_LRS],
    /// List registers that the state counts on.
    pub used: u16,
    /// The list register that a linked interrupt was given last.
    pub linked_slot: u8,
    /// Private interrupts that have become pending since the last refresh.
    pub fresh: u32,
    /// List registers that hold something the state has already taken back; to be overwritten before the
    /// guest runs.
    pub stale: u16,
    /// What the hardware was last told to report.
    pub control: Control,
    /// That is not [`Control::QUIET`].
    pub loud: bool,
    /// The CPU interface while not loaded; `vmcr` also as of the last refresh.
    pub interface: CpuInterface,
    /// GICv3: `GICR_WAKER.ProcessorSleep` was cleared.
    pub awake: bool,
}

impl Cpu {
    const ZERO: Self = Self {
        bank: Bank::ZERO,
        sources: [0; 16],
        active_source: [0; 16],
        slots: [Slot {
            intid: 0,
            source: 0,
        }; MAX_LRS],
        used: 0,
        linked_slot: 0,
        fresh: 0,
        stale: 0,
        control: Control::QUIET,
        loud: false,
        interface: CpuInterface::RESET,
        awake: false,
    };
}

/// 32 shared interrupts. What says which vCPU they belong to has a word for each vCPU, so that the interrupts of one
/// are found without looking at each.
pub(crate) struct Spi {
    pub bank: Bank,
    /// GICv2: the target mask. GICv3: `GICD_IROUTER<n>` bits 31:0.
    pub route: [u32; 32],
    /// Those whose `route` names this vCPU, perhaps among others.
    pub reach: [u32; MAX_VCPUS],
    /// Those whose `route` means this vCPU now; of each interrupt, one at most.
    pub target: [u32; MAX_VCPUS],
    /// Those that this vCPU lists or that are active on it, one at most; meaningless for others.
    pub owner: [u32; MAX_VCPUS],
}

impl Spi {
    const ZERO: Self = Self {
        bank: Bank::ZERO,
        route: [0; 32],
        reach: [0; MAX_VCPUS],
        target: [0; MAX_VCPUS],
        owner: [0; MAX_VCPUS],
    };

    /// The interrupts that are sent to `vcpu`.
    #[inline]
    pub fn sent_to(&self, vcpu: usize) -> u32 {
        self.target.get(vcpu).copied().unwrap_or(0)
    }

    /// Says that `vcpu` lists interrupt `index` or has it active.
    #[inline]
    pub fn set_owner(&mut self, index: usize, vcpu: usize) {
        let mask = bit(index);
        if self.owner.get(vcpu).is_some_and(|owned| owned & mask == 0) {
            self.own(mask, |other| if other == vcpu { mask } else { 0 });
        }
    }

    /// Interrupts `mask` are listed by, or active on, those for whom `whose` says so.
    #[inline(never)]
    pub fn own(&mut self, mask: u32, whose: impl Fn(usize) -> u32) {
        for (vcpu, owned) in self.owner.iter_mut().enumerate() {
            *owned = *owned & !mask | whose(vcpu);
        }
    }

    /// The first `vcpus` vCPUs that own one of `owned`, or to whom one of `sent` is sent.
    pub fn concerned(&self, vcpus: u8, owned: u32, sent: u32) -> u8 {
        let each = self.owner.iter().zip(&self.target).enumerate();
        each.take(usize::from(vcpus))
            .filter(|(_, (owner, target))| *owner & owned | *target & sent != 0)
            .fold(0, |all, (vcpu, _)| all | vcpu_bit(vcpu))
    }
}

/// A bank: whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The private interrupts of this vCPU.
    Private(usize),
    /// Shared interrupts 32 × (1 + this) and up.
    Shared(usize),
}

/// A VM's interrupt controller with room for 32 × `WORDS` shared interrupts (at most 30 words: INTID 991).
///
/// A fresh one is all zero bytes, so that it can live in .bss; it has no vCPUs until
/// [`configure`](Self::configure).
pub struct Vgic<const WORDS: usize> {
    pub(crate) version: Version,
    /// How many there are.
    pub(crate) vcpus: u8,
    /// Words of shared interrupts that exist.
    pub(crate) spi_words: u8,
    /// `GICD_CTLR` bits 1:0.
    pub(crate) enabled_groups: u8,
    /// vCPUs that are on.
    pub(crate) online: u8,
    /// vCPUs whose list registers live in a core.
    pub(crate) loaded: u8,
    /// vCPUs that were kicked and have not been refreshed.
    pub(crate) dirty: u8,
    /// Those of them for whom there is more to do than to list what is [`Cpu::fresh`].
    pub(crate) whole: u8,
    /// What the public call in progress will return.
    pub(crate) kick: u8,
    /// vCPUs whose core may still deliver something that a completed register write has forbidden.
    pub(crate) rwp: u8,
    /// Words of `spi` in which something may be pending or active.
    pub(crate) busy: u32,
    /// For PPI 16 + n, the physical interrupt linked to it, if its `linked` bit is set.
    pub(crate) links: [u8; 16],
    pub(crate) cpus: [Cpu; MAX_VCPUS],
    pub(crate) spis: [Spi; WORDS],
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// An interrupt controller of nobody: every window reads as zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            version: Version::V2,
            vcpus: 0,
            spi_words: 0,
            enabled_groups: 0,
            online: 0,
            loaded: 0,
            dirty: 0,
            whole: 0,
            kick: 0,
            rwp: 0,
            busy: 0,
            links: [0; 16],
            cpus: [const { Cpu::ZERO }; MAX_VCPUS],
            spis: [const { Spi::ZERO }; WORDS],
        }
    }

    /// Makes it what `config` says, without links, and resets it.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing has changed then.
    pub fn configure(&mut self, config: &Config) -> Result<(), ConfigError> {
        if config.vcpus == 0 || config.vcpus > MAX_VCPUS {
            return Err(ConfigError::Vcpus);
        }
        let words = (config.spis / 32) as usize;
        if !config.spis.is_multiple_of(32) || words > WORDS || words > MAX_SPI_WORDS {
            return Err(ConfigError::Spis);
        }
        self.version = config.version;
        self.vcpus = config.vcpus as u8;
        self.spi_words = words as u8;
        for cpu in &mut self.cpus {
            cpu.bank.linked = 0;
        }
        self.reset();
        Ok(())
    }

    /// Whether the guest sees a GICv3.
    pub(crate) fn is_v3(&self) -> bool {
        self.version == Version::V3
    }

    /// vCPU `vcpu`, if it exists.
    pub(crate) fn cpu(&self, vcpu: usize) -> Option<&Cpu> {
        self.cpus.get(vcpu).filter(|_| vcpu < self.vcpus as usize)
    }

    /// vCPU `vcpu`, if it exists.
    pub(crate) fn cpu_mut(&mut self, vcpu: usize) -> Option<&mut Cpu> {
        let exists = vcpu < self.vcpus as usize;
        self.cpus.get_mut(vcpu).filter(|_| exists)
    }

    /// A word of shared interrupts, if it exists.
    pub(crate) fn spi(&self, word: usize) -> Option<&Spi> {
        self.spis
            .get(word)
            .filter(|_| word < self.spi_words as usize)
    }

    /// A word of shared interrupts, if it exists.
    pub(crate) fn spi_mut(&mut self, word: usize) -> Option<&mut Spi> {
        let exists = word < self.spi_words as usize;
        self.spis.get_mut(word).filter(|_| exists)
    }

    /// The bank at `place`, if it exists.
    pub(crate) fn bank(&self, place: Place) -> Option<&Bank> {
        match place {
            Place::Private(vcpu) => self.cpu(vcpu).map(|cpu| &cpu.bank),
            Place::Shared(word) => self.spi(word).map(|spi| &spi.bank),
        }
    }

    /// The bank at `place`, if it exists.
    pub(crate) fn bank_mut(&mut self, place: Place) -> Option<&mut Bank> {
        match place {
            Place::Private(vcpu) => self.cpu_mut(vcpu).map(|cpu| &mut cpu.bank),
            Place::Shared(word) => self.spi_mut(word).map(|spi| &mut spi.bank),
        }
    }

    /// Where interrupt `intid` of `vcpu` is: its bank and its index there.
    pub(crate) fn find(&self, vcpu: usize, intid: u32) -> (Place, usize) {
        let index = (intid & 31) as usize;
        let place = match intid.checked_sub(FIRST_SPI) {
            None => Place::Private(vcpu),
            Some(spi) => Place::Shared((spi >> 5) as usize),
        };
        (place, index)
    }

    /// The groups that the distributor forwards.
    pub(crate) fn groups(&self) -> Groups {
        Groups::new(self.enabled_groups & 1 != 0, self.enabled_groups & 2 != 0)
    }

    /// Interrupts `mask` of `place` have changed: whoever lists them, or could now be offered them, is
    /// concerned.
    pub(crate) fn touch(&mut self, place: Place, mask: u32) {
        let groups = self.groups();
        let kick = match place {
            Place::Private(vcpu) => {
                let Some(cpu) = self.cpu(vcpu) else { return };
                let bank = &cpu.bank;
                // A linked one's physical interrupt must follow it, wherever it is.
                if (bank.listed | bank.linked | bank.ready(groups) & !bank.active) & mask == 0 {
                    return;
                }
                vcpu_bit(vcpu)
            }
            Place::Shared(word) => {
                self.busy |= bit(word);
                let Some(spi) = self.spi(word) else { return };
                let bank = &spi.bank;
                let offered = bank.ready(groups) & !bank.active;
                spi.concerned(self.vcpus, bank.listed & mask, offered & mask)
            }
        };
        self.kick |= kick;
    }

    /// Those that were [`touch`](Self::touch)ed since the last call. vCPUs that are off need no kick: they
    /// are filled when they are loaded.
    pub(crate) fn take_kick(&mut self) -> Kick {
        let kick = self.take_fresh_kick();
        self.whole |= kick.bits();
        kick
    }

    /// [`take_kick`](Self::take_kick), when those who were touched have no more to do than to list what is in their
    /// [`Cpu::fresh`].
    pub(crate) fn take_fresh_kick(&mut self) -> Kick {
        let kick = self.kick & (self.online | self.loaded);
        self.kick = 0;
        self.dirty |= kick;
        Kick::from_bits(kick)
    }

    /// The interrupts of a private bank that are SGIs with GICv2's rules: always enabled, their pending
    /// bits read-only in the set- and clear-pending registers.
    pub(crate) fn fixed_sgis(&self, place: Place) -> u32 {
        match place {
            Place::Private(_) if !self.is_v3() => SGIS,
            _ => 0,
        }
    }
}

/// INTIDs end at 1019; whole words end at 991.
const MAX_SPI_WORDS: usize = 30;

impl<const WORDS: usize> Default for Vgic<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}
