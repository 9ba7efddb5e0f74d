//! Fixed priorities, preemptive: of all that are ready and may run on a core, the most urgent runs.
//!
//! That holds across the cores of the pool: once the kicks have been obeyed, none waits while a core that it may use
//! runs a less urgent one. Equals on one core take turns of one slice; one that was preempted goes on with its turn
//! before its equals. A vCPU and a thread differ in nothing but their priority; what is in the background is below
//! priority 0. There is no protection of the less urgent: a busy entity starves those below it.
//! Whoever holds what a more urgent one waits for runs at that one's priority until it has released it.

use crate::entity::{Entity, Place};
use crate::params::{Config, Params};
use crate::policy::Error;
use crate::rule::{Clock, Rival, Rule, level, turns};

/// The rule of fixed priorities.
#[derive(Clone, Copy, Debug, Default)]
pub struct Priorities {
    slice: u64,
}

impl Priorities {
    /// Without a slice.
    #[must_use]
    pub const fn new() -> Self {
        Priorities { slice: 0 }
    }
}

impl Rule for Priorities {
    const UNSET: Option<Self> = Some(Self::new());

    fn configure(&mut self, config: &Config) -> Result<(), Error> {
        self.slice = config.slice;
        Ok(())
    }

    fn check(&self, _params: &Params) -> Result<(), Error> {
        Ok(())
    }

    fn is_global(&self) -> bool {
        true
    }

    fn added(&self, _entity: &mut Entity) {}

    fn charge(&self, entity: &mut Entity, ticks: u64) {
        entity.left = entity.left.saturating_sub(ticks);
    }

    fn key(&self, entity: &Entity) -> u64 {
        level(
            &entity.params,
            u64::from(u8::MAX.abs_diff(entity.params.priority)),
        )
    }

    fn woken(
        &self,
        entity: &mut Entity,
        _slept: u64,
        _load: u64,
        _clock: &Clock,
        _now: u64,
    ) -> Place {
        Place::back(self.key(entity))
    }

    fn queued(&self, entity: &mut Entity, _now: u64) -> Place {
        Place::resumed(self.key(entity), entity.left)
    }

    fn begin(&self, entity: &mut Entity, _clock: &mut Clock, _now: u64) {
        turns::refill(entity, self.slice);
    }

    fn continues(&self, entity: &mut Entity, rival: Option<Rival>, _now: u64) -> bool {
        turns::continues(entity, self.key(entity), rival, self.slice)
    }

    fn until(&self, entity: &Entity, waiting: Option<u64>, now: u64) -> Option<u64> {
        turns::until(entity, self.key(entity), waiting, now)
    }
}
