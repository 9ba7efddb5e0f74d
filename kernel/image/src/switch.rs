//! Who runs next on a core, and what the core does in between: loads VMs, does background work, idles.
//!
//! Everything here runs with interrupts masked except while a VM is being loaded and while the core idles, and between the steps of
//! a switch: there no [`IrqGuard`] section is open.

use core::sync::atomic::Ordering;

use arch::GuestContext;
use arch::thread::{Entry, Thread};

use crate::cores::{self, Work};
use crate::entity::{self, Entity, Runs};
use crate::handover::{self, Brought};
use crate::leave::{self, Settled};
use crate::load::Progress;
use crate::platform::IrqGuard;
use crate::vcpu::Vcpu;
use crate::vm::{State, Vm};
use crate::watch::{self, Doing};
use crate::worker::{self, Worker};
use crate::{deadline, hooks, hw, life, pv_time, scheduler, sections};

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
                IrqGuard::with(|irq| handover::save(irq, old));
                hw::with_interrupts(|| ());
                if old.entity().boundary.stops() {
                    IrqGuard::with(|irq| handover::clear_stopped(irq, old));
                    hw::with_interrupts(|| ());
                }
                IrqGuard::with(|irq| {
                    let since = cores::local(irq).for_others.take();
                    handover::let_go(irq, old, others.saturating_add(since));
                });
                if let Runs::Vcpu(vcpu) = old
                    && vcpu.entity.boundary.stops()
                {
                    hw::with_interrupts(|| ());
                    IrqGuard::with(|irq| handover::begin_pending_start(irq, vcpu));
                }
                IrqGuard::with(|irq| after(irq, next))
            }
            turn => turn,
        };
        let mut begun = false;
        while let Turn::Next(who) = next {
            hw::with_interrupts(|| ());
            next = IrqGuard::with(|irq| match come_up(irq) {
                Settled::Not => Turn::Again,
                // What follows is for a section of its own.
                Settled::Some => Turn::Next(who),
                Settled::All => take_up(irq, who, core::mem::replace(&mut begun, true)),
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
    let local = cores::local(irq);
    // What came up since this core was last asked, lest it overtakes the decision.
    let asked = cores::take(irq, Work::Deadline);
    if asked || deadline::is_due(local, arch::timer::now()) {
        deadline::expire(irq);
        // Another has a section of its own, and so has the decision.
        return Turn::Again;
    }
    let asked = cores::take(irq, Work::Reschedule);
    if cores::take(irq, Work::Background) && !worker::gives_way(irq, asked) {
        return Turn::Background;
    }
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
        leave::book(irq, running.entity(), others);
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
fn come_up(irq: &IrqGuard) -> Settled {
    let (local, now) = (cores::local(irq), arch::timer::now());
    let due = deadline::is_due(local, now);
    if !due && !cores::has_work(irq) {
        return Settled::All;
    }
    // As for an entry: a turn that is over before it begins is no reason.
    deadline::spare(local, now);
    if leave::settled_deadline(irq, due) {
        Settled::Some
    } else {
        Settled::Not
    }
}

/// Puts who runs here next on this core, which may take several sections: `begun` is true from the second on.
fn take_up(irq: &IrqGuard, next: Runs, begun: bool) -> Turn {
    let entity = next.entity();
    entity.parked.store(false, Ordering::SeqCst);
    if begun {
        leave::book_others(irq, entity);
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
    if life::holds_back(irq, vcpu) && !vcpu.entity.boundary.is_inside() {
        return Turn::Again;
    }
    if vcpu.vm.state() == State::Loading {
        deadline::arm(cores::local(irq));
        return match vcpu.entity.thread() {
            None => Turn::Load(vcpu),
            Some(thread) if vcpu.entity.boundary.go_on() => Turn::Resume(thread),
            Some(thread) => Turn::Begin(thread, hooks::load_context),
        };
    }
    if !handover::is_loaded(irq, vcpu) {
        match handover::switch_in(irq, vcpu) {
            Brought::Interrupted => return Turn::Again,
            Brought::Much => return Turn::Next(Runs::Vcpu(vcpu)),
            Brought::Here => {}
        }
    }
    if is_late(irq) {
        return Turn::Next(Runs::Vcpu(vcpu));
    }
    match leave::settled(irq, vcpu) {
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

/// Sets the timer for who is about to go on here; whether a deadline has passed and is to be looked after first, which is
/// no reason to decide anew: a turn that is over before it begins would not be had.
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
        return Turn::Next(Runs::Worker(worker));
    }
    if !leave::settled_here(irq) || is_better_interrupted(irq, &worker.entity) {
        return Turn::Again;
    }
    match worker.entity.thread() {
        None => Turn::Again,
        Some(thread) if worker.entity.boundary.go_on() => Turn::Resume(thread),
        Some(thread) => Turn::Begin(thread, hooks::worker_context),
    }
}

/// Books a slice of background work, which nobody has to pay for.
fn book_slice(irq: &IrqGuard) {
    if let Some(running) = cores::local(irq).running.get() {
        leave::book_others(irq, running.entity());
    }
}

/// Loads the VM of `first`, its first vCPU, until that is done or the core is wanted.
fn load(first: &'static Vcpu) {
    loop {
        let progress = hw::with_interrupts(|| load_step(first.vm));
        let wanted = IrqGuard::with(|irq| !leave::settled_here(irq));
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
        leave::book_others(irq, &first.entity);
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
        let wanted = IrqGuard::with(|irq| !leave::settled_here(irq));
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
