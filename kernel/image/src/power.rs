//! The end: the machine's final word and its power-off.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::vm::VMS;
use crate::{console, hw, sections};

/// The final word has been said.
static ENDED: AtomicBool = AtomicBool::new(false);

/// All VMs have ended, or one whose end ends everything, or the operator wants it: says how it went and powers off.
///
/// The last line is read by programs: `caesura: end: <n> VMs, <f> failed`.
pub fn end() -> ! {
    // Two VMs may end at once, each on its core.
    if ENDED.swap(true, Ordering::SeqCst) {
        arch::cpu::park();
    }
    let failed = VMS.iter().filter(|vm| vm.has_failed()).count();
    console::take_over();
    sections::report();
    console::log(format_args!("end: {} VMs, {failed} failed", VMS.len()));
    off()
}

/// Powers the machine off; where firmware cannot, stops this core.
fn off() -> ! {
    console::finish();
    let _ = hw::firmware(abi::psci::SYSTEM_OFF, [0; 3]);
    console::log(format_args!(
        "the firmware cannot power the machine off; it may be switched off now"
    ));
    arch::cpu::park()
}
