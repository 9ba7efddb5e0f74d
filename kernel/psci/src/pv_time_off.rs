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
    use super::*;
    use abi::pv_time;

    #[test]
    fn a_guest_finds_no_paravirtualized_time_where_it_is_switched_off() {
        for function in [pv_time::FEATURES, pv_time::STOLEN_TIME] {
            assert!(!is_announced(function));
            assert_eq!(call(function, pv_time::FEATURES), None);
            assert_eq!(call(function, pv_time::STOLEN_TIME), None);
        }
    }
}
