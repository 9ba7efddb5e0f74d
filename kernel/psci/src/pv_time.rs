//! Which calls of paravirtualized time (Arm DEN0057) there are, and how a guest finds out.
//!
//! The way in is `SMCCC_ARCH_FEATURES`: a guest that is told there that `PV_TIME_FEATURES` is unknown must not call it. Live
//! physical time, the other half of DEN0057, is not offered: a VM does not move between machines.

use abi::{pv_time, smccc};

use crate::Outcome;

/// What a call comes to: `function` is w0, `w1` its argument. `None`: it is not one of these.
pub(crate) const fn call(function: u32, w1: u32) -> Option<Outcome> {
    match (function, w1) {
        (pv_time::FEATURES, pv_time::FEATURES) => Some(Outcome::Return(smccc::SUCCESS)),
        (pv_time::FEATURES, pv_time::STOLEN_TIME) => Some(Outcome::PvTimeFeatures),
        (pv_time::FEATURES, _) => Some(Outcome::NOT_SUPPORTED),
        (pv_time::STOLEN_TIME, _) => Some(Outcome::PvTimeStolen),
        _ => None,
    }
}

/// Whether `SMCCC_ARCH_FEATURES` says that `function` is there. Of these only the first: the rest is for it to say.
pub(crate) const fn is_announced(function: u32) -> bool {
    function == pv_time::FEATURES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Firmware, stateless};
    use proptest::prelude::*;

    fn ask(function: u32, x1: u64) -> Outcome {
        stateless(function, x1, &Firmware::NONE).expect("needs no state")
    }

    #[test]
    fn identifiers_are_those_of_den0057() {
        assert_eq!(pv_time::FEATURES, 0xc500_0020);
        assert_eq!(pv_time::STOLEN_TIME, 0xc500_0021);
    }

    #[test]
    fn stolen_time_is_found_in_the_three_steps_of_the_specification() {
        let announced = ask(smccc::ARCH_FEATURES, pv_time::FEATURES.into());
        assert_eq!(announced, Outcome::Return(smccc::SUCCESS));
        let offered = ask(pv_time::FEATURES, pv_time::STOLEN_TIME.into());
        assert_eq!(offered, Outcome::PvTimeFeatures);
        assert_eq!(ask(pv_time::STOLEN_TIME, 0), Outcome::PvTimeStolen);
    }

    #[test]
    fn the_upper_half_of_the_identifier_asked_for_is_ignored() {
        let asked = 0xdead_0000_0000_0000 | u64::from(pv_time::STOLEN_TIME);
        assert_eq!(ask(pv_time::FEATURES, asked), Outcome::PvTimeFeatures);
    }

    #[test]
    fn live_physical_time_and_the_32_bit_forms_are_not_supported() {
        for function in [0xc500_0022u32, 0xc500_0023, 0x8500_0020, 0x8500_0021] {
            assert_eq!(ask(function, 0), Outcome::NOT_SUPPORTED);
            assert_eq!(
                ask(pv_time::FEATURES, function.into()),
                Outcome::NOT_SUPPORTED
            );
            assert_eq!(
                ask(smccc::ARCH_FEATURES, function.into()),
                Outcome::NOT_SUPPORTED
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_taken_for_paravirtualized_time(function: u32, x1: u64) {
            let outcome = stateless(function, x1, &Firmware::NONE);
            let known = [pv_time::FEATURES, pv_time::STOLEN_TIME].contains(&function);
            let taken = matches!(outcome, Some(Outcome::PvTimeFeatures | Outcome::PvTimeStolen));
            prop_assert!(known || !taken);
        }
    }
}
