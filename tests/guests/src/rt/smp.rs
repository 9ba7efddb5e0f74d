//! Starting the other vCPUs through PSCI.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use abi::psci;

use super::{Machine, cpu, firmware, gic, machine};

unsafe extern "C" {
    fn secondary_start();
}

static MAIN: AtomicUsize = AtomicUsize::new(0);
static ARRIVED: AtomicU32 = AtomicU32::new(0);

/// Where a vCPU that is switched on must start.
#[must_use]
pub fn entry() -> u64 {
    secondary_start as *const () as u64
}

/// Starts all other vCPUs; each runs `main` and then switches itself off. Returns how many accepted.
pub fn start_others(machine: &Machine, main: fn(usize)) -> u32 {
    MAIN.store(main as usize, Ordering::Release);
    let mut started = 0;
    for number in 1..machine.cpus {
        let mpidr = machine.mpidr[number];
        if firmware::call(psci::CPU_ON_64, [mpidr, entry(), number as u64]) == psci::SUCCESS {
            started += 1;
        }
    }
    started
}

/// Waits until `count` vCPUs have called [`arrive`], for at most so many microseconds.
#[must_use]
pub fn wait_for(count: u32, us: u64) -> bool {
    cpu::wait_us(us, || ARRIVED.load(Ordering::Acquire) >= count)
}

/// Says that this vCPU has done its part.
pub fn arrive() {
    ARRIVED.fetch_add(1, Ordering::Release);
    cpu::sev();
}

/// Called by the start-up code.
#[unsafe(no_mangle)]
extern "C" fn secondary_main(number: u64) -> ! {
    gic::init_cpu(machine::get());
    let main = MAIN.load(Ordering::Acquire);
    if main != 0 {
        // SAFETY: `MAIN` holds what `start_others` stored: a function of this type.
        let main: fn(usize) = unsafe { core::mem::transmute(main) };
        main(number as usize);
    }
    firmware::call(psci::CPU_OFF, [0; 3]);
    loop {
        cpu::wfi();
    }
}
