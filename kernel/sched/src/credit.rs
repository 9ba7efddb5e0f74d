//! Weighted proportional share with caps, after Xen's credit2.
//!
//! An entity that runs burns credit, the slower the heavier it is; the one with most credit runs next, for up to a slice.
//! When the one with most has none left, everybody's credit is reset: all are given the same, and those who slept
//! keep no more than that. Kept as a clock: an entity's mark is the weighed time it has used, its credit is what its core's
//! clock is ahead of that, and a reset advances the clock, so that it costs nothing however many there are.
//! Woken with more credit than the one that runs, it preempts.
//!
//! A cap is a quota for each window of ten slices; one that has used it up is parked until the window ends, and windows
//! begin when the quota is needed. Guarantees: of entities that are runnable on one core without a break and not
//! parked, none gets ahead of another by more than a slice of its own, weighed; one that was woken starts ahead of them
//! by at most 9/8 slices of weight 256; in any t ticks a capped one runs at most
//! `cap × (t + 20 slices)`, cap being a fraction. Work conserving but for caps. Shares are per core, as with round robin.
//! A thread has its weight, like a vCPU, or runs in the background. One that is hurried because it holds what another
//! waits for burns its credit and its quota all the same and is parked later.

use crate::entity::{BACKGROUND, Entity, Place};
use crate::params::{Config, Params};
use crate::policy::Error;
use crate::rule::{Clock, Rival, Rule, check_weight, first_of_all, level, turns};

/// Weighed time of one tick at weight 1; at weight 65535 it is still about 1, so nobody runs for nothing.
const TICK: u64 = 1 << 16;

/// The same at weight 256.
const UNIT_TICK: u64 = TICK / Params::UNIT_WEIGHT as u64;

/// A woken one starts this part of its credit ahead of the clock, so that it can preempt one that has just begun.
const HEAD_START: u64 = 8;

/// Slices in a cap's window.
const WINDOW: u64 = 10;

/// When a core's clock is this far, it is set back.
const FAR: u64 = 1 << 61;

/// The rule of credit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credits {
    slice: u64,
}

impl Credits {
    /// Without a slice.
    #[must_use]
    pub const fn new() -> Self {
        Credits { slice: 0 }
    }

    /// The credit of a reset: one slice at weight 256, weighed.
    fn reset(&self) -> u64 {
        self.slice.saturating_mul(UNIT_TICK)
    }

    /// The mark of one that has slept for long.
    fn oldest(&self, clock: &Clock) -> u64 {
        clock.base.saturating_sub(self.reset() / HEAD_START)
    }

    fn window(&self) -> u64 {
        self.slice.saturating_mul(WINDOW)
    }

    /// Ticks that one may run in each window.
    fn quota(&self, params: &Params) -> u64 {
        (self.window().saturating_mul(u64::from(params.cap)) / 100).max(1)
    }

    /// Starts a window if the last one is over.
    fn renew(&self, entity: &mut Entity, now: u64) {
        if entity.params.cap != 0 && entity.quota_end <= now {
            let quota = self.quota(&entity.params);
            entity.quota = quota.saturating_sub(entity.debt);
            entity.debt = entity.debt.saturating_sub(quota);
            entity.quota_end = now.saturating_add(self.window());
        }
    }

    fn is_parked(entity: &Entity) -> bool {
        entity.params.cap != 0 && entity.quota == 0
    }
}

impl Rule for Credits {
    const UNSET: Option<Self> = Some(Self::new());

    fn configure(&mut self, config: &Config) -> Result<(), Error> {
        self.slice = config.slice;
        Ok(())
    }

    fn check(&self, params: &Params) -> Result<(), Error> {
        if params.cap > 100 {
            return Err(Error::BadCap);
        }
        check_weight(params)
    }

    fn has_clock(&self) -> bool {
        true
    }

    fn holds_back(&self) -> bool {
        true
    }

    fn added(&self, _entity: &mut Entity) {}

    fn charge(&self, entity: &mut Entity, ticks: u64) {
        entity.left = entity.left.saturating_sub(ticks);
        let weight = u64::from(entity.params.weight);
        let used = ticks.saturating_mul(TICK).checked_div(weight).unwrap_or(0);
        entity.mark = entity
            .mark
            .saturating_add(used)
            .min(BACKGROUND.wrapping_sub(1));
        if entity.params.cap != 0 {
            let beyond = ticks.saturating_sub(entity.quota);
            entity.quota = entity.quota.saturating_sub(ticks);
            entity.debt = entity.debt.saturating_add(beyond);
        }
    }

    fn key(&self, entity: &Entity) -> u64 {
        level(&entity.params, entity.mark)
    }

    fn lent(&self, entity: &Entity) -> u64 {
        first_of_all(&entity.params)
    }

    fn woken(
        &self,
        entity: &mut Entity,
        _slept: u64,
        _load: u64,
        clock: &Clock,
        now: u64,
    ) -> Place {
        entity.mark = entity.mark.max(self.oldest(clock));
        Place {
            pressing: !entity.params.background,
            ..self.queued(entity, now)
        }
    }

    fn queued(&self, entity: &mut Entity, now: u64) -> Place {
        self.renew(entity, now);
        Place {
            release: if Self::is_parked(entity) {
                entity.quota_end
            } else {
                0
            },
            ..Place::back(self.key(entity))
        }
    }

    fn begin(&self, entity: &mut Entity, clock: &mut Clock, now: u64) {
        self.renew(entity, now);
        turns::refill(entity, self.slice);
        // One that was parked was no better off asleep.
        entity.mark = entity.mark.max(self.oldest(clock));
        if entity.boost.is_none() {
            self.most_deserving(entity, clock);
        }
    }

    fn most_deserving(&self, entity: &Entity, clock: &mut Clock) {
        let spent = clock.base.saturating_add(self.reset());
        if entity.mark >= spent && !entity.params.background {
            // The one with most credit has none: the reset.
            clock.base = entity.mark;
        }
    }

    fn continues(&self, entity: &mut Entity, rival: Option<Rival>, now: u64) -> bool {
        self.renew(entity, now);
        if Self::is_parked(entity) {
            return false;
        }
        let key = self.key(entity);
        if entity.params.background {
            return turns::continues(entity, key, rival, self.slice);
        }
        match rival {
            Some(rival) if self.overtakes(rival, entity) => return false,
            Some(rival) if rival.key < key && entity.left == 0 => return false,
            _ => {}
        }
        turns::refill(entity, self.slice);
        true
    }

    fn until(&self, entity: &Entity, waiting: Option<u64>, now: u64) -> Option<u64> {
        let turn = waiting.filter(|waiting| *waiting < BACKGROUND || entity.params.background);
        let turn = turn.map(|_| entity.left);
        let cap = (entity.params.cap != 0).then_some(entity.quota);
        let ticks = turn.into_iter().chain(cap).min()?;
        Some(now.saturating_add(ticks))
    }

    fn overtakes(&self, rival: Rival, running: &Entity) -> bool {
        let key = self.key(running);
        rival.key < key && (rival.pressing || key >= BACKGROUND)
    }

    fn moved(&self, entity: &mut Entity, from: u64, to: u64) {
        // The same credit by another clock.
        entity.mark = if entity.mark >= from {
            to.saturating_add(entity.mark.saturating_sub(from))
        } else {
            to.saturating_sub(from.saturating_sub(entity.mark))
        };
    }

    fn worn(&self, base: u64) -> Option<u64> {
        (base >= FAR).then(|| self.reset())
    }
}
