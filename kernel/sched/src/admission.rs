//! Whether servers fit on cores: at run time when one is added, and at configuration time in the tools, by the same
//! arithmetic.
//!
//! Partitioned: each server belongs to one core. The test for a core is exact for earliest deadline first with
//! deadlines equal to periods: the servers fit if and only if their shares add up to at most 1 (Liu and Layland
//! 1973). Which core a server goes to is a heuristic: of those it may use, the one that has most left. So a set may be
//! refused that another order of adding would have placed; naming single cores in the affinities decides it.
//! Shares are exact to 2⁻⁶⁴, rounded down: what that may admit too much is a tick in centuries.

use crate::policy::{Cores, CpuId};

/// A part of one core, in units of 2⁻⁶⁴.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u128);

impl Share {
    /// A whole core.
    pub const WHOLE: Share = Share(1 << 64);

    /// `budget` in each `period`, in any one unit of time. A period of 0 is more than any core has.
    #[must_use]
    pub fn of(budget: u64, period: u64) -> Self {
        let wide = u128::from(budget).wrapping_shl(64);
        Share(wide.checked_div(u128::from(period)).unwrap_or(u128::MAX))
    }

    /// The same in tenths of a percent, rounded to the nearest, for messages.
    #[must_use]
    pub const fn permille(self) -> u64 {
        let permille = (self
            .0
            .saturating_mul(1000)
            .saturating_add(Self::WHOLE.0 / 2))
            / Self::WHOLE.0;
        if permille > u64::MAX as u128 {
            u64::MAX
        } else {
            permille as u64
        }
    }
}

/// No core that it may use has that much left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// The core that had most left.
    pub cpu: CpuId,
    /// What was left of it.
    pub free: Share,
}

/// The shares of up to `CPUS` cores that are taken.
#[derive(Clone, Copy, Debug)]
pub struct Admission<const CPUS: usize> {
    taken: [u128; CPUS],
    cores: usize,
}

impl<const CPUS: usize> Admission<CPUS> {
    /// The first `cores` cores, nothing taken.
    #[must_use]
    pub const fn new(cores: usize) -> Self {
        Admission {
            taken: [0; CPUS],
            cores,
        }
    }

    /// Takes that share of that core, whether there is as much or not.
    pub fn take(&mut self, cpu: CpuId, share: Share) {
        if let Some(taken) = self.taken.get_mut(cpu) {
            *taken = taken.saturating_add(share.0);
        }
    }

    /// What is left of that core.
    #[must_use]
    pub fn free(&self, cpu: CpuId) -> Share {
        let taken = self.taken.get(cpu).filter(|_| cpu < self.cores);
        Share(taken.map_or(0, |taken| Share::WHOLE.0.saturating_sub(*taken)))
    }

    /// Places one that needs `share` on the core of `affinity` that has most left, the first among equals.
    ///
    /// # Errors
    ///
    /// [`Overload`]; nothing is taken then.
    pub fn admit(&mut self, affinity: Cores, share: Share) -> Result<CpuId, Overload> {
        let mut best = Overload {
            cpu: affinity.trailing_zeros() as usize,
            free: Share(0),
        };
        for cpu in (0..self.cores).filter(|cpu| affinity.wrapping_shr(*cpu as u32) & 1 != 0) {
            let free = self.free(cpu);
            if free > best.free {
                best = Overload { cpu, free };
            }
        }
        if share > best.free {
            return Err(best);
        }
        self.take(best.cpu, share);
        Ok(best.cpu)
    }
}
