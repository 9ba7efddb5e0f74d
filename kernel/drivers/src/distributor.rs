//! The distributor's registers that GICv2 (Arm IHI 0048 §4.3) and GICv3 (IHI 0069 §12.9) share, and what is
//! done to them. The GICv3 redistributor's SGI frame has the same layout for INTIDs 0 to 31 (§12.11), so it is
//! one of these too.

use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};
use tock_registers::{register_bitfields, register_structs};

use crate::mmio::Registers;

register_bitfields![u32,
    pub(crate) Ctlr [
        /// Group 0 on GICv2 (group 1 where it is accessed as Non-secure).
        EnableGroup0 OFFSET(0) NUMBITS(1) [],
        /// GICv3: group 1 with affinity routing.
        EnableGroup1 OFFSET(1) NUMBITS(1) [],
        /// GICv3: affinity routing.
        Are OFFSET(4) NUMBITS(1) [],
        /// GICv3: a write has not taken effect everywhere.
        Rwp OFFSET(31) NUMBITS(1) [],
    ],
    Typer [
        /// INTIDs there are: 32 × (this + 1).
        Lines OFFSET(0) NUMBITS(5) [],
    ],
];

register_structs! {
    /// Up to IROUTER, which exists in GICv3's distributor only.
    pub(crate) Layout {
        (0x0000 => pub(crate) ctlr: ReadWrite<u32, Ctlr::Register>),
        (0x0004 => pub(crate) typer: ReadOnly<u32, Typer::Register>),
        (0x0008 => _reserved0),
        (0x0080 => pub(crate) igroupr: [ReadWrite<u32>; 32]),
        (0x0100 => pub(crate) isenabler: [ReadWrite<u32>; 32]),
        (0x0180 => pub(crate) icenabler: [ReadWrite<u32>; 32]),
        (0x0200 => pub(crate) ispendr: [ReadWrite<u32>; 32]),
        (0x0280 => pub(crate) icpendr: [ReadWrite<u32>; 32]),
        (0x0300 => pub(crate) isactiver: [ReadWrite<u32>; 32]),
        (0x0380 => pub(crate) icactiver: [ReadWrite<u32>; 32]),
        (0x0400 => pub(crate) ipriorityr: [ReadWrite<u32>; 256]),
        (0x0800 => pub(crate) itargetsr: [ReadWrite<u32>; 256]),
        (0x0c00 => pub(crate) icfgr: [ReadWrite<u32>; 64]),
        (0x0d00 => pub(crate) igrpmodr: [ReadWrite<u32>; 32]),
        (0x0d80 => _reserved1),
        (0x0f00 => pub(crate) sgir: WriteOnly<u32>),
        (0x0f04 => _reserved2),
        (0x1000 => @END),
    }
}

/// How an interrupt is signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Pending while the line is asserted.
    Level,
    /// Made pending by a rising edge.
    Edge,
}

/// Why a core's part of the interrupt controller is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreError {
    /// GICv3: no redistributor in the board's regions has this affinity (an MPIDR).
    NoRedistributor(u64),
}

impl core::fmt::Display for CoreError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let CoreError::NoRedistributor(mpidr) = self;
        write!(
            f,
            "no GIC redistributor for the core with MPIDR {mpidr:#x} in the regions that board.toml gives"
        )
    }
}

/// The priority every interrupt of the hypervisor starts with: between 0, the highest, and 0xff.
pub const DEFAULT_PRIORITY: u8 = 0xa0;

/// A distributor, or the part of a redistributor that is laid out like one.
#[derive(Debug)]
pub(crate) struct Distributor(pub(crate) Registers<Layout>);

impl core::fmt::Debug for Layout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("GIC registers")
    }
}

impl Distributor {
    /// INTIDs that exist, a multiple of 32, at most 1024 (of which 1020 to 1023 are special).
    pub(crate) fn intids(&self) -> u32 {
        32 * (self.0.typer.read(Typer::Lines) + 1)
    }

    /// Sets a bit of one of the one-bit-per-interrupt register files. Writing zeros changes nothing there.
    #[inline(always)]
    fn set_bit(file: &[ReadWrite<u32>; 32], intid: u32) {
        if let Some(register) = file.get((intid / 32) as usize) {
            register.set(1 << (intid % 32));
        }
    }

    #[inline]
    pub(crate) fn enable(&self, intid: u32) {
        Self::set_bit(&self.0.isenabler, intid);
    }

    #[inline]
    pub(crate) fn disable(&self, intid: u32) {
        Self::set_bit(&self.0.icenabler, intid);
    }

    #[inline]
    pub(crate) fn set_active(&self, intid: u32, active: bool) {
        let file = if active {
            &self.0.isactiver
        } else {
            &self.0.icactiver
        };
        Self::set_bit(file, intid);
    }

    #[inline]
    pub(crate) fn is_pending(&self, intid: u32) -> bool {
        let register = self.0.ispendr.get((intid / 32) as usize);
        register.is_some_and(|r| r.get() & 1 << (intid % 32) != 0)
    }

    /// Replaces `width` bits of a register that holds several interrupts' fields. Not atomic.
    fn set_field(register: Option<&ReadWrite<u32>>, shift: u32, width: u32, value: u32) {
        if let Some(register) = register {
            let mask = ((1 << width) - 1) << shift;
            register.set(register.get() & !mask | value << shift & mask);
        }
    }

