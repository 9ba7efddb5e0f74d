//! What all policies have in common: the cores, the queues, and the handshakes between cores.
//!
//! A [`Rule`] says in which order a core's queue is and how long a turn is; everything that must never go wrong
//! (one core at a time, no wake-up lost, stopped means off) is here, once, and the rule cannot reach it.
//! It does not know which policy it carries out, and takes no decision on order or time.

use crate::entity::{BACKGROUND, Boost, Entity, bit};
use crate::params::{Config, Params};
use crate::policy::{Cores, CpuId, Decision, Error, Policy, State, VcpuId};
use crate::queue::Queue;
use crate::queueing::Outcome;
use crate::rule::{Clock, Phase, Rule};
use crate::rules;

/// The scheduler of up to `CPUS` (at most 64) cores and `VCPUS` vCPUs and threads by rule `R`.
#[derive(Debug)]
pub struct Scheduler<R, const CPUS: usize, const VCPUS: usize> {
    pub(crate) rule: R,
    pub(crate) entities: [Entity; VCPUS],
    pub(crate) cores: [Core<VCPUS>; CPUS],
    /// The cores that take part.
    pub(crate) online: Cores,
    /// The cores in whose queues somebody waits.
    pub(crate) waiting: Cores,
}

/// One core.
#[derive(Debug)]
pub struct Core<const VCPUS: usize> {
    /// What the last decision said to run; its state says whether it still may.
    pub(crate) running: Option<VcpuId>,
    /// Whose registers this core holds besides those of `running`.
    pub(crate) leaving: Option<VcpuId>,
    /// It asked for a decision while it held two.
    pub(crate) undecided: bool,
    /// The deadline of the last decision.
    pub(crate) until: Option<u64>,
    pub(crate) clock: Clock,
    pub(crate) queue: Queue<VCPUS>,
}

impl<const CPUS: usize, const VCPUS: usize> Scheduler<rules::Turns, CPUS, VCPUS> {
    /// Weighted round robin, whose slice is still to be set.
    #[must_use]
    pub const fn new() -> Self {
        Self::with(rules::Turns::new())
    }

    /// Sets how many ticks a turn of weight 256 lasts, before the first entity is added.
    pub const fn set_slice(&mut self, ticks: u64) {
        self.rule = rules::Turns::of(ticks);
    }
}

impl<R: Rule + Default, const CPUS: usize, const VCPUS: usize> Default
    for Scheduler<R, CPUS, VCPUS>
{
    /// Still to be configured.
    fn default() -> Self {
        Self::with(R::default())
    }
}

impl<R: Rule, const CPUS: usize, const VCPUS: usize> Scheduler<R, CPUS, VCPUS> {
    /// A scheduler by that rule, without entities, all cores offline, still to be configured.
    pub(crate) const fn with(rule: R) -> Self {
        const { assert!(CPUS <= Cores::BITS as usize && VCPUS <= u16::MAX as usize) };
        Scheduler {
            rule,
            entities: [Entity::NONE; VCPUS],
            cores: [const {
                Core {
                    running: None,
                    leaving: None,
                    undecided: false,
                    until: None,
                    clock: Clock {
                        base: 0,
                        phase: Phase {
                            owner: None,
                            until: 0,
                        },
                    },
                    queue: Queue::new(),
                }
            }; CPUS],
            online: 0,
            waiting: 0,
        }
    }

    /// Sets the policy up, before the first entity is added.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`]; [`Error::NoPolicy`] if this build or this scheduler is without the policy.
    pub fn configure(&mut self, config: &Config) -> Result<(), Error> {
        if config.slice == 0 {
            return Err(Error::BadConfig);
        }
        self.rule.configure(config)
    }

    /// Until when its budget, its cap or the table keeps one that is ready from running on `cpu`; `None` if they do not.
    #[must_use]
    pub fn held_back(&self, id: VcpuId, cpu: CpuId, now: u64) -> Option<u64> {
        let entity = self.entity(id).filter(|entity| entity.is_queued())?;
        let phase = self.rule.phase(cpu, now);
        if entity.held_until() > now {
            return Some(entity.held_until());
        }
        (!self.rule.is_open(entity, &phase)).then_some(phase.until)
    }

    /// The core in whose queue one waits or to which it is bound, and whether it is bound.
    #[must_use]
    pub fn home(&self, id: VcpuId) -> Option<(CpuId, bool)> {
        let entity = self.entity(id)?;
        Some((entity.home, !self.rule.moves(&entity.params)))
    }

    /// What one waits to run by, or runs by: the lower the earlier. For checks and reports.
    #[must_use]
    pub fn key(&self, id: VcpuId) -> u64 {
        self.entity(id)
            .map_or(u64::MAX, |entity| self.urgency(entity))
    }

    fn is_running(&self, id: VcpuId, cpu: CpuId) -> bool {
        self.cores
            .get(cpu)
            .is_some_and(|core| core.running == Some(id))
    }

