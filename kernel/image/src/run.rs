//! The way back to a guest: what an exit leaves to be done, who runs next, and how registers change hands.
//!
//! Everything here runs with interrupts masked except while a VM is being loaded and while the core idles: there no
//! [`IrqGuard`] section is open. The order before each entry: deadlines, reschedule, virtual GIC; it ends when a
//! look at all three finds nothing, and since interrupts stay masked from that look on, whatever is asked
//! later exits the guest at once.

use core::sync::atomic::Ordering;

use arch::GuestContext;

use crate::cores::{self as cores, Work};
use crate::load::Progress;
use crate::platform::IrqGuard;
use crate::vcpu::{self, Vcpu};
use crate::vm::{self, State};
use crate::{deadline, hw, scheduler};

/// What the handler of an exit wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on with the guest.
    Resume,
    /// The guest waits for an interrupt.
    Wait,
    /// The guest has nothing better to do than let others run.
    Yield,
}

/// The way out of an exit that began at `left`: `true` if the same guest goes on, `false` if [`switch`] must say
/// who does.
#[inline(always)]
pub fn leave(irq: &IrqGuard, vcpu: &'static Vcpu, left: u64, next: Next) -> bool {
    if next == Next::Resume
        && cores::local(irq).for_others.get() == 0
        && !vcpu.refresh.load(Ordering::Relaxed)
        && !cores::has_work(irq)
    {
        vcpu.brief_stay(arch::timer::now().saturating_sub(left));
        return true;
    }
    leave_busy(irq, vcpu, left, next)
}

/// [`leave`] when there is more to book, or something to do first.
#[inline(never)]
fn leave_busy(irq: &IrqGuard, vcpu: &'static Vcpu, left: u64, next: Next) -> bool {
    let others = cores::local(irq).for_others.take();
    vcpu.left_guest(irq, left);
    if others != 0 {
        let mut account = vcpu.account.lock(irq);
        let now = arch::timer::now();
        account.others_begin(now.saturating_sub(others));
        account.others_end(now);
    }
    leave_after_work(irq, vcpu, others, next)
}

/// The rest of [`leave`] when there is something to do first.
fn leave_after_work(irq: &IrqGuard, vcpu: &'static Vcpu, others: u64, next: Next) -> bool {
    if others != 0 {
        scheduler::refund(irq, others);
    }
    match next {
        Next::Resume => {}
        Next::Wait => wait(irq, vcpu),
        Next::Yield => {
            if scheduler::contended(irq) {
                cores::request_here(irq, Work::Reschedule);
            }
        }
    }
    let same = settled(irq, vcpu);
    if same {
        vcpu.account.lock(irq).enter_guest(arch::timer::now());
    }
    same
}

/// Puts what the virtual GIC has for `vcpu`, loaded here, into the list registers.
#[inline]
pub fn refresh(irq: &IrqGuard, vcpu: &'static Vcpu) {
    while vcpu.refresh.load(Ordering::Relaxed) {
        vcpu.refresh.store(false, Ordering::SeqCst);
        vm::with_gic(irq, vcpu, |gic, hw| gic.refresh(vcpu.index, hw));
    }
}

/// Does what is asked of this core and of `vcpu`, loaded here; `false` if the scheduler must be asked.
fn settled(irq: &IrqGuard, vcpu: &'static Vcpu) -> bool {
    loop {
        if cores::take(irq, Work::Deadline) {
            deadline::expire(irq);
        } else if cores::take(irq, Work::Reschedule) {
            return false;
        } else {
            refresh(irq, vcpu);
            if !cores::has_work(irq) {
                return true;
            }
        }
    }
}

/// The guest waits for an interrupt (WFI): blocks the vCPU unless one is there.
fn wait(irq: &IrqGuard, vcpu: &'static Vcpu) {
    scheduler::prepare_block(irq);
    // From here on an interrupt that is made deliverable wakes it (see `vm::deliver`).
    vcpu.waiting.store(true, Ordering::SeqCst);
    let deliverable = hw::with_virtual_interface(irq, |hw| {
        let mut gic = vcpu.vm.gic.lock(irq);
        let mut kick = gic.sync(vcpu.index, hw);
        let deliverable = gic.has_deliverable(vcpu.index);
        // Also settles linked physical interrupts: one whose line fell unseen is active still, and could not
        // fire while the vCPU waits for it.
        kick = kick.union(gic.refresh(vcpu.index, hw)).without(vcpu.index);
        drop(gic);
        vm::deliver(irq, vcpu.vm, kick);
        deliverable
    });
    if !deliverable && scheduler::block(irq) {
        vcpu.account.lock(irq).asleep(arch::timer::now());
        cores::request_here(irq, Work::Reschedule);
    } else {
        vcpu.waiting.store(false, Ordering::SeqCst);
    }
}

