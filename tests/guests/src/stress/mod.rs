//! Long operations at random, while their VM is killed, paused and moved between cores: nothing may leak, get stuck
//! or be done wrongly.
//!
//! Three VMs run this program. The *director* (`mode=1`) controls the other two, the *workers* (`mode=2`). Each worker vCPU
//! makes random operations on memory of its own and knows what each has to return; its timer interrupts them, and the
//! handler treats a suspended operation as guests do and as they should not: see [`twist`]. Meanwhile the director's
//! vCPUs pause, reset, destroy and create the workers. In the end, when the workers are destroyed, as many pages must be
//! free as before they were made.
//!
//! Workers count in a page of the director's that is granted to them, [`board`], since their own memory does not survive.
//! `ops=` of the boot arguments says how many operations are made in all, `seed=` which.

mod board;
mod director;
mod exchange;
mod model;
mod peer;
mod twist;
mod worker;

use core::sync::atomic;

use crate::rt::hypercall::{self, Answer};
use crate::rt::report::{check, failures};
use crate::rt::{Machine, cpu};

/// What `Answer::status` is when the interrupt handler has given the operation to the other vCPU.
const MOVED: i64 = -1000;
/// And when it has let go of it.
const ABANDONED: i64 = -1001;

/// A worker's call, which is remembered on the board.
fn call<const N: usize>(function: u32, arguments: [u64; N]) -> Answer {
    let answer = hypercall::call(function, arguments);
    if let Some(counts) = twist::counts(cpu::index()) {
        let mut first = [0; 3];
        for (slot, argument) in first.iter_mut().zip(arguments) {
            *slot = argument;
        }
        counts.remember(function, first, answer);
    }
    answer
}

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    match machine.mode {
        1 => director::main(machine),
        2 => worker::main(machine),
        other => {
            check("mode= is 1 or 2", false, other);
            failures()
        }
    }
}
