//! Grace periods: when no core looks any more at a table that has been taken out of its VM's address space.
//!
//! Two kinds of readers walk tables without a lock: [`crate::memory::is_mapped`], in a section of [`read`], and the hardware, on
//! behalf of the VM in VTTBR_EL2, which stays there after the VM's last vCPU has left the core. A core has let go of both where it is
//! outside of every section and, if no vCPU is loaded, has named no VM's tables since: [`passed`].
//!
//! Cores pass when they are asked to, not of themselves: a grace period sets [`Work::Grace`] on each and pokes it, so it is over
//! within an interrupt and the longest section, whether a core runs a guest for ever, works at EL2 or idles; and nothing
//! is added to the way into a guest. Since it disturbs all cores, it is begun for many tables at a time, or when a VM
//! has been destroyed, or when somebody needs the pages ([`returned`]).
//!
//! What follows a grace period is the business of the background work `callbacks`; who cannot wait for that does it too.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::MAX_CPUS;
use sync::{Job, Rcu};

use crate::cores::{self, Work};
use crate::memory;
use crate::operate::Drive;
use crate::platform::{Core, IrqGuard};
use crate::{hw, irq as interrupts};

/// One at a time.
static RCU: Rcu<Core, MAX_CPUS, 1> = Rcu::new();

/// How many are over.
static OVER: AtomicU64 = AtomicU64::new(0);

/// The most tables that are given back in one go.
const SOME: usize = 16;

/// Runs `section`, during which the tables that it meets stay tables. It is brief.
pub fn read<R>(section: impl FnOnce() -> R) -> R {
    RCU.read(|_| section())
}

/// This core takes part from now on.
pub fn online(irq: &IrqGuard) {
    RCU.back(irq);
}

/// This core has been asked: it is in no section, and its walker knows at most the VM that is loaded.
#[cold]
pub fn passed(irq: &IrqGuard) {
    if cores::local(irq).loaded.get().is_none() {
        hw::forget_stage2(irq);
    }
    RCU.quiescent(irq);
}

/// Begins a grace period for the tables that have been given up, unless there are none or one is under way. The caller holds
/// no lock and is in no section.
pub fn begin() {
    IrqGuard::with(|irq| {
        if !memory::close_batch(irq) {
            return;
        }
        // There is room: the batch before has passed.
        let Ok(grace) = RCU.defer(Job {
            work: over,
            argument: 0,
        }) else {
            return;
        };
        passed(irq);
        let me = arch::cpu::index();
        let mut others = grace.cores() & !(1 << me);
        while others != 0 {
            let core = others.trailing_zeros() as usize;
            others &= others.wrapping_sub(1);
            cores::request(core, Work::Grace);
            interrupts::poke(irq, core);
        }
    });
}

/// [`begin`], if it is worth the trouble.
#[inline]
pub fn begin_for_many() {
    if memory::many_given_up() {
        begin();
    }
}

/// A grace period is over.
fn over(_: u64) {
    memory::pass_batch();
    OVER.fetch_add(1, Ordering::Relaxed);
}

/// How many grace periods are over.
pub fn count() -> u64 {
    OVER.load(Ordering::Relaxed)
}

/// Completes when some tables are back of the first `until` that were given up; whether there are more of these. Does what has
/// to be done for it itself, so that nobody waits for background work that may have a lower priority.
pub fn returned(until: u64) -> impl Future<Output = bool> + Send {
    RCU.until(move || {
        RCU.run_one();
        let some = (0..SOME).take_while(|_| memory::give_one_back()).count();
        let (_, _, back) = memory::given_up();
        if back >= until {
            return Some(false);
        }
        // After the look: from here on either one is under way, whose end is told, or all are back.
        begin();
        (some != 0).then_some(true)
    })
}

/// Background work: gives tables back after their grace periods.
pub async fn callbacks(mut cx: continuation::Cx<Drive>) {
    loop {
        if cx.wait(RCU.run_next()).await.is_err() {
            return;
        }
        while memory::give_one_back() {
            if cx.work(1).await.is_err() {
                return;
            }
        }
        begin_for_many();
    }
}
