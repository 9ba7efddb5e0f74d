//! What the scheduler gives a core to: a vCPU, or one of the hypervisor's own workers. One space of numbers: the vCPUs
//! first.
//!
//! In the models with threads an entity may have an EL2 stack of its own, on which EL2 works for it. Its thread can then
//! be left in the middle ([`Entity::boundary`]); to the scheduler it is ready or blocked like any other.
//! An entity that is stopped or paused while EL2 works for it goes on to its boundary, where it finds that asked of it.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use arch::thread::Thread;
use sched::{Account, Boundary, VcpuId};

use crate::config::THREAD_STACKS;
use crate::platform::SpinLock;
use crate::vcpu::{self, Vcpu};
use crate::worker::{self, Worker};

/// The threads, by the number of their stack. None in a model without.
static THREADS: [Thread; THREAD_STACKS] = [const { Thread::new() }; THREAD_STACKS];

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
    /// Whether EL2's work for it was left in the middle, and what is to become of it where that ends.
    pub boundary: Boundary,
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
            boundary: Boundary::new(),
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
        self.boundary.fresh();
        for flag in [&self.parked, &self.token] {
            flag.store(false, Ordering::SeqCst);
        }
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
