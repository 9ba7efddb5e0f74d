//! The queue of each core: who is put where, who is first, who goes on, and when the core has to look again. Part of the
//! inside of [`Scheduler`]; which core one waits for is `placing`'s.

use crate::entity::{BACKGROUND, Entity, Place, bit};
use crate::policy::{CpuId, Decision, Policy, State, VcpuId};
use crate::rule::{Rival, Rule};
use crate::scheduler::{Core, Scheduler};

/// What becomes of the one that ran.
pub(crate) enum Outcome {
    /// It goes on.
    GoesOn,
    /// It does not.
    Over,
    /// It gives way to that one, which is in no queue any more.
    Inherited(VcpuId),
}

impl<R: Rule, const CPUS: usize, const VCPUS: usize> Scheduler<R, CPUS, VCPUS> {
    #[inline]
    pub(crate) fn entity(&self, id: VcpuId) -> Option<&Entity> {
        self.entities
            .get(usize::from(id.0))
            .filter(|entity| entity.known)
    }

    #[inline]
    pub(crate) fn entity_mut(&mut self, id: VcpuId) -> Option<&mut Entity> {
        self.entities
            .get_mut(usize::from(id.0))
            .filter(|entity| entity.known)
    }

    pub(crate) fn is_online(&self, cpu: CpuId) -> bool {
        cpu < CPUS && self.online & bit(Some(cpu)) != 0
    }

    /// The key by which one runs: its own, or what it was lent.
    #[inline]
    pub(crate) fn urgency(&self, entity: &Entity) -> u64 {
        let own = self.rule.key(entity);
        entity.boost.map_or(own, |boost| own.min(boost.key))
    }

    /// Charges the one on this core for the time since it was last charged.
    pub(crate) fn charge(&mut self, id: VcpuId, now: u64) {
        if let Some(entity) = self
            .entities
            .get_mut(usize::from(id.0))
            .filter(|entity| matches!(entity.state, State::Running(_) | State::Stopped))
        {
            let ticks = now.saturating_sub(entity.since);
            entity.since = entity.since.max(now);
            self.rule.charge(entity, ticks);
        }
    }

    /// Looks whose time it is on that core, if that may have changed.
    pub(crate) fn advance(&mut self, cpu: CpuId, now: u64) {
        if let Some(core) = self.cores.get_mut(cpu)
            && core.clock.phase.until <= now
        {
            core.clock.phase = self.rule.phase(cpu, now);
        }
    }

    /// Charges one that runs, takes one that is queued out of its queue; either is about to be stopped or paused.
    pub(crate) fn take_off(&mut self, id: VcpuId, now: u64) {
        let Some(entity) = self.entity_mut(id) else {
            return;
        };
        if entity.is_queued() {
            entity.since = now;
            let home = entity.home;
            self.unqueue(id, home);
        } else if matches!(entity.state, State::Running(_)) {
            self.charge(id, now);
        }
    }

    pub(crate) fn unqueue(&mut self, id: VcpuId, home: CpuId) {
        if let Some(core) = self.cores.get_mut(home) {
            core.queue.remove(id);
            if core.queue.is_empty() {
                self.waiting &= !bit(Some(home));
            }
        }
    }

    /// Puts one into the queue of its home, by its key and what it was lent.
    pub(crate) fn insert(&mut self, id: VcpuId, place: Place) {
        let Some(entity) = self.entities.get_mut(usize::from(id.0)) else {
            return;
        };
        entity.state = State::Ready;
        entity.key = place.key;
        entity.pressing = place.pressing;
        entity.release = place.release;
        if let Some(boost) = entity.boost {
            entity.key = place.key.min(boost.key);
            entity.pressing = true;
        }
        let (key, home) = (entity.key, entity.home);
        let entities = &self.entities;
        let Some(core) = self.cores.get_mut(home) else {
            return;
        };
        let of = |id: VcpuId| {
            entities
                .get(usize::from(id.0))
                .map_or(u64::MAX, |entity| entity.key)
        };
        // Before its equals if it is to be, behind them otherwise.
        let bar = key.saturating_add(u64::from(!place.front));
        core.queue.insert(id, |other| of(other) >= bar);
        self.waiting |= bit(Some(home));
    }

