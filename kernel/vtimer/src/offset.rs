//! How far a VM's virtual counter lags behind the machine's: what goes into `CNTVOFF_EL2`.
//!
//! One per VM, so that all its vCPUs agree. A VM's virtual count begins at 0 when the VM starts and again
//! when it restarts; a guest's physical count is the machine's own.

/// The value of `CNTVOFF_EL2` for one VM: virtual count = physical count − offset (Arm ARM D12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterOffset(u64);

impl CounterOffset {
    /// No offset: the virtual count is the physical one.
    pub const ZERO: Self = Self(0);

    /// The offset of a VM that starts when the physical count is `now`: its virtual count is 0 then.
    #[inline]
    #[must_use]
    pub const fn starting_at(now: u64) -> Self {
        Self(now)
    }

    /// What to write into `CNTVOFF_EL2`.
    #[inline]
    #[must_use]
    pub const fn register(self) -> u64 {
        self.0
    }

    /// The guest's virtual count at the physical count `now`, modulo 2⁶⁴ as in hardware.
    #[inline]
    #[must_use]
    pub const fn virtual_count(self, now: u64) -> u64 {
        now.wrapping_sub(self.0)
    }

    /// The physical count at which the virtual count reaches `count`; `None` if that is past the
    /// counter's end, which it never reaches (a guest writes `CVAL = !0` to mean "never").
    #[inline]
    #[must_use]
    pub const fn physical_count(self, count: u64) -> Option<u64> {
        count.checked_add(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_starting_vm_counts_from_zero() {
        assert_eq!(CounterOffset::starting_at(1234).virtual_count(1234), 0);
        assert_eq!(CounterOffset::starting_at(1234).virtual_count(1300), 66);
    }

    #[test]
    fn a_count_past_the_end_is_never_reached() {
        assert_eq!(CounterOffset::starting_at(1).physical_count(u64::MAX), None);
        assert_eq!(CounterOffset::ZERO.physical_count(u64::MAX), Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn converting_there_and_back_changes_nothing(offset: u64, later: u64) {
            let vm = CounterOffset::starting_at(offset);
            if let Some(now) = vm.physical_count(later) {
                prop_assert_eq!(vm.virtual_count(now), later);
            }
        }
    }
}
