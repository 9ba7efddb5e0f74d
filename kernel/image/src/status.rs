//! What the operator sees on request: every VM and vCPU, and the pool. Line by line, so that a slow console gets each
//! one when it has printed the last.

use crate::platform::IrqGuard;
use crate::vm::{State, VMS, Vm};
use crate::{console, memory, scheduler};

/// Prints line `number`, counted from 0; `false`: it was the last, or there is none.
pub fn line(number: usize) -> bool {
    let mut left = number;
    for vm in &VMS {
        let lines = vm.vcpus().count().saturating_add(1);
        match left.checked_sub(lines) {
            Some(rest) => left = rest,
            None => {
                of_vm(vm, left);
                return true;
            }
        }
    }
    match left.checked_sub(1) {
        None => {
            let usage = memory::usage();
            console::log(format_args!(
                "pool: {} of {} pages in use, at most {}",
                usage.used, usage.total, usage.peak
            ));
            true
        }
        Some(number) => crate::sections::line(number),
    }
}

/// A VM's own line, or one of its vCPUs'.
fn of_vm(vm: &'static Vm, number: usize) {
    let vcpu = number
        .checked_sub(1)
        .and_then(|index| vm.vcpus().nth(index));
    let Some(vcpu) = vcpu else {
        let state = match vm.state() {
            State::Absent => "absent",
            State::Off => "off",
            State::Loading => "loading",
            State::Running => "running",
            State::Paused => "paused",
            State::Stopping => "stopping",
            State::Dying => "being destroyed",
        };
        console::log(format_args!(
            "VM {} ({}): {state}",
            vm.number, vm.table.name
        ));
        return;
    };
    let hertz = arch::timer::frequency();
    let ms = |ticks: u64| ticks.saturating_mul(1000).checked_div(hertz).unwrap_or(0);
    let now = arch::timer::now();
    let times = IrqGuard::with(|irq| vcpu.times(irq, now));
    console::log(format_args!(
        "  vCPU {}: {:?}; guest {} ms, EL2 {} ms, waiting {} ms, others {} ms",
        vcpu.index,
        scheduler::state(&vcpu.entity),
        ms(times.guest),
        ms(times.own),
        ms(times.waiting),
        ms(times.others),
    ));
}
