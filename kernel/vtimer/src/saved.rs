//! The virtual timer of a vCPU that is on no core: `CNTV_CTL_EL0` and `CNTV_CVAL_EL0` as they were saved.
//!
//! While the vCPU runs the hardware's CNTV is its timer and nothing here is used. While it does not, its
//! interrupt has no source: the hypervisor asks here when to wake it from `WFI`, and whether the interrupt
//! must be pending when it is put back on a core.

use crate::{CounterOffset, ctl};

/// A saved virtual timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualTimer {
    /// `CNTV_CTL_EL0` as saved; its `ISTATUS` is stale and never looked at.
    pub ctl: u64,
    /// `CNTV_CVAL_EL0` as saved, in virtual counts.
    pub cval: u64,
}

impl VirtualTimer {
    /// The timer of a vCPU after reset: disabled.
    #[must_use]
    pub const fn new() -> Self {
        Self { ctl: 0, cval: 0 }
    }

    /// The physical count from which on [`VirtualTimer::asserted`] is true; possibly in the past. `None`
    /// while disabled or masked, and if the counter ends before.
    #[inline]
    #[must_use]
    pub const fn deadline(&self, offset: CounterOffset) -> Option<u64> {
        if self.armed() {
            offset.physical_count(self.cval)
        } else {
            None
        }
    }

    /// Whether the timer's output is up at the physical count `now`.
    #[inline]
    #[must_use]
    pub const fn asserted(&self, now: u64, offset: CounterOffset) -> bool {
        self.armed() && offset.virtual_count(now) >= self.cval
    }

    const fn armed(&self) -> bool {
        self.ctl & (ctl::ENABLE | ctl::IMASK) == ctl::ENABLE
    }
}

impl Default for VirtualTimer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::earliest;
    use proptest::prelude::*;

    #[test]
    fn an_armed_timer_is_due_at_cval_plus_offset() {
        let timer = VirtualTimer {
            ctl: ctl::ENABLE,
            cval: 50,
        };
        let offset = CounterOffset::starting_at(1000);
        assert_eq!(timer.deadline(offset), Some(1050));
        assert!(!timer.asserted(1049, offset));
        assert!(timer.asserted(1050, offset));
    }

    #[test]
    fn a_reset_timer_is_disabled() {
        assert_eq!(VirtualTimer::new(), VirtualTimer { ctl: 0, cval: 0 });
    }

    #[test]
    fn the_control_bits_lie_where_the_architecture_puts_them() {
        assert_eq!((ctl::ENABLE, ctl::IMASK, ctl::ISTATUS), (1, 2, 4));
    }

    #[test]
    fn a_stale_istatus_asserts_nothing() {
        let timer = VirtualTimer {
            ctl: ctl::ENABLE | ctl::ISTATUS,
            cval: 50,
        };
        assert!(!timer.asserted(0, CounterOffset::ZERO));
    }

    #[test]
    fn masked_or_disabled_timers_never_wake_anyone() {
        for bits in [0, ctl::IMASK, ctl::ENABLE | ctl::IMASK] {
            let timer = VirtualTimer { ctl: bits, cval: 0 };
            assert_eq!(timer.deadline(CounterOffset::ZERO), None);
            assert!(!timer.asserted(u64::MAX, CounterOffset::ZERO));
        }
    }

    #[test]
    fn the_earlier_deadline_wins_and_never_loses_to_never() {
        assert_eq!(earliest(Some(2), Some(1)), Some(1));
        assert_eq!(earliest(Some(1), Some(2)), Some(1));
        assert_eq!(earliest(None, Some(1)), Some(1));
        assert_eq!(earliest(Some(1), None), Some(1));
        assert_eq!(earliest(None, None), None);
    }

    proptest! {
        #[test]
        fn once_the_vm_has_started_it_is_asserted_from_the_deadline_on(
            bits in 0u64..4, cval: u64, start: u64, later: u64,
        ) {
            let timer = VirtualTimer { ctl: bits, cval };
            let offset = CounterOffset::starting_at(start);
            let now = start.saturating_add(later);
            match timer.deadline(offset) {
                Some(at) => prop_assert_eq!(timer.asserted(now, offset), now >= at),
                None => prop_assert!(!timer.asserted(now, offset)),
            }
        }
    }
}
