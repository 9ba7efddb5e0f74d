//! Queues: where one waits, who is first, who has to hear of it. The inside of [`Scheduler`].

use core::cmp::Reverse;

use crate::entity::{BACKGROUND, Entity, Place, bit, each};
use crate::policy::{Cores, CpuId, Decision, State, VcpuId};
use crate::rule::{Rival, Rule};
use crate::scheduler::Scheduler;

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

    fn unqueue(&mut self, id: VcpuId, home: CpuId) {
        if let Some(core) = self.cores.get_mut(home) {
            core.queue.remove(id);
            if core.queue.is_empty() {
                self.waiting &= !bit(Some(home));
            }
        }
    }

    /// Changes the core to which one that is in no queue belongs.
    pub(crate) fn rehome(&mut self, id: VcpuId, to: CpuId) {
        let base = |cpu: CpuId| self.cores.get(cpu).map_or(0, |core| core.clock.base);
        let Some(entity) = self.entity(id) else {
            return;
        };
        let (from, to_base) = (base(entity.home), base(to));
        if let Some(entity) = self.entities.get_mut(usize::from(id.0))
            && entity.home != to
        {
            self.rule.moved(entity, from, to_base);
            entity.home = to;
        }
    }

    /// Puts one into the queue of its home, by its key and what it was lent.
    fn insert(&mut self, id: VcpuId, place: Place) {
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
        let behind = |other| {
            if place.front {
                of(other) >= key
            } else {
                of(other) > key
            }
        };
        let at = core.queue.iter().position(behind);
        core.queue.insert(at.unwrap_or(core.queue.len()), id);
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
            return Some(self.idle_taker(cpu, now).unwrap_or(cpu));
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
    fn due(&self, entity: &Entity, cpu: CpuId, now: u64) -> u64 {
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
    fn gives_way(&self, running: &Entity, queued: &Entity) -> bool {
        let rival = Rival {
            key: queued.key,
            pressing: queued.pressing,
        };
        match running.boost {
            Some(boost) if rival.key >= boost.key => false,
            _ => self.rule.overtakes(rival, running),
        }
    }

    /// An idle core that may take up one of those that wait for `cpu`.
    fn idle_taker(&self, cpu: CpuId, now: u64) -> Option<CpuId> {
        let idle = |taker: &CpuId| {
            let core = self.cores.get(*taker);
            core.is_some_and(|core| core.running.is_none() && core.queue.is_empty())
        };
        each(self.online)
            .filter(idle)
            .find(|taker| self.first(cpu, *taker, now).is_some())
    }

    /// Makes a blocked, stopped or paused one ready.
    pub(crate) fn rouse(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let entity = self.entity(id)?;
        let cpu = self.best_core(entity, now);
        self.witness(cpu, now);
        let load = if self.rule.weighs() {
            self.load(cpu)
        } else {
            0
        };
        self.rehome(id, cpu);
        let clock = self.cores.get(cpu)?.clock;
        let entity = self.entities.get_mut(usize::from(id.0))?;
        let slept = now.saturating_sub(entity.since);
        let place = self.rule.woken(entity, slept, load, &clock, now);
        entity.since = now;
        self.enqueue(id, place, now)
    }

    /// Whoever runs on that core alone is the most deserving there.
    fn witness(&mut self, cpu: CpuId, now: u64) {
        let Some(running) = self.cores.get(cpu).and_then(|core| core.running) else {
            return;
        };
        self.charge(running, now);
        if self.first(cpu, cpu, now).is_none()
            && let Some(core) = self.cores.get_mut(cpu)
            && let Some(entity) = self.entities.get(usize::from(running.0))
        {
            self.rule.most_deserving(entity, &mut core.clock);
        }
    }

    /// Sets back a clock that has come too far.
    pub(crate) fn set_back(&mut self, cpu: CpuId) {
        let Some(core) = self.cores.get_mut(cpu) else {
            return;
        };
        let from = core.clock.base;
        let Some(to) = self.rule.worn(from) else {
            return;
        };
        core.clock.base = to;
        for entity in self.entities.iter_mut().filter(|entity| entity.home == cpu) {
            self.rule.moved(entity, from, to);
            let own = self.rule.key(entity);
            entity.key = entity.boost.map_or(own, |boost| own.min(boost.key));
        }
    }

    /// The weights of all that compete for a core.
    fn load(&self, cpu: CpuId) -> u64 {
        let Some(core) = self.cores.get(cpu) else {
            return 0;
        };
        let weight = |id| {
            self.entity(id)
                .filter(|entity| !entity.params.background)
                .map_or(0, |entity| u64::from(entity.params.weight))
        };
        core.queue
            .iter()
            .chain(core.running)
            .map(weight)
            .fold(0, u64::saturating_add)
    }

    /// How many want that core as much as `entity` does: those in the background count only for another such.
    fn competitors(&self, cpu: CpuId, entity: &Entity) -> usize {
        let Some(core) = self.cores.get(cpu) else {
            return usize::MAX;
        };
        let counts = |id: &VcpuId| {
            entity.params.background
                || self
                    .entity(*id)
                    .is_none_or(|other| !other.params.background)
        };
        core.queue.iter().chain(core.running).filter(counts).count()
    }

    /// The least urgent key that one newly queued on `cpu` would have to beat; for an idle core the highest there is.
    fn bar(&self, cpu: CpuId) -> u64 {
        let Some(core) = self.cores.get(cpu) else {
            return 0;
        };
        let first = core.queue.iter().next().and_then(|id| self.entity(id));
        let first = first.map_or(u64::MAX, |entity| entity.key);
        let running = core.running.and_then(|id| self.entity(id));
        first.min(running.map_or(u64::MAX, |entity| self.urgency(entity)))
    }

    /// Where one that has become ready should wait.
    pub(crate) fn best_core(&self, entity: &Entity, _now: u64) -> CpuId {
        if let Some(cpu) = entity.on.filter(|cpu| self.is_online(*cpu)) {
            return cpu;
        }
        if self.rule.moves(&entity.params) {
            self.refuge(entity)
        } else {
            entity.home
        }
    }

    /// The best of all online cores that it may use; its home if there is none.
    pub(crate) fn refuge(&self, entity: &Entity) -> CpuId {
        let allowed = self.online & entity.params.affinity;
        if allowed & allowed.wrapping_sub(1) == 0 {
            // None, or one.
            return each(allowed).next().unwrap_or(entity.home);
        }
        // Where the order is global: the least urgent company, if it beats it. Then the fewest competitors; among
        // equals its last core, whose caches may still know it.
        let key = self.urgency(entity);
        let best = each(allowed).min_by_key(|cpu| {
            let bar = if self.rule.is_global() {
                self.bar(*cpu)
            } else {
                0
            };
            let beaten = Reverse(if bar > key { bar } else { 0 });
            (beaten, self.competitors(*cpu, entity), *cpu != entity.home)
        });
        best.unwrap_or(entity.home)
    }

    /// Whether `cpu` may take up that one, which waits for `from`, now.
    fn eligible(&self, id: VcpuId, from: CpuId, cpu: CpuId, now: u64) -> bool {
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
    pub(crate) fn first(&self, from: CpuId, cpu: CpuId, now: u64) -> Option<VcpuId> {
        let queue = &self.cores.get(from)?.queue;
        queue.iter().find(|id| self.eligible(*id, from, cpu, now))
    }

    /// What `cpu` should take up next, and out of whose queue: its own first, unless there is only background
    /// work, or the order is global; then the most urgent, and of equals the one in the longest queue.
    fn source(&self, cpu: CpuId, now: u64) -> Option<(CpuId, VcpuId)> {
        let class = |id| {
            let key = self.entity(id).map_or(u64::MAX, |entity| entity.key);
            if self.rule.is_global() {
                key
            } else {
                key & BACKGROUND
            }
        };
        let own = self.first(cpu, cpu, now).map(|id| (cpu, id));
        let others = self.waiting & !bit(Some(cpu));
        let content = |(_, id): (CpuId, VcpuId)| !self.rule.is_global() && class(id) < BACKGROUND;
        if others == 0 || own.is_some_and(content) {
            return own;
        }
        let found = each(others).filter_map(|from| Some((from, self.first(from, cpu, now)?)));
        let length = |from: CpuId| self.cores.get(from).map_or(0, |core| core.queue.len());
        let rank = |(from, id): &(CpuId, VcpuId)| {
            let mine = *from == cpu;
            (class(*id), !mine, Reverse(length(*from)))
        };
        own.into_iter().chain(found).min_by_key(rank)
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
    fn pass_over(&mut self, cpu: CpuId, now: u64) {
        let waiting = self.cores.get(cpu).map_or(0, |core| core.queue.len());
        for _ in 1..waiting {
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

    /// Decides what happens to the one that ran here: whether it goes on. If not, it is queued if it is ready.
    pub(crate) fn goes_on(&mut self, id: VcpuId, cpu: CpuId, now: u64) -> bool {
        let Some(entity) = self.entity(id) else {
            return false;
        };
        if entity.state != State::Running(cpu) {
            return false;
        }
        let paused = entity.paused;
        if self.is_online(cpu) && !paused {
            let open = self
                .cores
                .get(cpu)
                .is_some_and(|core| self.rule.is_open(entity, &core.clock.phase));
            let rival = if self.rule.is_global() {
                self.source(cpu, now).map(|(_, id)| id)
            } else {
                self.first(cpu, cpu, now)
            };
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
                return true;
            }
        }
        let Some(entity) = self.entities.get_mut(usize::from(id.0)) else {
            return false;
        };
        entity.state = State::Ready;
        if paused {
            entity.since = now;
        } else {
            // Offline, it waits here until its registers are saved and it can be taken elsewhere.
            let place = self.rule.queued(entity, now);
            self.insert(id, place);
        }
        false
    }

    /// The decision that follows from what the core holds.
    pub(crate) fn decision(&mut self, cpu: CpuId, now: u64) -> Decision {
        let until = self.deadline(cpu, now);
        let running = self.cores.get(cpu).and_then(|core| core.running);
        let next = running.filter(|id| {
            self.entity(*id)
                .is_some_and(|entity| entity.state == State::Running(cpu))
        });
        let Some(core) = self.cores.get_mut(cpu) else {
            return Decision {
                next: None,
                leave: None,
                until: None,
            };
        };
        core.until = until;
        core.undecided = core.running != next;
        Decision {
            next,
            leave: core.leaving,
            until,
        }
    }

    /// When something changes on that core with time alone.
    fn deadline(&self, cpu: CpuId, now: u64) -> Option<u64> {
        let core = self.cores.get(cpu).filter(|_| self.is_online(cpu))?;
        let next = core.running.and_then(|id| self.entity(id));
        let next = next.filter(|entity| entity.state == State::Running(cpu));
        let first = core.queue.iter().next().and_then(|id| self.entity(id));
        let waiting = first.map(|entity| entity.key);
        // One that was lent urgency is not held to a turn or a budget.
        let turn = next
            .filter(|entity| entity.boost.is_none())
            .and_then(|entity| self.rule.until(entity, waiting, now));
        if !self.rule.holds_back() {
            return turn;
        }
        let releases = core.queue.iter().filter_map(|id| self.entity(id));
        let releases = releases.map(Entity::held_until).filter(|at| *at > now);
        let boundary = core.clock.phase.until;
        let concerns = next.is_some() || first.is_some();
        let boundary = (concerns && boundary != u64::MAX).then_some(boundary);
        releases.chain(turn).chain(boundary).min()
    }

    /// One that is in a queue can be taken up by anybody now: moves it where it is better off, and says which core has
    /// to hear of it.
    pub(crate) fn settle(&mut self, id: VcpuId, now: u64) -> Cores {
        let Some(entity) = self.entity(id) else {
            return 0;
        };
        let home = entity.home;
        if !self.is_online(home) {
            return bit(self.resettle(id, now));
        }
        let best = self.best_core(entity, now);
        let Some(core) = self.cores.get(home) else {
            return 0;
        };
        let Some(running) = core.running.and_then(|id| self.entity(id)) else {
            return bit(Some(home));
        };
        if self.gives_way(running, entity) {
            return bit(Some(home));
        }
        let gains = if self.rule.is_global() {
            self.bar(best) > self.urgency(entity)
        } else {
            let count = |cpu| self.competitors(cpu, entity);
            count(best).saturating_add(1) < count(home)
        };
        if best != home && gains {
            return bit(self.resettle(id, now));
        }
        0
    }

    /// Moves one that is queued to the best core's queue.
    pub(crate) fn resettle(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let entity = self.entity(id)?;
        let (from, to) = (entity.home, self.refuge(entity));
        self.unqueue(id, from);
        self.rehome(id, to);
        let entity = self.entities.get_mut(usize::from(id.0))?;
        let place = Place {
            front: false,
            ..self.rule.queued(entity, now)
        };
        self.enqueue(id, place, now)
    }

    /// One's urgency has changed. If it waits, it waits by the new one, wherever it is better off.
    pub(crate) fn requeue(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let entity = self.entity(id).filter(|entity| entity.is_queued())?;
        let home = entity.home;
        self.unqueue(id, home);
        let entity = self.entity(id)?;
        let to = self.best_core(entity, now);
        self.rehome(id, to);
        let entity = self.entities.get_mut(usize::from(id.0))?;
        let place = self.rule.queued(entity, now);
        self.enqueue(id, place, now)
    }
}
