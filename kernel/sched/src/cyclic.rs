//! A cyclic table of windows, in the manner of ARINC 653 (part 1, 2.3.1): each partition runs in its windows of the major
//! frame and at no other time.
//!
//! The frame begins whenever the counter is a multiple of its length, on all cores alike. An entity is bound on adding to
//! an allowed core on which its partition has a window, the one with the fewest of that partition. In a window,
//! those of the partition on that core take turns of one slice. What a partition leaves of its window, and time that belongs
//! to no window, goes to background entities (hypervisor threads that have time), in turns, and to nobody else.
//!
//! Guarantee: outside its windows a partition's entity does not run, except while it holds what another partition's
//! waits for; then it runs in that one's windows, before its owners, and is not charged: the waiter pays with the time of its
//! window. A background entity that holds what a partition's waits for goes before everybody, in any window, as long as it holds
//! that and no longer: what partitions and background share bounds how far one partition can disturb another. A boundary is met to the tick if the core calls at the deadline; what EL2 does with interrupts masked comes on
//! top. If a core goes offline, those bound to it move to another that is allowed, where their windows, if they have any, are.

use crate::entity::{Entity, Place, each};
use crate::params::{Config, Params, Window};
use crate::policy::{CpuId, Error};
use crate::rule::{Clock, Phase, Rival, Rule, first_of_all, level, turns};

/// The key of a partition's entities.
const MEMBER: u64 = 1;

/// Microseconds in a second.
const MILLION: u64 = 1_000_000;

/// The rule of the cyclic table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame {
    slice: u64,
    frequency: u64,
    /// In ticks.
    length: u64,
    windows: &'static [Window],
}

impl Frame {
    /// Without a table.
    #[must_use]
    pub const fn new() -> Self {
        Frame {
            slice: 0,
            frequency: 0,
            length: 0,
            windows: &[],
        }
    }

    /// Microseconds of the frame in ticks of the counter.
    fn ticks(&self, microseconds: u64) -> u64 {
        microseconds.saturating_mul(self.frequency) / MILLION
    }

    /// The windows of one core.
    fn of(&self, cpu: CpuId) -> impl Iterator<Item = &'static Window> {
        let concerns = move |window: &&Window| window.cores.wrapping_shr(cpu as u32) & 1 != 0;
        self.windows.iter().filter(concerns)
    }
}

/// Where a window ends, in microseconds of the frame.
fn end(window: &Window) -> u64 {
    u64::from(window.start_us).saturating_add(u64::from(window.length_us))
}

/// Checks a table: windows of a length, in order, within the frame, no two at once on any core.
///
/// # Errors
///
/// The index of the first window that is wrong; 0 if the frame is 0 or there is no window.
pub fn check_windows(frame_us: u32, windows: &[Window]) -> Result<(), usize> {
    if frame_us == 0 || windows.is_empty() {
        return Err(0);
    }
    for (index, window) in windows.iter().enumerate() {
        let earlier = windows.iter().take(index);
        let clash = |earlier: &Window| {
            let both = earlier.cores & window.cores != 0;
            earlier.start_us > window.start_us
                || (both && end(earlier) > u64::from(window.start_us))
        };
        let inside = end(window) <= u64::from(frame_us);
        if window.length_us == 0
            || window.cores == 0
            || !inside
            || earlier.copied().any(|e| clash(&e))
        {
            return Err(index);
        }
    }
    Ok(())
}

impl Rule for Frame {
    const UNSET: Option<Self> = Some(Self::new());

    fn configure(&mut self, config: &Config) -> Result<(), Error> {
        check_windows(config.frame_us, config.windows).map_err(|_| Error::BadConfig)?;
        self.slice = config.slice;
        self.frequency = config.frequency;
        self.windows = config.windows;
        self.length = self.ticks(u64::from(config.frame_us));
        if self.length == 0 {
            return Err(Error::BadConfig);
        }
        Ok(())
    }

    fn check(&self, _params: &Params) -> Result<(), Error> {
        Ok(())
    }

    fn bind<'a>(
        &self,
        params: &Params,
        cores: usize,
        others: impl Iterator<Item = &'a Entity> + Clone,
    ) -> Result<CpuId, Error> {
        let mut allowed = each(params.affinity).filter(|cpu| *cpu < cores);
        if params.background {
            return allowed.next().ok_or(Error::NoCore);
        }
        let own = |window: &Window| window.partition == params.partition;
        let fellows = |cpu: &CpuId| {
            let fellow = |other: &&Entity| {
                other.home == *cpu
                    && !other.params.background
                    && other.params.partition == params.partition
            };
            others.clone().filter(fellow).count()
        };
        let open = allowed.filter(|cpu| self.of(*cpu).any(own));
        open.min_by_key(fellows).ok_or(Error::NoWindow)
    }

    fn moves(&self, params: &Params) -> bool {
        params.background
    }

    fn holds_back(&self) -> bool {
        true
    }

    fn added(&self, _entity: &mut Entity) {}

    fn charge(&self, entity: &mut Entity, ticks: u64) {
        if entity.boost.is_none() {
            entity.left = entity.left.saturating_sub(ticks);
        }
    }

    fn key(&self, entity: &Entity) -> u64 {
        level(&entity.params, MEMBER)
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
        turns::until(entity, self.key(entity), waiting, now)
    }

    fn is_open(&self, entity: &Entity, phase: &Phase) -> bool {
        let owns = |partition| phase.owner == Some(partition);
        entity.params.background
            || owns(entity.params.partition)
            || entity.boost.is_some_and(|boost| owns(boost.partition))
    }

    fn phase(&self, cpu: CpuId, now: u64) -> Phase {
        let into = now.checked_rem(self.length).unwrap_or(0);
        let frame = now.saturating_sub(into);
        let at = |ticks: u64| frame.saturating_add(ticks);
        for window in self.of(cpu) {
            let (from, to) = (
                self.ticks(u64::from(window.start_us)),
                self.ticks(end(window)),
            );
            if into < from {
                return Phase {
                    owner: None,
                    until: at(from),
                };
            }
            if into < to {
                return Phase {
                    owner: Some(window.partition),
                    until: at(to),
                };
            }
        }
        Phase {
            owner: None,
            until: at(self.length),
        }
    }
}
