//! Checks, and how a program says how it went.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::vendor;

use super::firmware;
use crate::println;

static FAILURES: AtomicU32 = AtomicU32::new(0);
static CHECKS: AtomicU32 = AtomicU32::new(0);

/// Notes the result of a check; a failure is printed with the value found.
pub fn check(name: &str, good: bool, found: u64) {
    CHECKS.fetch_add(1, Ordering::Relaxed);
    if !good {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        println!("FAIL {name}: found {found:#x}");
    }
}

/// Checks that two values are equal.
pub fn equal(name: &str, found: u64, expected: u64) {
    check(name, found == expected, found);
    if found != expected {
        println!("     expected {expected:#x}");
    }
}

/// How many checks failed.
#[must_use]
pub fn failures() -> u32 {
    FAILURES.load(Ordering::Relaxed)
}

/// How many checks were made.
#[must_use]
pub fn checks() -> u32 {
    CHECKS.load(Ordering::Relaxed)
}

/// Prints and reports the result, and powers off.
pub fn finish(failures: u32) -> ! {
    if failures == 0 {
        println!("RESULT ok");
    } else {
        println!("RESULT FAILED {failures}");
    }
    // Bare, nobody knows this call, and the line above is all there is.
    let _ = firmware::hvc(u64::from(vendor::REPORT), [u64::from(failures), 0, 0]);
    firmware::system_off()
}

/// Declares the VM crashed; bare, powers off.
pub fn crash() -> ! {
    println!("RESULT CRASHED");
    let _ = firmware::hvc(u64::from(vendor::CRASH), [0; 3]);
    firmware::system_off()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("{info}");
    crash()
}
