//! The schedulers of the core pools, each behind its lock.

use core::sync::atomic::Ordering;

use sched::{Any, Config, Decision, Kind, Params, Policy, State};

use crate::config::{BOARD, FRAMES, POOLS, SCHED_SLICE_US, SYSTEM, THREADS, VCPUS_TOTAL};
use crate::entity::Entity;
use crate::platform::{IrqGuard, SpinLock, ticks_from_us};
use crate::vcpu::Vcpu;
use crate::{cores, provoke};

/// vCPUs and the hypervisor's threads.
const ENTITIES: usize = VCPUS_TOTAL + THREADS;

type Scheduler = Any<{ arch::MAX_CPUS }, ENTITIES>;

/// The scheduler of each core pool.
#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, for which a wrong index is an error"
)]
static SCHEDULERS: [SpinLock<Scheduler>; POOLS] = {
    let mut schedulers = [const { SpinLock::new(Any::Nothing) }; POOLS];
    let mut pool = 0;
    while pool < POOLS {
        schedulers[pool] = SpinLock::new(Any::of(kind(SYSTEM.pools[pool].policy)));
        pool += 1;
    }
    schedulers
};

/// The pool of core `cpu`. The tables put each core into one.
fn pool_of(cpu: usize) -> usize {
    let pools = SYSTEM.pools.iter();
    pools
        .take_while(|pool| pool.cores & 1 << cpu == 0)
        .count()
        .min(POOLS.saturating_sub(1))
}

/// The scheduler that has this entity.
fn of(entity: &Entity) -> &'static SpinLock<Scheduler> {
    let pool = entity.pool.load(Ordering::Relaxed);
    SCHEDULERS.get(usize::from(pool)).unwrap_or(&SCHEDULERS[0])
}

/// The scheduler of the core this runs on.
fn here(irq: &IrqGuard) -> &'static SpinLock<Scheduler> {
    let pool = cores::local(irq).pool.get();
    SCHEDULERS.get(pool).unwrap_or(&SCHEDULERS[0])
}

/// Sets the pools up; before any core is online.
///
/// # Errors
///
/// The tables want what this build does not have, in words.
pub fn init() -> Result<(), &'static str> {
    for (pool, (scheduler, windows)) in SYSTEM.pools.iter().zip(SCHEDULERS.iter().zip(FRAMES)) {
        let config = Config {
            slice: ticks_from_us(SCHED_SLICE_US),
            frequency: arch::timer::frequency(),
            frame_us: pool.frame_us,
            windows,
        };
        scheduler
            .with(|scheduler| scheduler.configure(&config))
            .map_err(words)?;
    }
    Ok(())
}

const fn kind(policy: tables::Policy) -> Kind {
    match policy {
        tables::Policy::RoundRobin => Kind::RoundRobin,
        tables::Policy::Credit => Kind::Credit,
        tables::Policy::Edf => Kind::Edf,
        tables::Policy::FixedPriority => Kind::FixedPriority,
        tables::Policy::Cyclic => Kind::Cyclic,
        tables::Policy::Null => Kind::Null,
    }
}

/// Whether the turns on a core end when its policy says, whatever it costs who runs there.
pub fn keeps_time(local: &cores::Local) -> bool {
    let pool = SYSTEM.pools.get(local.pool.get());
    pool.is_some_and(|pool| matches!(pool.policy, tables::Policy::Edf | tables::Policy::Cyclic))
}

/// What the tool has refused already, unless a core is missing that it counted on.
fn words(error: sched::Error) -> &'static str {
    match error {
        sched::Error::NoCore => "a vCPU's affinity names no core of its pool",
        sched::Error::BadWeight => "a vCPU's weight is out of range",
        sched::Error::BadCap => "a vCPU's cap is above 100 %",
        sched::Error::BadServer => "a vCPU's budget and period make no server",
        sched::Error::NoRoom => "the cores that came up have no room for all vCPUs of their pool",
        sched::Error::NoWindow => "a vCPU's partition has no window on the cores that came up",
        sched::Error::BadConfig => "a pool's windows make no frame",
        sched::Error::NoPolicy => "a pool's policy is not part of this build",
        _ => "a scheduler has no room for a vCPU",
    }
}

