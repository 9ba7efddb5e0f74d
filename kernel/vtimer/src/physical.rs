//! The emulated EL1 physical timer, `CNTP_*_EL0`: one per vCPU.
//!
//! The hardware's own CNTP belongs to nobody, so every access of a guest traps (`CNTHCTL_EL2.EL1PCEN` = 0)
//! and comes here. The state is the two registers that hold state; `ISTATUS` and `TVAL` are computed from
//! the count at the moment of the access, as the architecture defines them.

use crate::ctl;

/// One vCPU's EL1 physical timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhysicalTimer {
    ctl: u64,
    cval: u64,
}

impl PhysicalTimer {
    /// The timer of a vCPU after reset: disabled. (The architecture leaves `CVAL` unknown; here it is 0.)
    #[must_use]
    pub const fn new() -> Self {
        Self { ctl: 0, cval: 0 }
    }

    /// Reads `CNTP_CTL_EL0`. `ISTATUS` of a disabled timer, which the architecture leaves unknown, is 0.
    #[inline]
    #[must_use]
    pub const fn read_ctl(&self, now: u64) -> u64 {
        if self.condition(now) {
            self.ctl | ctl::ISTATUS
        } else {
            self.ctl
        }
    }

    /// Writes `CNTP_CTL_EL0`; `ISTATUS` and the reserved bits are ignored.
    #[inline]
    pub const fn write_ctl(&mut self, value: u64) {
        self.ctl = value & (ctl::ENABLE | ctl::IMASK);
    }

    /// Reads `CNTP_CVAL_EL0`.
    #[inline]
    #[must_use]
    pub const fn read_cval(&self) -> u64 {
        self.cval
    }

    /// Writes `CNTP_CVAL_EL0`.
    #[inline]
    pub const fn write_cval(&mut self, value: u64) {
        self.cval = value;
    }

    /// Reads `CNTP_TVAL_EL0`: the low 32 bits of `CVAL` − count, zero-extended, whether or not the timer
    /// is enabled. It goes on counting below zero.
    #[inline]
    #[must_use]
    pub const fn read_tval(&self, now: u64) -> u64 {
        self.cval.wrapping_sub(now) & 0xffff_ffff
    }

    /// Writes `CNTP_TVAL_EL0`: `CVAL` becomes count + the sign-extended low 32 bits of `value`.
    #[inline]
    pub const fn write_tval(&mut self, value: u64, now: u64) {
        self.cval = now.wrapping_add(value as u32 as i32 as i64 as u64);
    }

    /// The level of the timer's output, an input of the interrupt controller: level-sensitive, so it
    /// stays up until the guest moves `CVAL`, masks or disables.
    #[inline]
    #[must_use]
    pub const fn level(&self, now: u64) -> bool {
        self.condition(now) && self.ctl & ctl::IMASK == 0
    }

    /// The physical count from which on [`PhysicalTimer::level`] is true, unless the guest changes the
    /// timer; possibly in the past. `None` while disabled or masked.
    #[inline]
    #[must_use]
    pub const fn deadline(&self) -> Option<u64> {
        if self.ctl & (ctl::ENABLE | ctl::IMASK) == ctl::ENABLE {
            Some(self.cval)
        } else {
            None
        }
    }

    const fn condition(&self, now: u64) -> bool {
        self.ctl & ctl::ENABLE != 0 && now >= self.cval
    }
}

impl Default for PhysicalTimer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timer(ctl: u64, cval: u64) -> PhysicalTimer {
        let mut timer = PhysicalTimer::new();
        timer.write_ctl(ctl);
        timer.write_cval(cval);
        timer
    }

    #[test]
    fn a_reset_timer_is_silent() {
        let timer = PhysicalTimer::new();
        assert_eq!(timer.read_ctl(u64::MAX), 0);
        assert!(!timer.level(u64::MAX));
        assert_eq!(timer.deadline(), None);
    }

    #[test]
    fn istatus_rises_exactly_at_cval() {
        let timer = timer(ctl::ENABLE, 100);
        assert_eq!(timer.read_ctl(99), ctl::ENABLE);
        assert_eq!(timer.read_ctl(100), ctl::ENABLE | ctl::ISTATUS);
    }

    #[test]
    fn the_comparison_is_unsigned() {
        assert!(!timer(ctl::ENABLE, u64::MAX).level(1 << 63));
        assert!(timer(ctl::ENABLE, 0).level(u64::MAX));
    }

    #[test]
    fn a_masked_timer_shows_its_condition_but_not_its_output() {
        let timer = timer(ctl::ENABLE | ctl::IMASK, 100);
        assert_eq!(timer.read_ctl(100), ctl::ENABLE | ctl::IMASK | ctl::ISTATUS);
        assert!(!timer.level(100));
        assert_eq!(timer.deadline(), None);
    }

    #[test]
    fn a_disabled_timer_has_no_condition() {
        let timer = timer(0, 100);
        assert_eq!(timer.read_ctl(200), 0);
        assert_eq!(timer.deadline(), None);
    }

    #[test]
    fn istatus_and_reserved_bits_cannot_be_written() {
        assert_eq!(timer(u64::MAX, 100).read_ctl(0), ctl::ENABLE | ctl::IMASK);
    }

    #[test]
    fn tval_counts_down_through_zero() {
        let timer = timer(0, 100);
        assert_eq!(timer.read_tval(90), 10);
        assert_eq!(timer.read_tval(100), 0);
        assert_eq!(timer.read_tval(101), 0xffff_ffff);
    }

    #[test]
    fn a_tval_written_is_a_signed_32_bit_distance() {
        let mut timer = PhysicalTimer::new();
        timer.write_tval(0xdead_0000_0000_0010, 1000);
        assert_eq!(timer.read_cval(), 1016);
        timer.write_tval(0xffff_ffff, 1000);
        assert_eq!(timer.read_cval(), 999);
        timer.write_tval(0x8000_0000, 0);
        assert_eq!(timer.read_cval(), (i32::MIN as i64) as u64);
    }

    proptest! {
        #[test]
        fn the_output_is_up_from_the_deadline_on(bits in 0u64..4, cval: u64, now: u64) {
            let timer = timer(bits, cval);
            match timer.deadline() {
                Some(at) => prop_assert_eq!(timer.level(now), now >= at),
                None => prop_assert!(!timer.level(now)),
            }
        }

        #[test]
        fn a_tval_written_reads_back_at_the_same_count(tval: u32, now: u64) {
            let mut timer = PhysicalTimer::new();
            timer.write_tval(tval.into(), now);
            prop_assert_eq!(timer.read_tval(now), u64::from(tval));
        }
    }
}
