//! The registers that both versions and both kinds of frame share: offsets 0x080 to 0xcff.
//!
//! For: `GICD_IGROUPR<n>` to `GICD_ICFGR<n>`, and the same registers of a redistributor's SGI_base frame,
//! which hold one word instead of many (IHI 0048 table 4-1; IHI 0069 tables 12-25 and 12-29). A [`View`]
//! says which banks a frame shows; what it does not show reads as zero and ignores writes.

use crate::bank::{SGIS, bit};
use crate::hw::ListRegisters;
use crate::kick::vcpu_bit;
use crate::mmio::Width;
use crate::pending::Which;
use crate::state::{Place, Vgic};

/// Which interrupts a frame shows in the registers of this module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Word 0 is the private bank of this vCPU.
    pub private: Option<usize>,
    /// The other words are the shared interrupts.
    pub shared: bool,
}

/// A register of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Register {
    Group,
    Enable {
        set: bool,
    },
    Pending {
        set: bool,
    },
    Active {
        set: bool,
    },
    /// From this index in the bank on.
    Priority {
        index: usize,
    },
    /// From this index in the bank on.
    Target {
        index: usize,
    },
    /// Which 16 interrupts.
    Config {
        upper: bool,
    },
}

impl View {
    /// What is at `offset`, which is aligned to `width`.
    #[inline]
    fn decode(self, offset: u64, width: Width) -> Option<(Place, Register)> {
        let offset = offset as usize;
        let bytes = width == Width::Byte;
        let (word, register) = match offset >> 7 {
            0x01..=0x07 if width == Width::Word => {
                let register = match offset >> 7 {
                    1 => Register::Group,
                    2 => Register::Enable { set: true },
                    3 => Register::Enable { set: false },
                    4 => Register::Pending { set: true },
                    5 => Register::Pending { set: false },
                    6 => Register::Active { set: true },
                    _ => Register::Active { set: false },
                };
                (offset >> 2 & 0x1f, register)
            }
            0x08..=0x0f if bytes || width == Width::Word => {
                let index = offset & 0x1f;
                (offset >> 5 & 0x1f, Register::Priority { index })
            }
            0x10..=0x17 if bytes || width == Width::Word => {
                let index = offset & 0x1f;
                (offset >> 5 & 0x1f, Register::Target { index })
            }
            0x18..=0x19 if width == Width::Word => {
                let upper = offset & 4 != 0;
                (offset >> 3 & 0x1f, Register::Config { upper })
            }
            _ => return None,
        };
        let place = match word.checked_sub(1) {
            None => Place::Private(self.private?),
            Some(word) if self.shared => Place::Shared(word),
            Some(_) => return None,
        };
        Some((place, register))
    }
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// The short way to what guests read most: groups, enables and priorities of shared interrupts, whole
    /// words, alike in both versions. `None`: ask properly.
    #[inline]
    pub(crate) fn read_shared_word(&self, offset: u64, width: Width) -> Option<u32> {
        if width != Width::Word || offset & 3 != 0 || offset >= 0x800 {
            return None;
        }
        let class = offset >> 7;
        let word = match class {
            1..=3 => offset >> 2 & 0x1f,
            8..=15 => offset >> 5 & 0x1f,
            _ => return None,
        };
        let bank = &self.spi((word as usize).checked_sub(1)?)?.bank;
        Some(match class {
            1 => bank.group,
            2 | 3 => bank.enabled,
            _ => load(bank.priorities(), offset as usize & 0x1f, width),
        })
    }

