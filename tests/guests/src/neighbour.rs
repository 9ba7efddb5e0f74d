//! A VM that shares its core with one that is in a hurry, and keeps the hypervisor busy: `load=` of `guests::loads` in
//! the boot arguments, for `ms=` milliseconds.
//!
//! Ends with `LOAD name done failed`. It takes no interrupts of its own.

use crate::loads::{self, Load};
use crate::rt::report::check;
use crate::rt::{Machine, cpu};

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    cpu::mask();
    let name = machine.word("load=");
    let Some(load) = Load::named(name) else {
        check("load= names a load", false, 0);
        return 1;
    };
    let end = machine.number("ms=").unwrap_or(1000) * (cpu::frequency() / 1000);
    loads::run_until(load, machine, end);
    loads::report(load, name)
}