    /// Puts one that is neither running nor queued into the queue of its home, and says which core has to hear of
    /// it. One that is paused is ready, and in no queue.
    pub(crate) fn enqueue(&mut self, id: VcpuId, place: Place, now: u64) -> Option<CpuId> {
        let entity = self.entity_mut(id)?;
        if entity.paused {
            entity.state = State::Ready;
            return None;
        }
        let cpu = entity.home;
        if !self.is_online(cpu) {
            self.insert(id, place);
            return None;
        }
        let running = self.cores.get(cpu)?.running;
        self.advance(cpu, now);
        let kicked = running.is_none() && self.first(cpu, cpu, now).is_some();
        self.insert(id, place);
        if let Some(running) = running {
            self.charge(running, now);
        }
        let core = self.cores.get(cpu)?;
        let entity = self.entity(id)?;
        let due = self.due(entity, cpu, now);
        if due > now {
            // Its time comes later: the core has to be there.
            return core.until.is_none_or(|until| until > due).then_some(cpu);
        }
        if kicked {
            // It is idle and has been kicked for another, and will take one of the two. If an idle core may
            // run either, that core comes and gets what is left.
            return Some(self.taker(cpu, now).unwrap_or(cpu));
        }
        let Some(running) = running.and_then(|id| self.entity(id)) else {
            return Some(cpu);
        };
        // One that runs without a deadline, or with a later one, may have to be given one.
        let until = match running.boost {
            Some(_) => None,
            None => self.rule.until(running, Some(entity.key), now),
        };
        let sooner = until.is_some_and(|until| core.until.is_none_or(|old| until < old));
        (sooner || self.gives_way(running, entity)).then_some(cpu)
    }

    /// When one that is queued on `cpu` may be taken up as far as its own budget, cap and window go.
    pub(crate) fn due(&self, entity: &Entity, cpu: CpuId, now: u64) -> u64 {
        let Some(core) = self.cores.get(cpu) else {
            return 0;
        };
        let release = entity.held_until();
        if release <= now && !self.rule.is_open(entity, &core.clock.phase) {
            return core.clock.phase.until;
        }
        release
    }

    /// Whether `running` gives way to one that is queued.
    pub(crate) fn gives_way(&self, running: &Entity, queued: &Entity) -> bool {
        let rival = Rival {
            key: queued.key,
            pressing: queued.pressing,
        };
        match running.boost {
            Some(boost) if rival.key >= boost.key => false,
            _ => self.rule.overtakes(rival, running),
        }
    }

    /// Whether `cpu` may take up that one, which waits for `from`, now.
    pub(crate) fn eligible(&self, id: VcpuId, from: CpuId, cpu: CpuId, now: u64) -> bool {
        let Some(core) = self.cores.get(cpu) else {
            return false;
        };
        self.entity(id).is_some_and(|entity| {
            entity.on.is_none_or(|on| on == cpu)
                && entity.allows(cpu)
                && entity.held_until() <= now
                && (from == cpu || self.rule.moves(&entity.params))
                && self.rule.is_open(entity, &core.clock.phase)
        })
    }

    /// The first in the queue of `from` that `cpu` may take up.
    #[inline]
    pub(crate) fn first(&self, from: CpuId, cpu: CpuId, now: u64) -> Option<VcpuId> {
        if self.waiting & bit(Some(from)) == 0 {
            return None;
        }
        self.first_of(from, cpu, now)
    }

    /// [`first`](Self::first) where somebody waits.
    fn first_of(&self, from: CpuId, cpu: CpuId, now: u64) -> Option<VcpuId> {
        let queue = &self.cores.get(from)?.queue;
        queue.iter().find(|id| self.eligible(*id, from, cpu, now))
    }

    /// Takes the next one for `cpu` out of its queue.
    pub(crate) fn pick(&mut self, cpu: CpuId, now: u64) -> Option<VcpuId> {
        self.pass_over(cpu, now);
        let (from, id) = self.source(cpu, now)?;
        self.unqueue(id, from);
        self.rehome(id, cpu);
        Some(id)
    }

    /// Moves those at the front that the rule says so of behind their equals.
    pub(crate) fn pass_over(&mut self, cpu: CpuId, now: u64) {
        if !self.rule.may_pass() {
            return;
        }
        let waiting = self.cores.get(cpu).map_or(0, |core| core.queue.len());
        for _ in 1..waiting {
            // Most often the first has something left, or was woken for good reason.
            let core = self.cores.get(cpu);
            let front = core.and_then(|core| core.queue.first());
            let front = front.and_then(|id| self.entity(id));
            if front.is_some_and(|entity| entity.pressing && entity.on.is_none()) {
                return;
            }
            let Some(id) = self.first(cpu, cpu, now) else {
                return;
            };
            let Some(entity) = self.entities.get_mut(usize::from(id.0)) else {
                return;
            };
            if entity.boost.is_some() || !self.rule.passes(entity) {
                return;
            }
            let place = Place::back(entity.key);
            self.unqueue(id, cpu);
            self.insert(id, place);
        }
    }

