//! Long operations of guests, driven as the preemption model says: begun and resumed by HVC, polled on behalf of the vCPU
//! that called, left through a continuation or put to sleep in place.
//!
//! Leaving: the guest continues at the HVC itself, x0 = RESUME, x1 = a handle. Nothing else of it is touched; what the
//! operation knows stays here (see `abi::ops` and the crate `continuation`).

use core::sync::atomic::Ordering;
use core::task::Poll;

use abi::ops::{RESUME, error};
use arch::GuestContext;
use continuation::{Control, Driver, Lease, ResumeError, Why};
use hypercall::{Call, Reply, VmId};
use preempt::{Model as _, Pause, Stay};

use crate::config::{CHECKPOINT_INTERVAL, CONTINUATION_SLOTS, HYBRID_BOUND_US, TASK_SLICE_US};
use crate::cores::{self, Work};
use crate::entity::{self, Runs};
use crate::leave::Next;
use crate::machine::Machine;
use crate::platform::{Core, IrqGuard, Model, ticks_from_us};
use crate::vcpu::Vcpu;
use crate::{deadline, grace, stretch, thread, vm};

/// Bytes for the largest operation; the compiler says so if it is too little.
const BYTES: usize = 1024;

/// The operations of a VM.
pub type Table = continuation::Table<Drive, Reply, CONTINUATION_SLOTS, BYTES>;

/// The model, and the core this runs on, as the engine sees them.
#[derive(Debug)]
pub enum Drive {}

impl Driver for Drive {
    type Platform = Core;
    const INTERVAL: u32 = CHECKPOINT_INTERVAL;

    fn pause(control: &Control) -> Pause {
        Model::checkpoint(&stay(control))
    }

    fn contended(control: &Control) -> Pause {
        // A task has no caller to leave: it sleeps until its waker fires, on a thread or without.
        if control.is_task() {
            Pause::Block
        } else {
            Model::contended(&stay(control))
        }
    }

    fn wake(owner: u32) {
        let id = sched::VcpuId(owner as u16);
        if let Some(runs) = entity::by_id(id) {
            IrqGuard::with(|irq| thread::unpark(irq, runs.entity()));
        } else {
            crate::worker::ready();
        }
    }

    fn now() -> u64 {
        arch::timer::now()
    }
}

/// Whether nothing was asked of this core but to show that it looks at nothing, which it does in passing.
fn only_grace(irq: &IrqGuard) -> bool {
    if cores::take(irq, Work::Grace) {
        grace::passed(irq);
    }
    !cores::has_work(irq)
}

/// How things stand on this core.
fn stay(control: &Control) -> Stay {
    let now = arch::timer::now();
    let ticks = control.ticks(now);
    grace::begin_for_many();
    IrqGuard::with(|irq| {
        // Most deadlines are nobody's business here, and passing them on is brief.
        if cores::take(irq, Work::Deadline) {
            deadline::expire(irq);
        }
        let local = cores::local(irq);
        let due = cores::has_work(irq) && !only_grace(irq);
        let (reschedule, deliverable) = if control.is_task() {
            let slice = ticks_from_us(TASK_SLICE_US);
            (due || ticks > slice, false)
        } else {
            stretch::checkpoint(local, now);
            let caller = match local.running.get() {
                Some(Runs::Vcpu(vcpu)) => has_deliverable(irq, vcpu),
                _ => false,
            };
            (due, caller)
        };
        Stay {
            reschedule,
            deliverable,
            ticks,
            bound: ticks_from_us(HYBRID_BOUND_US),
            preemptible: stretch::preemptible(local),
        }
    })
}

/// Whether the vCPU loaded here could take an interrupt that has come since it left its guest. One that was there before
/// it could not take, or it would have.
fn has_deliverable(irq: &IrqGuard, vcpu: &'static Vcpu) -> bool {
    const MASKED: u64 = 1 << 7;
    if !vcpu.signalled.swap(false, Ordering::SeqCst) {
        return false;
    }
    // The calling guest's PSTATE is in the frame of the exit that is being handled.
    if vcpu.pstate.load(Ordering::Relaxed) & MASKED != 0 {
        return false;
    }
    vm::collect(irq, vcpu)
}

/// Whether this build has long operations. Where it has none, nothing here is reached, and nothing is left of it in the image.
const OFFERED: bool = cfg!(feature = "hypercalls");

/// Whether `function` is for here.
pub const fn is_operation(function: u32) -> bool {
    OFFERED && (function == RESUME || Call::is_operation(function))
}

/// A guest calls function `function` of `abi::ops`.
pub fn call(vcpu: &'static Vcpu, guest: &mut GuestContext, function: u32) -> Next {
    vcpu.pstate.store(guest.pstate, Ordering::Relaxed);
    stretch::begin();
    let next = begin_or_resume(vcpu, guest, function);
    stretch::end();
    grace::begin_for_many();
    next
}

fn begin_or_resume(vcpu: &'static Vcpu, guest: &mut GuestContext, function: u32) -> Next {
    let owner = u32::from(vcpu.entity.id.0);
    let [_, x1, x2, x3, x4, x5, x6, ..] = guest.x;
    let operations = &vcpu.vm.operations;
    let lease = if function == RESUME {
        operations.resume(owner, x1).map_err(|why| match why {
            ResumeError::Unknown => error::HANDLE,
            ResumeError::Busy => error::BUSY,
        })
    } else {
        let arguments = [x1, x2, x3, x4, x5, x6];
        let vm = VmId(vcpu.vm.number as u8);
        operations
            .begin(owner, |cx| {
                let call = Call {
                    function,
                    arguments,
                };
                hypercall::operation(Machine, cx, vm, call)
            })
            .map_err(|_| error::BUSY)
    };
    match lease {
        // Whoever stops the VM cancels what it finds in the table; this may have come too late to be found.
        Ok(lease) if vcpu.entity.boundary.stops() => {
            drop(lease);
            Next::Stop
        }
        Ok(lease) => drive(vcpu, guest, lease),
        Err(code) => {
            guest.set(0, code as u64);
            Next::Resume
        }
    }
}

/// Polls an operation until it is done or leaves.
fn drive(
    vcpu: &'static Vcpu,
    guest: &mut GuestContext,
    mut lease: Lease<Drive, Reply, BYTES>,
) -> Next {
    loop {
        if let Poll::Ready(reply) = lease.poll() {
            for (register, value) in (0..).zip(reply.x) {
                guest.set(register, value);
            }
            return Next::Resume;
        }
        let why = lease.why();
        if why.leaves() || vcpu.entity.thread().is_none() {
            // Cancelled meanwhile, it has no handle any more; the guest, which is being stopped, will not come back.
            guest.set(1, lease.suspend().unwrap_or(0));
            guest.set(0, RESUME.into());
            guest.pc = guest.pc.wrapping_sub(4);
            vcpu.vm.left.fetch_add(1, Ordering::Relaxed);
            return if why == Why::Checkpoint {
                Next::Resume
            } else {
                Next::Yield
            };
        }
        stretch::end();
        IrqGuard::with(thread::park);
        stretch::begin();
    }
}