/// What a core does next, as far as one look at the scheduler tells.
enum Turn {
    /// Enter this guest.
    Enter(*mut GuestContext),
    /// Load this vCPU's VM.
    Load(&'static Vcpu),
    /// Sleep.
    Idle,
    /// Look again.
    Again,
}

/// Asks the scheduler until there is a guest to enter; loads VMs and idles in between. Interrupts are masked, and no
/// [`IrqGuard`] section is open.
pub fn switch() -> *mut GuestContext {
    loop {
        match IrqGuard::with(turn) {
            Turn::Enter(guest) => return guest,
            Turn::Load(vcpu) => load(vcpu),
            Turn::Idle => idle(),
            Turn::Again => {}
        }
    }
}

fn turn(irq: &IrqGuard) -> Turn {
    cores::take(irq, Work::Reschedule);
    let decision = scheduler::schedule(irq);
    let local = cores::local(irq);
    local.slice_end.set(decision.until);
    let next = decision.next.and_then(vcpu::by_id);
    if let Some(old) = decision.leave.and_then(vcpu::by_id) {
        // An idle core keeps a waiting vCPU's registers: most often it is the one that is woken.
        if next.is_some() || scheduler::is_stopped(irq, old) {
            let_go(irq, old);
        }
    }
    deadline::arm(local);
    let Some(next) = next else { return Turn::Idle };
    next.waiting.store(false, Ordering::SeqCst);
    next.account.lock(irq).run(arch::timer::now());
    if next.vm.state() == State::Loading {
        return Turn::Load(next);
    }
    if local.loaded.get().is_none_or(|loaded| loaded.id != next.id) {
        switch_in(irq, next);
    }
    deadline::spare(local, arch::timer::now());
    if !settled(irq, next) {
        return Turn::Again;
    }
    next.account.lock(irq).enter_guest(arch::timer::now());
    // What interrupts took while nothing ran, or another, is not this one's.
    local.for_others.set(0);
    Turn::Enter(&raw mut next.registers.lock(irq).guest)
}

/// Saves the registers of `old`, if this core has them, and tells the scheduler so.
fn let_go(irq: &IrqGuard, old: &'static Vcpu) {
    if cores::local(irq)
        .loaded
        .get()
        .is_some_and(|loaded| loaded.id == old.id)
    {
        switch_out(irq, old);
    }
    let now = arch::timer::now();
    if old.waiting.load(Ordering::SeqCst) || scheduler::is_stopped(irq, old) {
        old.account.lock(irq).asleep(now);
    } else {
        old.account.lock(irq).preempted(now);
    }
    if scheduler::is_stopped(irq, old) {
        // Before others may turn it on again: interrupts that may go elsewhere do.
        let kick = old.vm.gic.lock(irq).cpu_off(old.index);
        vm::deliver(irq, old.vm, kick);
    }
    scheduler::switched_out(irq);
    if scheduler::is_stopped(irq, old) {
        begin_pending_start(irq, old);
        vm::complete_stop(irq, old.vm);
    }
}

/// Starts a vCPU that was turned on while a core still had its registers, if it was.
pub fn begin_pending_start(irq: &IrqGuard, vcpu: &'static Vcpu) {
    if vcpu.start.lock(irq).is_none() {
        return;
    }
    // A stop of the VM comes before all of this, which then does nothing, or after it, and stops this vCPU too.
    let _life = vcpu.vm.life.lock(irq);
    if vcpu.vm.state() != State::Running || !scheduler::is_off(irq, vcpu) {
        return;
    }
    // Of the cores that may come here, one takes the entry.
    let Some(entry) = vcpu.start.lock(irq).take() else {
        return;
    };
    *vcpu.debug.lock(irq) = trap::Debug::new();
    *vcpu.physical_timer.lock(irq) = vtimer::PhysicalTimer::new();
    vcpu.registers.lock(irq).reset(entry);
    let kick = vcpu.vm.gic.lock(irq).cpu_on(vcpu.index);
    vm::deliver(irq, vcpu.vm, kick);
    vcpu.vm.psci.lock(irq).started(vcpu.index);
    scheduler::start(irq, vcpu);
}

/// Takes the vCPU's registers off this core.
fn switch_out(irq: &IrqGuard, vcpu: &'static Vcpu) {
    let timer = hw::save(irq, vcpu);
    vm::with_gic(irq, vcpu, |gic, hw| gic.unload(vcpu.index, hw));
    cores::local(irq).loaded.set(None);
    vcpu.set_core(None);
    deadline::left_behind(irq, vcpu, &timer);
}

/// Puts the vCPU's registers on this core.
fn switch_in(irq: &IrqGuard, vcpu: &'static Vcpu) {
    vcpu.set_core(Some(arch::cpu::index()));
    cores::local(irq).loaded.set(Some(vcpu));
    hw::restore(irq, vcpu);
    // Another vCPU of the VM may use the same ASIDs for other address spaces (Arm ARM D8.16, CnP = 0).
    if let Some(last) = cores::local(irq).last_of.get(vcpu.vm.number)
        && last.replace(vcpu.index) != vcpu.index
    {
        arch::tlb::forget_guest_here();
    }
    vcpu.refresh.store(false, Ordering::SeqCst);
    vm::with_gic(irq, vcpu, |gic, hw| gic.load(vcpu.index, hw));
    deadline::taken_along(irq, vcpu);
}

/// Loads the VM of `first`, its first vCPU, until that is done or the core is wanted.
fn load(first: &'static Vcpu) {
    loop {
        let progress = crate::load::step(first.vm);
        hw::with_interrupts(|| ());
        let wanted = IrqGuard::with(|irq| {
            match progress {
                Progress::More => {}
                Progress::Done(entry) => vm::loaded(irq, first.vm, entry),
                Progress::Failed => {
                    vm::stop(
                        irq,
                        first.vm,
                        vm::Reason::Crash("its images could not be loaded"),
                    );
                }
            }
            if cores::take(irq, Work::Deadline) {
                deadline::expire(irq);
            }
            cores::has_work(irq)
        });
        if wanted || progress != Progress::More {
            return;
        }
    }
}

/// Sleeps until there is work.
fn idle() {
    loop {
        let wanted = IrqGuard::with(|irq| {
            if cores::take(irq, Work::Deadline) {
                deadline::expire(irq);
            }
            cores::has_work(irq)
        });
        if wanted {
            return;
        }
        // Masked: an interrupt that is pending already ends the wait, and is taken right after.
        arch::cpu::wait_for_interrupt();
        hw::with_interrupts(|| ());
    }
}