/// Makes a vCPU known, stopped. `online` are the cores that came up; a vCPU all of whose cores are missing may
/// run on any of them that its pool has, because a VM that never runs helps nobody.
///
/// # Errors
///
/// Why the scheduler refused, in words.
pub fn add(vcpu: &Vcpu, table: &tables::Vcpu, online: u64) -> Result<(), &'static str> {
    let pool = pool_of(table.affinity.0.trailing_zeros() as usize);
    let mut affinity = table.affinity.0 & online;
    if affinity == 0 {
        affinity = online & SYSTEM.pools.get(pool).map_or(u64::MAX, |pool| pool.cores);
        // One without a stack of its own is better off where nothing is preempted.
        let fixed = affinity & !marked();
        if table.stack.is_none() && fixed != 0 {
            affinity = fixed;
        }
        log::warn!(
            "VM {} vCPU {}: none of the cores it may run on ({:#x}) came up; it may run on others of its pool ({affinity:#x})",
            vcpu.vm.table.name,
            vcpu.index,
            table.affinity.0
        );
    }
    vcpu.affinity.store(affinity, Ordering::Release);
    let params = Params::shared(affinity, table.weight)
        .capped(table.cap)
        .urgent(table.priority)
        .served(
            ticks_from_us(table.budget_us.into()),
            ticks_from_us(table.period_us.into()),
        )
        .of_partition(table.partition);
    join(&vcpu.entity, pool, params)
}

/// The cores on which EL2 can be preempted.
fn marked() -> u64 {
    let cpus = BOARD.cpus.iter().enumerate();
    cpus.filter(|(_, cpu)| cpu.preemptible)
        .fold(0, |cores, (cpu, _)| cores | 1 << cpu)
}

/// Makes a worker known, stopped.
///
/// # Errors
///
/// Why the scheduler refused, in words.
pub fn add_worker(
    entity: &Entity,
    table: &tables::Thread,
    online: u64,
) -> Result<(), &'static str> {
    let pool = pool_of(table.affinity.0.trailing_zeros() as usize);
    let affinity = match table.affinity.0 & online {
        0 => online & SYSTEM.pools.get(pool).map_or(u64::MAX, |pool| pool.cores),
        affinity => affinity,
    };
    let params = Params {
        background: table.background,
        ..Params::shared(affinity, table.weight)
            .capped(table.cap)
            .urgent(table.priority)
            .served(
                ticks_from_us(table.budget_us.into()),
                ticks_from_us(table.period_us.into()),
            )
            .of_partition(table.partition)
    };
    join(entity, pool, params)
}

fn join(entity: &Entity, pool: usize, params: Params) -> Result<(), &'static str> {
    entity.pool.store(pool as u8, Ordering::Relaxed);
    of(entity)
        .with(|scheduler| scheduler.add(entity.id, params))
        .map_err(words)
}

/// This core takes part from now on.
pub fn online(irq: &IrqGuard) {
    let now = arch::timer::now();
    let cpu = arch::cpu::index();
    cores::local(irq).pool.set(pool_of(cpu));
    here(irq).lock(irq).online(cpu, now);
    cores::request_here(irq, cores::Work::Reschedule);
}

/// Makes a stopped entity ready, to begin anew; `false` while a core still has its old registers.
pub fn start(irq: &IrqGuard, entity: &Entity) -> bool {
    let now = arch::timer::now();
    let started = {
        let mut scheduler = of(entity).lock(irq);
        if scheduler.is_off(entity.id) {
            entity.fresh();
        }
        scheduler.start(entity.id, now)
    };
    if let Ok(Some(cpu)) = started {
        cores::kick(irq, cpu);
    }
    if started.is_ok() {
        entity.account.lock(irq).ready(now);
    }
    started.is_ok()
}