    /// Reads a register of `view`; `offset` is aligned to `width`.
    pub(crate) fn read_common<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        view: View,
        offset: u64,
        width: Width,
        hw: &mut H,
    ) -> u32 {
        let Some((place, register)) = view.decode(offset, width) else {
            return 0;
        };
        let which = match register {
            Register::Pending { .. } => Which::Pending,
            Register::Active { .. } => Which::Active,
            _ => return self.read_plain(vcpu, place, register, width),
        };
        self.read_state(vcpu, place, which, hw)
    }

    /// Reads what needs no look at list registers.
    #[inline]
    fn read_plain(&self, vcpu: usize, place: Place, register: Register, width: Width) -> u32 {
        let Some(bank) = self.bank(place) else {
            return 0;
        };
        match register {
            Register::Group => bank.group,
            Register::Enable { .. } => bank.enabled,
            Register::Config { upper } => spread(half(bank.edge, upper)),
            Register::Priority { index } => load(bank.priorities(), index, width),
            Register::Target { index } => self.read_targets(vcpu, place, index, width),
            Register::Pending { .. } | Register::Active { .. } => 0,
        }
    }

    /// Writes a register of `view`; `offset` is aligned to `width`.
    pub(crate) fn write_common<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        view: View,
        offset: u64,
        width: Width,
        value: u32,
        hw: &mut H,
    ) {
        let Some((place, register)) = view.decode(offset, width) else {
            return;
        };
        match register {
            Register::Pending { set } => self.write_pending(vcpu, place, value, set, hw),
            Register::Active { set } => self.write_active(vcpu, place, value, set, hw),
            Register::Enable { set: true } => self.enable(place, value),
            Register::Enable { set: false } => self.disable(vcpu, place, value),
            Register::Group => self.change(place, |bank| {
                core::mem::replace(&mut bank.group, value) ^ value
            }),
            Register::Config { upper } => self.write_config(place, upper, value),
            Register::Priority { index } => self.change(place, |bank| {
                let count = if width == Width::Byte { 1 } else { 4 };
                let bytes = (index..).zip(value.to_le_bytes()).take(count);
                bytes.fold(0, |changed, (index, priority)| {
                    bank.set_priority(index, priority);
                    changed | bit(index)
                })
            }),
            Register::Target { index } => self.write_targets(place, index, width, value),
        }
    }

    /// Applies `edit` to a bank; it returns the interrupts it changed.
    fn change(&mut self, place: Place, edit: impl FnOnce(&mut crate::bank::Bank) -> u32) {
        if let Some(bank) = self.bank_mut(place) {
            let changed = edit(bank);
            self.touch(place, changed);
        }
    }

    fn enable(&mut self, place: Place, mask: u32) {
        self.change(place, |bank| {
            let new = mask & !bank.enabled;
            bank.enabled |= mask;
            new
        });
    }

    /// Disables; other cores that may hold one in a list register are waited for by `RWP`.
    fn disable(&mut self, vcpu: usize, place: Place, mask: u32) {
        let mask = mask & !self.fixed_sgis(place);
        let before = core::mem::take(&mut self.kick);
        self.change(place, |bank| {
            let gone = mask & bank.enabled;
            bank.enabled &= !mask;
            gone
        });
        self.rwp |= self.kick & self.loaded & !vcpu_bit(vcpu);
        self.kick |= before;
    }

    fn write_config(&mut self, place: Place, upper: bool, value: u32) {
        let fixed = match place {
            Place::Private(_) => SGIS,
            Place::Shared(_) => 0,
        };
        self.change(place, |bank| {
            let bits = u32::from(gather(value)).wrapping_shl(if upper { 16 } else { 0 });
            let half = if upper { 0xffff_0000 } else { 0xffff };
            // A linked interrupt is its physical line; as an edge it would be lost.
            let mask = half & !fixed & !bank.linked;
            let edge = bank.edge & !mask | bits & mask;
            core::mem::replace(&mut bank.edge, edge) ^ edge
        });
    }

    /// `GICD_ITARGETSR<n>`: GICv2 with more than one vCPU only. Those of private interrupts name the
    /// reader.
    fn read_targets(&self, vcpu: usize, place: Place, index: usize, width: Width) -> u32 {
        if self.is_v3() || self.vcpus == 1 {
            return 0;
        }
        let mut bytes = [0; 4];
        let count = if width == Width::Byte { 1 } else { 4 };
        for (offset, byte) in bytes.iter_mut().enumerate().take(count) {
            *byte = match place {
                Place::Private(_) => vcpu_bit(vcpu),
                Place::Shared(word) => self.route(word, index.wrapping_add(offset)) as u8,
            };
        }
        u32::from_le_bytes(bytes)
    }

    fn write_targets(&mut self, place: Place, index: usize, width: Width, value: u32) {
        let Place::Shared(word) = place else { return };
        if self.is_v3() || self.vcpus == 1 {
            return;
        }
        let count = if width == Width::Byte { 1 } else { 4 };
        for (offset, mask) in value.to_le_bytes().into_iter().enumerate().take(count) {
            self.set_route(word, index.wrapping_add(offset), u32::from(mask));
        }
    }
}

/// A byte or an aligned word of `bytes`.
#[inline]
fn load(bytes: &[u8; 32], index: usize, width: Width) -> u32 {
    if width == Width::Byte {
        return bytes.get(index & 31).copied().map_or(0, u32::from);
    }
    let (words, _) = bytes.as_chunks::<4>();
    words
        .get(index >> 2 & 7)
        .map_or(0, |word| u32::from_le_bytes(*word))
}

/// The lower or upper half.
fn half(word: u32, upper: bool) -> u16 {
    if upper {
        (word >> 16) as u16
    } else {
        word as u16
    }
}

/// Bit n to bit 2n + 1: how `ICFGR` shows a trigger.
fn spread(bits: u16) -> u32 {
    let mut word = u32::from(bits);
    word = (word | word << 8) & 0x00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f;
    word = (word | word << 2) & 0x3333_3333;
    word = (word | word << 1) & 0x5555_5555;
    word << 1
}

/// Bit 2n + 1 to bit n.
fn gather(word: u32) -> u16 {
    let mut word = word >> 1 & 0x5555_5555;
    word = (word | word >> 1) & 0x3333_3333;
    word = (word | word >> 2) & 0x0f0f_0f0f;
    word = (word | word >> 4) & 0x00ff_00ff;
    (word | word >> 8) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreading_and_gathering_are_inverse() {
        for bits in 0..=u16::MAX {
            assert_eq!(gather(spread(bits)), bits);
            assert_eq!(spread(bits) & 0x5555_5555, 0);
        }
    }
}
