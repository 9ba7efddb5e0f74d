//! The calls that ask for facts: versions, features, identities. They read no state, so they need no lock.

use abi::{psci, smccc, vendor};

use crate::{Outcome, pv_time};

/// What the machine says about one speculation mitigation, as its firmware answered `SMCCC_ARCH_FEATURES`
/// on the cores that run guests (the worst answer, if they differ).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mitigation {
    /// A negative answer, or there is no firmware to ask.
    #[default]
    Unknown,
    /// Answer 0: the call must be made.
    Needed,
    /// Answer 1 (or `NOT_REQUIRED` for workaround 2): the cores do not need it.
    NotRequired,
}

/// What the real firmware offers, found once at boot and the same for every VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Firmware {
    /// `SMCCC_ARCH_WORKAROUND_1`, branch target injection.
    pub workaround_1: Mitigation,
    /// `SMCCC_ARCH_WORKAROUND_2`, speculative store bypass. Where firmware would switch it per core
    /// ([`Mitigation::Needed`]) guests are told `NOT_SUPPORTED`: it is state of the physical core, which
    /// one guest must not change under another.
    pub workaround_2: Mitigation,
    /// `SMCCC_ARCH_WORKAROUND_3`, branch history injection.
    pub workaround_3: Mitigation,
}

impl Firmware {
    /// A machine without firmware to ask.
    pub const NONE: Self = Self {
        workaround_1: Mitigation::Unknown,
        workaround_2: Mitigation::Unknown,
        workaround_3: Mitigation::Unknown,
    };
}

/// Answers the calls that need no state: `function` is w0, `x1` the first argument. `None`: ask
/// [`crate::Psci::call`], which also begins by asking here.
///
/// Unknown functions are answered here too, by [`Outcome::NOT_SUPPORTED`].
#[inline(always)]
#[must_use]
pub fn stateless(function: u32, x1: u64, firmware: &Firmware) -> Option<Outcome> {
    let outcome = match function {
        psci::VERSION => Outcome::Return(psci::VERSION_1_1),
        psci::CPU_SUSPEND_32
        | psci::CPU_SUSPEND_64
        | psci::CPU_OFF
        | psci::CPU_ON_32
        | psci::CPU_ON_64
        | psci::AFFINITY_INFO_32
        | psci::AFFINITY_INFO_64
        | psci::SYSTEM_SUSPEND_32
        | psci::SYSTEM_SUSPEND_64 => return None,
        psci::MIGRATE_INFO_TYPE => Outcome::Return(MIGRATION_NOT_REQUIRED),
        psci::SYSTEM_OFF => Outcome::SystemOff,
        psci::SYSTEM_RESET => Outcome::SystemReset,
        psci::FEATURES => Outcome::Return(psci_features(x1 as u32)),
        psci::SYSTEM_RESET2_32 | psci::SYSTEM_RESET2_64 => return None,
        smccc::VERSION => Outcome::Return(smccc::VERSION_1_2),
        smccc::ARCH_FEATURES => Outcome::Return(arch_features(x1 as u32, firmware)),
        smccc::ARCH_WORKAROUND_1 => mitigate(function, firmware.workaround_1),
        smccc::ARCH_WORKAROUND_3 => mitigate(function, firmware.workaround_3),
        vendor::CALL_UID => Outcome::ReturnAll(vendor::UID.map(u64::from)),
        vendor::CALL_REVISION => Outcome::ReturnAll([vendor::REVISION.0, vendor::REVISION.1, 0, 0]),
        vendor::REPORT => Outcome::Report(x1),
        vendor::CRASH => Outcome::Crash,
        vendor::VCPU_TIMES => Outcome::VcpuTimes,
        other if smccc::owner_of(other) == smccc::owner::VENDOR_HYPERVISOR => Outcome::NotOurs,
        other => pv_time::call(other, x1 as u32).unwrap_or(Outcome::NOT_SUPPORTED),
    };
    Some(outcome)
}

/// `MIGRATE_INFO_TYPE`: there is no Trusted OS that would need migrating (DEN0022, MIGRATE_INFO_TYPE).
const MIGRATION_NOT_REQUIRED: u64 = 2;

