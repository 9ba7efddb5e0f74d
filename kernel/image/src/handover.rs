//! How a vCPU's registers change hands: off the core that has them, onto the one that goes on with it.
//!
//! Everything here runs with interrupts masked, and no interrupt finds a vCPU half loaded: each function is a part of one section.

use core::sync::atomic::Ordering;

use crate::entity::{Entity, Runs};
use crate::irq as interrupts;
use crate::platform::IrqGuard;
use crate::vcpu::Vcpu;
use crate::vm::{self, PHYSICAL_TIMER, State, VIRTUAL_TIMER};
use crate::{cores, deadline, hw, scheduler};

/// Whether this core has the vCPU's registers.
#[inline]
pub fn is_loaded(irq: &IrqGuard, vcpu: &Vcpu) -> bool {
    cores::local(irq)
        .loaded
        .get()
        .is_some_and(|loaded| loaded.entity.id == vcpu.entity.id)
}

/// Saves the registers of `old`, if this core has them.
pub fn save(irq: &IrqGuard, old: Runs) {
    if let Runs::Vcpu(vcpu) = old
        && is_loaded(irq, vcpu)
    {
        switch_out(irq, vcpu);
    }
}

/// If `old`, whose registers are [`save`]d, is off from now on, they are as after a reset.
pub fn clear_stopped(irq: &IrqGuard, old: Runs) {
    if let Runs::Vcpu(vcpu) = old
        && has_stopped(irq, &vcpu.entity)
    {
        vcpu.clear(irq);
    }
}

/// Whether who is being let go is not to go on.
fn has_stopped(irq: &IrqGuard, entity: &Entity) -> bool {
    entity.boundary.stops() && scheduler::is_stopped(irq, entity)
}

/// Tells the scheduler that `old`, whose registers are [`save`]d, is not here any more.
///
/// `others` ticks of its time went to others since it last went on.
pub fn let_go(irq: &IrqGuard, old: Runs, others: u64) {
    let entity = old.entity();
    let stopped = has_stopped(irq, entity);
    let now = arch::timer::now();
    entity.account.lock(irq).leave_core(now, others, stopped);
    if let Runs::Vcpu(vcpu) = old
        && stopped
    {
        // Before others may turn it on again: interrupts that may go elsewhere do.
        // Its timers are off, also the one whose line the virtual interrupt controller was told.
        let kick = {
            let mut gic = vcpu.vm.gic.lock(irq);
            let kick = gic.set_level(vcpu.index, PHYSICAL_TIMER, false);
            kick.union(gic.cpu_off(vcpu.index))
        };
        vm::deliver(irq, vcpu.vm, kick);
    }
    let awaited = scheduler::switched_out(irq, entity);
    // Also if that was asked for only while its registers were being saved.
    if let Runs::Vcpu(vcpu) = old
        && awaited
    {
        vcpu.vm.quiet.notify();
    }
}

/// Starts a vCPU that was turned on while a core still had its registers, if it was.
pub fn begin_pending_start(irq: &IrqGuard, vcpu: &'static Vcpu) {
    if vcpu.start.lock(irq).is_none() {
        return;
    }
    // A stop of the VM comes before all of this, which then does nothing, or after it, and stops this vCPU too.
    let _life = vcpu.vm.life.lock(irq);
    // In a paused VM it is started, and waits like the others.
    let alive = matches!(vcpu.vm.state(), State::Running | State::Paused);
    if !alive || !scheduler::is_off(irq, &vcpu.entity) {
        return;
    }
    // Of the cores that may come here, one takes the entry.
    let Some(entry) = vcpu.start.lock(irq).take() else {
        return;
    };
    vcpu.enter_at(irq, entry);
    let kick = vcpu.vm.gic.lock(irq).cpu_on(vcpu.index);
    vm::deliver(irq, vcpu.vm, kick);
    vcpu.vm.psci.lock(irq).started(vcpu.index);
    if vcpu.vm.state() == State::Paused {
        // The pause may have come when it had yet to stop, which it then did instead.
        scheduler::pause(irq, &vcpu.entity);
    }
    scheduler::start(irq, &vcpu.entity);
}

/// Takes the vCPU's registers off this core.
fn switch_out(irq: &IrqGuard, vcpu: &'static Vcpu) {
    let timer = hw::save(irq, vcpu);
    vm::with_gic(irq, vcpu, |gic, hw| gic.unload(vcpu.index, hw));
    interrupts::refreshed(irq);
    cores::local(irq).loaded.set(None);
    vcpu.set_core(None);
    deadline::left_behind(irq, vcpu, &timer);
}

/// Whether a vCPU's registers are on the core.
pub enum Brought {
    Here,
    /// They are, and it took long: it has many interrupts.
    Much,
    /// An interrupt waits: nothing has happened, and they are where they were, which is why the first half can be given up.
    Interrupted,
}

/// Puts the vCPU's registers on this core.
pub fn switch_in(irq: &IrqGuard, vcpu: &'static Vcpu) -> Brought {
    hw::restore(irq, vcpu);
    if arch::cpu::irq_waits() {
        return Brought::Interrupted;
    }
    vcpu.set_core(Some(arch::cpu::index()));
    cores::local(irq).loaded.set(Some(vcpu));
    let timer = hw::restore_timer(irq, vcpu);
    // Another vCPU of the VM may use the same ASIDs for other address spaces (Arm ARM D8.16, CnP = 0).
    if let Some(last) = cores::local(irq).last_of.get(vcpu.vm.number)
        && last.replace(vcpu.index) != vcpu.index
    {
        arch::tlb::forget_guest_here();
    }
    vcpu.refresh.store(false, Ordering::SeqCst);
    // A timer that fired meanwhile, as it mostly has if this is why the vCPU runs, interrupts now; taken here, it saves the
    // guest an exit.
    let fired = deadline::is_asserted(vcpu, &timer) && interrupts::take_virtual_timer(irq);
    if fired {
        vcpu.signalled.store(true, Ordering::SeqCst);
    }
    let fired = u32::from(fired).wrapping_shl(VIRTUAL_TIMER);
    let mut brought = Brought::Here;
    vm::with_gic(irq, vcpu, |gic, hw| {
        let kick = gic.load_fired(vcpu.index, fired, hw);
        if gic.is_crowded(vcpu.index) {
            brought = Brought::Much;
        }
        kick
    });
    deadline::taken_along(irq, vcpu);
    brought
}