    fn running(&self, cpu: CpuId) -> Option<VcpuId> {
        self.cores.get(cpu)?.running
    }

    /// Chooses who runs on `cpu` from now on. Says whether that cannot be decided: the core holds two.
    #[inline]
    fn choose(&mut self, cpu: CpuId, now: u64) -> bool {
        self.advance(cpu, now);
        let Some(core) = self.cores.get(cpu) else {
            return false;
        };
        let (running, leaving) = (core.running, core.leaving);
        let mut heir = None;
        if let Some(id) = running {
            self.charge(id, now);
            // It cannot hold the registers of a third one: first `switched_out`.
            if leaving.is_some() {
                return true;
            }
            match self.goes_on(id, cpu, now) {
                Outcome::GoesOn => return false,
                Outcome::Over => {}
                Outcome::Inherited(id) => heir = Some(id),
            }
        }
        let held = running.or(leaving);
        let next = match heir {
            None if self.is_online(cpu) => self.pick(cpu, now),
            heir => heir,
        };
        if let Some(core) = self.cores.get_mut(cpu) {
            core.running = next;
            core.leaving = held.filter(|id| Some(*id) != next);
            if let Some(entity) = next.and_then(|id| self.entities.get_mut(usize::from(id.0))) {
                entity.state = State::Running(cpu);
                entity.on = Some(cpu);
                entity.home = cpu;
                entity.since = now;
                self.rule.begin(entity, &mut core.clock, now);
            }
        }
        self.set_back(cpu);
        false
    }
}

impl<R: Rule, const CPUS: usize, const VCPUS: usize> Policy for Scheduler<R, CPUS, VCPUS> {
    fn add(&mut self, id: VcpuId, params: Params) -> Result<(), Error> {
        let slot = self.entities.get(usize::from(id.0));
        if slot.ok_or(Error::NoSuchVcpu)?.known {
            return Err(Error::AddedAlready);
        }
        if params.affinity.trailing_zeros() as usize >= CPUS {
            return Err(Error::NoCore);
        }
        self.rule.check(&params)?;
        let known = self.entities.iter().filter(|entity| entity.known);
        let home = self.rule.bind(&params, CPUS, known)?;
        let mut entity = Entity {
            known: true,
            params,
            home,
            ..Entity::NONE
        };
        self.rule.added(&mut entity);
        if let Some(slot) = self.entities.get_mut(usize::from(id.0)) {
            *slot = entity;
        }
        Ok(())
    }

    fn remove(&mut self, id: VcpuId) -> Result<(), Error> {
        let entity = self.entity_mut(id).ok_or(Error::NotAdded)?;
        match (entity.state, entity.on) {
            (State::Stopped, None) => {
                entity.known = false;
                Ok(())
            }
            (State::Stopped, Some(_)) => Err(Error::StillLoaded),
            _ => Err(Error::NotStopped),
        }
    }

    fn start(&mut self, id: VcpuId, now: u64) -> Result<Option<CpuId>, Error> {
        let entity = self.entity(id).ok_or(Error::NotAdded)?;
        match (entity.state, entity.on) {
            (State::Stopped, None) => Ok(self.rouse(id, now)),
            (State::Stopped, Some(_)) => Err(Error::StillLoaded),
            _ => Err(Error::NotStopped),
        }
    }

    fn stop(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        self.take_off(id, now);
        let entity = self.entity_mut(id)?;
        entity.state = State::Stopped;
        entity.on
    }

    fn reprieve(&mut self, cpu: CpuId) -> bool {
        let running = self.running(cpu);
        let stopped = |entity: &&mut Entity| entity.state == State::Stopped;
        let entity = running.and_then(|id| self.entity_mut(id)).filter(stopped);
        entity
            .map(|entity| entity.state = State::Running(cpu))
            .is_some()
    }

    fn pause(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        self.take_off(id, now);
        let entity = self.entity_mut(id)?;
        entity.paused = true;
        entity.on
    }

    fn unpause(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let entity = self.entity_mut(id)?;
        match (core::mem::replace(&mut entity.paused, false), entity.state) {
            (true, State::Ready) => self.rouse(id, now),
            // Its core may have been told to idle, or may be about to put it down.
            (true, State::Running(cpu)) => Some(cpu),
            _ => None,
        }
    }

    fn is_quiet(&self, id: VcpuId) -> bool {
        self.entity(id).is_none_or(|entity| {
            (entity.paused || entity.state == State::Stopped) && entity.on.is_none()
        })
    }

