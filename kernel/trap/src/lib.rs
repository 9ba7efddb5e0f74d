//! Why a guest left for EL2, and what the architecture says it gets for it.
//!
//! - [`decode`] turns the syndrome registers into an [`Exit`];
//! - [`CpuModel`] is the processor that guests see: its sanitised ID registers and the answer to every
//!   system register that traps ([`CpuModel::access`]);
//! - [`Debug`] is the little debug state that a vCPU has;
//! - [`controls`] are the trap controls that all this assumes.
//!
//! Guarantees: every syndrome decodes, every encodable system register has an answer, nothing panics. A
//! feature whose state is not switched between vCPUs is not shown to guests. Does not: read or write a
//! hardware register, or inject an exception; the caller brings raw values and performs the effects.
//!
//! Source: Arm Architecture Reference Manual for A-profile, DDI 0487 ("Arm ARM").
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod abort;
mod access;
pub mod controls;
mod debug;
mod exit;
mod id;
mod sysreg;

pub use abort::{Access, DataAbort, Fault, InstructionAbort, word_load, word_store};
pub use access::{Action, Emulated};
pub use debug::Debug;
pub use exit::{Exit, Feature, SysRegTrap, Wfx, class, decode, ec};
pub use id::{CpuModel, GicVersion, ModelConfig};
pub use sysreg::SysReg;
