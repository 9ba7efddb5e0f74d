//! The generic timer (Arm ARM D12): counters, EL2's own timer, the guest's virtual timer registers.
//!
//! Times are in ticks of the system counter, whose rate is [`frequency`].

use aarch64_cpu::registers::{
    CNTFRQ_EL0, CNTHP_CTL_EL2, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVOFF_EL2, Readable, Writeable,
};

use crate::{cpu, sysreg};

/// Ticks per second, as firmware set it (CNTFRQ_EL0).
#[must_use]
pub fn frequency() -> u64 {
    CNTFRQ_EL0.get()
}

/// The physical count now. Not read before earlier instructions are done.
#[must_use]
#[inline]
pub fn now() -> u64 {
    cpu::isb();
    sysreg::read!("cntpct_el0")
}

/// Lets EL2's timer (CNTHP) fire when the physical count reaches `deadline`; one in the past fires at once.
#[inline]
pub fn set_deadline(deadline: u64) {
    // SAFETY: CNTHP belongs to EL2 alone.
    unsafe { sysreg::write!("cnthp_cval_el2", deadline) };
    CNTHP_CTL_EL2.set(1);
    cpu::isb();
}

/// Stops EL2's timer; its interrupt line falls.
#[inline]
pub fn clear_deadline() {
    CNTHP_CTL_EL2.set(0);
    cpu::isb();
}

/// Whether EL2's timer has reached its deadline and is enabled.
#[must_use]
pub fn deadline_passed() -> bool {
    CNTHP_CTL_EL2.get() & 0b101 == 0b101
}

/// The registers of the EL1 virtual timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VirtualTimer {
    /// CNTV_CTL_EL0: ENABLE 0, IMASK 1, ISTATUS 2 (read-only).
    pub ctl: u64,
    /// CNTV_CVAL_EL0, against the virtual count.
    pub cval: u64,
}

/// Takes the guest's virtual timer off the core: returns its registers and disables it.
#[must_use]
pub fn save_virtual() -> VirtualTimer {
    let timer = VirtualTimer {
        ctl: CNTV_CTL_EL0.get(),
        cval: CNTV_CVAL_EL0.get(),
    };
    CNTV_CTL_EL0.set(0);
    cpu::isb();
    timer
}

/// Puts a guest's virtual timer on the core. `offset` is CNTVOFF_EL2: virtual count = physical − offset.
pub fn restore_virtual(timer: &VirtualTimer, offset: u64) {
    CNTVOFF_EL2.set(offset);
    CNTV_CVAL_EL0.set(timer.cval);
    cpu::isb();
    CNTV_CTL_EL0.set(timer.ctl);
}
