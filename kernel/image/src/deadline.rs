//! What this core's EL2 timer is for: the end of the slice, and the deadlines of those who wait.
//!
//! A vCPU's timers, a VM's clock and the console each have one place in the core's list ([`Source`]). A place may
//! be stale, because its owner has moved to another core or changed its mind: a deadline that passes
//! is a reason to look, never a fact.

use core::cell::Cell;
use core::sync::atomic::Ordering;

use vtimer::earliest;

use crate::config::{SCHED_SLICE_US, VCPUS_TOTAL, VMS as VM_COUNT};
use crate::cores::{self, Local, Work};
use crate::platform::{IrqGuard, ticks_from_us};
use crate::vcpu::{self, Vcpu};
use crate::vm::{self, PHYSICAL_TIMER, VMS, Vm};
use crate::{console, scheduler, watch};

/// Never.
const NEVER: u64 = u64::MAX;

/// Whose deadline it is.
#[derive(Clone, Copy)]
pub enum Source {
    /// A vCPU's timers.
    Vcpu(&'static Vcpu),
    /// A VM's real-time clock.
    Clock(&'static Vm),
    /// An unfinished line on the console.
    Console,
    /// Background work without a thread has had its slice, and wants another.
    Background,
    /// The watchdog looks at the cores.
    #[cfg_attr(
        not(feature = "watchdog"),
        allow(dead_code, reason = "its place in the list is the same in every build")
    )]
    Watchdog,
}

impl Source {
    fn place(self) -> usize {
        match self {
            Source::Vcpu(vcpu) => usize::from(vcpu.entity.id.0),
            Source::Clock(vm) => VCPUS_TOTAL.saturating_add(vm.number),
            Source::Console => VCPUS_TOTAL.saturating_add(VM_COUNT),
            Source::Background => VCPUS_TOTAL.saturating_add(VM_COUNT).saturating_add(1),
            Source::Watchdog => VCPUS_TOTAL.saturating_add(VM_COUNT).saturating_add(2),
        }
    }
}

/// Sets a source's deadline on this core, in counter ticks; `None` takes it away.
pub fn set(irq: &IrqGuard, source: Source, at: Option<u64>) {
    let local = cores::local(irq);
    let before = note(local, source, at);
    // A later deadline than the one armed is found when that one fires.
    if at.unwrap_or(NEVER) < local.armed.get() || before <= local.armed.get() {
        arm(local);
    }
}

/// [`set`] by who calls [`arm`] later. Returns the deadline that it was.
fn note(local: &Local, source: Source, at: Option<u64>) -> u64 {
    let at = at.unwrap_or(NEVER);
    let Some(place) = local.deadlines.get(source.place()) else {
        return NEVER;
    };
    let before = place.replace(at);
    let earliest = local.earliest.get();
    if at < earliest {
        local.earliest.set(at);
    } else if before == earliest && before != at {
        look_for_earliest(local);
    }
    before
}

/// Finds out anew which deadline is the earliest.
fn look_for_earliest(local: &Local) {
    let all = local.deadlines.iter().map(Cell::get);
    local.earliest.set(all.fold(NEVER, u64::min));
}

/// [`arm`], unless a deadline has passed; whether it has: it would interrupt at once.
#[must_use]
pub fn is_due_or_arm(local: &Local, now: u64) -> bool {
    let due = is_due(local, now);
    if !due {
        arm(local);
    }
    due
}

/// Sets EL2's timer to the earliest of what this core waits for.
pub fn arm(local: &Local) {
    let next = local
        .slice_end
        .get()
        .unwrap_or(NEVER)
        .min(local.earliest.get());
    if next == local.armed.replace(next) {
        return;
    }
    if next == NEVER {
        arch::timer::clear_deadline();
    } else {
        arch::timer::set_deadline(next);
    }
}

/// Gives the vCPU that is about to be entered a slice if its own is over already: where switching takes
/// longer than a slice (cores that are themselves scheduled wait long for each other's locks), none would ever run.
/// Not where the end of a turn is a promise to others: a budget or a window.
pub fn spare(local: &Local, now: u64) {
    if local.slice_end.get().is_some_and(|end| end <= now) && !scheduler::keeps_time(local) {
        // Less might be over again before the guest's first instruction.
        let slice = ticks_from_us(SCHED_SLICE_US);
        local.slice_end.set(Some(now.saturating_add(slice)));
    }
}

/// EL2's timer fired: its line must fall before the interrupt is ended. The rest waits for [`expire`].
pub fn fired(irq: &IrqGuard) {
    cores::local(irq).armed.set(NEVER);
    arch::timer::clear_deadline();
    cores::request_here(irq, Work::Deadline);
}

/// Whether a deadline has passed: one that does so between [`fired`] and the next [`arm`] is not told by an interrupt.
#[inline]
pub fn is_due(local: &Local, now: u64) -> bool {
    local.earliest.get() <= now
}

