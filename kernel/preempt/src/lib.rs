//! Atomic sections: proof, in the type system, that the caller cannot be interrupted or cannot migrate.
//!
//! A section is a closure. [`IrqGuard::with`] runs it with IRQs masked, [`PreemptGuard::with`] runs it
//! without rescheduling; inside, a reference to the guard is the proof that other interfaces ask for
//! ([`PerCpu::this_cpu`], `sync::SpinLock::lock`). Because the guard exists only inside the closure,
//! - sections end in the opposite order of their beginning (two guards dropped in the wrong order would
//!   unmask IRQs inside a section; no counter is needed to prevent it, because it cannot be written);
//! - nothing obtained through the guard outlives it, and no `.await` stands inside a section;
//! - guards are zero-sized, `!Send` and `!Sync`.
//!
//! Beside them stand the preemption models ([`Model`]): what a pause in long work means, as pure judgement.
//!
//! What it does not do: it knows nothing of locks (see `sync`), threads or the hardware ([`Platform`]).
//! In [`Legacy`] EL2 is rescheduled only on the way out to a guest, so [`PreemptGuard`] costs nothing.
#![no_std]

mod guard;
mod model;
mod per_cpu;
mod platform;
mod word;

pub use guard::{IrqGuard, Pinned, PreemptGuard};
pub use model::{Full, Hybrid, Legacy, Model, Pause, Stay};
pub use per_cpu::{PerCpu, Slot};
pub use platform::Platform;
pub use word::PreemptWord;
