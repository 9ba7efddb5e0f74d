//! The GICv3 CPU interface as system registers (Arm IHI 0069, §12): ICC for EL2's own interrupts, ICH for the
//! guest's virtual interface. Every function needs a core with GICv3 registers ([`crate::id::has_gic_registers`]).

use crate::{cpu, sysreg};

macro_rules! registers {
    ($($(#[$doc:meta])* $get:ident, $set:ident = $name:literal;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            #[inline]
            pub fn $get() -> u64 {
                sysreg::read!($name)
            }

            $(#[$doc])*
            ///
            /// Written as given.
            #[inline]
            pub fn $set(value: u64) {
                // SAFETY: the virtual interface's state changes only what the guest sees.
                unsafe { sysreg::write!($name, value) }
            }
        )*
    };
}

registers! {
    /// ICH_HCR_EL2: hypervisor control of the virtual interface.
    hcr, set_hcr = "S3_4_C12_C11_0";
    /// ICH_VMCR_EL2: the guest's view of its CPU interface's controls.
    vmcr, set_vmcr = "S3_4_C12_C11_7";
}

/// ICH_VTR_EL2: number of list registers, priority bits.
#[must_use]
#[inline]
pub fn vtr() -> u64 {
    sysreg::read!("S3_4_C12_C11_1")
}

/// ICH_MISR_EL2: why the maintenance interrupt is asserted.
#[must_use]
#[inline]
pub fn misr() -> u64 {
    sysreg::read!("S3_4_C12_C11_2")
}

/// ICH_EISR_EL2: list registers with an end of interrupt.
#[must_use]
#[inline]
pub fn eisr() -> u64 {
    sysreg::read!("S3_4_C12_C11_3")
}

/// ICH_ELRSR_EL2: list registers that are empty.
#[must_use]
#[inline]
pub fn elrsr() -> u64 {
    sysreg::read!("S3_4_C12_C11_5")
}

macro_rules! indexed {
    ($(#[$get_doc:meta])* $get:ident, $(#[$set_doc:meta])* $set:ident: $($index:literal $name:literal,)*) => {
        $(#[$get_doc])*
        #[must_use]
        #[inline(always)]
        pub fn $get(index: usize) -> u64 {
            match index {
                $($index => sysreg::read!($name),)*
                _ => 0,
            }
        }

        $(#[$set_doc])*
        #[inline(always)]
        pub fn $set(index: usize, value: u64) {
            // SAFETY: the virtual interface's state changes only what the guest sees.
            unsafe {
                match index {
                    $($index => sysreg::write!($name, value),)*
                    _ => {}
                }
            }
        }
    };
}

indexed! {
    /// ICH_LR<n>_EL2, `index` below the number in [`vtr`]; beyond 15 reads zero.
    lr,
    /// Writes ICH_LR<n>_EL2.
    set_lr:
    0 "S3_4_C12_C12_0", 1 "S3_4_C12_C12_1", 2 "S3_4_C12_C12_2", 3 "S3_4_C12_C12_3",
    4 "S3_4_C12_C12_4", 5 "S3_4_C12_C12_5", 6 "S3_4_C12_C12_6", 7 "S3_4_C12_C12_7",
    8 "S3_4_C12_C13_0", 9 "S3_4_C12_C13_1", 10 "S3_4_C12_C13_2", 11 "S3_4_C12_C13_3",
    12 "S3_4_C12_C13_4", 13 "S3_4_C12_C13_5", 14 "S3_4_C12_C13_6", 15 "S3_4_C12_C13_7",
}

indexed! {
    /// ICH_AP0R<n>_EL2: active priorities of group 0; `index` below 1 << (priority bits − 5).
    ap0r,
    /// Writes ICH_AP0R<n>_EL2.
    set_ap0r:
    0 "S3_4_C12_C8_0", 1 "S3_4_C12_C8_1", 2 "S3_4_C12_C8_2", 3 "S3_4_C12_C8_3",
}

indexed! {
    /// ICH_AP1R<n>_EL2: active priorities of group 1.
    ap1r,
    /// Writes ICH_AP1R<n>_EL2.
    set_ap1r:
    0 "S3_4_C12_C9_0", 1 "S3_4_C12_C9_1", 2 "S3_4_C12_C9_2", 3 "S3_4_C12_C9_3",
}

/// Turns the system registers on at EL2, and on for EL1 with accesses to ICC_SRE_EL1 trapping (a guest must
/// not switch them off for the next). Called once per core, first.
pub fn enable_registers() {
    // SAFETY: SRE = 1 makes the registers below accessible; DFB and DIB set, Enable (bit 3) clear.
    unsafe {
        sysreg::write!("S3_4_C12_C9_5", 0b0111); // ICC_SRE_EL2
        cpu::isb();
        sysreg::write!("S3_0_C12_C12_5", 0b0111); // ICC_SRE_EL1
        cpu::isb();
    }
}

/// Sets EL2's CPU interface up: all priorities pass, group 1 on, EOI drops the priority only.
pub fn init_cpu_interface() {
    // SAFETY: IRQs are routed to EL2 or masked; which interrupts come is up to the distributor.
    unsafe {
        sysreg::write!("S3_0_C4_C6_0", 0xff); // ICC_PMR_EL1
        sysreg::write!("S3_0_C12_C12_3", 0); // ICC_BPR1_EL1
        sysreg::write!("S3_0_C12_C12_4", 1 << 1); // ICC_CTLR_EL1.EOImode
        sysreg::write!("S3_0_C12_C12_7", 1); // ICC_IGRPEN1_EL1
    }
    cpu::isb();
}

/// Acknowledges the highest pending group 1 interrupt: its INTID, 1020 to 1023 for none.
#[must_use]
#[inline]
pub fn acknowledge() -> u64 {
    let intid = sysreg::read!("S3_0_C12_C12_0"); // ICC_IAR1_EL1
    // The acknowledgement must be seen before anything that the handler does (IHI 0069 §4.1.1).
    cpu::dsb();
    intid
}

/// Drops the running priority for an acknowledged interrupt (ICC_EOIR1_EL1).
#[inline]
pub fn drop_priority(intid: u64) {
    // SAFETY: EL2's own interface; a wrong INTID could at most leave a priority active.
    unsafe { sysreg::write!("S3_0_C12_C12_1", intid) };
    cpu::isb();
}

/// Deactivates an interrupt (ICC_DIR_EL1).
#[inline]
pub fn deactivate(intid: u64) {
    // SAFETY: as above.
    unsafe { sysreg::write!("S3_0_C12_C11_1", intid) };
    cpu::isb();
}

/// Sends a group 1 software interrupt, `value` in the format of ICC_SGI1R_EL1. What was stored before is visible to
/// the core that takes it.
#[inline]
pub fn send_sgi(value: u64) {
    cpu::dsb();
    // SAFETY: interrupts another core, which handles it like any interrupt.
    unsafe { sysreg::write!("S3_0_C12_C11_5", value) };
    cpu::isb();
}
