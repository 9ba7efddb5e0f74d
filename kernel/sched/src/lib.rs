//! Which vCPU runs on which core, for how long, and who pays for the time.
//!
//! - [`Policy`] is what a scheduler is to the rest of the hypervisor; [`RoundRobin`] is the weighted round
//!   robin implementation.
//! - [`Boundary`] stops and pauses what the hypervisor may be working for.
//! - [`Account`] books every tick of a vCPU's life under exactly one heading.
//!
//! All are plain state machines: time, in counter ticks, is an argument; there are no locks and no hardware.
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
mod admission;
mod any;
mod boundary;
mod credit;
mod cyclic;
mod edf;
mod entity;
mod fixed;
mod null;
mod off;
mod params;
mod placing;
mod policy;
mod queue;
mod queueing;
mod round_robin;
mod rule;
pub mod rules;
mod scheduler;

pub use account::{Account, Heading, Times};
pub use admission::{Admission, Overload, Share};
pub use any::Any;
pub use boundary::Boundary;
pub use cyclic::check_windows;
pub use params::{Config, Kind, Params, Window};
pub use policy::{Cores, CpuId, Decision, Error, Policy, State, VcpuId};
pub use rule::Rule;
pub use scheduler::Scheduler;

/// Weighted round robin alone.
pub type RoundRobin<const CPUS: usize, const VCPUS: usize> = Scheduler<rules::Turns, CPUS, VCPUS>;
/// Weighted proportional share with caps alone.
pub type Credit<const CPUS: usize, const VCPUS: usize> = Scheduler<rules::Credits, CPUS, VCPUS>;
/// Earliest deadline first alone.
pub type Edf<const CPUS: usize, const VCPUS: usize> = Scheduler<rules::Deadlines, CPUS, VCPUS>;
/// Fixed priorities alone.
pub type FixedPriority<const CPUS: usize, const VCPUS: usize> =
    Scheduler<rules::Priorities, CPUS, VCPUS>;
/// A cyclic table alone.
pub type Cyclic<const CPUS: usize, const VCPUS: usize> = Scheduler<rules::Frame, CPUS, VCPUS>;
/// One vCPU for each core alone.
pub type Null<const CPUS: usize, const VCPUS: usize> = Scheduler<rules::Owners, CPUS, VCPUS>;
