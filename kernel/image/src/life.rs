//! How VMs come and go.
//!
//! `Absent → Off → Loading → Running ⇄ Paused`, and back: `→ Stopping → Off` or, on a restart, `→ Loading` again; `→ Dying →
//! Absent`. Whoever asks a VM to stop asks the scheduler to stop each of its vCPUs; nothing of the VM is changed before no
//! core has anything of it. What then has to be taken back can be much, so it is an operation like any other (see
//! `hypercall`): of the VM that asked for it, or, where a VM ends by itself or its controller does not finish, of the
//! background task `reaper`. One of them owns the end at a time.

use core::sync::atomic::Ordering;

use hypercall::{Error, Step};
use psci::Entry;
use tables::{CrashPolicy, Start};
use vtimer::CounterOffset;

use crate::entity::Entity;
use crate::platform::IrqGuard;
use crate::signal::Signal;
use crate::vcpu::Vcpu;
use crate::vm::{State, VMS, Vm, deliver};
use crate::{cores, grace, memory, power, provoke, scheduler};

/// What there is to know of a VM's life besides its state.
pub struct Life {
    /// Why it stops.
    reason: Reason,
    /// Somebody takes back what it has, and will finish.
    owned: bool,
    /// How much of its address space is made while it is being created.
    made: u64,
    /// How often its crash was answered with a restart.
    restarts: u32,
    /// How often its state has been set.
    turn: u32,
}

impl Life {
    /// Of a VM that has none yet.
    pub const fn new() -> Self {
        Self {
            reason: Reason::PowerOff,
            owned: false,
            made: 0,
            restarts: 0,
            turn: 0,
        }
    }

    /// The state has been set: who carries out what it was before stops doing so.
    pub fn turned(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }
}

/// Why a VM stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It powered itself off (PSCI SYSTEM_OFF).
    PowerOff,
    /// It asked for a restart (PSCI SYSTEM_RESET).
    Reset,
    /// It crashed; says how.
    Crash(&'static str),
    /// Another VM, which controls it, resets it.
    Commanded,
}

/// Some VM has begun to end, and nobody owns its end.
pub static ORPHANS: Signal = Signal::new();

/// Gives an absent VM its address space, a part with each call; then it is off.
///
/// # Errors
///
/// [`Error::State`], [`Error::NoMemory`] (what was made is given back).
pub fn create(irq: &IrqGuard, vm: &'static Vm) -> Result<Step, Error> {
    let mut life = vm.life.lock(irq);
    if vm.state() != State::Absent {
        return Err(Error::State);
    }
    let done = life.made;
    life.made = 0;
    let Some(done) = memory::build(irq, vm, done)? else {
        vm.set_state(&mut life, State::Off);
        return Ok(Step::Done);
    };
    life.made = done;
    Ok(Step::Again)
}

/// Starts the VMs that run from the boot on.
pub fn start_all(irq: &IrqGuard) {
    for vm in VMS.iter().filter(|vm| vm.table.start == Start::Auto) {
        let _ = start(irq, vm);
    }
}

/// Begins to load a VM that is off; its first vCPU does the work when it is scheduled.
///
/// # Errors
///
/// It is not off.
pub fn start(irq: &IrqGuard, vm: &'static Vm) -> Result<(), Error> {
    let mut life = vm.life.lock(irq);
    if vm.state() != State::Off {
        return Err(Error::State);
    }
    begin_loading(irq, vm, &mut life);
    Ok(())
}

fn begin_loading(irq: &IrqGuard, vm: &'static Vm, life: &mut Life) {
    vm.set_state(life, State::Loading);
    vm.psci.lock(irq).boot(vm.table.vcpus.len());
    // Nobody has it: the VM is off. Should somebody, the loading finds that it has not begun, and says so.
    if let Some(mut job) = vm.job.try_lock() {
        job.begin(vm.table);
    }
    if let Some(first) = vm.vcpu(0) {
        scheduler::start(irq, &first.entity);
    }
}

/// The images are in place: vCPU 0 shall enter at `entry`. Called on the core that loaded them, as that vCPU.
pub fn loaded(vm: &'static Vm, entry: Entry) {
    let now = arch::timer::now();
    IrqGuard::with(|irq| {
        vm.set_offset(CounterOffset::starting_at(now));
        if let Some(first) = vm.vcpu(0) {
            first.enter_at(irq, entry);
        }
    });
    IrqGuard::with(|irq| {
        let kick = vm.gic.lock(irq).cpu_on(0);
        deliver(irq, vm, kick);
    });
    if vm.state() != State::Loading {
        return;
    }
    // Before it can run: its first words come behind these.
    log::info!(
        "VM {} ({}) starts at {:#x}",
        vm.number,
        vm.table.name,
        entry.address
    );
    IrqGuard::with(|irq| {
        let mut life = vm.life.lock(irq);
        // A stop that was asked for meanwhile wins.
        if vm.state() == State::Loading {
            vm.set_state(&mut life, State::Running);
        }
    });
}