    fn inherit(&mut self, holder: VcpuId, from: VcpuId, now: u64) -> Option<CpuId> {
        let lender = self.entity(from)?;
        let own = self.rule.lent(lender);
        let key = lender.boost.map_or(own, |boost| own.min(boost.key));
        let partition = lender.params.partition;
        // What runs in the leavings of others has no claim to lend.
        if key >= BACKGROUND || holder == from {
            return None;
        }
        let entity = self.entity_mut(holder)?;
        if entity.boost.is_some_and(|boost| boost.key <= key) {
            return None;
        }
        entity.boost = Some(Boost { key, partition });
        self.requeue(holder, now)
    }

    fn disinherit(&mut self, holder: VcpuId, now: u64) -> Option<CpuId> {
        if let State::Running(cpu) = self.entity(holder)?.state {
            self.charge(holder, now);
            self.entity_mut(holder)?.boost.take()?;
            // It may have had no deadline, or not be the most urgent by itself.
            return Some(cpu);
        }
        self.entity_mut(holder)?.boost.take()?;
        self.requeue(holder, now)
    }

    fn is_off(&self, id: VcpuId) -> bool {
        self.entity(id)
            .is_none_or(|entity| entity.state == State::Stopped && entity.on.is_none())
    }

    fn wake(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let entity = self.entity_mut(id)?;
        match entity.state {
            State::Stopped | State::Ready => None,
            State::Running(_) => {
                entity.woken = true;
                None
            }
            State::Blocked => {
                if let Some(cpu) = entity.on
                    && self.is_running(id, cpu)
                {
                    // It has blocked, but its core has not yet turned to another: as if it never had.
                    self.entity_mut(id)?.state = State::Running(cpu);
                    return None;
                }
                self.rouse(id, now)
            }
        }
    }

    fn prepare_block(&mut self, cpu: CpuId) {
        if let Some(id) = self.running(cpu)
            && let Some(entity) = self.entity_mut(id)
        {
            entity.woken = false;
        }
    }

    fn block(&mut self, cpu: CpuId, now: u64) -> bool {
        let Some(id) = self.running(cpu) else {
            return false;
        };
        self.charge(id, now);
        let Some(entity) = self.entity_mut(id) else {
            return false;
        };
        if entity.state == State::Running(cpu) {
            if core::mem::take(&mut entity.woken) {
                return false;
            }
            entity.state = State::Blocked;
        }
        true
    }

    // Not inlined: where there are several policies each has its own, and none is to be in the way of another.
    #[inline(never)]
    fn schedule(&mut self, cpu: CpuId, now: u64) -> Decision {
        let held_two = self.choose(cpu, now);
        let decision = self.decision(cpu, now);
        if held_two && let Some(core) = self.cores.get_mut(cpu) {
            core.undecided = true;
        }
        decision
    }

    fn switched_out(&mut self, cpu: CpuId, now: u64) -> Cores {
        let Some(id) = self.cores.get_mut(cpu).and_then(|core| core.leaving.take()) else {
            return 0;
        };
        let mut kicks = 0;
        if let Some(entity) = self.entity_mut(id) {
            entity.on = None;
            // Where there is no other core, nobody but this one can have waited for it to be let go.
            if entity.is_queued() && self.online != bit(Some(cpu)) {
                kicks |= self.settle(id, now);
            }
        }
        // What this core could not decide while it held two.
        if let Some(core) = self.cores.get(cpu) {
            let idle = self.is_online(cpu) && core.running.is_none();
            let again = core.undecided || (idle && self.first(cpu, cpu, now).is_some());
            kicks |= bit(again.then_some(cpu));
        }
        kicks
    }

    fn refund(&mut self, cpu: CpuId, ticks: u64) {
        if let Some(id) = self.running(cpu)
            && let Some(entity) = self.entity_mut(id)
        {
            entity.since = entity.since.saturating_add(ticks);
        }
    }

    fn contended(&self, cpu: CpuId) -> bool {
        self.waiting & bit(Some(cpu)) != 0
    }

    fn state(&self, id: VcpuId) -> State {
        self.entity(id)
            .map_or(State::Stopped, |entity| entity.state)
    }

    fn online(&mut self, cpu: CpuId, now: u64) {
        if cpu >= CPUS {
            return;
        }
        self.online |= bit(Some(cpu));
        for index in 0..VCPUS {
            self.adopt(VcpuId(index as u16), cpu, now);
        }
    }

    fn offline(&mut self, cpu: CpuId, now: u64) -> Cores {
        if !self.is_online(cpu) {
            return 0;
        }
        self.online &= !bit(Some(cpu));
        let mut kicks = bit(self.running(cpu).map(|_| cpu));
        for index in 0..VCPUS {
            let id = VcpuId(index as u16);
            let Some(entity) = self.entity(id).filter(|entity| entity.home == cpu) else {
                continue;
            };
            if entity.is_queued() {
                kicks |= bit(self.resettle(id, now));
            } else if !self.rule.moves(&entity.params) && !matches!(entity.state, State::Running(_))
            {
                let refuge = self.refuge(entity, now);
                self.rehome(id, refuge);
            }
        }
        kicks
    }
}
