//! What the programs share. Single-purpose modules; nothing here knows a particular test.

pub mod cpu;
pub mod exception;
pub mod fault;
pub mod firmware;
pub mod gic;
pub mod hypercall;
pub mod machine;
pub mod mmio;
pub mod random;
pub mod report;
pub mod smp;
mod start;
pub mod timer;
pub mod uart;

pub use machine::Machine;

/// Declares a program's main function, `fn(&'static Machine) -> u32` (the number of failures).
#[macro_export]
macro_rules! program {
    ($main:path) => {
        /// Called by the start-up code on the first vCPU.
        #[unsafe(no_mangle)]
        extern "C" fn guest_main(dtb: u64, first_count: u64) -> ! {
            $crate::rt::run(dtb, first_count, $main)
        }
    };
}

/// Finds out about the machine, runs the program, reports, and powers off.
pub fn run(dtb: u64, first_count: u64, main: fn(&'static Machine) -> u32) -> ! {
    let machine = machine::discover(dtb, first_count);
    gic::init_distributor(machine);
    gic::init_cpu(machine);
    let failures = main(machine);
    report::finish(failures)
}