/// A VM stops by itself, or is stopped by what it did. Its vCPUs stop when their cores next leave the guest, the caller's
/// own too, which is not entered again; the background does the rest. If a controller seizes the VM meanwhile, that tells the others.
pub fn stop(vm: &'static Vm, reason: Reason) {
    let turn = vm.life.with(|life| match vm.state() {
        State::Running | State::Loading | State::Paused => {
            life.reason = reason;
            life.owned = false;
            vm.set_state(life, State::Stopping);
            Some(life.turn)
        }
        // Whoever came first may not have got to this vCPU.
        State::Stopping | State::Dying => Some(life.turn),
        State::Absent | State::Off => None,
    });
    if let Some(turn) = turn {
        stop_vcpus(vm, turn);
        ORPHANS.notify();
    }
}

fn stop_vcpus(vm: &'static Vm, turn: u32) {
    each_vcpu(vm, turn, scheduler::stop);
    vm.quiet.notify();
}

/// Does `each` to the vCPUs of a VM, in a section for each, unless the state for whose sake that is, the one of `turn`, has
/// been followed by another: then they are left to whoever has set that.
///
/// Last to the caller's own, if it is one of them: once that is to stop, others may be preferred to the rest of this.
fn each_vcpu(vm: &'static Vm, turn: u32, each: impl Fn(&IrqGuard, &'static Entity)) {
    let own = IrqGuard::with(|irq| cores::local(irq).running.get());
    let is_own = |vcpu: &Vcpu| own.is_some_and(|own| own.entity().id == vcpu.entity.id);
    let others = vm.vcpus().filter(|vcpu| !is_own(vcpu));
    for vcpu in others.chain(vm.vcpus().filter(|vcpu| is_own(vcpu))) {
        IrqGuard::with(|irq| {
            let life = vm.life.lock(irq);
            if life.turn == turn {
                each(irq, &vcpu.entity);
            }
        });
    }
}

/// Whether `vcpu`, about to go on here, is to stop or pause for its VM's sake. Whoever asked that of the VM may have been preempted before
/// having come to this one, by this one perhaps, and is done a piece of its work: nobody waits for what runs in its place.
#[inline]
pub fn holds_back(irq: &IrqGuard, vcpu: &'static Vcpu) -> bool {
    let boundary = &vcpu.entity.boundary;
    let is_untold = || match vcpu.vm.state() {
        State::Paused => !boundary.is_asked(),
        State::Stopping | State::Dying => !boundary.stops(),
        State::Absent | State::Off | State::Loading | State::Running => false,
    };
    is_untold() && {
        let _life = vcpu.vm.life.lock(irq);
        // It may have been told, or let go on, before the lock was had.
        let untold = is_untold();
        if untold && vcpu.vm.state() == State::Paused {
            scheduler::pause(irq, &vcpu.entity);
        } else if untold {
            scheduler::stop(irq, &vcpu.entity);
        }
        untold
    }
}

/// Stops a VM for whoever takes back what it has, and owns its end from now on: for good, or to start it again.
///
/// # Errors
///
/// [`Error::State`]; [`Error::Busy`] when somebody owns its end.
pub fn seize(vm: &'static Vm, for_good: bool) -> Result<(), Error> {
    let turn = vm.life.with(|life| {
        let state = vm.state();
        match (state, for_good) {
            (State::Absent, _) | (State::Off | State::Dying, false) => return Err(Error::State),
            (State::Stopping | State::Dying, _) if life.owned => return Err(Error::Busy),
            _ => {}
        }
        if !for_good && state != State::Stopping {
            life.reason = Reason::Commanded;
        }
        life.owned = true;
        let ends = if for_good {
            State::Dying
        } else {
            State::Stopping
        };
        vm.set_state(life, ends);
        Ok(life.turn)
    })?;
    provoke::seized();
    stop_vcpus(vm, turn);
    Ok(())
}

/// Who owns a VM's end does not finish: somebody else shall.
pub fn let_go(vm: &'static Vm) {
    vm.life.with(|life| life.owned = false);
    ORPHANS.notify();
}

/// A VM whose end nobody owns, now owned by the caller; whether it is to be started again.
pub fn orphan() -> Option<(&'static Vm, bool)> {
    IrqGuard::with(|irq| {
        VMS.iter().find_map(|vm| {
            let mut life = vm.life.lock(irq);
            let state = vm.state();
            let free = matches!(state, State::Stopping | State::Dying) && !life.owned;
            free.then(|| {
                life.owned = true;
                (vm, state == State::Stopping)
            })
        })
    })
}

/// Keeps a VM's vCPUs from running.
///
/// # Errors
///
/// [`Error::State`]: it does not run.
pub fn pause(vm: &'static Vm) -> Result<(), Error> {
    let turn = turn(vm, State::Running, State::Paused)?;
    each_vcpu(vm, turn, scheduler::pause);
    Ok(())
}

