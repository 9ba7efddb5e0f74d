//! The GICv2 distributor's own registers.
//!
//! For: everything of the 4 KiB window outside `dist`: control, identification and SGIs (IHI 0048, table
//! 4-1). The guest sees an implementation without the Security Extensions, so both groups are its own and
//! `GICD_CTLR` enables them separately. SGIs are always enabled; with one vCPU the target registers read
//! as zero. The CPU interface is the hardware's `GICV`.

use crate::dist::View;
use crate::hw::ListRegisters;
use crate::ident;
use crate::mmio::Width;
use crate::state::Vgic;

const CTLR: u64 = 0x000;
const TYPER: u64 = 0x004;
const IIDR: u64 = 0x008;
const SGIR: u64 = 0xf00;
const CPENDSGIR: u64 = 0xf10;
const SPENDSGIR: u64 = 0xf20;
const AFTER_SPENDSGIR: u64 = 0xf30;

impl<const WORDS: usize> Vgic<WORDS> {
    /// Reads the distributor of a GICv2; `offset` is aligned to `width`.
    #[inline]
    pub(crate) fn read_gicd_v2<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        hw: &mut H,
    ) -> u32 {
        match offset {
            0x080..=0xcff => {
                let view = View {
                    private: Some(vcpu),
                    shared: true,
                };
                self.read_common(vcpu, view, offset, width, hw)
            }
            CPENDSGIR..AFTER_SPENDSGIR if width == Width::Byte => {
                self.read_sources(vcpu, (offset & 0xf) as usize, 1, hw)
            }
            _ if width != Width::Word => 0,
            CTLR => u32::from(self.enabled_groups),
            TYPER => {
                let cpus = u32::from(self.vcpus).saturating_sub(1);
                u32::from(self.spi_words) | cpus << 5
            }
            IIDR => ident::IIDR,
            CPENDSGIR..AFTER_SPENDSGIR => self.read_sources(vcpu, (offset & 0xf) as usize, 4, hw),
            0xfd0..=0xfff => ident::read(ident::GICV2, offset),
            _ => 0,
        }
    }

    /// Writes the distributor of a GICv2; `offset` is aligned to `width`.
    pub(crate) fn write_gicd_v2<H: ListRegisters>(
        &mut self,
        vcpu: usize,
        offset: u64,
        width: Width,
        value: u32,
        hw: &mut H,
    ) {
        match offset {
            0x080..=0xcff => {
                let view = View {
                    private: Some(vcpu),
                    shared: true,
                };
                self.write_common(vcpu, view, offset, width, value, hw);
            }
            CTLR if width == Width::Word => self.enable_groups(vcpu, value),
            SGIR if width == Width::Word => self.write_sgir(vcpu, value),
            CPENDSGIR..AFTER_SPENDSGIR => {
                let count = match width {
                    Width::Byte => 1,
                    Width::Word => 4,
                    Width::Half | Width::Double => return,
                };
                let set = offset >= SPENDSGIR;
                self.write_sources(vcpu, (offset & 0xf) as usize, count, value, set, hw);
            }
            _ => {}
        }
    }
}
