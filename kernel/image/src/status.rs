//! What the operator sees on request: every VM and vCPU, and the pool.

use crate::platform::IrqGuard;
use crate::vm::{State, VMS};
use crate::{console, memory, scheduler};

/// Prints it.
pub fn print() {
    let hertz = arch::timer::frequency();
    let now = arch::timer::now();
    let ms = |ticks: u64| ticks.saturating_mul(1000).checked_div(hertz).unwrap_or(0);
    for vm in &VMS {
        let state = match vm.state() {
            State::Off => "off",
            State::Loading => "loading",
            State::Running => "running",
            State::Stopping => "stopping",
        };
        console::log(format_args!(
            "VM {} ({}): {state}",
            vm.number, vm.table.name
        ));
        for vcpu in vm.vcpus() {
            let times = IrqGuard::with(|irq| vcpu.times(irq, now));
            console::log(format_args!(
                "  vCPU {}: {:?}; guest {} ms, EL2 {} ms, waiting {} ms, others {} ms",
                vcpu.index,
                scheduler::state(vcpu),
                ms(times.guest),
                ms(times.own),
                ms(times.waiting),
                ms(times.others),
            ));
        }
    }
    let usage = memory::usage();
    console::log(format_args!(
        "pool: {} of {} pages in use, at most {}",
        usage.used, usage.total, usage.peak
    ));
}