    /// Decides what happens to the one that ran here. If it does not go on, it is queued if it is ready.
    pub(crate) fn goes_on(&mut self, id: VcpuId, cpu: CpuId, now: u64) -> Outcome {
        let Some(entity) = self.entity(id) else {
            return Outcome::Over;
        };
        if entity.state != State::Running(cpu) {
            return Outcome::Over;
        }
        let paused = entity.paused;
        let mut heir = None;
        if self.is_online(cpu) && !paused {
            let open = self
                .cores
                .get(cpu)
                .is_some_and(|core| self.rule.is_open(entity, &core.clock.phase));
            let elsewhere = self.waiting & !bit(Some(cpu)) != 0;
            let far = elsewhere && (self.rule.is_global() || self.urgency(entity) >= BACKGROUND);
            let rival = if far {
                self.source(cpu, now).map(|(_, id)| id)
            } else {
                self.first(cpu, cpu, now)
            };
            let found = rival;
            let rival = rival.and_then(|id| self.entity(id)).map(|rival| Rival {
                key: rival.key,
                pressing: rival.pressing,
            });
            let lent = entity.boost.map_or(u64::MAX, |boost| boost.key);
            let hurried = entity.boost.is_some() && rival.is_none_or(|rival| rival.key >= lent);
            if let Some(entity) = self.entities.get_mut(usize::from(id.0))
                && open
                && (hurried || self.rule.continues(entity, rival, now))
            {
                if rival.is_none()
                    && let Some(core) = self.cores.get_mut(cpu)
                {
                    self.rule.most_deserving(entity, &mut core.clock);
                }
                return Outcome::GoesOn;
            }
            // Whoever comes first and is not to be passed over is the next, if this one will not be before it.
            let certain = |rival: &Rival| rival.pressing || !self.rule.may_pass();
            heir = found
                .zip(rival.filter(|rival| rival.key < BACKGROUND).filter(certain))
                .filter(|(id, _)| open && !far && self.is_front(*id, cpu));
        }
        let Some(entity) = self.entities.get_mut(usize::from(id.0)) else {
            return Outcome::Over;
        };
        entity.state = State::Ready;
        if paused {
            entity.since = now;
            return Outcome::Over;
        }
        // Offline, it waits here until its registers are saved and it can be taken elsewhere.
        let place = self.rule.queued(entity, now);
        let key = entity
            .boost
            .map_or(place.key, |boost| place.key.min(boost.key));
        let heir = heir.filter(|(_, rival)| rival.key < key || rival.key == key && !place.front);
        if let Some((heir, _)) = heir {
            self.unqueue(heir, cpu);
        }
        self.insert(id, place);
        heir.map_or(Outcome::Over, |(heir, _)| Outcome::Inherited(heir))
    }

    /// Whether it is the first in the queue of `cpu`.
    fn is_front(&self, id: VcpuId, cpu: CpuId) -> bool {
        let core = self.cores.get(cpu);
        core.is_some_and(|core| core.queue.first() == Some(id))
    }

    /// The decision that follows from what the core holds.
    pub(crate) fn decision(&mut self, cpu: CpuId, now: u64) -> Decision {
        let Some(core) = self.cores.get(cpu) else {
            return Decision::IDLE;
        };
        let running = core.running.and_then(|id| self.entity(id));
        let running = running.filter(|entity| entity.state == State::Running(cpu));
        let until = self.deadline(core, cpu, running, now);
        let goes_on = running.is_some_and(|entity| !entity.paused);
        // Somebody stays behind whom an idle core may run: one that was held back and has been released here, or one
        // that was passed over for another core's.
        let taker = (goes_on && self.contended(cpu)).then(|| self.taker(cpu, now));
        let Some(core) = self.cores.get_mut(cpu) else {
            return Decision::IDLE;
        };
        core.until = until;
        core.undecided = core.running.is_some() && !goes_on;
        Decision {
            next: core.running.filter(|_| goes_on),
            leave: core.leaving,
            until,
            kick: taker.flatten(),
        }
    }

    /// When something changes on that core, where `running` runs, with time alone.
    fn deadline(
        &self,
        core: &Core<VCPUS>,
        cpu: CpuId,
        running: Option<&Entity>,
        now: u64,
    ) -> Option<u64> {
        if !self.is_online(cpu) {
            return None;
        }
        let first = core.queue.first().and_then(|id| self.entity(id));
        let waiting = first.map(|entity| entity.key);
        // One that was lent urgency is not held to a turn or a budget.
        let turn = running
            .filter(|entity| entity.boost.is_none())
            .and_then(|entity| self.rule.until(entity, waiting, now));
        if !self.rule.holds_back() {
            return turn;
        }
        let releases = core.queue.iter().filter_map(|id| self.entity(id));
        let releases = releases.map(Entity::held_until).filter(|at| *at > now);
        let boundary = core.clock.phase.until;
        let concerns = running.is_some() || first.is_some();
        let boundary = (concerns && boundary != u64::MAX).then_some(boundary);
        releases.chain(turn).chain(boundary).min()
    }
}
