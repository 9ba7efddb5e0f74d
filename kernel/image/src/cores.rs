//! What each physical core keeps for itself, and how one core gets another's attention.
//!
//! [`Local`] is reached only with interrupts masked, by the core it belongs to; [`Work`] is set by anyone and
//! taken by the core before it enters a guest.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use arch::MAX_CPUS;
use drivers::Acknowledged;
use preempt::{PerCpu, Slot};

use crate::config::{VCPUS_TOTAL, VMS};
use preempt::Model as _;

use crate::entity::Runs;
use crate::platform::{IrqGuard, Model};
use crate::stretch;
use crate::vcpu::Vcpu;

/// The deadlines a core may hold: one for each vCPU's timers, one for each VM's clock, one for the console, one
/// for background work, one for the watchdog.
pub const SOURCES: usize = VCPUS_TOTAL + VMS + 3;

/// Something a core has to do before it enters a guest again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Ask the scheduler what to run.
    Reschedule = 1,
    /// EL2's timer fired: see which deadlines have passed.
    Deadline = 2,
    /// Background work is worth a slice. Only where it has no threads.
    Background = 4,
    /// Somebody waits until this core looks at nothing that has been taken away: see [`crate::grace`].
    Grace = 8,
}

/// The work asked of a core.
struct Requests(AtomicU32);

static REQUESTS: PerCpu<Requests, MAX_CPUS> =
    PerCpu::new([const { Slot::new(Requests(AtomicU32::new(0))) }; MAX_CPUS]);

/// What a core keeps for itself.
pub struct Local {
    /// The vCPU whose registers are in this core, whether it runs or not.
    pub loaded: Cell<Option<&'static Vcpu>>,
    /// What this core was given to last, until the scheduler says otherwise; `None`: it idles.
    pub running: Cell<Option<Runs>>,
    /// The core's pool.
    pub pool: Cell<usize>,
    /// EL2's work on this core can be preempted.
    pub preemptible: Cell<bool>,
    /// The virtual GIC's maintenance interrupt, while it is active.
    pub maintenance: Cell<Option<Acknowledged>>,
    /// Which vCPU of each VM ran here last: a core's TLB tells VMs apart, but not one VM's vCPUs.
    pub last_of: [Cell<usize>; VMS],
    /// Since when an operation has worked here without a checkpoint; see [`crate::stretch`].
    pub stretch: Cell<u64>,
    /// Ticks that interrupts of others took since the guest was left.
    pub for_others: Cell<u64>,
    /// Who was to go on here last has let an interrupt in instead.
    pub gave_way: Cell<bool>,
    /// Background work has been put off for who is to be chosen.
    pub background_gave_way: Cell<bool>,
    /// When the scheduler wants to be asked again.
    pub slice_end: Cell<Option<u64>>,
    /// What EL2's timer is set to; `u64::MAX`: it is off.
    pub armed: Cell<u64>,
    /// When each source wants attention; `u64::MAX`: never.
    pub deadlines: [Cell<u64>; SOURCES],
    /// The earliest of them.
    pub earliest: Cell<u64>,
}

static LOCAL: PerCpu<Local, MAX_CPUS> = PerCpu::new(
    [const {
        Slot::new(Local {
            loaded: Cell::new(None),
            running: Cell::new(None),
            pool: Cell::new(0),
            preemptible: Cell::new(false),
            maintenance: Cell::new(None),
            last_of: [const { Cell::new(usize::MAX) }; VMS],
            stretch: Cell::new(stretch::NONE),
            for_others: Cell::new(0),
            gave_way: Cell::new(false),
            background_gave_way: Cell::new(false),
            slice_end: Cell::new(None),
            armed: Cell::new(u64::MAX),
            deadlines: [const { Cell::new(u64::MAX) }; SOURCES],
            earliest: Cell::new(u64::MAX),
        })
    }; MAX_CPUS],
);

/// This core's own data.
#[inline(always)]
pub fn local(irq: &IrqGuard) -> &Local {
    LOCAL.this_cpu_masked(irq)
}

/// Asks core `cpu` to do `work`; does not disturb it.
pub fn request(cpu: usize, work: Work) {
    if let Some(requests) = REQUESTS.get(cpu) {
        requests.0.fetch_or(work as u32, Ordering::Release);
    }
}

/// Asks this core to do `work` before it enters a guest, or where EL2 can be preempted at the end of this section.
pub fn request_here(irq: &IrqGuard, work: Work) {
    REQUESTS
        .this_cpu(irq)
        .0
        .fetch_or(work as u32, Ordering::Relaxed);
    if Model::THREADS {
        due_if_preemptible(irq);
    }
}

/// Lets what runs here be preempted as soon as that is possible, if this core allows it.
pub fn due_if_preemptible(irq: &IrqGuard) {
    if local(irq).preemptible.get() {
        arch::cpu::set_due();
    }
}

/// Whether work has been asked of this core.
#[inline(always)]
pub fn has_work(irq: &IrqGuard) -> bool {
    REQUESTS.this_cpu(irq).0.load(Ordering::Acquire) != 0
}

/// What is for a core's own context: the scheduler's work, and background work.
const SWITCH: u32 = Work::Reschedule as u32 | Work::Background as u32;

/// Whether work has been asked of this core that is for its own context.
pub fn has_work_for_a_switch(irq: &IrqGuard) -> bool {
    REQUESTS.this_cpu(irq).0.load(Ordering::Acquire) & SWITCH != 0
}

/// Takes one kind of work; `true` if it had been asked for.
pub fn take(irq: &IrqGuard, work: Work) -> bool {
    let requests = &REQUESTS.this_cpu(irq).0;
    requests.load(Ordering::Relaxed) & work as u32 != 0
        && requests.fetch_and(!(work as u32), Ordering::Acquire) & work as u32 != 0
}

/// Makes core `cpu` reschedule soon: at its next way out of EL2, which an interrupt brings about now.
pub fn kick(irq: &IrqGuard, cpu: usize) {
    if cpu == arch::cpu::index() {
        request_here(irq, Work::Reschedule);
    } else {
        request(cpu, Work::Reschedule);
        crate::irq::poke(irq, cpu);
    }
}
