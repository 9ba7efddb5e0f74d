//! EL2's work on threads: left in the middle when somebody else is due, put to sleep until something has happened.
//!
//! Everything here runs on a thread, with interrupts masked. The core's own context decides who is next ([`switch::switch`]).
//! After [`preempt`] and [`park`] the caller may be on another core: what it read of the former is no longer its own.

use core::sync::atomic::Ordering;

use crate::cores::{self, Work};
use crate::entity::{Entity, Runs};
use crate::leave::{self, Settled};
use crate::platform::{IrqGuard, PreemptGuard};
use crate::{handover, hooks, hw, scheduler};

/// What runs here, EL2's work for somebody, is due: does what is asked of this core, and if that leads to another
/// entity, leaves the work in the middle. Returns when it is to go on, perhaps on another core. No [`IrqGuard`] section is open.
pub fn preempt() {
    let Some(running) = IrqGuard::with(who_gives_way) else {
        return;
    };
    // None waits for all of this: interrupts are let in, and what they ask for is done when the work has been left, not from
    // within them, so that there is never more than one of them on this stack.
    PreemptGuard::with(|_| hw::with_interrupts(|| ()));
    IrqGuard::with(|irq| {
        let entity = running.entity();
        if let Some(thread) = entity.thread() {
            leave::book_others(irq, entity);
            scheduler::suspend(irq, entity);
            hw::leave(thread, hooks::core_context);
        }
    });
}

/// Does what is asked of this core; who runs here, if that leads to another.
fn who_gives_way(irq: &IrqGuard) -> Option<Runs> {
    arch::cpu::clear_due();
    let running = cores::local(irq).running.get()?;
    let same = match running {
        // What is for the vCPU only is done on its way to its guest.
        Runs::Vcpu(vcpu) if handover::is_loaded(irq, vcpu) => {
            leave::settled(irq, vcpu) != Settled::Not
        }
        _ => leave::settled_here(irq),
    };
    (!same).then_some(running)
}

/// What runs here sleeps in the middle of EL2's work until [`unpark`] wakes it; returns at once if that has happened since
/// the last sleep. May return without reason.
pub fn park(irq: &IrqGuard) {
    let Some(running) = cores::local(irq).running.get() else {
        return;
    };
    let entity = running.entity();
    let Some(thread) = entity.thread() else {
        return;
    };
    scheduler::prepare_block(irq);
    if entity.token.swap(false, Ordering::SeqCst) {
        return;
    }
    entity.parked.store(true, Ordering::SeqCst);
    leave::book_others(irq, entity);
    if scheduler::block_inside(irq, entity) {
        cores::request_here(irq, Work::Reschedule);
        hw::leave(thread, hooks::core_context);
    }
    entity.parked.store(false, Ordering::SeqCst);
}

/// Ends the [`park`] of an entity, or the next one.
pub fn unpark(irq: &IrqGuard, entity: &'static Entity) {
    entity.token.store(true, Ordering::SeqCst);
    scheduler::wake(irq, entity);
}
