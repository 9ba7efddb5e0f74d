//! The way back to a guest: what an exit leaves to be done, who runs next, and how registers change hands.
//!
//! Everything here runs with interrupts masked except while a VM is being loaded and while the core idles: there no
//! [`IrqGuard`] section is open. The order before each entry: deadlines, reschedule, virtual GIC; it ends when a
//! look at all three finds nothing, and since interrupts stay masked from that look on, whatever is asked
//! later exits the guest at once.

use core::sync::atomic::Ordering;

use arch::GuestContext;
use arch::thread::{Entry, Thread};
use preempt::Model as _;

use crate::cores::{self as cores, Work};
use crate::entity::{self, Entity, Runs};
use crate::irq as interrupts;
use crate::load::Progress;
use crate::platform::{IrqGuard, Model};
use crate::vcpu::Vcpu;
use crate::vm::{self, State, VIRTUAL_TIMER, Vm};
use crate::watch::{self, Doing};
use crate::worker::Worker;
use crate::{deadline, grace, hooks, hw, life, pv_time, scheduler, sections, worker};

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
    /// [`switch`] must say who does.
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
        // It is told in the section in which the boundary was, so it knows, or waits until it does.
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
    /// It is for the scheduler.
    Not,
    /// Some of it; the vCPU's part is for another section.
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
fn settled_deadline(irq: &IrqGuard, is_due: bool) -> bool {
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
        vcpu.entity.account.lock(irq).asleep(arch::timer::now());
        cores::request_here(irq, Work::Reschedule);
    } else {
        vcpu.waiting.store(false, Ordering::SeqCst);
    }
}

