//! Physical interrupts: what each is for. Runs with interrupts masked, on the stack of whatever it interrupted.
//!
//! A handler does what cannot wait (quietening the line, fetching input) and leaves the rest as requested work.
//! The time it takes is booked for others unless the interrupt belongs to the vCPU it interrupted.

use core::sync::atomic::Ordering;

use drivers::{Acknowledged, Gic};

use crate::config::BOARD;
use crate::cores;
use crate::platform::IrqGuard;
use crate::vm::{self, VIRTUAL_TIMER};
use crate::{console, deadline, hw};

/// The software interrupt by which cores get each other's attention.
pub const POKE: u32 = 0;

/// Makes core `cpu` leave its guest, or its sleep.
pub fn poke(_irq: &IrqGuard, cpu: usize) {
    if let Some(gic) = hw::gic() {
        gic.send_sgi(1 << cpu, POKE);
    }
}

/// Handles all interrupts that are pending on this core.
pub fn handle_all(irq: &IrqGuard) {
    let Some(gic) = hw::gic() else { return };
    while let Some(interrupt) = gic.ack() {
        handle(irq, gic, interrupt);
    }
}

/// Handles an interrupt that was acknowledged.
#[inline]
pub fn handle(irq: &IrqGuard, gic: &Gic, interrupt: Acknowledged) {
    let intid = interrupt.intid();
    if intid == POKE {
        // Whoever poked has set a flag, which is seen on the way out.
        gic.drop_priority(interrupt);
        gic.deactivate(interrupt);
    } else {
        handle_other(irq, gic, interrupt);
    }
}

#[inline(never)]
fn handle_other(irq: &IrqGuard, gic: &Gic, interrupt: Acknowledged) {
    let begun = arch::timer::now();
    let intid = interrupt.intid();
    let own = if intid == BOARD.timers.virtual_ {
        // Stays active until the guest ends its virtual counterpart.
        gic.drop_priority(interrupt);
        if !virtual_timer(irq) {
            // Its line fell when the vCPU was taken off the core.
            gic.deactivate(interrupt);
        }
        true
    } else if intid == gic.maintenance() {
        gic.drop_priority(interrupt);
        maintenance(irq, interrupt);
        true
    } else {
        other(irq, intid);
        gic.drop_priority(interrupt);
        gic.deactivate(interrupt);
        false
    };
    if !own {
        let local = cores::local(irq);
        let taken = arch::timer::now().saturating_sub(begun);
        local
            .for_others
            .set(local.for_others.get().saturating_add(taken));
    }
}

/// The list registers of the vCPU that is loaded here want to be seen to, which is done on the way out. Level-triggered, it
/// stays active until then ([`refreshed`]), or it would be taken again and again.
fn maintenance(irq: &IrqGuard, interrupt: Acknowledged) {
    let local = cores::local(irq);
    local.maintenance.set(Some(interrupt));
    match local.loaded.get() {
        Some(vcpu) => vcpu.refresh.store(true, Ordering::SeqCst),
        None => refreshed(irq),
    }
}

/// The list registers of this core have been seen to.
#[inline]
pub fn refreshed(irq: &IrqGuard) {
    if let Some(interrupt) = cores::local(irq).maintenance.take()
        && let Some(gic) = hw::gic()
    {
        gic.deactivate(interrupt);
    }
}

/// Handles an interrupt that EL2 ends itself, and that is not the business of the vCPU that is loaded.
fn other(irq: &IrqGuard, intid: u32) {
    if intid == BOARD.timers.hypervisor {
        deadline::fired(irq);
    } else if intid == BOARD.uart.intid {
        console::typed::interrupt(irq);
    } else {
        log::warn!("interrupt {intid} fired, which nobody enabled; it is switched off");
        if let Some(gic) = hw::gic() {
            gic.disable(intid);
        }
    }
}

/// Handles what is pending up to the virtual timer's interrupt, which is left active; whether that came.
pub fn take_virtual_timer(irq: &IrqGuard) -> bool {
    let Some(gic) = hw::gic() else { return false };
    // The line rises when the timer's registers have taken effect.
    arch::cpu::isb();
    while let Some(interrupt) = gic.ack() {
        if interrupt.intid() == BOARD.timers.virtual_ {
            gic.drop_priority(interrupt);
            return true;
        }
        handle(irq, gic, interrupt);
    }
    false
}

/// The virtual timer of the vCPU that is loaded here; `false`: there is none.
fn virtual_timer(irq: &IrqGuard) -> bool {
    let loaded = cores::local(irq).loaded.get();
    if let Some(vcpu) = loaded {
        vcpu.signalled.store(true, Ordering::SeqCst);
        // It is put into a list register on the way out.
        vcpu.refresh.store(true, Ordering::SeqCst);
        let kick = vcpu
            .vm
            .gic
            .lock(irq)
            .linked_fired(vcpu.index, VIRTUAL_TIMER);
        vm::deliver(irq, vcpu.vm, kick);
    }
    loaded.is_some()
}
