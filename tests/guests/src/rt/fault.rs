//! Faults of the hypervisor on request: what `kernel/image/src/provoke.rs` knows, with `CONFIG_DEBUG_FAULT`.

/// It keeps this core with interrupts masked, for 5 ms.
pub const KEEP_CORE: u64 = 4;
/// Whoever next stops or pauses a vCPU takes 5 ms to ask its core.
pub const PAUSE_SLOWLY: u64 = 5;
/// Its timer fires for nothing, while another core wants to hear from this one.
pub const FIRE_TIMER: u64 = 6;
/// Whoever next ends a VM takes 5 ms to tell its vCPUs.
pub const STOP_SLOWLY: u64 = 7;

/// Asks for one of them; returns what the hypervisor leaves in x0, if it lives.
pub fn provoke(what: u64) -> u64 {
    let mut answer = what;
    // SAFETY: the calling convention lets the callee change x0 to x17; the call does not return, or does nothing to this guest.
    unsafe {
        core::arch::asm!("hvc #0xfa17", inout("x0") answer, out("x1") _, out("x2") _, out("x3") _, out("x4") _,
            out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _, out("x11") _,
            out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _, options(nostack));
    }
    answer
}
