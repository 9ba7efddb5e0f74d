//! On which core one waits, and which core has to come for it. Part of the inside of [`Scheduler`]; the order within a queue
//! is `queueing`'s.

use core::cmp::Reverse;

use crate::entity::{BACKGROUND, Entity, Place, bit, each};
use crate::policy::{Cores, CpuId, VcpuId};
use crate::rule::Rule;
use crate::scheduler::Scheduler;

impl<R: Rule, const CPUS: usize, const VCPUS: usize> Scheduler<R, CPUS, VCPUS> {
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

    /// How urgent a key is across cores: in full where the order is global, else only whether it is of the background.
    pub(crate) fn class(&self, key: u64) -> u64 {
        if self.rule.is_global() {
            key
        } else {
            key & BACKGROUND
        }
    }

    /// A core that should take up one of those that wait for `cpu`: it is idle, or what it has is of a lesser class.
    #[inline]
    pub(crate) fn taker(&self, cpu: CpuId, now: u64) -> Option<CpuId> {
        let others = self.online & !bit(Some(cpu));
        if others == 0 {
            return None;
        }
        self.taker_of(others, cpu, now)
    }

    /// [`taker`](Self::taker) among those.
    #[inline(never)]
    fn taker_of(&self, others: Cores, cpu: CpuId, now: u64) -> Option<CpuId> {
        let class = |id: VcpuId| {
            self.entity(id)
                .map_or(u64::MAX, |entity| self.class(entity.key))
        };
        let takes = |taker: &CpuId| {
            let Some(core) = self.cores.get(*taker) else {
                return false;
            };
            let running = core.running.and_then(|id| self.entity(id));
            let running = running.map(|entity| self.class(self.urgency(entity)));
            // What it will do anyhow is not to be taken from it.
            if running == Some(0) {
                return false;
            }
            let Some(first) = self.first(cpu, *taker, now).map(class) else {
                return false;
            };
            let own = self.first(*taker, *taker, now).map(class);
            running.is_none_or(|running| first < running) && own.is_none_or(|own| first < own)
        };
        each(others).find(takes)
    }

    /// Makes a blocked, stopped or paused one ready.
    pub(crate) fn rouse(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let entity = self.entity(id)?;
        let cpu = self.best_core(entity, now);
        if self.rule.has_clock() {
            self.witness(cpu, now);
        }
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
    pub(crate) fn witness(&mut self, cpu: CpuId, now: u64) {
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
    pub(crate) fn load(&self, cpu: CpuId) -> u64 {
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

    /// How many want that core now and as much as `entity` does: those in the background count only for another such.
    pub(crate) fn competitors(&self, cpu: CpuId, entity: &Entity, now: u64) -> usize {
        let Some(core) = self.cores.get(cpu) else {
            return usize::MAX;
        };
        let background = self.urgency(entity) >= BACKGROUND;
        let counts = |other: &&Entity| background || self.urgency(other) < BACKGROUND;
        let now_due = |other: &&Entity| self.due(other, cpu, now) <= now;
        let queued = core.queue.iter().filter_map(|id| self.entity(id));
        let queued = queued.filter(counts).filter(now_due).count();
        let running = core.running.and_then(|id| self.entity(id));
        queued.saturating_add(usize::from(running.as_ref().is_some_and(counts)))
    }

    /// The least urgent key that one newly queued on `cpu` would have to beat; for an idle core the highest there is.
    pub(crate) fn bar(&self, cpu: CpuId) -> u64 {
        let Some(core) = self.cores.get(cpu) else {
            return 0;
        };
        let first = core.queue.first().and_then(|id| self.entity(id));
        let first = first.map_or(u64::MAX, |entity| entity.key);
        let running = core.running.and_then(|id| self.entity(id));
        first.min(running.map_or(u64::MAX, |entity| self.urgency(entity)))
    }

    /// Where one that has become ready should wait.
    #[inline]
    pub(crate) fn best_core(&self, entity: &Entity, now: u64) -> CpuId {
        if let Some(cpu) = entity.on.filter(|cpu| self.is_online(*cpu)) {
            return cpu;
        }
        if self.rule.moves(&entity.params) {
            self.refuge(entity, now)
        } else {
            entity.home
        }
    }

    /// The best of all online cores that it may use; its home if there is none.
    #[inline]
    pub(crate) fn refuge(&self, entity: &Entity, now: u64) -> CpuId {
        let allowed = self.online & entity.params.affinity;
        match allowed & allowed.wrapping_sub(1) {
            0 if allowed == 0 => entity.home,
            0 => allowed.trailing_zeros() as usize,
            _ => self.best_of(allowed, entity, now),
        }
    }

    /// The best of several cores.
    #[inline(never)]
    fn best_of(&self, allowed: Cores, entity: &Entity, now: u64) -> CpuId {
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
            (
                beaten,
                self.competitors(*cpu, entity, now),
                *cpu != entity.home,
            )
        });
        best.unwrap_or(entity.home)
    }

    /// What `cpu` should take up next, and out of whose queue: its own first, unless there is only background
    /// work, or the order is global; then the most urgent, and of equals the one in the longest queue.
    pub(crate) fn source(&self, cpu: CpuId, now: u64) -> Option<(CpuId, VcpuId)> {
        let class = |id| self.class(self.entity(id).map_or(u64::MAX, |entity| entity.key));
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
        let Some(core) = self.cores.get(home) else {
            return 0;
        };
        let Some(running) = core.running.and_then(|id| self.entity(id)) else {
            return bit(Some(home));
        };
        if self.gives_way(running, entity) {
            return bit(Some(home));
        }
        let best = self.best_core(entity, now);
        if best == home {
            return 0;
        }
        let gains = if self.rule.is_global() {
            self.bar(best) > self.urgency(entity)
        } else {
            let count = |cpu| self.competitors(cpu, entity, now);
            count(best).saturating_add(1) < count(home)
        };
        if gains {
            return bit(self.move_to(id, best, now));
        }
        0
    }

    /// Moves one that is queued to the best core's queue.
    pub(crate) fn resettle(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let best = self.refuge(self.entity(id)?, now);
        self.move_to(id, best, now)
    }

    /// Moves one that is queued to the queue of `to`.
    fn move_to(&mut self, id: VcpuId, to: CpuId, now: u64) -> Option<CpuId> {
        self.unqueue(id, self.entity(id)?.home);
        self.rehome(id, to);
        let entity = self.entities.get_mut(usize::from(id.0))?;
        let place = Place {
            front: false,
            ..self.rule.queued(entity, now)
        };
        self.enqueue(id, place, now)
    }

    /// Takes one that waits for a core that is offline into the queue of `cpu`, if it may run there.
    pub(crate) fn adopt(&mut self, id: VcpuId, cpu: CpuId, now: u64) {
        let Some(entity) = self.entity(id).filter(|entity| entity.is_queued()) else {
            return;
        };
        let home = entity.home;
        if self.is_online(home) || !entity.allows(cpu) || !self.rule.moves(&entity.params) {
            return;
        }
        self.unqueue(id, home);
        self.rehome(id, cpu);
        if let Some(entity) = self.entities.get_mut(usize::from(id.0)) {
            let place = self.rule.queued(entity, now);
            self.insert(id, place);
        }
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
