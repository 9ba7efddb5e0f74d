//! What the scheduler gives a core to: a vCPU, or one of the hypervisor's own workers. One space of numbers: the vCPUs
//! first.
//!
//! In the models with threads an entity may have an EL2 stack of its own, on which EL2 works for it. Its thread can then
//! be left in the middle ([`Entity::suspended`]); to the scheduler it is ready or blocked like any other.
//! An entity that is stopped or paused while EL2 works for it goes on to its boundary, where it finds [`Entity::halt`] set.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use arch::thread::Thread;
use sched::{Account, VcpuId};

use crate::config::THREAD_STACKS;
use crate::platform::SpinLock;
use crate::vcpu::{self, Vcpu};
use crate::worker::{self, Worker};

/// The threads, by the number of their stack. None in a model without.
static THREADS: [Thread; THREAD_STACKS] = [const { Thread::new() }; THREAD_STACKS];

/// What is to become of an entity when it comes to its boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Halt {
    /// It goes on.
    No = 0,
    /// It is kept from running.
    Pause = 1,
    /// It is stopped.
    Stop = 2,
}

/// What vCPUs and workers have in common.
pub struct Entity {
    /// Its number, as the scheduler knows it.
    pub id: VcpuId,
    /// The core pool that schedules it.
    pub pool: AtomicU8,
    /// Which stack it has, if it has one.
    pub stack: Option<u16>,
    /// Where its time goes.
    pub account: SpinLock<Account>,
    /// EL2's work for it was left in the middle and is to be gone on with. Changed under the scheduler's lock or by the
    /// core that runs it.
    pub suspended: AtomicBool,
    /// What is to become of it at its boundary: a [`Halt`]. Changed under the scheduler's lock.
    pub halt: AtomicU8,
    /// It sleeps in the middle of EL2's work.
    pub parked: AtomicBool,
    /// What it sleeps for has happened.
    pub token: AtomicBool,
}

impl Entity {
    /// Number `id`, with stack `stack`.
    pub const fn new(id: u16, stack: Option<u16>) -> Self {
        Self {
            id: VcpuId(id),
            pool: AtomicU8::new(0),
            stack,
            account: SpinLock::new(Account::new(0)),
            suspended: AtomicBool::new(false),
            halt: AtomicU8::new(Halt::No as u8),
            parked: AtomicBool::new(false),
            token: AtomicBool::new(false),
        }
    }

    /// Its thread.
    pub fn thread(&self) -> Option<&'static Thread> {
        THREADS.get(usize::from(self.stack?))
    }

    /// It begins anew: nothing is in the middle of anything. It is off.
    pub fn fresh(&self) {
        self.halt.store(Halt::No as u8, Ordering::SeqCst);
        for flag in [&self.suspended, &self.parked, &self.token] {
            flag.store(false, Ordering::SeqCst);
        }
    }

    /// Whether it is to stop for good: long work for it is given up.
    pub fn halts(&self) -> bool {
        self.halt.load(Ordering::SeqCst) == Halt::Stop as u8
    }
}

/// One of the two kinds.
#[derive(Clone, Copy)]
pub enum Runs {
    /// A guest's.
    Vcpu(&'static Vcpu),
    /// The hypervisor's own.
    Worker(&'static Worker),
}

impl Runs {
    /// What it has in common with the others.
    pub fn entity(self) -> &'static Entity {
        match self {
            Runs::Vcpu(vcpu) => &vcpu.entity,
            Runs::Worker(worker) => &worker.entity,
        }
    }
}

/// What has this number.
pub fn by_id(id: VcpuId) -> Option<Runs> {
    let number = usize::from(id.0);
    match vcpu::VCPUS.get(number) {
        Some(vcpu) => Some(Runs::Vcpu(vcpu)),
        None => worker::WORKERS
            .get(number.wrapping_sub(vcpu::VCPUS.len()))
            .map(Runs::Worker),
    }
}

/// Gives each thread its stack; at boot.
pub fn init() {
    for (number, thread) in THREADS.iter().enumerate() {
        crate::hw::give_stack(thread, number);
    }
}