    pub(crate) fn set_priority(&self, intid: u32, priority: u8) {
        let register = self.0.ipriorityr.get((intid / 4) as usize);
        Self::set_field(register, intid % 4 * 8, 8, u32::from(priority));
    }

    pub(crate) fn set_targets(&self, intid: u32, targets: u8) {
        let register = self.0.itargetsr.get((intid / 4) as usize);
        Self::set_field(register, intid % 4 * 8, 8, u32::from(targets));
    }

    pub(crate) fn set_trigger(&self, intid: u32, trigger: Trigger) {
        let edge = match trigger {
            Trigger::Level => 0b00,
            Trigger::Edge => 0b10,
        };
        let register = self.0.icfgr.get((intid / 16) as usize);
        Self::set_field(register, intid % 16 * 2, 2, edge);
    }

    /// Disables and deactivates INTIDs `first..end` (multiples of 32) and gives them [`DEFAULT_PRIORITY`].
    /// Shared ones (from 32 on) become level-triggered; the others' triggers are the hardware's.
    pub(crate) fn quiesce(&self, first: u32, end: u32) {
        let words = (first / 32) as usize..(end / 32) as usize;
        let each = |file: &[ReadWrite<u32>], per_word: usize, value: u32| {
            let range = words.start * per_word..words.end * per_word;
            for register in file.get(range).unwrap_or(&[]) {
                register.set(value);
            }
        };
        each(&self.0.icenabler, 1, !0);
        each(&self.0.icactiver, 1, !0);
        each(&self.0.icpendr, 1, !0);
        let priorities = u32::from_ne_bytes([DEFAULT_PRIORITY; 4]);
        each(&self.0.ipriorityr, 8, priorities);
        if first >= 32 {
            each(&self.0.icfgr, 2, 0);
        }
    }

    /// Puts INTIDs `first..end` (multiples of 32) into group 1.
    pub(crate) fn all_group_1(&self, first: u32, end: u32) {
        let words = (first / 32) as usize..(end / 32) as usize;
        for register in self.0.igroupr.get(words).unwrap_or(&[]) {
            register.set(!0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmio::fake;

    fn distributor() -> Distributor {
        Distributor(fake::registers())
    }

    #[test]
    fn each_interrupt_has_its_own_bit() {
        let d = distributor();
        d.enable(27);
        assert_eq!(d.0.isenabler[0].get(), 1 << 27);
        d.disable(33);
        assert_eq!(d.0.icenabler[1].get(), 1 << 1);
        d.set_active(1019, true);
        assert_eq!(d.0.isactiver[31].get(), 1 << 27);
        d.set_active(64, false);
        assert_eq!(d.0.icactiver[2].get(), 1);
    }

    #[test]
    fn neighbours_keep_their_fields() {
        let d = distributor();
        d.0.ipriorityr[8].set(0x1122_3344);
        d.set_priority(33, 0x80);
        assert_eq!(d.0.ipriorityr[8].get(), 0x1122_8044);
        d.0.icfgr[2].set(!0);
        d.set_trigger(33, Trigger::Level);
        assert_eq!(d.0.icfgr[2].get(), !0b1100);
        d.set_trigger(33, Trigger::Edge);
        assert_eq!(d.0.icfgr[2].get(), !0b0100);
        d.set_targets(35, 0x5);
        assert_eq!(d.0.itargetsr[8].get(), 0x0500_0000);
    }

    #[test]
    fn an_intid_beyond_the_register_file_changes_nothing() {
        let d = distributor();
        d.enable(1024);
        d.set_priority(1024, 1);
        d.set_trigger(u32::MAX, Trigger::Edge);
        assert!(!d.is_pending(u32::MAX));
        assert!(d.0.isenabler.iter().all(|r| r.get() == 0));
        assert!(d.0.icenabler.iter().all(|r| r.get() == 0));
    }

    #[test]
    fn quiescing_shared_interrupts_leaves_private_ones_alone() {
        let d = distributor();
        d.quiesce(32, 96);
        let words = |file: &[ReadWrite<u32>; 32]| [0, 1, 2, 3].map(|n| file[n].get());
        assert_eq!(words(&d.0.icenabler), [0, !0, !0, 0]);
        assert_eq!(words(&d.0.icactiver), [0, !0, !0, 0]);
        assert_eq!(d.0.ipriorityr[7].get(), 0);
        assert_eq!(d.0.ipriorityr[8].get(), 0xa0a0_a0a0);
        assert_eq!(d.0.ipriorityr[23].get(), 0xa0a0_a0a0);
        assert_eq!(d.0.ipriorityr[24].get(), 0);
        d.0.icfgr[0].set(0xaaaa_aaaa);
        d.0.icfgr[2].set(0xaaaa_aaaa);
        d.quiesce(0, 32);
        assert_eq!(d.0.icfgr[0].get(), 0xaaaa_aaaa);
        d.quiesce(32, 64);
        assert_eq!(d.0.icfgr[2].get(), 0);
        d.all_group_1(0, 32);
        assert_eq!(words(&d.0.igroupr), [!0, 0, 0, 0]);
    }

    #[test]
    fn pending_reads_the_interrupts_bit() {
        let d = distributor();
        d.0.ispendr[0].set(1 << 27);
        assert!(d.is_pending(27));
        assert!(!d.is_pending(26));
    }
}
