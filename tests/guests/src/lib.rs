//! Small programs that run at EL1: in a VM to test the hypervisor, and *bare* on QEMU's `virt` machine, where
//! the same checks say what an Arm machine does.
//!
//! [`rt`] is what they share: start-up, exceptions, device tree, interrupt controllers, firmware calls,
//! reports. Each program is a module here and a few lines in `src/bin`. On the host the crate is empty.
//!
//! | program | what it does |
//! |---|---|
//! | `hello` | starts all vCPUs, takes a timer interrupt and an SGI on each, powers off |
//! | `arch` | checks what the architecture promises a guest |
//! | `attack` | tries everything that a guest may try |
//! | `load` | computes on all vCPUs and verifies every result |
//! | `bench` | measures the micro-costs |
//! | `fault` | makes a hypervisor that was built for it fail |
//! | `lifecycle` | restarts itself in every way, crashes, turns its vCPUs on and off |
//! | `realtime` | measures how late its periodic timer's interrupts are |
//! | `neighbour` | keeps the hypervisor busy with one kind of long operation |
//! | `abuse` | uses long operations as no guest should |
//! | `stress` | makes random long operations in VMs that are killed, paused and moved meanwhile |
//! | `stretch` | compares the hypervisor's longest stretch between two checkpoints with what it sees itself |
//! | `held` | has a core kept with interrupts masked, or makes calls, and is paused, reset and destroyed meanwhile |
//! | `halfway` | is paused, stopped and destroyed, one vCPU after the other, and meanwhile looks whether it may run |
//! | `chatter` | prints much on the console and repeats what is typed |
//!
//! Run one bare: `qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a72 -smp 2 -m 64M -nographic -kernel hello`.
//!
//! A program says how it went with [`rt::report::finish`]: a line `RESULT ok` or `RESULT FAILED n`, the
//! hypercall `REPORT`, and `SYSTEM_OFF`.
#![cfg(target_os = "none")]
#![no_std]

pub mod abuse;
pub mod arch;
pub mod attack;
pub mod bench;
pub mod chatter;
pub mod fault;
pub mod halfway;
pub mod held;
pub mod hello;
pub mod histogram;
pub mod lifecycle;
pub mod load;
pub mod loads;
pub mod neighbour;
pub mod realtime;
pub mod rt;
pub mod stress;
pub mod stretch;
pub mod urgent;
