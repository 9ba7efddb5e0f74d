//! What the virtual GIC needs from the machine: the list registers of the core it runs on.
//!
//! For: keeping the state machine apart from both hardware versions. `drivers` implements
//! [`ListRegisters`] once over the `ICH_*_EL2` system registers and once over the memory-mapped `GICH_*`;
//! the tests implement it in software. Nothing here touches hardware.
//!
//! Sources: Arm IHI 0069 (GICv3/v4), 12.4 "AArch64 virtualization control system registers";
//! Arm IHI 0048 (GICv2), 5.3 "GIC virtual interface control registers".

use crate::bank::Groups;

/// The state of a virtual interrupt in a list register; the values are those of the `State` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum LrState {
    /// The list register is free.
    #[default]
    Invalid = 0,
    /// Signalled to the guest, not yet acknowledged.
    Pending = 1,
    /// Acknowledged, not yet deactivated.
    Active = 2,
    /// Acknowledged, and will be signalled again once deactivated.
    PendingActive = 3,
}

impl LrState {
    /// From the two bits of the `State` field; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::Invalid,
            1 => Self::Pending,
            2 => Self::Active,
            _ => Self::PendingActive,
        }
    }

    /// The guest may still acknowledge it.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        (self as u8) & 1 != 0
    }

    /// The guest has acknowledged it and not deactivated it.
    #[must_use]
    pub const fn is_active(self) -> bool {
        (self as u8) & 2 != 0
    }
}

/// A list register's content, independent of the GIC version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lr {
    /// Whether it is in use, and how far the guest is with it.
    pub state: LrState,
    /// The virtual INTID, 0 to 1019.
    pub intid: u32,
    /// 0 (most urgent) to 255; only the upper five bits are kept by a GICv2.
    pub priority: u8,
    /// Group 1 (IRQ on GICv3) if true, group 0 if false.
    pub group1: bool,
    /// The physical interrupt that is deactivated when the guest deactivates the virtual one.
    pub hw: Option<u32>,
    /// A maintenance interrupt is raised when the guest deactivates it. Never together with `hw`.
    pub eoi_maintenance: bool,
    /// GICv2, INTID below 16: the vCPU that sent the SGI. 0 otherwise.
    pub sgi_source: u8,
}

impl Lr {
    /// A free list register.
    pub const INVALID: Self = Self {
        state: LrState::Invalid,
        intid: 0,
        priority: 0,
        group1: false,
        hw: None,
        eoi_maintenance: false,
        sgi_source: 0,
    };
}

/// The guest's CPU interface control, as `ICH_VMCR_EL2` and `GICH_VMCR` hold it.
///
/// The two registers agree on every bit this crate reads: group enables (0, 1), EOI mode (9) and the
/// priority mask, whose five upper bits are 31:27 in both. The value is therefore kept raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Vmcr(pub u32);

impl Vmcr {
    /// The guest's CPU interface signals group 0 interrupts.
    #[must_use]
    pub const fn group0(self) -> bool {
        self.0 & 1 != 0
    }

    /// The guest's CPU interface signals group 1 interrupts.
    #[must_use]
    pub const fn group1(self) -> bool {
        self.0 & 2 != 0
    }

    /// Both.
    pub(crate) fn groups(self) -> Groups {
        Groups::new(self.group0(), self.group1())
    }

    /// EOI mode 1: the guest drops priority with EOIR and deactivates with DIR.
    #[must_use]
    pub const fn split_eoi(self) -> bool {
        self.0 & (1 << 9) != 0
    }

    /// The priority mask: only interrupts whose priority value is lower are signalled.
    #[must_use]
    pub const fn priority_mask(self) -> u8 {
        ((self.0 >> 24) as u8) & crate::PRIORITY_BITS
    }
}

/// What a vCPU's CPU interface holds besides the list registers, saved while it is not on a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CpuInterface {
    /// `ICH_VMCR_EL2` / `GICH_VMCR`.
    pub vmcr: Vmcr,
    /// Active priorities of group 0: `ICH_AP0R<n>_EL2`; unused on GICv2.
    pub ap0r: [u32; 4],
    /// Active priorities of group 1: `ICH_AP1R<n>_EL2`; on GICv2 the first is `GICH_APR`.
    pub ap1r: [u32; 4],
}

impl CpuInterface {
    /// As after reset: groups disabled, everything masked, nothing running.
    pub const RESET: Self = Self {
        vmcr: Vmcr(0),
        ap0r: [0; 4],
        ap1r: [0; 4],
    };
}

/// A change of a group enable in the guest's CPU interface that comes to EL2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GroupIrq {
    /// None.
    #[default]
    Off,
    /// The group is enabled: `VGrp<n>EIE`.
    WhenEnabled,
    /// The group is disabled: `VGrp<n>DIE`.
    WhenDisabled,
}

