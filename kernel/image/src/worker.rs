//! The hypervisor's own work in the background, each piece an `async fn` that never ends: where the model has threads each
//! runs on a thread of its own, scheduled like a vCPU; where it has none they are polled in bounded slices, by cores that
//! idle and on the way out of EL2.
//!
//! A worker's time is its own, never a guest's: a thread has an account, and a slice is booked like an interrupt's.

use core::sync::atomic::{AtomicUsize, Ordering};

use continuation::{Step, Tasks};

use crate::config::{SYSTEM, TASK_SLICE_US, THREADS, VCPUS_TOTAL};
use crate::cores::{self, Work};
use crate::deadline::{self, Source};
use crate::entity::{Entity, Runs};
use crate::machine::Machine;
use crate::operate::Drive;
use crate::platform::{IrqGuard, ticks_from_us};
use crate::{console, grace, hw, scheduler, thread};

/// Bytes for the largest task; the compiler says so if it is too little.
const BYTES: usize = 1024;
/// The pieces of background work.
const TASK_COUNT: usize = 5;
/// No task.
const NONE: usize = usize::MAX;
/// Whom a waker wakes where tasks have no threads: nobody in particular.
const ANY: u32 = u32::MAX;
/// Where others want the core, background work gets one slice in so many.
const SHARE: u64 = 10;

static TASKS: Tasks<Drive, TASK_COUNT, BYTES> = Tasks::new();

/// A thread of the hypervisor.
pub struct Worker {
    /// What the scheduler knows it as.
    pub entity: Entity,
    /// What it is called.
    pub table: &'static tables::Thread,
    /// What it does.
    task: AtomicUsize,
}

/// All of them; none in a model without threads.
pub static WORKERS: [Worker; THREADS] = all();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::absurd_extreme_comparisons,
    reason = "evaluated by the compiler, for which an overflow or a wrong index is an error; there may be no threads"
)]
const fn all() -> [Worker; THREADS] {
    let mut workers = [const {
        Worker {
            entity: Entity::new(0, None),
            table: &SYSTEM.threads[0],
            task: AtomicUsize::new(NONE),
        }
    }; THREADS];
    let mut number = 0;
    while number < THREADS {
        let table = &SYSTEM.threads[number];
        workers[number].entity = Entity::new((VCPUS_TOTAL + number) as u16, Some(table.stack));
        workers[number].table = table;
        number += 1;
    }
    workers
}

/// Sets the background work up. `online`: the cores that came up.
///
/// # Errors
///
/// What is wrong, in words.
pub fn init(online: u64) -> Result<(), &'static str> {
    add("scrubber", |cx| hypercall::scrubber(Machine, cx))?;
    add("reaper", |cx| hypercall::reaper(Machine, cx))?;
    add("console", console_output)?;
    add("callbacks", grace::callbacks)?;
    add("watchdog", crate::watch::over_cores)?;
    for worker in &WORKERS {
        scheduler::add_worker(&worker.entity, worker.table, online)?;
        if worker.task.load(Ordering::Relaxed) != NONE {
            IrqGuard::with(|irq| scheduler::start(irq, &worker.entity));
        }
    }
    if THREADS == 0 {
        ready();
    }
    // Not only when its turn comes: until then whoever prints would do so with interrupts masked.
    console::serve();
    Ok(())
}

/// Adds a piece of background work, for the thread of that name if there are threads.
fn add<F>(
    name: &'static str,
    make: impl FnOnce(continuation::Cx<Drive>) -> F,
) -> Result<(), &'static str>
where
    F: Future<Output = ()> + Send + 'static,
{
    let worker = WORKERS.iter().find(|worker| worker.table.name == name);
    let owner = worker.map_or(ANY, |worker| worker.entity.id.0.into());
    let task = TASKS
        .add(name, owner, make)
        .map_err(|_| "there is more background work than room for it")?;
    if let Some(worker) = worker {
        worker.task.store(task, Ordering::Relaxed);
    }
    Ok(())
}

/// Some task without a thread is worth polling.
pub fn ready() {
    IrqGuard::with(|irq| cores::request_here(irq, Work::Background));
}

/// What a worker's thread does.
pub fn main() -> ! {
    let running = IrqGuard::with(|irq| cores::local(irq).running.get());
    let task = match running {
        Some(Runs::Worker(worker)) => worker.task.load(Ordering::Relaxed),
        _ => NONE,
    };
    loop {
        match hw::with_interrupts(|| TASKS.run(task)) {
            Step::Pending(why) if why.leaves() => {
                IrqGuard::with(|irq| cores::request_here(irq, Work::Reschedule));
                thread::preempt();
            }
            _ if TASKS.is_ready(task) => {}
            _ => IrqGuard::with(thread::park),
        }
    }
}

/// Polls tasks that have no threads for a slice; whether this core should come back to it.
pub fn slice() -> bool {
    let slice = ticks_from_us(TASK_SLICE_US);
    let begun = arch::timer::now();
    let more = hw::with_interrupts(|| {
        TASKS.poll_ready(|| arch::timer::now().saturating_sub(begun) < slice)
    });
    IrqGuard::with(|irq| {
        let local = cores::local(irq);
        let now = arch::timer::now();
        let taken = local
            .for_others
            .get()
            .saturating_add(now.saturating_sub(begun));
        local.for_others.set(taken);
        if more {
            // Also where nobody runs yet: who runs next may never idle.
            let again = now.saturating_add(slice.saturating_mul(SHARE));
            deadline::set(irq, Source::Background, Some(again));
        }
    });
    more
}

/// Background work is due; whether it is put off for a slice's length because somebody else may be too (`asked`).
/// Not twice in a row.
pub fn gives_way(irq: &IrqGuard, asked: bool) -> bool {
    let gave_way = &cores::local(irq).background_gave_way;
    let gives_way = asked && !gave_way.get();
    gave_way.set(gives_way);
    if gives_way {
        let again = arch::timer::now().saturating_add(ticks_from_us(TASK_SLICE_US));
        deadline::set(irq, Source::Background, Some(again));
    }
    gives_way
}

/// Whether tasks without threads are worth polling.
pub fn is_ready() -> bool {
    THREADS == 0 && (0..TASK_COUNT).any(|task| TASKS.is_ready(task))
}

/// Brings what is to be printed to the UART, a few bytes at a time.
async fn console_output(mut cx: continuation::Cx<Drive>) {
    loop {
        let more = console::work();
        // Also if that was all: what is waited for next may be there already, again and again. It is as much as two units.
        if cx.work(2).await.is_err() {
            return;
        }
        if !more && cx.wait(console::until_work()).await.is_err() {
            return;
        }
    }
}
