//! The scheduler that was configured, behind its lock, speaking in vCPUs.

use core::sync::atomic::Ordering;

use sched::{Decision, Params, Policy, RoundRobin, State};

use crate::config::{SCHED_SLICE_US, VCPUS_TOTAL};
use crate::cores;
use crate::platform::{IrqGuard, SpinLock, ticks_from_us};
use crate::vcpu::Vcpu;

static SCHEDULER: SpinLock<RoundRobin<{ arch::MAX_CPUS }, VCPUS_TOTAL>> =
    SpinLock::new(RoundRobin::new());

/// Sets the slice; before any core is online.
pub fn init() {
    let slice = ticks_from_us(SCHED_SLICE_US);
    SCHEDULER.with(|scheduler| scheduler.set_slice(slice));
}

/// Makes a vCPU known, stopped. `online` are the cores that came up; a vCPU all of whose cores are missing may
/// run on any of them, because a VM that never runs helps nobody.
///
/// # Errors
///
/// Why the scheduler refused, in words.
pub fn add(vcpu: &Vcpu, table: &tables::Vcpu, online: u64) -> Result<(), &'static str> {
    let mut affinity = table.affinity.0 & online;
    if affinity == 0 {
        log::warn!(
            "VM {} vCPU {}: none of the cores it may run on ({:#x}) came up; it may run on any ({online:#x})",
            vcpu.vm.table.name,
            vcpu.index,
            table.affinity.0
        );
        affinity = online;
    }
    vcpu.affinity.store(affinity, Ordering::Release);
    let params = Params::shared(affinity, table.weight);
    SCHEDULER
        .with(|scheduler| scheduler.add(vcpu.id, params))
        .map_err(|error| match error {
            sched::Error::NoCore => "a vCPU's affinity names no core of this board",
            sched::Error::BadWeight => "a vCPU's weight is out of range",
            _ => "the scheduler has no room for a vCPU",
        })
}

/// This core takes part from now on.
pub fn online(irq: &IrqGuard) {
    let now = arch::timer::now();
    SCHEDULER.lock(irq).online(arch::cpu::index(), now);
    cores::request_here(irq, cores::Work::Reschedule);
}

/// Makes a stopped vCPU ready; `false` while a core still has its old registers.
pub fn start(irq: &IrqGuard, vcpu: &Vcpu) -> bool {
    let now = arch::timer::now();
    let started = SCHEDULER.lock(irq).start(vcpu.id, now);
    if let Ok(Some(cpu)) = started {
        cores::kick(irq, cpu);
    }
    if started.is_ok() {
        vcpu.account.lock(irq).ready(now);
    }
    started.is_ok()
}

/// Stops a vCPU, whatever it is doing, soon; [`is_off`] tells when it is over.
pub fn stop(irq: &IrqGuard, vcpu: &Vcpu) {
    let kick = SCHEDULER.lock(irq).stop(vcpu.id, arch::timer::now());
    if let Some(cpu) = kick {
        cores::kick(irq, cpu);
    }
}

/// Whether the vCPU is stopped and no core holds its registers.
pub fn is_off(irq: &IrqGuard, vcpu: &Vcpu) -> bool {
    SCHEDULER.lock(irq).is_off(vcpu.id)
}

/// Whether the vCPU is stopped, or about to be.
pub fn is_stopped(irq: &IrqGuard, vcpu: &Vcpu) -> bool {
    SCHEDULER.lock(irq).state(vcpu.id) == State::Stopped
}

/// Something that the vCPU may be waiting for has happened.
pub fn wake(irq: &IrqGuard, vcpu: &Vcpu) {
    let now = arch::timer::now();
    let mut scheduler = SCHEDULER.lock(irq);
    let kick = scheduler.wake(vcpu.id, now);
    if scheduler.state(vcpu.id) == State::Ready {
        vcpu.account.lock(irq).ready(now);
    }
    drop(scheduler);
    if let Some(cpu) = kick {
        cores::kick(irq, cpu);
    }
}

/// The vCPU running here is about to look for a reason not to block.
pub fn prepare_block(irq: &IrqGuard) {
    SCHEDULER.lock(irq).prepare_block(arch::cpu::index());
}

/// It has found none: blocks it, unless it has been woken since.
pub fn block(irq: &IrqGuard) -> bool {
    SCHEDULER
        .lock(irq)
        .block(arch::cpu::index(), arch::timer::now())
}

/// What this core does next.
pub fn schedule(irq: &IrqGuard) -> Decision {
    SCHEDULER
        .lock(irq)
        .schedule(arch::cpu::index(), arch::timer::now())
}

/// This core has saved the registers of the vCPU it was to leave.
pub fn switched_out(irq: &IrqGuard) {
    let mut kick = SCHEDULER
        .lock(irq)
        .switched_out(arch::cpu::index(), arch::timer::now());
    while kick != 0 {
        cores::kick(irq, kick.trailing_zeros() as usize);
        kick &= kick.wrapping_sub(1);
    }
}

/// `ticks` of the running vCPU's time were spent for others.
pub fn refund(irq: &IrqGuard, ticks: u64) {
    SCHEDULER.lock(irq).refund(arch::cpu::index(), ticks);
}

/// Whether a vCPU waits for this core.
pub fn contended(irq: &IrqGuard) -> bool {
    SCHEDULER.lock(irq).contended(arch::cpu::index())
}

/// What a vCPU is doing, for the operator.
pub fn state(vcpu: &Vcpu) -> State {
    SCHEDULER.with(|scheduler| scheduler.state(vcpu.id))
}
