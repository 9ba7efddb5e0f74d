//! Calls to firmware or hypervisor (SMCCC), and PSCI.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::{psci, vendor};

/// PSCI is called by SMC; else by HVC.
static BY_SMC: AtomicBool = AtomicBool::new(false);

/// Chooses how PSCI is called.
pub fn use_smc(smc: bool) {
    BY_SMC.store(smc, Ordering::Relaxed);
}

/// `hvc #0` with x0 to x3; returns x0 to x3.
#[must_use]
pub fn hvc(function: u64, arguments: [u64; 3]) -> [u64; 4] {
    let (mut x0, [mut x1, mut x2, mut x3]) = (function, arguments);
    // SAFETY: the calling convention lets the callee change x0 to x17; no call here makes it write memory.
    unsafe {
        asm!("hvc #0", inout("x0") x0, inout("x1") x1, inout("x2") x2, inout("x3") x3,
            out("x4") _, out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _,
            out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _,
            options(nostack));
    }
    [x0, x1, x2, x3]
}

/// `smc #0` with x0 to x3; returns x0 to x3.
#[must_use]
pub fn smc(function: u64, arguments: [u64; 3]) -> [u64; 4] {
    let (mut x0, [mut x1, mut x2, mut x3]) = (function, arguments);
    // SAFETY: as for `hvc`.
    unsafe {
        asm!("smc #0", inout("x0") x0, inout("x1") x1, inout("x2") x2, inout("x3") x3,
            out("x4") _, out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _,
            out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _,
            options(nostack));
    }
    [x0, x1, x2, x3]
}

/// A call by the conduit that the device tree names; returns x0.
pub fn call(function: u32, arguments: [u64; 3]) -> u64 {
    if BY_SMC.load(Ordering::Relaxed) {
        smc(u64::from(function), arguments)[0]
    } else {
        hvc(u64::from(function), arguments)[0]
    }
}

/// Whether the hypervisor under us is Caesura.
#[must_use]
pub fn is_caesura() -> bool {
    let answer = hvc(u64::from(vendor::CALL_UID), [0; 3]);
    answer.map(|word| word as u32) == vendor::UID
}

/// Powers the machine off.
pub fn system_off() -> ! {
    call(psci::SYSTEM_OFF, [0; 3]);
    loop {
        super::cpu::wfi();
    }
}
