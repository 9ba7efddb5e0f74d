//! No paravirtualized time: the feature is off, and its calls are unknown functions like any other.

use crate::Outcome;

/// None is known.
pub(crate) const fn call(_function: u32, _w1: u32) -> Option<Outcome> {
    None
}

/// None is announced.
pub(crate) const fn is_announced(_function: u32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use crate::{Firmware, Outcome, stateless};
    use abi::{pv_time, smccc};

    #[test]
    fn a_guest_finds_no_paravirtualized_time_where_it_is_switched_off() {
        let ask = |function, x1: u32| stateless(function, x1.into(), &Firmware::NONE);
        for asked in [pv_time::FEATURES, pv_time::STOLEN_TIME] {
            let not_supported = Some(Outcome::NOT_SUPPORTED);
            assert_eq!(ask(smccc::ARCH_FEATURES, asked), not_supported);
            assert_eq!(ask(pv_time::FEATURES, asked), not_supported);
            assert_eq!(ask(asked, 0), not_supported);
        }
    }
}
