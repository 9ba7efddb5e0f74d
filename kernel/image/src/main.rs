//! The hypervisor's binary: the order of things at boot, the way out of a guest and back, and the glue between
//! concepts and hardware. What a thing *is* lives in the crates beside this one; here is what happens when.
//!
//! - `boot`: from the entry code to the first guest. `hooks`: what `arch` calls. `fault`: when EL2 itself fails.
//! - `quick`: the exits that are answered at once. `exit`, `mmio`, `sysreg`, `calls`: why a guest left, and the
//!   answer. `irq`, `deadline`: what comes from outside.
//! - `leave`, `switch`, `handover`, `scheduler`, `cores`, `urgency`: who runs next. `vm`, `vcpu`, `devices`: what they are. `load`, `pack`, `chosen`: where
//!   their images come from. `memory`: whose pages. `grace`: when
//!   nobody looks at a table any more. `console`, `logger`, `status`, `power`: the operator's side.
//!
//! Locks are taken in this order: a VM's life; its job; a VM's UART or clock; a vCPU's registers or timer; a VM's interrupt
//! controller; the scheduler; a vCPU's account; the terminal; the pool. Most code holds one at a time.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

// There is nothing to build for the host; its tools still check the whole workspace.
#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod calls;
#[cfg(target_os = "none")]
#[cfg_attr(not(feature = "loader_modules"), path = "chosen_off.rs")]
mod chosen;
#[cfg(target_os = "none")]
mod config;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod cores;
#[cfg(target_os = "none")]
mod deadline;
#[cfg(target_os = "none")]
mod devices;
#[cfg(target_os = "none")]
mod entity;
#[cfg(target_os = "none")]
mod exit;
#[cfg(target_os = "none")]
mod fault;
#[cfg(target_os = "none")]
mod grace;
#[cfg(target_os = "none")]
mod handover;
#[cfg(target_os = "none")]
#[allow(
    unsafe_code,
    reason = "see the module: the promises to the hardware are made here"
)]
mod hooks;
#[cfg(target_os = "none")]
#[allow(
    unsafe_code,
    reason = "see the module: the promises to the hardware are made here"
)]
mod hw;
#[cfg(target_os = "none")]
mod irq;
#[cfg(target_os = "none")]
mod leave;
#[cfg(target_os = "none")]
mod life;
#[cfg(target_os = "none")]
mod load;
#[cfg(target_os = "none")]
mod logger;
#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
mod memory;
#[cfg(target_os = "none")]
mod mmio;
#[cfg(target_os = "none")]
#[cfg_attr(feature = "preempt_legacy", path = "model/legacy.rs")]
#[cfg_attr(feature = "preempt_full", path = "model/full.rs")]
#[cfg_attr(feature = "preempt_hybrid", path = "model/hybrid.rs")]
mod model;
#[cfg(target_os = "none")]
mod operate;
#[cfg(target_os = "none")]
#[cfg_attr(not(feature = "lockdep"), path = "order_off.rs")]
mod order;
#[cfg(target_os = "none")]
mod pack;
#[cfg(target_os = "none")]
mod physical;
#[cfg(target_os = "none")]
mod platform;
#[cfg(target_os = "none")]
mod power;
#[cfg(all(target_os = "none", feature = "debug_fault"))]
mod provoke;
#[cfg(all(target_os = "none", not(feature = "debug_fault")))]
#[path = "provoke_off.rs"]
mod provoke;
#[cfg(target_os = "none")]
#[cfg_attr(not(feature = "pv_time"), path = "pv_time_off.rs")]
mod pv_time;
#[cfg(target_os = "none")]
mod quick;
#[cfg(target_os = "none")]
mod scheduler;
#[cfg(target_os = "none")]
#[cfg_attr(feature = "trace_atomic", path = "trace_on.rs")]
#[cfg_attr(not(feature = "trace_atomic"), path = "trace_off.rs")]
#[allow(
    unsafe_code,
    reason = "see the module: it stands between the guards and the hardware"
)]
mod sections;
#[cfg(target_os = "none")]
mod signal;
#[cfg(target_os = "none")]
mod status;
#[cfg(target_os = "none")]
mod stretch;
#[cfg(target_os = "none")]
mod switch;
#[cfg(all(target_os = "none", feature = "backtrace_symbols"))]
mod symbols;
#[cfg(all(target_os = "none", not(feature = "backtrace_symbols")))]
#[path = "symbols_off.rs"]
mod symbols;
#[cfg(target_os = "none")]
mod sysreg;
#[cfg(target_os = "none")]
mod thread;
#[cfg(target_os = "none")]
mod urgency;
#[cfg(target_os = "none")]
mod vcpu;
#[cfg(target_os = "none")]
mod vm;
#[cfg(target_os = "none")]
#[cfg_attr(not(feature = "watchdog"), path = "watch_off.rs")]
mod watch;
#[cfg(target_os = "none")]
mod worker;

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!(
        "this program runs at EL2 of an Arm machine: build it with `make`, run it with `make run`"
    );
    std::process::exit(1);
}
