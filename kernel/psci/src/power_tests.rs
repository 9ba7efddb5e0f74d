//! Tests of the power states: each promise of the specification, and the invariants over random calls.

use super::*;
use proptest::prelude::*;

const RAM: core::ops::Range<u64> = 0x4000_0000..0x5000_0000;
const ENTRY: u64 = 0x4008_0000;

fn vm(count: usize) -> Psci<4> {
    let mut psci = Psci::new();
    psci.boot(count);
    psci
}

fn call(psci: &mut Psci<4>, caller: usize, function: u32, args: [u64; 3]) -> Outcome {
    psci.call(caller, function.into(), args, &Firmware::NONE, |ipa| {
        RAM.contains(&ipa)
    })
}

fn on(psci: &mut Psci<4>, target: u64) -> Outcome {
    call(psci, 0, psci::CPU_ON_64, [target, ENTRY, 7])
}

fn info(psci: &mut Psci<4>, target: u64, level: u64) -> Outcome {
    call(psci, 0, psci::AFFINITY_INFO_64, [target, level, 0])
}

#[test]
fn a_vm_boots_with_vcpu_0_on_and_the_others_off() {
    let psci = vm(3);
    assert_eq!(psci.power(0), Power::On);
    assert_eq!(psci.power(1), Power::Off);
    assert_eq!(psci.power(2), Power::Off);
    assert_eq!(psci.power(99), Power::Off);
}

#[test]
fn cpu_on_starts_an_off_vcpu_where_the_caller_says() {
    let mut psci = vm(2);
    let entry = Entry {
        address: ENTRY,
        context: 7,
    };
    assert_eq!(on(&mut psci, 1), Outcome::CpuOn { target: 1, entry });
    assert_eq!(psci.power(1), Power::OnPending);
    psci.started(1);
    assert_eq!(psci.power(1), Power::On);
}

#[test]
fn a_pending_vcpu_answers_on_pending_and_a_running_one_already_on() {
    let mut psci = vm(2);
    on(&mut psci, 1);
    assert_eq!(on(&mut psci, 1), Outcome::Return(psci::ON_PENDING));
    psci.started(1);
    assert_eq!(on(&mut psci, 1), Outcome::Return(psci::ALREADY_ON));
    assert_eq!(on(&mut psci, 0), Outcome::Return(psci::ALREADY_ON));
}

#[test]
fn cpu_on_refuses_vcpus_that_do_not_exist() {
    let mut psci = vm(2);
    for target in [2, 3, 4, 0x101, 1 << 24, 1 << 32, 1 << 63] {
        assert_eq!(
            on(&mut psci, target),
            Outcome::Return(psci::INVALID_PARAMETERS)
        );
    }
}

#[test]
fn cpu_on_refuses_entries_that_cannot_be_executed() {
    let mut psci = vm(2);
    for entry in [0, ENTRY + 1, ENTRY + 2, RAM.end] {
        assert_eq!(
            call(&mut psci, 0, psci::CPU_ON_64, [1, entry, 0]),
            Outcome::Return(psci::INVALID_ADDRESS)
        );
    }
    assert_eq!(psci.power(1), Power::Off);
}

#[test]
fn a_32_bit_call_takes_32_bit_arguments() {
    let mut psci = vm(2);
    let high = 0xdead_beef_0000_0000;
    let args = [high | 1, high | ENTRY, high | 7];
    assert_eq!(
        call(&mut psci, 0, psci::CPU_ON_64, args),
        Outcome::Return(psci::INVALID_PARAMETERS)
    );
    let entry = Entry {
        address: ENTRY,
        context: 7,
    };
    assert_eq!(
        call(&mut psci, 0, psci::CPU_ON_32, args),
        Outcome::CpuOn { target: 1, entry }
    );
}

#[test]
fn the_upper_half_of_x0_is_ignored() {
    let mut psci = vm(1);
    let x0 = 0xffff_ffff_0000_0000 | u64::from(psci::VERSION);
    assert_eq!(
        psci.call(0, x0, [0; 3], &Firmware::NONE, |_| false),
        Outcome::Return(psci::VERSION_1_1)
    );
}

