//! The way out of an exit: what it leaves to be done before the guest goes on, or is left for another.
//!
//! Everything here runs with interrupts masked. The order before each entry: deadlines, reschedule, virtual GIC; it ends when a
//! look at all three finds nothing, and since interrupts stay masked from that look on, whatever is asked
//! later exits the guest at once.

use core::sync::atomic::Ordering;

use preempt::Model as _;

use crate::cores::{self, Work};
use crate::entity::Entity;
use crate::irq as interrupts;
use crate::platform::{IrqGuard, Model};
use crate::vcpu::Vcpu;
use crate::{deadline, grace, hw, scheduler, vm};

/// What the handler of an exit wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on with the guest.
    Resume,
    /// The guest waits for an interrupt.
    Wait,
    /// The guest has nothing better to do than let others run.
    Yield,
    /// The guest is to stop, has got no answer, and must not be entered again, though this core may not have been asked yet.
    Stop,
}

/// How an exit ends, as far as one section tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The same guest goes on.
    Same,
    /// [`switch`](crate::switch::switch) must say who does.
    Others,
    /// There is more to do before that is known: [`leave_on`], after interrupts have been let in.
    More,
}

/// The way out of an exit that began at `left`.
#[inline(always)]
pub fn leave(irq: &IrqGuard, vcpu: &'static Vcpu, left: u64, next: Next) -> Left {
    if next == Next::Resume
        && cores::local(irq).for_others.get() == 0
        && !vcpu.refresh.load(Ordering::Relaxed)
        && !cores::has_work(irq)
    {
        vcpu.brief_stay(arch::timer::now().saturating_sub(left));
        return Left::Same;
    }
    leave_busy(irq, vcpu, left, next)
}

/// [`leave`] when there is more to book, or something to do first.
#[inline(never)]
fn leave_busy(irq: &IrqGuard, vcpu: &'static Vcpu, left: u64, next: Next) -> Left {
    vcpu.left_guest(irq, left);
    // What was asked for while the exit was handled is for a section of its own.
    if next == Next::Resume && (cores::has_work(irq) || vcpu.refresh.load(Ordering::Relaxed)) {
        return Left::More;
    }
    leave_booked(irq, vcpu, next)
}

/// [`leave`] when the exit is booked already.
pub fn leave_booked(irq: &IrqGuard, vcpu: &'static Vcpu, next: Next) -> Left {
    match next {
        Next::Resume => {}
        Next::Wait => wait(irq, vcpu),
        Next::Yield => {
            if scheduler::contended(irq) {
                cores::request_here(irq, Work::Reschedule);
            }
        }
        // Who tells it so may have yet to come to it: its VM's state, which is looked at before it is taken up, says so already.
        Next::Stop => cores::request_here(irq, Work::Reschedule),
    }
    leave_on(irq, vcpu)
}

/// [`leave_booked`], gone on with.
pub fn leave_on(irq: &IrqGuard, vcpu: &'static Vcpu) -> Left {
    if Model::THREADS && scheduler::halt_here(irq, &vcpu.entity) {
        cores::request_here(irq, Work::Reschedule);
    }
    match settled(irq, vcpu) {
        Settled::All => {
            book_others(irq, &vcpu.entity);
            vcpu.entity
                .account
                .lock(irq)
                .enter_guest(arch::timer::now());
            Left::Same
        }
        Settled::Not => Left::Others,
        Settled::Some => Left::More,
    }
}

/// Puts what has just become pending for `vcpu`, loaded here, into the list registers, if that is all there is to do for it.
#[inline]
pub fn refresh_fresh(irq: &IrqGuard, vcpu: &'static Vcpu) {
    if vcpu.refresh.load(Ordering::Relaxed) {
        vcpu.refresh.store(false, Ordering::SeqCst);
        let done = hw::with_virtual_interface(irq, |hw| {
            vcpu.vm.gic.lock(irq).refresh_fresh(vcpu.index, hw)
        });
        if done {
            interrupts::refreshed(irq);
        } else {
            vcpu.refresh.store(true, Ordering::SeqCst);
        }
    }
}

