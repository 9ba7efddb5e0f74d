//! One vCPU for each core, and no decisions: it runs whenever it is ready, and is never looked at by a timer.
//!
//! On adding, each entity that is not in the background is bound to an allowed core that has none yet; if there is
//! no such core, it is refused. Its wake-up costs a kick. Background entities (hypervisor threads that have time)
//! run on cores whose vCPU is blocked, in turns of one slice, and give way at once. Such a thread goes before a vCPU only
//! while it holds what another vCPU waits for: as long as it holds that, and no longer.

use crate::entity::{BACKGROUND, Entity, Place, each};
use crate::params::{Config, Params};
use crate::policy::{CpuId, Error};
use crate::rule::{Clock, Rival, Rule, first_of_all, level, turns};

/// The key of a core's own vCPU.
const OWNER: u64 = 1;

/// The rule of one vCPU for each core.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owners {
    slice: u64,
}

impl Owners {
    /// Without a slice.
    #[must_use]
    pub const fn new() -> Self {
        Owners { slice: 0 }
    }
}

impl Rule for Owners {
    const UNSET: Option<Self> = Some(Self::new());

    fn configure(&mut self, config: &Config) -> Result<(), Error> {
        self.slice = config.slice;
        Ok(())
    }

    fn check(&self, _params: &Params) -> Result<(), Error> {
        Ok(())
    }

    fn bind<'a>(
        &self,
        params: &Params,
        cores: usize,
        mut others: impl Iterator<Item = &'a Entity> + Clone,
    ) -> Result<CpuId, Error> {
        let mut allowed = each(params.affinity).filter(|cpu| *cpu < cores);
        if params.background {
            return allowed.next().ok_or(Error::NoCore);
        }
        let mut taken = 0u64;
        for other in others.by_ref().filter(|other| !other.params.background) {
            taken |= 1u64.wrapping_shl(other.home as u32);
        }
        let free = allowed.find(|cpu| taken.wrapping_shr(*cpu as u32) & 1 == 0);
        free.ok_or(Error::NoRoom)
    }

    fn moves(&self, params: &Params) -> bool {
        params.background
    }

    fn added(&self, _entity: &mut Entity) {}

    fn charge(&self, entity: &mut Entity, ticks: u64) {
        entity.left = entity.left.saturating_sub(ticks);
    }

    fn key(&self, entity: &Entity) -> u64 {
        level(&entity.params, OWNER)
    }

    fn lent(&self, entity: &Entity) -> u64 {
        first_of_all(&entity.params)
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
        let waiting = waiting.filter(|_| self.key(entity) >= BACKGROUND);
        turns::until(entity, self.key(entity), waiting, now)
    }
}
