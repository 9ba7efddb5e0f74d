//! The GICv3 distributor's own registers.
//!
//! For: everything of the 64 KiB window outside `dist` (IHI 0069, table 12-25). The guest sees one security
//! state (`GICD_CTLR.DS` = 1, fixed), so groups 0 and 1 are both its own, as on a machine without EL3; and
//! affinity routing always on (`ARE` = 1, fixed), so the words of private interrupts, `ITARGETSR` and
//! `SGIR` are reserved here. No LPIs, no message-based SPIs, 10 INTID bits, no Aff3.

use crate::bank::Bits;
use crate::dist::View;
use crate::hw::ListRegisters;
use crate::ident;
use crate::kick::vcpu_bit;
use crate::mmio::Width;
use crate::state::Vgic;

const CTLR: u64 = 0x0000;
const TYPER: u64 = 0x0004;
const IIDR: u64 = 0x0008;
/// `GICD_IROUTER<n>`, 8 bytes each, INTID 32 to 1023.
const IROUTER_32: u64 = 0x6100;
const AFTER_IROUTER: u64 = 0x8000;

/// `GICD_CTLR.ARE`, `.DS`: read as one.
const CTLR_FIXED: u32 = 1 << 4 | 1 << 6;
const CTLR_RWP: u32 = 1 << 31;

/// `GICD_TYPER.IDbits`: ten bits of INTID.
const TYPER_IDBITS: u32 = 9 << 19;

impl<const WORDS: usize> Vgic<WORDS> {
    /// Reads the distributor of a GICv3; `offset` is aligned to `width`.
    #[inline]
    pub(crate) fn read_gicd_v3<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        hw: &mut H,
    ) -> u64 {
        match offset {
            0x080..=0xcff => {
                let view = View {
                    private: None,
                    shared: true,
                };
                self.read_common(vcpu, view, offset, width, hw).into()
            }
            IROUTER_32..AFTER_IROUTER => {
                let (word, index) = irouter(offset);
                let low = matches!(width, Width::Word | Width::Double) && offset & 4 == 0;
                if low {
                    self.route(word, index).into()
                } else {
                    0
                }
            }
            _ if width != Width::Word => 0,
            CTLR => {
                let fixed = if self.vcpus == 0 { 0 } else { CTLR_FIXED };
                let rwp = if self.rwp != 0 { CTLR_RWP } else { 0 };
                (u32::from(self.enabled_groups) | fixed | rwp).into()
            }
            TYPER => (u32::from(self.spi_words) | TYPER_IDBITS).into(),
            IIDR => ident::IIDR.into(),
            0xffd0..=0xffff => ident::read(ident::GICV3_DISTRIBUTOR, offset).into(),
            _ => 0,
        }
    }

    /// Writes the distributor of a GICv3; `offset` is aligned to `width`.
    pub(crate) fn write_gicd_v3<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        value: u64,
        hw: &mut H,
    ) {
        match offset {
            0x080..=0xcff => {
                let view = View {
                    private: None,
                    shared: true,
                };
                self.write_common(vcpu, view, offset, width, value as u32, hw);
            }
            IROUTER_32..AFTER_IROUTER => {
                let (word, index) = irouter(offset);
                if matches!(width, Width::Word | Width::Double) && offset & 4 == 0 {
                    self.set_route(word, index, value as u32);
                }
            }
            CTLR if width == Width::Word => self.enable_groups(vcpu, value as u32),
            _ => {}
        }
    }

    /// Writes the group enables of `GICD_CTLR`, which both versions have in bits 1:0.
    pub(crate) fn enable_groups(&mut self, vcpu: usize, value: u32) {
        let new = value as u8 & 3;
        let old = core::mem::replace(&mut self.enabled_groups, new);
        if old == new {
            return;
        }
        self.kick |= self.everyone();
        if old & !new != 0 {
            for other in Bits(u32::from(self.loaded & !vcpu_bit(vcpu))) {
                if self.cpu(other).is_some_and(|cpu| cpu.used != 0) {
                    self.rwp |= vcpu_bit(other);
                }
            }
        }
    }
}

/// The word and index of the shared interrupt whose `IROUTER` is at `offset`.
fn irouter(offset: u64) -> (usize, usize) {
    let spi = offset.wrapping_sub(IROUTER_32) >> 3;
    ((spi >> 5) as usize, (spi & 31) as usize)
}
