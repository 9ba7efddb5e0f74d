//! The virtual and the physical timer of EL1 (Arm ARM D11.2).

/// INTID of the virtual timer.
pub const VIRTUAL: u32 = 27;
/// INTID of the physical timer.
pub const PHYSICAL: u32 = 30;

/// CTL.ENABLE.
pub const ENABLE: u64 = 1;
/// CTL.IMASK.
pub const IMASK: u64 = 2;
/// CTL.ISTATUS.
pub const ISTATUS: u64 = 4;

/// One of the two timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// CNTV.
    Virtual,
    /// CNTP.
    Physical,
}

impl Timer {
    /// Its interrupt.
    #[must_use]
    pub const fn intid(self) -> u32 {
        match self {
            Self::Virtual => VIRTUAL,
            Self::Physical => PHYSICAL,
        }
    }

    /// Its counter.
    #[must_use]
    pub fn count(self) -> u64 {
        super::cpu::barrier();
        match self {
            Self::Virtual => crate::mrs!("cntvct_el0"),
            Self::Physical => crate::mrs!("cntpct_el0"),
        }
    }

    /// CTL.
    #[must_use]
    pub fn control(self) -> u64 {
        super::cpu::barrier();
        match self {
            Self::Virtual => crate::mrs!("cntv_ctl_el0"),
            Self::Physical => crate::mrs!("cntp_ctl_el0"),
        }
    }

    /// Sets CTL.
    pub fn set_control(self, value: u64) {
        match self {
            Self::Virtual => crate::msr!("cntv_ctl_el0", value),
            Self::Physical => crate::msr!("cntp_ctl_el0", value),
        }
    }

    /// CVAL.
    #[must_use]
    pub fn compare(self) -> u64 {
        match self {
            Self::Virtual => crate::mrs!("cntv_cval_el0"),
            Self::Physical => crate::mrs!("cntp_cval_el0"),
        }
    }

    /// Sets CVAL.
    pub fn set_compare(self, value: u64) {
        match self {
            Self::Virtual => crate::msr!("cntv_cval_el0", value),
            Self::Physical => crate::msr!("cntp_cval_el0", value),
        }
    }

    /// TVAL.
    #[must_use]
    pub fn value(self) -> u64 {
        match self {
            Self::Virtual => crate::mrs!("cntv_tval_el0"),
            Self::Physical => crate::mrs!("cntp_tval_el0"),
        }
    }

    /// Sets TVAL.
    pub fn set_value(self, value: u64) {
        match self {
            Self::Virtual => crate::msr!("cntv_tval_el0", value),
            Self::Physical => crate::msr!("cntp_tval_el0", value),
        }
    }
}

/// Sleeps for so many microseconds of the virtual counter. Interrupts are masked meanwhile, and the virtual timer is
/// off afterwards: for programs that do not use it otherwise.
pub fn sleep_us(us: u64) {
    let timer = Timer::Virtual;
    super::cpu::mask();
    super::gic::enable(timer.intid());
    let end = super::cpu::count() + us.saturating_mul(super::cpu::frequency()) / 1_000_000;
    timer.set_compare(end);
    timer.set_control(ENABLE);
    while super::cpu::count() < end {
        super::cpu::wfi();
    }
    timer.set_control(0);
    super::gic::disable(timer.intid());
}
