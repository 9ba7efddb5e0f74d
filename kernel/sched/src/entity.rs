//! What is known of one vCPU or hypervisor thread, whatever the policy.

use crate::params::Params;
use crate::policy::{Cores, CpuId, State};

/// Keys from here on are those of entities that run only in what the others leave.
pub const BACKGROUND: u64 = 1 << 63;

/// One entity. The fields from `left` on belong to the policy.
#[derive(Clone, Copy, Debug)]
pub struct Entity {
    pub(crate) known: bool,
    pub(crate) params: Params,
    pub(crate) state: State,
    /// The core that holds its registers.
    pub(crate) on: Option<CpuId>,
    /// The core where it ran last, or in whose queue it is, or to which it is bound.
    pub(crate) home: CpuId,
    /// It was woken while running.
    pub(crate) woken: bool,
    /// It is not to run for now.
    pub(crate) paused: bool,
    /// Running: up to when it is charged. Otherwise: since when it is not.
    pub(crate) since: u64,
    /// What it has from somebody who waits for it.
    pub(crate) boost: Option<Boost>,
    /// While it is queued: its place, the lower the earlier.
    pub(crate) key: u64,
    /// While it is queued: it was woken, and is worth a preemption.
    pub(crate) pressing: bool,
    /// Not to be taken up before.
    pub(crate) release: u64,
    /// What is left of its turn, slice or budget, in ticks.
    pub(crate) left: u64,
    /// Ticks that it had beyond what it was due, to be taken from what it gets next.
    pub(crate) debt: u64,
    /// EDF: its deadline. Credit: the time it has used, weighed.
    pub(crate) mark: u64,
    /// Credit: what is left of its cap in this window of time, and when that ends.
    pub(crate) quota: u64,
    pub(crate) quota_end: u64,
}

/// Urgency lent to one that holds what another waits for.
#[derive(Clone, Copy, Debug)]
pub struct Boost {
    pub(crate) key: u64,
    /// The lender's partition.
    pub(crate) partition: u16,
}

/// Where in a core's queue one belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The lower, the earlier.
    pub(crate) key: u64,
    /// Before its equals, not behind them.
    pub(crate) front: bool,
    /// See [`Entity::pressing`].
    pub(crate) pressing: bool,
    /// See [`Entity::release`].
    pub(crate) release: u64,
}

impl Place {
    /// Behind its equals.
    pub(crate) const fn back(key: u64) -> Self {
        Place {
            key,
            front: false,
            pressing: false,
            release: 0,
        }
    }

    /// Before its equals if part of its turn is left: it was interrupted.
    pub(crate) const fn resumed(key: u64, left: u64) -> Self {
        Place {
            key,
            front: left != 0,
            pressing: false,
            release: 0,
        }
    }
}

impl Entity {
    pub(crate) const NONE: Entity = Entity {
        known: false,
        params: Params::shared(0, 0),
        state: State::Stopped,
        on: None,
        home: 0,
        woken: false,
        paused: false,
        since: 0,
        boost: None,
        key: 0,
        pressing: false,
        release: 0,
        left: 0,
        debt: 0,
        mark: 0,
        quota: 0,
        quota_end: 0,
    };

    /// Whether it may run on that core at all.
    pub(crate) const fn allows(&self, cpu: CpuId) -> bool {
        self.params.affinity.wrapping_shr(cpu as u32) & 1 != 0
    }

    /// Before when it is not to be taken up; what it was lent lifts that.
    pub(crate) const fn held_until(&self) -> u64 {
        if self.boost.is_some() {
            0
        } else {
            self.release
        }
    }

    /// Whether it waits in a queue.
    pub(crate) fn is_queued(&self) -> bool {
        self.state == State::Ready && !self.paused
    }
}

/// The set of that core, or of none.
pub(crate) fn bit(cpu: Option<CpuId>) -> Cores {
    cpu.map_or(0, |cpu| 1u64.wrapping_shl(cpu as u32))
}

/// The cores of a set.
pub(crate) fn each(mut cores: Cores) -> impl Iterator<Item = CpuId> {
    core::iter::from_fn(move || {
        let cpu = (cores != 0).then(|| cores.trailing_zeros() as usize);
        cores &= cores.wrapping_sub(1);
        cpu
    })
}
