//! AArch64 EL2: everything that needs an instruction the compiler does not know.
//!
//! This crate is the only home of assembly. It offers the mechanisms of the architecture (boot, stage 1
//! of EL2, vectors, the guest's register context, traps, timers, caches, firmware calls) and no policy:
//! what happens on an exit is decided by the hooks that `image` provides.
//!
//! # What the image must provide
//!
//! | symbol | when it is called |
//! |---|---|
//! | `static CAESURA_BOOT: BootInfo` | read by the entry code before anything else: early UART, cores |
//! | `extern "C" fn caesura_main(dtb: usize, mpidr: u64) -> !` | once, on the boot core: MMU and caches **off**, bss zeroed, vectors set, interrupts masked |
//! | `extern "C" fn caesura_secondary(cpu: usize) -> !` | on each other core: MMU on, vectors set, interrupts masked |
//! | `extern "C" fn caesura_exit(guest: &mut GuestContext, kind: u64) -> *mut GuestContext` | on each exit from a guest; `kind` is an [`ExitKind`]; interrupts masked; the context it returns is resumed |
//! | `extern "C" fn caesura_irq()` | on an interrupt taken while EL2 itself runs, on the stack it interrupted, interrupts masked |
//! | `extern "C" fn caesura_fault(frame: &FaultFrame) -> !` | on a fault of EL2 itself; possibly on a small emergency stack |
//!
//! Until `caesura_main` has called [`mmu::enable`], memory is not cached and atomic read-modify-write
//! instructions are not guaranteed to work: no locks before that.
//!
//! All of EL2 runs without VHE (HCR_EL2.E2H = 0), identity-mapped, on SP_EL2, without FP registers.
//! Modules that touch hardware exist only on the target; [`paging`], [`exception`], [`context`],
//! [`backtrace`] and the encodings in [`traps`] are plain code and tested on the host.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod backtrace;
pub mod boot;
pub mod context;
pub mod exception;
pub mod paging;
pub mod traps;

#[cfg(target_arch = "aarch64")]
pub mod cache;
#[cfg(target_arch = "aarch64")]
pub mod cpu;
#[cfg(target_arch = "aarch64")]
mod entry;
#[cfg(target_arch = "aarch64")]
pub mod firmware;
#[cfg(target_arch = "aarch64")]
pub mod gic;
#[cfg(target_arch = "aarch64")]
pub mod guest;
#[cfg(target_arch = "aarch64")]
pub mod id;
#[cfg(target_arch = "aarch64")]
pub mod layout;
#[cfg(target_arch = "aarch64")]
pub mod mmu;
#[cfg(target_arch = "aarch64")]
pub mod ram;
#[cfg(target_arch = "aarch64")]
pub mod switch;
#[cfg(target_arch = "aarch64")]
mod sysreg;
#[cfg(target_arch = "aarch64")]
pub mod thread;
#[cfg(target_arch = "aarch64")]
pub mod timer;
#[cfg(target_arch = "aarch64")]
pub mod tlb;
#[cfg(target_arch = "aarch64")]
pub mod translate;
#[cfg(target_arch = "aarch64")]
mod vectors;

pub use boot::{BootInfo, MAX_CPUS};
pub use context::{ExitKind, FaultFrame, FpContext, GuestContext, SysContext};