/// Puts what the virtual GIC has for `vcpu`, loaded here, into the list registers. If many of them are in use, this only reads
/// them back, and there is more to do.
fn refresh(irq: &IrqGuard, vcpu: &'static Vcpu) {
    vcpu.refresh.store(false, Ordering::SeqCst);
    let mut done = true;
    vm::with_gic(irq, vcpu, |gic, hw| {
        if gic.refresh_fresh(vcpu.index, hw) {
            vgic::Kick::NONE
        } else if gic.is_crowded(vcpu.index) {
            done = false;
            gic.sync(vcpu.index, hw)
        } else {
            gic.refresh(vcpu.index, hw)
        }
    });
    if done {
        interrupts::refreshed(irq);
    }
}

/// Whether everything that was asked of a core and of a vCPU is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    All,
    /// The rest is for the scheduler, or background work.
    Not,
    /// The rest is for another section.
    Some,
}

/// Does something of what is asked of this core and of `vcpu`, loaded here.
#[inline]
pub fn settled(irq: &IrqGuard, vcpu: &'static Vcpu) -> Settled {
    if !cores::has_work(irq) && !vcpu.refresh.load(Ordering::Relaxed) {
        return Settled::All;
    }
    settle(irq, vcpu)
}

/// [`settled`] where there is something to do.
#[inline(never)]
fn settle(irq: &IrqGuard, vcpu: &'static Vcpu) -> Settled {
    if cores::take(irq, Work::Deadline) {
        deadline::expire(irq);
    } else if cores::take(irq, Work::Grace) {
        grace::passed(irq);
    } else if !cores::has_work_for_a_switch(irq) {
        refresh(irq, vcpu);
    }
    // One thing in each section.
    if cores::has_work_for_a_switch(irq) {
        Settled::Not
    } else if cores::has_work(irq) || vcpu.refresh.load(Ordering::Relaxed) {
        Settled::Some
    } else {
        Settled::All
    }
}

/// [`settled`] where no vCPU is concerned; `false` also if there is more, for another section.
pub fn settled_here(irq: &IrqGuard) -> bool {
    settled_deadline(irq, false)
}

/// [`settled_here`]; whether a deadline `is_due` is known though nobody may have said so.
pub fn settled_deadline(irq: &IrqGuard, is_due: bool) -> bool {
    // If an interrupt has said so too, once is enough.
    if cores::take(irq, Work::Deadline) || is_due {
        deadline::expire(irq);
    } else if cores::take(irq, Work::Grace) {
        grace::passed(irq);
    }
    !cores::has_work(irq)
}

/// The guest waits for an interrupt (WFI): blocks the vCPU unless one is there.
fn wait(irq: &IrqGuard, vcpu: &'static Vcpu) {
    scheduler::prepare_block(irq);
    // From here on an interrupt that is made deliverable wakes it (see `vm::deliver`).
    vcpu.waiting.store(true, Ordering::SeqCst);
    if !vm::collect(irq, vcpu) && scheduler::block(irq, &vcpu.entity) {
        cores::request_here(irq, Work::Reschedule);
    } else {
        vcpu.waiting.store(false, Ordering::SeqCst);
    }
}

/// Books what interrupts took from the time of the entity that is about to be left.
pub fn book_others(irq: &IrqGuard, entity: &Entity) {
    let others = cores::local(irq).for_others.take();
    if others != 0 {
        book(irq, entity, others);
        scheduler::refund(irq, others);
    }
}

/// Books `others` ticks, up to now, as not the entity's own.
pub fn book(irq: &IrqGuard, entity: &Entity, others: u64) {
    if others != 0 {
        let now = arch::timer::now();
        entity.account.lock(irq).others(now, others);
    }
}