#[test]
fn a_vcpu_that_went_off_is_off_and_can_be_turned_on_again() {
    let mut psci = vm(2);
    on(&mut psci, 1);
    psci.started(1);
    assert_eq!(
        call(&mut psci, 1, psci::CPU_OFF, [0; 3]),
        Outcome::CpuOff { last: false }
    );
    assert_eq!(info(&mut psci, 1, 0), Outcome::Return(psci::affinity::OFF));
    assert!(matches!(on(&mut psci, 1), Outcome::CpuOn { target: 1, .. }));
}

#[test]
fn the_last_vcpu_going_off_ends_the_vm_but_not_while_another_is_on_its_way() {
    let mut psci = vm(2);
    on(&mut psci, 1);
    assert_eq!(
        call(&mut psci, 0, psci::CPU_OFF, [0; 3]),
        Outcome::CpuOff { last: false }
    );
    psci.started(1);
    assert_eq!(
        call(&mut psci, 1, psci::CPU_OFF, [0; 3]),
        Outcome::CpuOff { last: true }
    );
}

#[test]
fn affinity_info_follows_the_states_at_level_0() {
    let mut psci = vm(2);
    assert_eq!(info(&mut psci, 0, 0), Outcome::Return(psci::affinity::ON));
    assert_eq!(info(&mut psci, 1, 0), Outcome::Return(psci::affinity::OFF));
    on(&mut psci, 1);
    assert_eq!(
        info(&mut psci, 1, 0),
        Outcome::Return(psci::affinity::ON_PENDING)
    );
    psci.started(1);
    assert_eq!(info(&mut psci, 1, 0), Outcome::Return(psci::affinity::ON));
}

#[test]
fn affinity_info_of_a_higher_level_is_on_while_any_vcpu_is() {
    let mut psci = vm(2);
    on(&mut psci, 1);
    for level in 1..4 {
        assert_eq!(
            info(&mut psci, 0xff, level),
            Outcome::Return(psci::affinity::ON)
        );
    }
    call(&mut psci, 0, psci::CPU_OFF, [0; 3]);
    assert_eq!(
        info(&mut psci, 0, 1),
        Outcome::Return(psci::affinity::ON_PENDING)
    );
    psci.power_off();
    assert_eq!(info(&mut psci, 0, 3), Outcome::Return(psci::affinity::OFF));
}

#[test]
fn affinity_info_refuses_what_does_not_exist() {
    let mut psci = vm(2);
    for (target, level) in [(2, 0), (0, 4), (0x100, 1), (1 << 31, 0), (0, 1 << 32)] {
        assert_eq!(
            info(&mut psci, target, level),
            Outcome::Return(psci::INVALID_PARAMETERS)
        );
    }
}

#[test]
fn suspend_waits_in_either_kind_of_state() {
    let mut psci = vm(1);
    for state in [0, 0xffff, 0x0300_0000] {
        assert_eq!(
            call(&mut psci, 0, psci::CPU_SUSPEND_64, [state, 0, 0]),
            Outcome::Suspend
        );
    }
    assert_eq!(
        call(&mut psci, 0, psci::CPU_SUSPEND_64, [0x1_0000, ENTRY, 0]),
        Outcome::Suspend
    );
    assert_eq!(psci.power(0), Power::On);
}

#[test]
fn only_immediate_0_is_a_call() {
    assert!(crate::is_smccc(0));
    assert!(!crate::is_smccc(1) && !crate::is_smccc(0xea1));
}

#[test]
fn suspend_refuses_reserved_bits_and_bad_entries() {
    let mut psci = vm(1);
    for state in [1 << 17, (1 << 17) | 1, 1 << 23, 1 << 26, 1 << 30, 1 << 31] {
        assert_eq!(
            call(&mut psci, 0, psci::CPU_SUSPEND_64, [state, ENTRY, 0]),
            Outcome::Return(psci::INVALID_PARAMETERS)
        );
    }
    assert_eq!(
        call(&mut psci, 0, psci::CPU_SUSPEND_64, [0x1_0000, 0, 0]),
        Outcome::Return(psci::INVALID_ADDRESS)
    );
}

