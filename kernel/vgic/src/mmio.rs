//! Accesses to the emulated windows: which version's map answers.
//!
//! For: the trap handler, which has an offset, a width and a value. Every offset of every window is
//! defined for every width: what no register claims reads as zero and ignores writes. Accesses that need
//! the list registers get them from `hw`; the rest cost a decode and a load.

use crate::hw::ListRegisters;
use crate::kick::Kick;
use crate::state::Vgic;

/// How wide a guest's access is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits: priorities, targets, SGI pending bits.
    Byte,
    /// 16 bits: no GIC register allows it; reads zero, writes are ignored.
    Half,
    /// 32 bits.
    Word,
    /// 64 bits: `GICD_IROUTER<n>`, `GICR_TYPER`.
    Double,
}

impl Width {
    /// For an access of 1, 2, 4 or 8 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u32) -> Option<Self> {
        match bytes {
            1 => Some(Self::Byte),
            2 => Some(Self::Half),
            4 => Some(Self::Word),
            8 => Some(Self::Double),
            _ => None,
        }
    }

    /// Whether an access of this width may be at `offset`: a width that some register allows, aligned.
    const fn fits(self, offset: u64) -> bool {
        match self {
            Self::Byte => true,
            Self::Half => false,
            Self::Word => offset & 3 == 0,
            Self::Double => offset & 7 == 0,
        }
    }
}

/// What a read returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Read {
    /// The value, zero-extended.
    pub value: u64,
    /// vCPUs that hold, in list registers of other cores, a newer answer than this one: kicked, they bring
    /// it home, so that a guest that polls sees it soon. Reads of pending and active state only.
    pub kick: Kick,
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// Reads the distributor.
    ///
    /// `vcpu` is the reader, loaded on the core of `hw`; `offset` is from the base of the window. What does
    /// not exist, is unaligned or has a width that the register does not allow reads as zero.
    #[inline]
    pub fn gicd_read<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        hw: &mut H,
    ) -> Read {
        match self.read_shared_word(offset, width) {
            Some(word) => Read {
                value: word.into(),
                kick: Kick::NONE,
            },
            None => self.gicd_read_any(vcpu, offset, width, hw),
        }
    }

    /// Reads the 32-bit register at `offset` of the distributor if that is one of those read most (groups, enables and
    /// priorities of shared interrupts), which takes no list registers and nobody's attention. `None`: use
    /// [`gicd_read`](Self::gicd_read).
    #[inline(always)]
    #[must_use]
    pub fn gicd_peek(&self, offset: u64) -> Option<u32> {
        self.read_shared_word(offset, Width::Word)
    }

    /// [`gicd_read`](Self::gicd_read), for everything.
    fn gicd_read_any<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        hw: &mut H,
    ) -> Read {
        let value = if !width.fits(offset) || self.cpu(vcpu).is_none() {
            0
        } else if self.is_v3() {
            self.read_gicd_v3(vcpu, offset, width, hw)
        } else {
            self.read_gicd_v2(vcpu, offset, width, hw).into()
        };
        let kick = self.take_kick();
        Read { value, kick }
    }

    /// vCPU `vcpu` wrote `value` to the 32-bit register at `offset` of the distributor, if that is `GICD_SGIR`. `None`:
    /// it is not; use [`gicd_write`](Self::gicd_write).
    #[inline(always)]
    pub fn gicd_send(&mut self, vcpu: usize, offset: u64, value: u32) -> Option<Kick> {
        const SGIR: u64 = 0xf00;
        if offset != SGIR || self.is_v3() || self.cpu(vcpu).is_none() {
            return None;
        }
        self.write_sgir(vcpu, value);
        Some(self.take_fresh_kick())
    }

    /// Writes the distributor; as [`gicd_read`](Self::gicd_read). Bits of `value` beyond `width` are
    /// ignored.
    pub fn gicd_write<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        value: u64,
        hw: &mut H,
    ) -> Kick {
        if width.fits(offset) && self.cpu(vcpu).is_some() {
            if self.is_v3() {
                self.write_gicd_v3(vcpu, offset, width, value, hw);
            } else {
                self.write_gicd_v2(vcpu, offset, width, value as u32, hw);
            }
        }
        self.take_kick()
    }

    /// Reads a redistributor (GICv3). `offset` is from the base of the region: vCPU n's redistributor
    /// begins at n × [`crate::GICR_STRIDE`], and any vCPU may reach any.
    pub fn gicr_read<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        hw: &mut H,
    ) -> Read {
        let value = if self.is_v3() && width.fits(offset) {
            self.read_gicr(vcpu, offset, width, hw)
        } else {
            0
        };
        let kick = self.take_kick();
        Read { value, kick }
    }

    /// Writes a redistributor; as [`gicr_read`](Self::gicr_read).
    pub fn gicr_write<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        value: u64,
        hw: &mut H,
    ) -> Kick {
        if self.is_v3() && width.fits(offset) {
            self.write_gicr(vcpu, offset, width, value, hw);
        }
        self.take_kick()
    }
}
