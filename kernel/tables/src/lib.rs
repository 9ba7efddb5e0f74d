//! The types of the generated tables: what the board is and which VMs it runs.
//!
//! `tools/board` evaluates `board.toml`, the system's TOML and `.config` into constants of these types
//! (`build/<config>/<system>/tables.rs`); the kernel only reads them. Everything that can be wrong was
//! refused when they were generated, so the kernel takes them at their word and checks only what the
//! running machine could contradict.
//!
//! Addresses and sizes are in bytes. A `cpu` is an index into [`Board::cpus`], never an MPIDR.
#![no_std]
#![forbid(unsafe_code)]

mod board;
mod sched;
mod vm;

pub use board::{Board, Conduit, Cpu, Gic, MemoryPlan, Region, Timers, Uart, UartKind};
pub use sched::{Policy, Pool, Thread};
pub use vm::{
    Affinity, CrashPolicy, Device, GuestGic, Image, Module, Permissions, Source, Start, System,
    Vcpu, Vm, VmMemory,
};
