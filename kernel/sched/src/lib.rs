//! Which vCPU runs on which core, for how long, and who pays for the time.
//!
//! - [`Policy`] is what a scheduler is to the rest of the hypervisor; [`RoundRobin`] is the weighted round
//!   robin implementation.
//! - [`Account`] books every tick of a vCPU's life under exactly one heading.
//!
//! Both are plain state machines: time, in counter ticks, is an argument; there are no locks and no hardware.
//!
//! Guarantees, of every policy: a vCPU is never on two cores, also not while the core that it leaves is
//! still saving its registers; a wake-up is never lost; a core does not idle while a vCPU that may run there
//! waits in a queue (one core may for the moment between a kick and the kicked core's `schedule`).
//! `docs/scheduling.md` explains the handshakes that this takes and states the bounds.
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

mod account;
mod params;
mod policy;
mod queue;
mod round_robin;
mod turns;

pub use account::{Account, Heading, Times};
pub use params::{Config, Kind, Params, Window};
pub use policy::{Cores, CpuId, Decision, Error, Policy, State, VcpuId};
pub use round_robin::RoundRobin;

/// Any of the policies, chosen by [`configure`](RoundRobin::configure).
pub type Any<const CPUS: usize, const VCPUS: usize> = RoundRobin<CPUS, VCPUS>;