/// Stops an entity, whatever it is doing, soon; [`is_off`] tells when it is over. One for which EL2 works goes on until that
/// has come to an end ([`sched::Boundary`]).
pub fn stop(irq: &IrqGuard, entity: &Entity) {
    let now = arch::timer::now();
    let kicks = entity
        .boundary
        .stop(&mut *of(entity).lock(irq), entity.id, now);
    provoke::told(irq);
    for cpu in kicks.into_iter().flatten() {
        cores::kick(irq, cpu);
    }
}

/// Keeps an entity from running until [`unpause`]; one for which EL2 works goes on until that has come to an end.
pub fn pause(irq: &IrqGuard, entity: &Entity) {
    let now = arch::timer::now();
    let kick = entity
        .boundary
        .pause(&mut *of(entity).lock(irq), entity.id, now);
    provoke::told(irq);
    if let Some(cpu) = kick {
        cores::kick(irq, cpu);
    }
}

/// Ends [`pause`].
pub fn unpause(irq: &IrqGuard, entity: &Entity) {
    let now = arch::timer::now();
    let kicks = entity
        .boundary
        .unpause(&mut *of(entity).lock(irq), entity.id, now);
    for cpu in kicks.into_iter().flatten() {
        cores::kick(irq, cpu);
    }
}

/// The entity that runs here is at its boundary: stops or pauses it, if that was asked for meanwhile; says whether it was.
pub fn halt_here(irq: &IrqGuard, entity: &Entity) -> bool {
    if !entity.boundary.is_asked() {
        return false;
    }
    let now = arch::timer::now();
    let mut scheduler = of(entity).lock(irq);
    entity.boundary.reached(&mut *scheduler, entity.id, now)
}

/// What runs here is left in the middle of EL2's work: it is not stopped or paused before that has come to an end.
pub fn suspend(irq: &IrqGuard, entity: &Entity) {
    let mut scheduler = of(entity).lock(irq);
    let (cpu, now) = (arch::cpu::index(), arch::timer::now());
    entity.boundary.leave(&mut *scheduler, entity.id, cpu, now);
}

/// [`block`] in the middle of EL2's work.
pub fn block_inside(irq: &IrqGuard, entity: &Entity) -> bool {
    let mut scheduler = of(entity).lock(irq);
    let (cpu, now) = (arch::cpu::index(), arch::timer::now());
    let sleeps = entity.boundary.sleep(&mut *scheduler, entity.id, cpu, now);
    if sleeps {
        // Before the lock is left, with which it can be woken.
        entity.account.lock(irq).asleep(now);
    }
    sleeps
}

/// `from` waits for what `holder` has in hand: until [`disinherit`] `holder` is as urgent.
pub fn inherit(irq: &IrqGuard, holder: &Entity, from: &Entity) {
    lend(irq, holder, from, |scheduler, now| {
        scheduler.inherit(holder.id, from.id, now)
    });
}

/// `from` waits for `entity` to be quiet: see [`sched::Boundary::hurry`].
pub fn hurry(irq: &IrqGuard, entity: &Entity, from: &Entity) {
    lend(irq, entity, from, |scheduler, now| {
        entity.boundary.hurry(scheduler, entity.id, from.id, now)
    });
}

/// Of another pool's entities a scheduler knows nothing.
fn lend(
    irq: &IrqGuard,
    to: &Entity,
    from: &Entity,
    how: impl FnOnce(&mut Scheduler, u64) -> Option<usize>,
) {
    if to.pool.load(Ordering::Relaxed) != from.pool.load(Ordering::Relaxed) {
        return;
    }
    let kick = how(&mut of(to).lock(irq), arch::timer::now());
    if let Some(cpu) = kick {
        cores::kick(irq, cpu);
    }
}