/// `PSCI_FEATURES` (DEN0022): flags of an implemented function, or `NOT_SUPPORTED`. No function here
/// has flags: `CPU_SUSPEND` takes the original power state format and no OS-initiated mode.
fn psci_features(function: u32) -> u64 {
    match function {
        psci::VERSION
        | psci::CPU_SUSPEND_32
        | psci::CPU_SUSPEND_64
        | psci::CPU_OFF
        | psci::CPU_ON_32
        | psci::CPU_ON_64
        | psci::AFFINITY_INFO_32
        | psci::AFFINITY_INFO_64
        | psci::MIGRATE_INFO_TYPE
        | psci::SYSTEM_OFF
        | psci::SYSTEM_RESET
        | psci::FEATURES
        | psci::SYSTEM_SUSPEND_32
        | psci::SYSTEM_SUSPEND_64
        | psci::SYSTEM_RESET2_32
        | psci::SYSTEM_RESET2_64
        | smccc::VERSION => psci::SUCCESS,
        _ => psci::NOT_SUPPORTED,
    }
}

/// `SMCCC_ARCH_FEATURES` (DEN0028 §7.3).
fn arch_features(function: u32, firmware: &Firmware) -> u64 {
    const NOT_NEEDED: u64 = 1;
    match function {
        smccc::VERSION | smccc::ARCH_FEATURES => smccc::SUCCESS,
        smccc::ARCH_WORKAROUND_1 | smccc::ARCH_WORKAROUND_3 => {
            let mitigation = if function == smccc::ARCH_WORKAROUND_1 {
                firmware.workaround_1
            } else {
                firmware.workaround_3
            };
            match mitigation {
                Mitigation::Unknown => smccc::NOT_SUPPORTED,
                Mitigation::Needed => smccc::SUCCESS,
                Mitigation::NotRequired => NOT_NEEDED,
            }
        }
        smccc::ARCH_WORKAROUND_2 => match firmware.workaround_2 {
            Mitigation::NotRequired => smccc::NOT_REQUIRED,
            Mitigation::Needed | Mitigation::Unknown => smccc::NOT_SUPPORTED,
        },
        other if pv_time::is_announced(other) => smccc::SUCCESS,
        _ => smccc::NOT_SUPPORTED,
    }
}

