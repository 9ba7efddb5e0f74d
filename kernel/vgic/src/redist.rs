//! The GICv3 redistributors.
//!
//! For: the RD_base and SGI_base frames of each vCPU, contiguous in one region (IHI 0069, tables 12-27 and
//! 12-29). No LPIs: their registers read as zero and ignore writes. `GICR_WAKER` follows its handshake but
//! holds nothing back: firmware that never wakes its redistributor gets its interrupts all the same.

use crate::GICR_STRIDE;
use crate::dist::View;
use crate::hw::ListRegisters;
use crate::ident;
use crate::kick::vcpu_bit;
use crate::mmio::Width;
use crate::state::Vgic;

const CTLR: u64 = 0x0000;
const IIDR: u64 = 0x0004;
const TYPER: u64 = 0x0008;
const TYPER_AFFINITY: u64 = 0x000c;
const WAKER: u64 = 0x0014;
/// Where the SGI_base frame begins.
const SGI_BASE: u64 = 0x1_0000;

/// `GICR_CTLR.RWP`.
const CTLR_RWP: u32 = 1 << 3;
/// `GICR_TYPER.Last`.
const TYPER_LAST: u64 = 1 << 4;
/// `GICR_WAKER.ProcessorSleep` and `.ChildrenAsleep`.
const ASLEEP: u32 = 1 << 1 | 1 << 2;
const PROCESSOR_SLEEP: u64 = 1 << 1;

impl<const WORDS: usize> Vgic<WORDS> {
    /// Reads a redistributor; `offset`, from the base of the region, is aligned to `width`.
    pub(crate) fn read_gicr<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        hw: &mut H,
    ) -> u64 {
        let (owner, frame) = split(offset);
        if self.cpu(owner).is_none() {
            return 0;
        }
        match frame {
            SGI_BASE.. => self
                .read_common(vcpu, sgi_view(owner), frame & 0xffff, width, hw)
                .into(),
            TYPER if width == Width::Double => self.gicr_typer(owner),
            _ if width != Width::Word => 0,
            TYPER => u64::from(self.gicr_typer(owner) as u32),
            TYPER_AFFINITY => self.gicr_typer(owner) >> 32,
            CTLR if self.rwp & vcpu_bit(owner) != 0 => CTLR_RWP.into(),
            IIDR => ident::IIDR.into(),
            WAKER if self.cpu(owner).is_some_and(|cpu| !cpu.awake) => ASLEEP.into(),
            0xffd0..=0xffff => ident::read(ident::GICV3_REDISTRIBUTOR, frame).into(),
            _ => 0,
        }
    }

    /// Writes a redistributor; `offset`, from the base of the region, is aligned to `width`.
    pub(crate) fn write_gicr<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        value: u64,
        hw: &mut H,
    ) {
        let (owner, frame) = split(offset);
        match frame {
            SGI_BASE.. => {
                let view = sgi_view(owner);
                self.write_common(vcpu, view, frame & 0xffff, width, value as u32, hw);
            }
            WAKER if width == Width::Word => {
                if let Some(cpu) = self.cpu_mut(owner) {
                    cpu.awake = value & PROCESSOR_SLEEP == 0;
                }
            }
            _ => {}
        }
    }

    /// `GICR_TYPER` of `owner`: affinity, processor number, whether it is the last.
    fn gicr_typer(&self, owner: usize) -> u64 {
        let number = owner as u64;
        let last = owner.wrapping_add(1) == usize::from(self.vcpus);
        number << 32 | number << 8 | if last { TYPER_LAST } else { 0 }
    }
}

/// Whose redistributor, and the offset in it.
fn split(offset: u64) -> (usize, u64) {
    ((offset / GICR_STRIDE) as usize, offset % GICR_STRIDE)
}

/// The SGI_base frame of `owner`: one word of each register.
fn sgi_view(owner: usize) -> View {
    View {
        private: Some(owner),
        shared: false,
    }
}
