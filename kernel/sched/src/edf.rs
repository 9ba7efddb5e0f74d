//! Earliest deadline first, with hard constant-bandwidth servers (Abeni and Buttazzo, RTSS 1998; the hard form, which
//! waits for its replenishment, as in Marzario et al., ECRTS 2004), partitioned.
//!
//! An entity with a budget and a period is bound on adding to one core, whose servers together use at most all of it
//! ([`Admission`]). It is refused where there is no such core. So each server that is ready has its
//! budget by each of its deadlines, whatever the others do (Liu and Layland 1973: utilisation at most 1 suffices).
//!
//! - Woken, a server keeps budget and deadline if it could not use the one before the other at more than its bandwidth;
//!   otherwise it starts a period: full budget, deadline one period from now.
//! - With its budget used up it waits until its deadline, and starts a period there. What it ran beyond
//!   its budget (EL2 busy on its behalf, or hurried because it held what another waited for) is taken from the periods
//!   that follow.
//! - Entities without a server share what the servers leave, in turns of one slice, on any core; those in the
//!   background, in what these leave.
//!
//! Guarantees: in any t ticks a server runs at most `budget × (t / period + 2)`; one that is always ready runs at least
//! `budget × (t / period − 1)`, less what cores are offline or EL2 masks. Not work conserving for servers: one
//! without budget waits though the core may be idle.

use crate::admission::{Admission, Share};
use crate::entity::{BACKGROUND, Entity, Place};
use crate::params::{Config, Params};
use crate::policy::{CpuId, Error};
use crate::rule::{Clock, Rival, Rule, turns};

/// The rule of earliest deadline first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadlines {
    slice: u64,
}

impl Deadlines {
    /// Without a slice.
    #[must_use]
    pub const fn new() -> Self {
        Deadlines { slice: 0 }
    }
}

/// Whether it has a server.
const fn is_served(params: &Params) -> bool {
    params.budget != 0
}

/// Starts a period at `start`, or as many periods later as its debt costs it.
fn replenish(entity: &mut Entity, start: u64) {
    let Params { budget, period, .. } = entity.params;
    let skipped = entity.debt.checked_div(budget).unwrap_or(0);
    let debt = entity.debt.checked_rem(budget).unwrap_or(0);
    entity.release = start.saturating_add(skipped.saturating_mul(period));
    entity.mark = entity.release.saturating_add(period);
    entity.left = budget.saturating_sub(debt);
    entity.debt = 0;
}

impl Deadlines {
    fn place(&self, entity: &mut Entity, now: u64) -> Place {
        if !is_served(&entity.params) {
            return Place::resumed(self.key(entity), entity.left);
        }
        if entity.left == 0 {
            // One that missed a whole period, for want of a core, does not get it afterwards.
            let missed = entity.mark.saturating_add(entity.params.period) <= now;
            replenish(entity, if missed { now } else { entity.mark });
        }
        Place {
            front: true,
            release: entity.release,
            ..Place::back(entity.mark)
        }
    }
}

impl Rule for Deadlines {
    const UNSET: Option<Self> = Some(Self::new());

    fn configure(&mut self, config: &Config) -> Result<(), Error> {
        self.slice = config.slice;
        Ok(())
    }

    fn check(&self, params: &Params) -> Result<(), Error> {
        let whole = (params.budget == 0) == (params.period == 0);
        let served = is_served(params);
        if !whole || params.budget > params.period || (served && params.background) {
            return Err(Error::BadServer);
        }
        Ok(())
    }

    fn bind<'a>(
        &self,
        params: &Params,
        cores: usize,
        others: impl Iterator<Item = &'a Entity> + Clone,
    ) -> Result<CpuId, Error> {
        if !is_served(params) {
            return Ok(params.affinity.trailing_zeros() as usize);
        }
        let mut admission = Admission::<64>::new(cores);
        for other in others.filter(|other| is_served(&other.params)) {
            admission.take(
                other.home,
                Share::of(other.params.budget, other.params.period),
            );
        }
        let share = Share::of(params.budget, params.period);
        admission
            .admit(params.affinity, share)
            .map_err(|_| Error::NoRoom)
    }

    fn moves(&self, params: &Params) -> bool {
        !is_served(params)
    }

    fn holds_back(&self) -> bool {
        true
    }

    fn added(&self, _entity: &mut Entity) {}

    fn charge(&self, entity: &mut Entity, ticks: u64) {
        let beyond = ticks.saturating_sub(entity.left);
        entity.left = entity.left.saturating_sub(ticks);
        if is_served(&entity.params) {
            entity.debt = entity.debt.saturating_add(beyond);
        }
    }

    fn key(&self, entity: &Entity) -> u64 {
        let Params { background, .. } = entity.params;
        if is_served(&entity.params) {
            entity.mark
        } else {
            BACKGROUND.saturating_add(u64::from(background))
        }
    }

    fn woken(
        &self,
        entity: &mut Entity,
        _slept: u64,
        _load: u64,
        _clock: &Clock,
        now: u64,
    ) -> Place {
        let Params { budget, period, .. } = entity.params;
        if is_served(&entity.params) && entity.release <= now {
            let left = u128::from(entity.left).saturating_mul(u128::from(period));
            let span = u128::from(entity.mark.saturating_sub(now));
            // More than its bandwidth until its deadline, or the deadline has passed.
            if entity.mark <= now || left > span.saturating_mul(u128::from(budget)) {
                replenish(entity, now);
            }
        }
        Place {
            front: false,
            ..self.place(entity, now)
        }
    }

    fn queued(&self, entity: &mut Entity, now: u64) -> Place {
        self.place(entity, now)
    }

    fn begin(&self, entity: &mut Entity, _clock: &mut Clock, _now: u64) {
        if !is_served(&entity.params) {
            turns::refill(entity, self.slice);
        }
    }

    fn continues(&self, entity: &mut Entity, rival: Option<Rival>, _now: u64) -> bool {
        let key = self.key(entity);
        if is_served(&entity.params) {
            return entity.left != 0 && rival.is_none_or(|rival| rival.key >= key);
        }
        turns::continues(entity, key, rival, self.slice)
    }

    fn until(&self, entity: &Entity, waiting: Option<u64>, now: u64) -> Option<u64> {
        if is_served(&entity.params) {
            return Some(now.saturating_add(entity.left));
        }
        turns::until(entity, self.key(entity), waiting, now)
    }
}