/// A guest makes the call of a mitigation. Where the cores do not need it the call does nothing
/// (DEN0028, SMCCC_ARCH_WORKAROUND_1); where firmware does not know it, it is an unknown function.
fn mitigate(function: u32, mitigation: Mitigation) -> Outcome {
    match mitigation {
        Mitigation::Needed => Outcome::Firmware { function },
        Mitigation::NotRequired => Outcome::Return(smccc::SUCCESS),
        Mitigation::Unknown => Outcome::NOT_SUPPORTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDED: Firmware = Firmware {
        workaround_1: Mitigation::Needed,
        workaround_2: Mitigation::Needed,
        workaround_3: Mitigation::Needed,
    };
    const NOT_REQUIRED: Firmware = Firmware {
        workaround_1: Mitigation::NotRequired,
        workaround_2: Mitigation::NotRequired,
        workaround_3: Mitigation::NotRequired,
    };

    fn ask(function: u32, x1: u32, firmware: &Firmware) -> Outcome {
        stateless(function, x1.into(), firmware).expect("needs no state")
    }

    #[test]
    fn versions_are_psci_1_1_and_smccc_1_2() {
        assert_eq!(
            ask(0x8400_0000, 0, &Firmware::NONE),
            Outcome::Return(0x1_0001)
        );
        assert_eq!(
            ask(0x8000_0000, 0, &Firmware::NONE),
            Outcome::Return(0x1_0002)
        );
    }

    #[test]
    fn migration_is_never_required() {
        assert_eq!(
            ask(psci::MIGRATE_INFO_TYPE, 0, &Firmware::NONE),
            Outcome::Return(2)
        );
    }

    #[test]
    fn features_name_exactly_the_functions_that_are_answered() {
        for number in 0..0x20 {
            for cc64 in [false, true] {
                let function = smccc::fast(cc64, smccc::owner::STANDARD_SECURE, number);
                let featured = ask(psci::FEATURES, function, &Firmware::NONE)
                    == Outcome::Return(psci::SUCCESS);
                // Some argument with which `PSCI_FEATURES` itself does not say no.
                let x1 = psci::VERSION.into();
                let answered =
                    stateless(function, x1, &Firmware::NONE) != Some(Outcome::NOT_SUPPORTED);
                assert_eq!(featured, answered, "{function:#x}");
            }
        }
    }

    #[test]
    fn psci_features_of_smccc_version_leads_to_smccc() {
        assert_eq!(
            ask(psci::FEATURES, smccc::VERSION, &Firmware::NONE),
            Outcome::Return(psci::SUCCESS)
        );
    }

    #[test]
    fn arch_features_pass_the_firmware_s_answer_on() {
        let answer = |function, firmware| ask(smccc::ARCH_FEATURES, function, firmware);
        for function in [smccc::ARCH_WORKAROUND_1, smccc::ARCH_WORKAROUND_3] {
            assert_eq!(answer(function, &NEEDED), Outcome::Return(0));
            assert_eq!(answer(function, &NOT_REQUIRED), Outcome::Return(1));
            assert_eq!(answer(function, &Firmware::NONE), Outcome::NOT_SUPPORTED);
        }
        assert_eq!(answer(smccc::VERSION, &NEEDED), Outcome::Return(0));
        assert_eq!(answer(smccc::ARCH_SOC_ID, &NEEDED), Outcome::NOT_SUPPORTED);
    }

    #[test]
    fn each_workaround_has_its_own_answer() {
        let firmware = Firmware {
            workaround_1: Mitigation::Needed,
            workaround_3: Mitigation::NotRequired,
            ..Firmware::NONE
        };
        let answer = |function| ask(smccc::ARCH_FEATURES, function, &firmware);
        assert_eq!(answer(smccc::ARCH_WORKAROUND_1), Outcome::Return(0));
        assert_eq!(answer(smccc::ARCH_WORKAROUND_3), Outcome::Return(1));
        let call = |function| ask(function, 0, &firmware);
        let function = smccc::ARCH_WORKAROUND_1;
        assert_eq!(call(function), Outcome::Firmware { function });
        assert_eq!(call(smccc::ARCH_WORKAROUND_3), Outcome::Return(0));
    }

    #[test]
    fn a_mitigation_reaches_firmware_only_where_it_is_needed() {
        for function in [smccc::ARCH_WORKAROUND_1, smccc::ARCH_WORKAROUND_3] {
            assert_eq!(ask(function, 0, &NEEDED), Outcome::Firmware { function });
            assert_eq!(ask(function, 0, &NOT_REQUIRED), Outcome::Return(0));
            assert_eq!(ask(function, 0, &Firmware::NONE), Outcome::NOT_SUPPORTED);
        }
    }

    #[test]
    fn the_firmware_s_store_bypass_switch_is_not_offered() {
        assert_eq!(
            ask(smccc::ARCH_FEATURES, smccc::ARCH_WORKAROUND_2, &NEEDED),
            Outcome::NOT_SUPPORTED
        );
        assert_eq!(
            ask(smccc::ARCH_WORKAROUND_2, 1, &NEEDED),
            Outcome::NOT_SUPPORTED
        );
        assert_eq!(
            ask(
                smccc::ARCH_FEATURES,
                smccc::ARCH_WORKAROUND_2,
                &NOT_REQUIRED
            ),
            Outcome::Return(smccc::NOT_REQUIRED)
        );
    }

    #[test]
    fn the_hypervisor_identifies_itself() {
        assert_eq!(
            ask(vendor::CALL_UID, 0, &Firmware::NONE),
            Outcome::ReturnAll(vendor::UID.map(u64::from))
        );
        assert_eq!(
            ask(vendor::CALL_REVISION, 0, &Firmware::NONE),
            Outcome::ReturnAll([0, 1, 0, 0])
        );
    }

    #[test]
    fn own_calls_become_outcomes() {
        assert_eq!(
            stateless(vendor::REPORT, u64::MAX, &Firmware::NONE),
            Some(Outcome::Report(u64::MAX))
        );
        assert_eq!(ask(vendor::CRASH, 0, &Firmware::NONE), Outcome::Crash);
        assert_eq!(
            ask(vendor::VCPU_TIMES, 0, &Firmware::NONE),
            Outcome::VcpuTimes
        );
        let unknown = smccc::fast(true, smccc::owner::VENDOR_HYPERVISOR, 0x7777);
        assert_eq!(ask(unknown, 0, &Firmware::NONE), Outcome::NotOurs);
    }

    #[test]
    fn trng_and_yielding_calls_are_not_supported() {
        for function in [0x8400_0050, 0xc400_0053, 0x0400_0000, 0x3200_0000, 0] {
            assert_eq!(ask(function, 0, &NEEDED), Outcome::NOT_SUPPORTED);
        }
    }

    proptest! {
        #[test]
        fn no_guest_word_reaches_firmware_but_a_mitigation(function: u32, x1: u64) {
            if let Some(Outcome::Firmware { function: passed }) = stateless(function, x1, &NEEDED) {
                prop_assert!(
                    passed == smccc::ARCH_WORKAROUND_1 || passed == smccc::ARCH_WORKAROUND_3
                );
            }
        }
    }
}
