//! Hypercalls and firmware calls of guests: `psci` says what they come to, this does it.

use arch::GuestContext;
use psci::{Entry, Firmware, Mitigation, Outcome};

use crate::leave::Next;
use crate::life::{self, Reason};
use crate::platform::{IrqGuard, Once};
use crate::vcpu::Vcpu;
use crate::vm::State;
use crate::{handover, hw, operate, scheduler};

/// What the machine's firmware offers to guests.
static FIRMWARE: Once<Firmware> = Once::new();

/// Asks the firmware which mitigations the cores need.
pub fn init() {
    use abi::{psci::FEATURES, smccc};
    let ask = |function, argument| {
        hw::firmware(function, [u64::from(argument), 0, 0]).map(|x0| x0 as i32)
    };
    // Older firmware has no SMCCC_VERSION and may not survive being asked; PSCI_FEATURES tells (DEN0028 §B).
    let has_smccc = ask(FEATURES, smccc::VERSION).is_some_and(|answer| answer >= 0);
    let mitigation = |function| match ask(smccc::ARCH_FEATURES, function).filter(|_| has_smccc) {
        Some(0) => Mitigation::Needed,
        Some(1) => Mitigation::NotRequired,
        Some(answer)
            if function == smccc::ARCH_WORKAROUND_2 && answer == smccc::NOT_REQUIRED as i32 =>
        {
            Mitigation::NotRequired
        }
        _ => Mitigation::Unknown,
    };
    let firmware = if has_smccc {
        Firmware {
            workaround_1: mitigation(smccc::ARCH_WORKAROUND_1),
            workaround_2: mitigation(smccc::ARCH_WORKAROUND_2),
            workaround_3: mitigation(smccc::ARCH_WORKAROUND_3),
        }
    } else {
        Firmware::NONE
    };
    FIRMWARE.get_or_init(|| firmware);
}

/// What the machine's firmware offers to guests.
#[inline(always)]
pub fn firmware() -> &'static Firmware {
    FIRMWARE.get().unwrap_or(&Firmware::NONE)
}

/// Handles a call. The PC is behind the instruction already.
pub fn handle(vcpu: &'static Vcpu, guest: &mut GuestContext, imm: u16) -> Next {
    let [x0, x1, x2, x3, ..] = guest.x;
    crate::provoke::hypercall(imm, x0);
    if psci::is_smccc(imm) && operate::is_operation(x0 as u32) {
        return operate::call(vcpu, guest, x0 as u32);
    }
    let firmware = firmware();
    let outcome = if !psci::is_smccc(imm) {
        Outcome::NOT_SUPPORTED
    } else if let Some(outcome) = psci::stateless(x0 as u32, x1, firmware) {
        outcome
    } else {
        let executable = |ipa| vcpu.vm.can_execute(ipa);
        vcpu.vm
            .psci
            .with(|psci| psci.call(vcpu.index, x0, [x1, x2, x3], firmware, executable))
    };
    carry_out(vcpu, guest, outcome)
}

fn carry_out(vcpu: &'static Vcpu, guest: &mut GuestContext, outcome: Outcome) -> Next {
    const SUCCESS: u64 = abi::psci::SUCCESS;
    let vm = vcpu.vm;
    match outcome {
        Outcome::Return(value) => guest.set(0, value),
        Outcome::ReturnAll(values) => {
            for (register, value) in (0..).zip(values) {
                guest.set(register, value);
            }
        }
        Outcome::CpuOn { target, entry } => {
            turn_on(vcpu, target, entry);
            guest.set(0, SUCCESS);
        }
        Outcome::CpuOff { last: true } | Outcome::SystemOff => {
            return stop(vcpu, Reason::PowerOff);
        }
        Outcome::CpuOff { last: false } => IrqGuard::with(|irq| {
            // Its interrupt controller hears of it once its registers are off this core: see `handover::let_go`.
            scheduler::stop(irq, &vcpu.entity);
        }),
        Outcome::Suspend => {
            guest.set(0, SUCCESS);
            return Next::Wait;
        }
        Outcome::SystemSuspend { entry } => {
            // It wakes at `entry`, with its timers and interrupts as they are.
            guest.reset(entry.address, entry.context);
            hw::reset_registers();
            return Next::Wait;
        }
        Outcome::SystemReset | Outcome::SystemReset2 { .. } => return stop(vcpu, Reason::Reset),
        Outcome::Firmware { function } => {
            let _ = hw::firmware(function, [0; 3]);
        }
        Outcome::Report(code) => {
            vm.report(code);
            guest.set(0, SUCCESS);
        }
        Outcome::Crash => return stop(vcpu, Reason::Crash("it said so itself (CRASH)")),
        Outcome::VcpuTimes => {
            let times = IrqGuard::with(|irq| vcpu.times(irq, arch::timer::now()));
            for (register, value) in (0..).zip([SUCCESS, times.guest, times.own, times.steal()]) {
                guest.set(register, value);
            }
        }
        Outcome::PvTimeFeatures => guest.set(0, crate::pv_time::offered(vm)),
        Outcome::PvTimeStolen => {
            let answer = IrqGuard::with(|irq| crate::pv_time::asked(irq, vcpu));
            guest.set(0, answer);
        }
        Outcome::NotOurs => guest.set(0, abi::smccc::NOT_SUPPORTED),
    }
    Next::Resume
}

/// Turns vCPU `target` on; at once, or when the core that still has its old registers lets go of them.
fn turn_on(caller: &'static Vcpu, target: usize, entry: Entry) {
    let vm = caller.vm;
    let Some(target) = vm.vcpu(target) else {
        return;
    };
    if matches!(vm.state(), State::Running | State::Paused) {
        // Two sections: in between another core may begin it, or a stop of the VM come before it.
        target.start.with(|start| *start = Some(entry));
        IrqGuard::with(|irq| handover::begin_pending_start(irq, target));
    }
}

fn stop(vcpu: &'static Vcpu, reason: Reason) -> Next {
    life::stop(vcpu.vm, reason);
    Next::Stop
}
