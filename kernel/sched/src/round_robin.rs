//! Weighted round robin: each entity in turn, for a time proportional to its weight.
//!
//! A turn of weight 256 lasts one slice. An entity that blocks keeps what is left of its turn, and while it is not
//! running it is given, in advance of its next turn, what its share of the core would have been. Woken with
//! a useful rest (an eighth of a turn) it has been under-served: it goes before the others and preempts the one
//! that runs. So a vCPU that waits for events gets the core promptly, and one that makes itself woken all the
//! time gets no more than its share, because its next turn is shorter by what it had in advance.
//!
//! Guarantees, besides those of the crate: of entities that are runnable on one core without a break, none gets ahead
//! of another by more than two turns, weighed. Shares are per core: entities are spread when they wake, when a core
//! idles, and when another core's queue is shorter by two, but three busy vCPUs on two cores are not rotated.
//! One that is alone on its core runs without a deadline. A thread has its weight, like a vCPU, or runs in the background.

use crate::entity::{Entity, Place};
use crate::params::{Config, Params};
use crate::policy::Error;
use crate::rule::{Clock, Rival, Rule, check_weight, first_of_all, level, turns};

/// The weight of which a turn lasts exactly one slice.
const UNIT_WEIGHT: u64 = Params::UNIT_WEIGHT as u64;

/// A woken one whose rest is at least this part of a turn preempts.
const USEFUL_PART: u64 = 8;

/// The key of those that were woken with a useful rest, and of those for whom such a one waits.
const URGENT: u64 = 0;

/// The key of the others.
const NORMAL: u64 = 1;

/// The rule of weighted round robin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns {
    slice: u64,
}

impl Turns {
    /// Without a slice.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(0)
    }

    /// With that slice in ticks.
    #[must_use]
    pub const fn of(slice: u64) -> Self {
        Turns { slice }
    }

    /// How long a turn of one of that weight lasts; never 0.
    fn turn(&self, params: &Params) -> u64 {
        let turn = self.slice.saturating_mul(u64::from(params.weight));
        (turn / UNIT_WEIGHT).max(1)
    }
}

impl Rule for Turns {
    const UNSET: Option<Self> = Some(Self::new());

    fn configure(&mut self, config: &Config) -> Result<(), Error> {
        self.slice = config.slice;
        Ok(())
    }

    fn check(&self, params: &Params) -> Result<(), Error> {
        check_weight(params)
    }

    fn weighs(&self) -> bool {
        true
    }

    fn added(&self, entity: &mut Entity) {
        entity.left = self.turn(&entity.params);
    }

    fn charge(&self, entity: &mut Entity, ticks: u64) {
        let beyond = ticks.saturating_sub(entity.left);
        entity.left = entity.left.saturating_sub(ticks);
        if entity.boost.is_some() {
            let turn = self.turn(&entity.params);
            entity.debt = entity.debt.saturating_add(beyond).min(turn);
        }
    }

    fn key(&self, entity: &Entity) -> u64 {
        level(&entity.params, NORMAL)
    }

    fn lent(&self, entity: &Entity) -> u64 {
        first_of_all(&entity.params)
    }

    fn woken(
        &self,
        entity: &mut Entity,
        slept: u64,
        load: u64,
        _clock: &Clock,
        _now: u64,
    ) -> Place {
        let turn = self.turn(&entity.params);
        let weight = u64::from(entity.params.weight);
        let share = weight.saturating_add(load).max(1);
        // A product that does not fit means that it slept for longer than any turn.
        let earned = slept
            .checked_mul(weight)
            .and_then(|product| product.checked_div(share));
        let left = entity.left.saturating_add(earned.unwrap_or(turn)).min(turn);
        let granted = left.saturating_sub(entity.left);
        if left >= turn / USEFUL_PART && !entity.params.background {
            entity.debt = entity.debt.saturating_add(granted).min(turn);
            entity.left = left;
            return Place {
                pressing: true,
                ..Place::back(URGENT)
            };
        }
        // A rest too short to be useful is not worth a preemption: it queues for a turn.
        entity.debt = entity.debt.saturating_sub(entity.left);
        entity.left = 0;
        Place::back(self.key(entity))
    }

    fn queued(&self, entity: &mut Entity, _now: u64) -> Place {
        Place::resumed(self.key(entity), entity.left)
    }

    fn begin(&self, entity: &mut Entity, _clock: &mut Clock, _now: u64) {
        if entity.left == 0 {
            // Its turn, less what it had in advance.
            entity.left = self.turn(&entity.params).saturating_sub(entity.debt).max(1);
            entity.debt = 0;
        }
    }

    fn continues(&self, entity: &mut Entity, rival: Option<Rival>, _now: u64) -> bool {
        let spent = entity.left == 0;
        let turn = self.turn(&entity.params);
        let key = self.key(entity);
        let goes_on = turns::continues(entity, key, rival, turn);
        if goes_on && spent {
            entity.debt = 0;
        }
        goes_on
    }

    fn until(&self, entity: &Entity, waiting: Option<u64>, now: u64) -> Option<u64> {
        turns::until(entity, self.key(entity), waiting, now)
    }

    fn may_pass(&self) -> bool {
        true
    }

    fn passes(&self, entity: &mut Entity) -> bool {
        // One that has had nearly all of its next turn in advance is passed over once.
        let turn = self.turn(&entity.params);
        let rest = turn.saturating_sub(entity.debt);
        let passes = entity.left == 0 && rest < turn / USEFUL_PART;
        if passes {
            entity.debt = 0;
        }
        passes
    }
}