#[test]
fn system_suspend_is_for_the_last_vcpu_only() {
    let mut psci = vm(2);
    let suspend = |psci: &mut Psci<4>, entry| call(psci, 0, psci::SYSTEM_SUSPEND_64, [entry, 9, 0]);
    let entry = Entry {
        address: ENTRY,
        context: 9,
    };
    assert_eq!(suspend(&mut psci, ENTRY), Outcome::SystemSuspend { entry });
    assert_eq!(
        suspend(&mut psci, 0),
        Outcome::Return(psci::INVALID_ADDRESS)
    );
    on(&mut psci, 1);
    assert_eq!(suspend(&mut psci, ENTRY), Outcome::Return(psci::DENIED));
}

#[test]
fn a_vm_can_be_powered_off_and_reset() {
    let mut psci = vm(1);
    assert_eq!(
        call(&mut psci, 0, psci::SYSTEM_OFF, [0; 3]),
        Outcome::SystemOff
    );
    assert_eq!(
        call(&mut psci, 0, psci::SYSTEM_RESET, [0; 3]),
        Outcome::SystemReset
    );
    assert_eq!(
        call(&mut psci, 0, psci::SYSTEM_RESET2_64, [0, 42, 0]),
        Outcome::SystemReset2 { cookie: 42 }
    );
    for kind in [1, 1 << 31] {
        assert_eq!(
            call(&mut psci, 0, psci::SYSTEM_RESET2_64, [kind, 0, 0]),
            Outcome::Return(psci::INVALID_PARAMETERS)
        );
    }
}

#[test]
fn booting_again_forgets_everything() {
    let mut psci = vm(2);
    on(&mut psci, 1);
    psci.boot(2);
    assert_eq!(psci.power(1), Power::Off);
}

#[test]
fn more_vcpus_than_there_is_room_for_do_not_exist() {
    let mut psci = vm(9);
    assert_eq!(on(&mut psci, 4), Outcome::Return(psci::INVALID_PARAMETERS));
    assert!(matches!(on(&mut psci, 3), Outcome::CpuOn { target: 3, .. }));
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Call {
        caller: usize,
        function: u32,
        args: [u64; 3],
    },
    Started(usize),
}

fn steps() -> impl Strategy<Value = Step> {
    let function = prop_oneof![
        Just(psci::CPU_ON_64),
        Just(psci::CPU_ON_32),
        Just(psci::CPU_OFF),
        Just(psci::AFFINITY_INFO_64),
        Just(psci::CPU_SUSPEND_64),
        any::<u32>(),
    ];
    let word = prop_oneof![2 => 0u64..6, 3 => Just(ENTRY), 1 => any::<u64>()];
    prop_oneof![
        3 => (0usize..4, function, word.clone(), word.clone(), word).prop_map(
            |(caller, function, a, b, c)| Step::Call { caller, function, args: [a, b, c] },
        ),
        1 => (0usize..6).prop_map(Step::Started),
    ]
}

proptest! {
    #[test]
    fn no_vcpu_is_ever_turned_on_twice(history in prop::collection::vec(steps(), 0..200)) {
        let mut psci = vm(3);
        // The model: who has been started and not gone off since.
        let mut running = [true, false, false];
        for step in history {
            match step {
                Step::Started(vcpu) => psci.started(vcpu),
                // A vCPU that is not on cannot call.
                Step::Call { caller, .. } if psci.power(caller) != Power::On => {}
                Step::Call { caller, function, args } => match call(&mut psci, caller, function, args) {
                    Outcome::CpuOn { target, entry } => {
                        prop_assert!(!running[target], "vCPU {target} turned on twice");
                        prop_assert!(target != caller);
                        prop_assert!(RAM.contains(&entry.address));
                        running[target] = true;
                    }
                    Outcome::CpuOff { last } => {
                        running[caller] = false;
                        prop_assert_eq!(last, running == [false; 3]);
                    }
                    _ => {}
                },
            }
            for (vcpu, running) in running.iter().enumerate() {
                prop_assert_eq!(psci.power(vcpu) != Power::Off, *running);
            }
        }
    }
}