/// Lets a paused VM go on.
pub fn unpause(vm: &'static Vm) -> Result<(), Error> {
    let turn = turn(vm, State::Paused, State::Running)?;
    each_vcpu(vm, turn, scheduler::unpause);
    vm.quiet.notify();
    Ok(())
}

/// Sets the state of a VM that is in another; returns which turn that is.
fn turn(vm: &'static Vm, from: State, to: State) -> Result<u32, Error> {
    vm.life.with(|life| {
        if vm.state() != from {
            return Err(Error::State);
        }
        vm.set_state(life, to);
        Ok(life.turn)
    })
}

/// Whether no core has anything of a VM that was asked to stop or pause; also if it has been let go on meanwhile, by
/// somebody else than who waits for this: then that will not come.
pub fn is_quiet(vm: &'static Vm) -> bool {
    IrqGuard::with(|irq| {
        let mut vcpus = vm.vcpus();
        match vm.state() {
            State::Running | State::Loading => true,
            State::Paused => vcpus.all(|vcpu| scheduler::is_quiet(irq, &vcpu.entity)),
            _ => vcpus.all(|vcpu| scheduler::is_off(irq, &vcpu.entity)),
        }
    })
}

/// Resets what a VM consists of besides its memory. It is quiet; one section for each piece.
fn reset_parts(vm: &'static Vm) {
    IrqGuard::with(|irq| vm.psci.lock(irq).power_off());
    for vcpu in vm.vcpus() {
        IrqGuard::with(|irq| vm.gic.lock(irq).reset_private(vcpu.index));
        IrqGuard::with(|irq| vcpu.clear(irq));
        IrqGuard::with(|irq| *vcpu.start.lock(irq) = None);
    }
    IrqGuard::with(|irq| vm.gic.lock(irq).reset_shared());
    IrqGuard::with(|irq| vm.devices.reset(irq, vm));
    crate::pv_time::reset(vm);
}

/// The owner of a stopping VM's end has taken back what it had: it is off now, or starts again.
pub fn finish_stop(vm: &'static Vm) {
    reset_parts(vm);
    let (reason, restarts) = IrqGuard::with(|irq| {
        let life = vm.life.lock(irq);
        (life.reason, life.restarts)
    });
    let again = goes_on(vm, reason, restarts);
    let crashed = matches!(reason, Reason::Crash(_));
    let restarts = restarts.saturating_add(u32::from(crashed && again));
    settle(vm, reason, again, restarts);
    // Whoever owns the end is alone with it: nothing has changed since the look.
    IrqGuard::with(|irq| {
        let mut life = vm.life.lock(irq);
        life.owned = false;
        life.restarts = restarts;
        if again {
            begin_loading(irq, vm, &mut life);
        } else {
            vm.set_state(&mut life, State::Off);
        }
    });
    if !again {
        end_if_last();
    }
}

/// The owner of a dying VM's end has taken everything from it but its tables.
pub fn bury(vm: &'static Vm) {
    reset_parts(vm);
    IrqGuard::with(|irq| memory::unbuild(irq, vm));
    // Its tables come back soon, though they are few now.
    grace::begin();
    IrqGuard::with(|irq| {
        let mut life = vm.life.lock(irq);
        life.owned = false;
        vm.set_state(&mut life, State::Absent);
    });
    log::info!("VM {} ({}) is destroyed", vm.number, vm.table.name);
    end_if_last();
}

/// Ends everything when no VM is left that could do anything.
fn end_if_last() {
    let over = |vm: &Vm| matches!(vm.state(), State::Off | State::Absent);
    if VMS.iter().all(over) {
        power::end();
    }
}

/// Whether a VM that stops for this reason is started again.
fn goes_on(vm: &Vm, reason: Reason, restarts: u32) -> bool {
    match reason {
        Reason::PowerOff => false,
        Reason::Reset | Reason::Commanded => true,
        Reason::Crash(_) => match vm.table.on_crash {
            CrashPolicy::Restart(limit) => restarts < limit,
            CrashPolicy::Halt | CrashPolicy::PowerOff => false,
        },
    }
}

/// Says what happens; with the interrupts open, since it is printed with care but not at once.
fn settle(vm: &Vm, reason: Reason, again: bool, restarts: u32) {
    let (number, name) = (vm.number, vm.table.name);
    match reason {
        Reason::PowerOff => log::info!("VM {number} ({name}) powered off"),
        Reason::Reset => log::info!("VM {number} ({name}) restarts at its own request"),
        Reason::Commanded => log::info!("VM {number} ({name}) is restarted by command"),
        Reason::Crash(how) if again => {
            log::error!("VM {number} ({name}) crashed: {how}; restart {restarts}");
        }
        Reason::Crash(how) => {
            vm.failed.store(true, Ordering::Release);
            log::error!("VM {number} ({name}) crashed: {how}; it stays off");
            if vm.table.on_crash == CrashPolicy::PowerOff {
                log::error!("the system is configured to power off when this VM crashes");
                power::end();
            }
        }
    }
}