/// Which events of the virtual interface come to EL2; `ICH_HCR_EL2` / `GICH_HCR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Control {
    /// Maintenance interrupt while no list register is pending (`NPIE`): more are waiting.
    pub no_pending_irq: bool,
    /// Maintenance interrupt when the guest deactivates an interrupt that is in no list register
    /// (`LRENPIE`).
    pub not_present_irq: bool,
    /// Maintenance interrupt when the guest's CPU interface begins or ceases to signal group 0 or 1
    /// (`VGrp<n>EIE`, `VGrp<n>DIE`): which of the waiting are the most urgent has changed.
    pub group_irq: [GroupIrq; 2],
    /// Trap the guest's `ICC_DIR_EL1` (`TDIR`, or `TC` where `ICH_VTR_EL2.TDS` is 0). On GICv2 there is no
    /// such bit; see `Vgic::deactivate` for what stands in.
    pub trap_dir: bool,
}

impl Control {
    /// Nothing comes to EL2.
    pub const QUIET: Self = Self {
        no_pending_irq: false,
        not_present_irq: false,
        group_irq: [GroupIrq::Off; 2],
        trap_dir: false,
    };

    /// The bits that `ICH_HCR_EL2` and `GICH_HCR` have in common: everything but [`Control::trap_dir`],
    /// and the interface enabled (`En`).
    #[must_use]
    pub const fn common_bits(self) -> u32 {
        let [group0, group1] = self.group_irq;
        1 | (self.not_present_irq as u32) << 2
            | (self.no_pending_irq as u32) << 3
            | group0.bits() << 4
            | group1.bits() << 6
    }
}

impl GroupIrq {
    /// `VGrp<n>EIE` in bit 0, `VGrp<n>DIE` in bit 1.
    const fn bits(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::WhenEnabled => 1,
            Self::WhenDisabled => 2,
        }
    }
}

/// The virtual interface of the core that calls.
///
/// All methods act on that core only and are called with interrupts masked, while no guest runs on it.
/// Implementations keep the interface enabled (`En`) from boot on and start with every list register free.
pub trait ListRegisters {
    /// How many there are, 1 to 16; constant.
    fn count(&self) -> usize;

    /// The content of list register `n`, `n < count()`.
    fn read(&self, n: usize) -> Lr;

    /// Replaces the content of list register `n`, `n < count()`. With `lr.hw` set, `lr.eoi_maintenance` is
    /// false.
    fn write(&mut self, n: usize, lr: Lr);

    /// Bit `n` is set when list register `n` is free and would not raise a maintenance interrupt:
    /// `ICH_ELRSR_EL2`, `GICH_ELRSR0`. Bits from `count()` on are ignored.
    fn empty_mask(&self) -> u32;

    /// How often the guest deactivated an interrupt that was in no list register since the last
    /// [`set_control`](Self::set_control) or call of this, and zeroes it (`EOIcount`). 0 to 31.
    fn take_eoi_count(&mut self) -> u32;

    /// Selects what comes to EL2 and zeroes `EOIcount`.
    fn set_control(&mut self, control: Control);

    /// The guest's CPU interface control as it is now.
    fn vmcr(&self) -> Vmcr;

    /// The guest's CPU interface as it is now; called when the vCPU leaves the core.
    fn save(&mut self) -> CpuInterface;

    /// Gives the core to a vCPU with this CPU interface.
    fn restore(&mut self, state: &CpuInterface);

    /// Makes the physical private interrupt `pintid` active or inactive on this core
    /// (`GICR_ISACTIVER0`/`GICR_ICACTIVER0`, `GICD_ISACTIVER0`/`GICD_ICACTIVER0`).
    fn set_physical_active(&mut self, pintid: u32, active: bool);

    /// Whether the input line of the physical private interrupt `pintid` is asserted now. For a timer this
    /// is its enabled, unmasked, met condition.
    fn physical_level(&mut self, pintid: u32) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bits_are_those_of_the_registers() {
        assert_eq!(Control::QUIET.common_bits(), 1);
        let all = Control {
            no_pending_irq: true,
            not_present_irq: true,
            group_irq: [GroupIrq::WhenEnabled, GroupIrq::WhenDisabled],
            trap_dir: true,
        };
        assert_eq!(all.common_bits(), 0b1001_1101);
    }

    #[test]
    fn the_guests_interface_control_is_read_alike_in_both_versions() {
        let vmcr = Vmcr(0x9c00_0202);
        assert!(vmcr.group1() && !vmcr.group0() && vmcr.split_eoi());
        assert_eq!(vmcr.priority_mask(), 0x98);
    }
}
