//! Architecture conformance: what a program at EL1 may rely on, checked from inside.
//!
//! The same checks run bare. Where a VM deliberately shows something else than the machine (features hidden in
//! the ID registers, our own PSCI), the check asks [`Machine::in_vm`] and says so.

mod devices;
mod fp;
mod gic;
mod gic_delivery;
mod ids;
mod memory;
mod psci;
mod timers;

use crate::println;
use crate::rt::{Machine, report};

/// Its name and its checks.
type Part = (&'static str, fn(&'static Machine));

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    println!(
        "arch: {} vCPUs, {}",
        machine.cpus,
        if machine.in_vm { "in a VM" } else { "bare" }
    );
    let parts: [Part; 8] = [
        ("ids", ids::run),
        ("memory", memory::run),
        ("timers", timers::run),
        ("gic", gic::run),
        ("delivery", gic_delivery::run),
        ("devices", devices::run),
        ("psci", psci::run),
        ("fp", fp::run),
    ];
    for (name, run) in parts {
        let (checks, failures) = (report::checks(), report::failures());
        run(machine);
        println!(
            "{name}: {} checks, {} failed",
            report::checks() - checks,
            report::failures() - failures
        );
    }
    report::failures()
}