/// Looks after what the earliest deadline is for, if that has passed, and sets the timer anew. If more have passed, that is asked of
/// this core again: each may take as long as a wake-up takes, so each has a section of its own.
pub fn expire(irq: &IrqGuard) {
    let now = arch::timer::now();
    let local = cores::local(irq);
    if local.slice_end.get().is_some_and(|end| end <= now) {
        local.slice_end.set(None);
        cores::request_here(irq, Work::Reschedule);
    }
    if is_due(local, now) {
        let earliest = local.earliest.get();
        let first = local.deadlines.iter().position(|at| at.get() == earliest);
        if let Some(at) = first.and_then(|place| local.deadlines.get(place)) {
            at.set(NEVER);
        }
        look_for_earliest(local);
        if let Some(place) = first {
            passed(irq, place, now);
        }
    }
    // Whoever is chosen next arms it anew, after another look. Whatever else is asked of this core is done in passing.
    if !cores::has_work_for_a_switch(irq) && is_due_or_arm(local, arch::timer::now()) {
        cores::request_here(irq, Work::Deadline);
    }
}

/// The deadline at `place` has passed.
fn passed(irq: &IrqGuard, place: usize, now: u64) {
    if let Some(vcpu) = vcpu::VCPUS.get(place) {
        return timers_due(irq, vcpu, now);
    }
    let place = place.saturating_sub(VCPUS_TOTAL);
    match (VMS.get(place), place.saturating_sub(VM_COUNT)) {
        (Some(vm), _) => vm.devices.clock_due(irq, vm),
        (None, 0) => console::tick(irq),
        (None, 1) => cores::request_here(irq, Work::Background),
        (None, _) => watch::tick(),
    }
}

/// A vCPU's timers may have reached their deadlines.
fn timers_due(irq: &IrqGuard, vcpu: &'static Vcpu, now: u64) {
    let core = vcpu.core();
    if core.is_some_and(|core| core != arch::cpu::index()) {
        // That core has seen to them when it took the vCPU up, and keeps its deadlines.
        return;
    }
    if core.is_none() {
        let timer = vcpu.registers.lock(irq).timer;
        if saved(&timer).asserted(now, vcpu.vm.offset()) {
            // Once it is on a core the hardware's own timer fires.
            scheduler::wake(irq, &vcpu.entity);
            // Most guests use the one timer only.
            if vcpu.physical_timer.deadline().is_none() {
                return;
            }
        }
    }
    physical_changed(irq, vcpu, now);
}

/// The emulated physical timer was written, or may have fired: brings its interrupt line and deadline up to date.
pub fn physical_changed(irq: &IrqGuard, vcpu: &'static Vcpu, now: u64) {
    let timer = vcpu.physical_timer.get(irq);
    let (level, deadline) = (timer.level(now), timer.deadline());
    let kick = vcpu
        .vm
        .gic
        .lock(irq)
        .set_level(vcpu.index, PHYSICAL_TIMER, level);
    vm::deliver(irq, vcpu.vm, kick);
    let virtual_deadline = match vcpu.core() {
        Some(_) => None,
        None => {
            let timer = vcpu.registers.lock(irq).timer;
            saved(&timer)
                .deadline(vcpu.vm.offset())
                .filter(|at| *at > now)
        }
    };
    set(
        irq,
        Source::Vcpu(vcpu),
        earliest(deadline.filter(|at| *at > now), virtual_deadline),
    );
}

/// The vCPU leaves this core; its registers are saved. The core keeps the deadlines of one that waits: when another comes to
/// a core again, it is seen there what has become of its timers. The caller calls [`arm`].
pub fn left_behind(irq: &IrqGuard, vcpu: &'static Vcpu, timer: &arch::timer::VirtualTimer) {
    let waits = vcpu.waiting.load(Ordering::SeqCst) || vcpu.entity.parked.load(Ordering::SeqCst);
    let at = if waits {
        let physical = vcpu.physical_timer.deadline();
        earliest(physical, saved(timer).deadline(vcpu.vm.offset()))
    } else {
        None
    };
    note(cores::local(irq), Source::Vcpu(vcpu), at);
}

/// The vCPU has come to this core: its virtual timer is the hardware's now, the physical one stays ours.
/// The caller calls [`arm`].
pub fn taken_along(irq: &IrqGuard, vcpu: &'static Vcpu) {
    let physical = vcpu.physical_timer.deadline();
    note(cores::local(irq), Source::Vcpu(vcpu), physical);
}

/// Whether the virtual timer that was saved asserts its interrupt.
pub fn is_asserted(vcpu: &Vcpu, timer: &arch::timer::VirtualTimer) -> bool {
    saved(timer).asserted(arch::timer::now(), vcpu.vm.offset())
}

fn saved(timer: &arch::timer::VirtualTimer) -> vtimer::VirtualTimer {
    vtimer::VirtualTimer {
        ctl: timer.ctl,
        cval: timer.cval,
    }
}
