//! Who keeps a more urgent one waiting is as urgent as that one meanwhile: what locks that sleep, and waiting for a VM to stop, tell
//! the scheduler.
//!
//! Only where EL2 is preempted can anybody be left in the middle of what others wait for. Elsewhere nobody waits in the name of a
//! vCPU: what is told here comes to nothing.

use preempt::Model as _;
use sched::VcpuId;
use sync::Boost;

use crate::cores;
use crate::entity::{self, Entity};
use crate::platform::{IrqGuard, Model};
use crate::scheduler;
use crate::vm::Vm;

/// Nobody, as far as the scheduler is concerned.
const NOBODY: u32 = u32::MAX;

/// Urgency is lent through the schedulers. Between cores of different pools there is nothing to lend: each pool has its own idea of
/// what is urgent.
#[derive(Clone, Copy, Debug)]
pub enum Lend {}

fn by_number(number: u32) -> Option<&'static Entity> {
    let id = VcpuId(u16::try_from(number).ok()?);
    entity::by_id(id).map(entity::Runs::entity)
}

impl Boost for Lend {
    fn current() -> u32 {
        if !Model::THREADS {
            return NOBODY;
        }
        let running = IrqGuard::with(|irq| cores::local(irq).running.get());
        running.map_or(NOBODY, |running| running.entity().id.0.into())
    }

    fn inherit(holder: u32, waiter: u32) {
        if let (Some(holder), Some(waiter)) = (by_number(holder), by_number(waiter)) {
            IrqGuard::with(|irq| scheduler::inherit(irq, holder, waiter));
        }
    }

    fn restore(holder: u32) {
        if let Some(holder) = by_number(holder) {
            IrqGuard::with(|irq| scheduler::disinherit(irq, holder));
        }
    }
}

/// Somebody waits for a VM to stand, and [`hurry`]s it; when this is dropped, no longer.
pub struct Hurry(pub &'static Vm);

/// Who runs here waits for a VM to stand: those of its vCPUs for which EL2 works are as urgent meanwhile.
pub fn hurry(vm: &'static Vm) {
    if let Some(me) = by_number(Lend::current()) {
        for vcpu in vm.vcpus() {
            IrqGuard::with(|irq| scheduler::hurry(irq, &vcpu.entity, me));
        }
    }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        if Model::THREADS {
            for vcpu in self.0.vcpus() {
                Lend::restore(vcpu.entity.id.0.into());
            }
            // Others may be waiting for it still: they look again, and lend what is theirs.
            self.0.quiet.notify();
        }
    }
}