/// What a core does next, as far as one look at the scheduler tells.
enum Turn {
    /// Let go of this one, `others` ticks of whose time went to others; then take the other up, or idle.
    LetGo {
        old: Runs,
        others: u64,
        next: Option<Runs>,
    },
    /// Take this one up, or go on taking it up: what ran before has been let go.
    Next(Runs),
    /// Enter this guest.
    Enter(*mut GuestContext),
    /// Go on with this thread where it was left.
    Resume(&'static Thread),
    /// Begin this thread.
    Begin(&'static Thread, Entry),
    /// Load this vCPU's VM.
    Load(&'static Vcpu),
    /// Do a slice of background work.
    Background,
    /// Sleep.
    Idle,
    /// Look again.
    Again,
}

/// Asks the scheduler until there is a guest to enter, or a thread to go on with; loads VMs, does background work and
/// idles in between. On the core's own stack, interrupts masked, no [`IrqGuard`] section open.
pub fn switch() -> *mut GuestContext {
    loop {
        // Interrupts are let in between the steps of a switch, so that none waits for more than one.
        hw::with_interrupts(|| ());
        let mut next = match IrqGuard::with(turn) {
            Turn::LetGo { old, others, next } => {
                hw::with_interrupts(|| ());
                IrqGuard::with(|irq| save(irq, old));
                hw::with_interrupts(|| ());
                IrqGuard::with(|irq| {
                    let since = cores::local(irq).for_others.take();
                    let_go(irq, old, others.saturating_add(since));
                });
                if let Runs::Vcpu(vcpu) = old
                    && vcpu.entity.boundary.stops()
                {
                    hw::with_interrupts(|| ());
                    IrqGuard::with(|irq| begin_pending_start(irq, vcpu));
                }
                IrqGuard::with(|irq| after(irq, next))
            }
            turn => turn,
        };
        let mut begun = false;
        while let Turn::Next(who) = next {
            hw::with_interrupts(|| ());
            next = IrqGuard::with(|irq| match come_up(irq) {
                Some(Settled::Not) => Turn::Again,
                // What follows is for a section of its own.
                Some(_) => Turn::Next(who),
                None => take_up(irq, who, core::mem::replace(&mut begun, true)),
            });
        }
        match next {
            Turn::Enter(guest) => return guest,
            Turn::Resume(thread) => hw::resume(thread),
            Turn::Begin(thread, entry) => hw::begin(thread, entry),
            Turn::Load(vcpu) => load(vcpu),
            Turn::Background => {
                let _ = worker::slice();
                IrqGuard::with(book_slice);
            }
            Turn::Idle => {
                hw::with_interrupts(|| ());
                idle();
            }
            Turn::LetGo { .. } | Turn::Next(_) | Turn::Again => {}
        }
    }
}

/// Decides who runs here next.
fn turn(irq: &IrqGuard) -> Turn {
    watch::pass(irq, Doing::Scheduling);
    // What came up since this core was last asked, lest it overtakes the decision.
    let asked = cores::take(irq, Work::Deadline);
    if asked || deadline::is_due(cores::local(irq), arch::timer::now()) {
        deadline::expire(irq);
        return Turn::Again;
    }
    if cores::take(irq, Work::Background) {
        return Turn::Background;
    }
    cores::take(irq, Work::Reschedule);
    let local = cores::local(irq);
    let others = local.for_others.take();
    let decision = scheduler::schedule(irq, others);
    local.slice_end.set(decision.until);
    let next = decision.next.and_then(entity::by_id);
    let leave = decision.leave.and_then(entity::by_id);
    let before = local.running.replace(next);
    if let Some(old) = leave {
        // An idle core keeps a waiting vCPU's registers: most often it is the one that is woken.
        if next.is_some() || scheduler::is_held_back(irq, old.entity()) {
            return Turn::LetGo { old, others, next };
        }
    } else if let Some(running) = before {
        book(irq, running.entity(), others);
    }
    after(irq, next)
}

/// What follows when who ran here has been let go, or goes on.
fn after(irq: &IrqGuard, next: Option<Runs>) -> Turn {
    match next {
        Some(next) => Turn::Next(next),
        None => {
            deadline::arm(cores::local(irq));
            Turn::Idle
        }
    }
}

/// Looks after what has come up since the decision, if anything has. If it is for the scheduler, that is asked again before
/// anything is loaded.
fn come_up(irq: &IrqGuard) -> Option<Settled> {
    let (local, now) = (cores::local(irq), arch::timer::now());
    let due = deadline::is_due(local, now);
    if !due && !cores::has_work(irq) {
        return None;
    }
    // As for an entry: a turn that is over before it begins is no reason.
    deadline::spare(local, now);
    Some(if settled_deadline(irq, due) {
        Settled::All
    } else {
        Settled::Not
    })
}

/// Puts who runs here next on this core, which may take several sections: `begun` is true from the second on.
fn take_up(irq: &IrqGuard, next: Runs, begun: bool) -> Turn {
    let entity = next.entity();
    entity.parked.store(false, Ordering::SeqCst);
    if begun {
        book_others(irq, entity);
    } else {
        // What interrupts took while nothing ran, or another, is not this one's.
        cores::local(irq).for_others.set(0);
    }
    let taken_up = arch::timer::now();
    let turn = match next {
        Runs::Vcpu(vcpu) => turn_of_vcpu(irq, vcpu),
        Runs::Worker(worker) => turn_of_worker(irq, worker),
    };
    {
        let mut account = entity.account.lock(irq);
        account.run(taken_up);
        if matches!(turn, Turn::Enter(_)) {
            account.enter_guest(arch::timer::now());
        }
    }
    if let (Turn::Enter(_) | Turn::Resume(_), Runs::Vcpu(vcpu)) = (&turn, next) {
        pv_time::switched_in(irq, vcpu);
    }
    let number = entity.id.0;
    let doing = match turn {
        Turn::Enter(_) => Doing::Guest(number),
        _ => Doing::Work(number),
    };
    watch::pass(irq, doing);
    turn
}

/// The scheduler gave this core `vcpu`.
#[inline]
fn turn_of_vcpu(irq: &IrqGuard, vcpu: &'static Vcpu) -> Turn {
    vcpu.waiting.store(false, Ordering::SeqCst);
    if vcpu.vm.state() == State::Loading {
        deadline::arm(cores::local(irq));
        return match vcpu.entity.thread() {
            None => Turn::Load(vcpu),
            Some(thread) if vcpu.entity.boundary.go_on() => Turn::Resume(thread),
            Some(thread) => Turn::Begin(thread, hooks::load_context),
        };
    }
    if !is_loaded(irq, vcpu) {
        match switch_in(irq, vcpu) {
            Brought::Interrupted => return Turn::Again,
            Brought::Much => return Turn::Next(Runs::Vcpu(vcpu)),
            Brought::Here => {}
        }
    }
    if is_late(irq) {
        return Turn::Again;
    }
    match settled(irq, vcpu) {
        Settled::Some => return Turn::Next(Runs::Vcpu(vcpu)),
        Settled::Not => return Turn::Again,
        Settled::All if is_better_interrupted(irq, &vcpu.entity) => return Turn::Again,
        Settled::All => {}
    }
    if let Some(thread) = vcpu.entity.thread() {
        if vcpu.entity.boundary.go_on() {
            return Turn::Resume(thread);
        }
        hw::install(thread);
    }
    Turn::Enter(&raw mut *vcpu.frame.lock(irq))
}

/// Sets the timer for who is about to go on here; whether a deadline has passed and is to be looked after first.
#[inline]
fn is_late(irq: &IrqGuard) -> bool {
    let (local, now) = (cores::local(irq), arch::timer::now());
    deadline::spare(local, now);
    deadline::is_due_or_arm(local, now)
}

/// Whether an interrupt waits that would only push a thread aside again: taken before, it need not be left once more. A guest
/// is entered nevertheless: its own is sooner taken there. Not twice in a row: cores that poke this one without a pause shall
/// not keep its threads from their next step.
#[inline]
fn is_better_interrupted(irq: &IrqGuard, entity: &Entity) -> bool {
    let gave_way = &cores::local(irq).gave_way;
    let better = arch::cpu::irq_waits() && entity.boundary.is_inside() && !gave_way.get();
    gave_way.set(better);
    better
}

/// The scheduler gave this core `worker`.
fn turn_of_worker(irq: &IrqGuard, worker: &'static Worker) -> Turn {
    if is_late(irq) {
        return Turn::Again;
    }
    if !settled_here(irq) || is_better_interrupted(irq, &worker.entity) {
        return Turn::Again;
    }
    match worker.entity.thread() {
        None => Turn::Again,
        Some(thread) if worker.entity.boundary.go_on() => Turn::Resume(thread),
        Some(thread) => Turn::Begin(thread, hooks::worker_context),
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
fn book(irq: &IrqGuard, entity: &Entity, others: u64) {
    if others != 0 {
        let now = arch::timer::now();
        entity.account.lock(irq).others(now, others);
    }
}

/// Books a slice of background work, which nobody has to pay for.
fn book_slice(irq: &IrqGuard) {
    if let Some(running) = cores::local(irq).running.get() {
        book_others(irq, running.entity());
    }
}

/// Whether this core has the vCPU's registers.
#[inline]
pub fn is_loaded(irq: &IrqGuard, vcpu: &Vcpu) -> bool {
    cores::local(irq)
        .loaded
        .get()
        .is_some_and(|loaded| loaded.entity.id == vcpu.entity.id)
}

/// Saves the registers of `old`, if this core has them. If it is off from now on, they are as after a reset.
fn save(irq: &IrqGuard, old: Runs) {
    if let Runs::Vcpu(vcpu) = old {
        if is_loaded(irq, vcpu) {
            switch_out(irq, vcpu);
        }
        if has_stopped(irq, &vcpu.entity) {
            vcpu.clear(irq);
        }
    }
}

/// Whether who is being let go is not to go on.
fn has_stopped(irq: &IrqGuard, entity: &Entity) -> bool {
    entity.boundary.stops() && scheduler::is_stopped(irq, entity)
}

/// Tells the scheduler that `old`, whose registers are [`save`]d, is not here any more.
///
/// `others` ticks of its time went to others since it last went on.
fn let_go(irq: &IrqGuard, old: Runs, others: u64) {
    let entity = old.entity();
    let stopped = has_stopped(irq, entity);
    let mut asleep = stopped || entity.parked.load(Ordering::SeqCst);
    if let Runs::Vcpu(vcpu) = old {
        asleep |= vcpu.waiting.load(Ordering::SeqCst);
    }
    let now = arch::timer::now();
    entity.account.lock(irq).leave_core(now, others, asleep);
    if let Runs::Vcpu(vcpu) = old
        && stopped
    {
        // Before others may turn it on again: interrupts that may go elsewhere do.
        let kick = vcpu.vm.gic.lock(irq).cpu_off(vcpu.index);
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
enum Brought {
    Here,
    /// They are, and it took long: it has many interrupts.
    Much,
    /// An interrupt waits: nothing has happened, and they are where they were, which is why the first half can be given up.
    Interrupted,
}

/// Puts the vCPU's registers on this core.
fn switch_in(irq: &IrqGuard, vcpu: &'static Vcpu) -> Brought {
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

/// Loads the VM of `first`, its first vCPU, until that is done or the core is wanted.
fn load(first: &'static Vcpu) {
    loop {
        let progress = hw::with_interrupts(|| load_step(first.vm));
        let wanted = IrqGuard::with(|irq| !settled_here(irq));
        if wanted || progress != Progress::More {
            return;
        }
    }
}

/// Loads the VM whose first vCPU's thread this is; preempted like any other work of EL2.
pub fn load_on_thread() {
    let Some(Runs::Vcpu(first)) = IrqGuard::with(|irq| cores::local(irq).running.get()) else {
        return;
    };
    hw::with_interrupts(|| {
        while !first.entity.boundary.stops() && load_step(first.vm) == Progress::More {}
    });
    IrqGuard::with(|irq| {
        book_others(irq, &first.entity);
        scheduler::halt_here(irq, &first.entity);
        cores::request_here(irq, Work::Reschedule);
    });
}

/// One step of loading, and what follows from it. Interrupts are open.
fn load_step(vm: &'static Vm) -> Progress {
    let progress = crate::load::step(vm);
    match progress {
        Progress::More => {}
        Progress::Done(entry) => life::loaded(vm, entry),
        Progress::Failed => {
            let how = "its images could not be loaded";
            life::stop(vm, life::Reason::Crash(how));
        }
    }
    progress
}

/// Sleeps until there is work.
fn idle() {
    loop {
        let wanted = IrqGuard::with(|irq| !settled_here(irq));
        if wanted {
            return;
        }
        if worker::is_ready() {
            worker::slice();
            continue;
        }
        IrqGuard::with(|irq| watch::pass(irq, Doing::Idle));
        // Masked: an interrupt that is pending already ends the wait, and is taken right after.
        sections::irqs_on();
        arch::cpu::wait_for_interrupt();
        sections::exception("idle");
        hw::with_interrupts(|| ());
    }
}
