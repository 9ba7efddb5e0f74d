//! What distinguishes one policy from another.
//!
//! [`Scheduler`](crate::Scheduler) keeps queues, cores and handshakes; a rule says in which order a core's queue is, how long a
//! turn is and what it costs. A rule sees one entity at a time and cannot break a handshake.

use crate::entity::{BACKGROUND, Entity, Place};
use crate::params::{Config, Params};
use crate::policy::{CpuId, Error};

/// Whose time it is on a core, where a table says so.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// The partition; `None`: nobody's.
    pub(crate) owner: Option<u16>,
    /// When that changes.
    pub(crate) until: u64,
}

/// What a core is to its entities, besides its queue.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Credit: where the weighed time of this core's entities stands.
    pub(crate) base: u64,
    pub(crate) phase: Phase,
}

/// The first in the queue of which one that runs would have to give way, if it has to.
#[derive(Clone, Copy, Debug)]
pub struct Rival {
    pub(crate) key: u64,
    pub(crate) pressing: bool,
}

/// A policy's own part.
///
/// Keys order a queue, the lowest first; those from [`BACKGROUND`] on are of entities that run in what the others
/// leave.
pub trait Rule: Copy {
    /// The rule, still to be configured; `None` if this build is without it.
    const UNSET: Option<Self>;

    /// Takes over a configuration.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`], [`Error::NoPolicy`].
    fn configure(&mut self, config: &Config) -> Result<(), Error>;

    /// Whether these parameters make sense.
    ///
    /// # Errors
    ///
    /// What does not.
    fn check(&self, params: &Params) -> Result<(), Error>;

    /// The core that one is bound to, or on which it starts; `others` are the entities that are known.
    ///
    /// # Errors
    ///
    /// [`Error::NoRoom`], [`Error::NoWindow`].
    fn bind<'a>(
        &self,
        params: &Params,
        cores: usize,
        others: impl Iterator<Item = &'a Entity> + Clone,
    ) -> Result<CpuId, Error> {
        let _ = (cores, others);
        Ok(params.affinity.trailing_zeros() as usize)
    }

    /// Whether it may go from core to core.
    fn moves(&self, _params: &Params) -> bool {
        true
    }

    /// Whether the order holds across cores: the most urgent first, wherever it waits.
    fn is_global(&self) -> bool {
        false
    }

    /// Whether entities can be ready and not allowed to run for a time.
    fn holds_back(&self) -> bool {
        false
    }

    /// Whether it uses a core's [`Clock::base`].
    fn has_clock(&self) -> bool {
        false
    }

    /// Whether [`woken`](Self::woken) wants to know the core's load.
    fn weighs(&self) -> bool {
        false
    }

    /// Sets up a new one.
    fn added(&self, entity: &mut Entity);

    /// It has run for `ticks`.
    fn charge(&self, entity: &mut Entity, ticks: u64);

    /// The key by which it runs.
    fn key(&self, entity: &Entity) -> u64;

    /// The key that it lends to one for which it waits.
    fn lent(&self, entity: &Entity) -> u64 {
        self.key(entity)
    }

    /// It has become ready after `slept` ticks on a core for which entities of `load` in all compete, it not among them.
    fn woken(&self, entity: &mut Entity, slept: u64, load: u64, clock: &Clock, now: u64) -> Place;

    /// It was running or ready and is to be queued.
    fn queued(&self, entity: &mut Entity, now: u64) -> Place;

    /// It is taken up.
    fn begin(&self, entity: &mut Entity, clock: &mut Clock, now: u64);

    /// Whether one that runs goes on although `rival` waits. If so it has something left.
    fn continues(&self, entity: &mut Entity, rival: Option<Rival>, now: u64) -> bool;

    /// When one that runs has to be looked at again; `waiting` is the key of the first that waits.
    fn until(&self, entity: &Entity, waiting: Option<u64>, now: u64) -> Option<u64>;

    /// Whether one that is being queued makes `running` give way.
    fn overtakes(&self, rival: Rival, running: &Entity) -> bool {
        rival.key < self.key(running)
    }

    /// Whether [`passes`](Self::passes) ever says so.
    fn may_pass(&self) -> bool {
        false
    }

    /// Whether one that goes to the front of the queue is to be put behind its equals once.
    fn passes(&self, _entity: &mut Entity) -> bool {
        false
    }

    /// Whether its time is now.
    fn is_open(&self, _entity: &Entity, _phase: &Phase) -> bool {
        true
    }

    /// Whose time it is on that core.
    fn phase(&self, _cpu: CpuId, _now: u64) -> Phase {
        Phase {
            owner: None,
            until: u64::MAX,
        }
    }

    /// It has changed queues.
    fn moved(&self, _entity: &mut Entity, _from: u64, _to: u64) {}

    /// `entity`, which runs, is the most deserving of those that could run on its core.
    fn most_deserving(&self, _entity: &Entity, _clock: &mut Clock) {}

    /// To what a core's base is to be set back, and with it all that refers to it, lest they overflow.
    fn worn(&self, _base: u64) -> Option<u64> {
        None
    }
}

/// What competes on equal terms competes in turns: the part that several rules share.
pub(crate) mod turns {
    use super::{Entity, Rival};

    /// Whether one of that key goes on, where equals take turns and the more urgent comes at once.
    pub(crate) fn continues(
        entity: &mut Entity,
        key: u64,
        rival: Option<Rival>,
        turn: u64,
    ) -> bool {
        match rival {
            Some(rival) if rival.key < key => return false,
            Some(rival) if rival.key == key => return entity.left != 0,
            _ => {}
        }
        // Nobody has a claim on its place: it owes nobody anything.
        refill(entity, turn);
        true
    }

    /// A new turn if the old one is over.
    pub(crate) fn refill(entity: &mut Entity, turn: u64) {
        if entity.left == 0 {
            entity.left = turn.max(1);
        }
    }

    /// The end of the turn if an equal or a more urgent one waits.
    pub(crate) fn until(entity: &Entity, key: u64, waiting: Option<u64>, now: u64) -> Option<u64> {
        waiting
            .filter(|waiting| *waiting <= key)
            .map(|_| now.saturating_add(entity.left))
    }
}

/// The key of one that runs by `key` unless it is in the background.
pub(crate) const fn level(params: &Params, key: u64) -> u64 {
    if params.background { BACKGROUND } else { key }
}

/// What one lends where all that are not in the background are equals: to go before them.
pub(crate) const fn first_of_all(params: &Params) -> u64 {
    level(params, 0)
}

/// Checks a weight.
pub(crate) const fn check_weight(params: &Params) -> Result<(), Error> {
    if params.weight == 0 || params.weight > u16::MAX as u32 {
        Err(Error::BadWeight)
    } else {
        Ok(())
    }
}