/// Nobody waits for `holder` any more.
pub fn disinherit(irq: &IrqGuard, holder: &Entity) {
    let kick = of(holder)
        .lock(irq)
        .disinherit(holder.id, arch::timer::now());
    if let Some(cpu) = kick {
        cores::kick(irq, cpu);
    }
}

/// Whether the entity is stopped and no core holds its registers.
pub fn is_off(irq: &IrqGuard, entity: &Entity) -> bool {
    of(entity).lock(irq).is_off(entity.id)
}

/// Whether the entity is stopped or paused, and no core holds its registers.
pub fn is_quiet(irq: &IrqGuard, entity: &Entity) -> bool {
    entity.boundary.is_quiet(&*of(entity).lock(irq), entity.id)
}

/// Whether the entity is stopped or to be paused: a core that idles does not keep its registers.
pub fn is_held_back(irq: &IrqGuard, entity: &Entity) -> bool {
    entity.boundary.pauses() || (entity.boundary.stops() && is_stopped(irq, entity))
}

/// Whether the entity is stopped, or about to be.
pub fn is_stopped(irq: &IrqGuard, entity: &Entity) -> bool {
    of(entity).lock(irq).state(entity.id) == State::Stopped
}

/// Something that the entity may be waiting for has happened.
pub fn wake(irq: &IrqGuard, entity: &Entity) {
    let now = arch::timer::now();
    let mut scheduler = of(entity).lock(irq);
    let (kick, ready) = scheduler.wake_up(entity.id, now);
    if ready {
        entity.account.lock(irq).ready(now);
    }
    drop(scheduler);
    if let Some(cpu) = kick {
        cores::kick(irq, cpu);
    }
}

/// What runs here is about to look for a reason not to block.
pub fn prepare_block(irq: &IrqGuard) {
    here(irq).lock(irq).prepare_block(arch::cpu::index());
}

/// It, `entity`, has found none: blocks it, unless it has been woken since.
pub fn block(irq: &IrqGuard, entity: &Entity) -> bool {
    let mut scheduler = here(irq).lock(irq);
    let now = arch::timer::now();
    let blocked = scheduler.block(arch::cpu::index(), now);
    if blocked {
        // Before the lock is left, with which it can be woken.
        entity.account.lock(irq).asleep(now);
    }
    blocked
}

/// What this core does next. `others` ticks of who runs went to others, and are not held against it.
pub fn schedule(irq: &IrqGuard, others: u64) -> Decision {
    let cpu = arch::cpu::index();
    let decision = here(irq)
        .lock(irq)
        .schedule_refunding(cpu, others, arch::timer::now());
    if let Some(cpu) = decision.kick {
        cores::kick(irq, cpu);
    }
    decision
}

/// This core has saved the registers of the entity it was to leave; whether somebody may wait for that.
pub fn switched_out(irq: &IrqGuard, entity: &Entity) -> bool {
    let (mut kick, awaited) = {
        let mut scheduler = here(irq).lock(irq);
        let (cpu, now) = (arch::cpu::index(), arch::timer::now());
        entity.boundary.saved(&mut *scheduler, entity.id, cpu, now)
    };
    while kick != 0 {
        cores::kick(irq, kick.trailing_zeros() as usize);
        kick &= kick.wrapping_sub(1);
    }
    awaited
}

/// `ticks` of the running vCPU's time were spent for others.
pub fn refund(irq: &IrqGuard, ticks: u64) {
    here(irq).lock(irq).refund(arch::cpu::index(), ticks);
}

/// Whether a vCPU waits for this core.
pub fn contended(irq: &IrqGuard) -> bool {
    here(irq).lock(irq).contended(arch::cpu::index())
}

/// What an entity is doing, for the operator.
pub fn state(entity: &Entity) -> State {
    of(entity).with(|scheduler| scheduler.state(entity.id))
}
