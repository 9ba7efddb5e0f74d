//! Any of the policies that this build contains, chosen when a pool's scheduler is made.
//!
//! There is a whole scheduler for each policy, so that a question costs one branch and the answer is compiled for its
//! policy: what that never does is not looked for. The mechanism exists once in the source, and in the image once for
//! each policy that was selected; a policy that is not, takes no room.

use crate::params::{Config, Kind, Params};
use crate::policy::{Cores, CpuId, Decision, Error, Policy, State, VcpuId};
use crate::rule::Rule;
use crate::rules;
use crate::scheduler::Scheduler;

/// The scheduler of one of the policies.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "all but the first are of one size, and the first is not there in a system"
)]
pub enum Any<const CPUS: usize, const VCPUS: usize> {
    /// Of none: nothing can be added.
    Nothing,
    /// [`Kind::RoundRobin`].
    RoundRobin(Scheduler<rules::RoundRobin, CPUS, VCPUS>),
    /// [`Kind::Credit`].
    Credit(Scheduler<rules::Credit, CPUS, VCPUS>),
    /// [`Kind::Edf`].
    Edf(Scheduler<rules::Edf, CPUS, VCPUS>),
    /// [`Kind::FixedPriority`].
    FixedPriority(Scheduler<rules::FixedPriority, CPUS, VCPUS>),
    /// [`Kind::Cyclic`].
    Cyclic(Scheduler<rules::Cyclic, CPUS, VCPUS>),
    /// [`Kind::Null`].
    Null(Scheduler<rules::Null, CPUS, VCPUS>),
}

/// Asks the scheduler that was chosen, or answers for none.
macro_rules! ask {
    ($self:expr, $scheduler:ident => $answer:expr, $nothing:expr) => {
        match $self {
            Any::Nothing => $nothing,
            Any::RoundRobin($scheduler) => $answer,
            Any::Credit($scheduler) => $answer,
            Any::Edf($scheduler) => $answer,
            Any::FixedPriority($scheduler) => $answer,
            Any::Cyclic($scheduler) => $answer,
            Any::Null($scheduler) => $answer,
        }
    };
}

/// A scheduler by the rule of that type, as the variant of that name, if this build has the rule.
macro_rules! made {
    ($name:ident) => {
        match <rules::$name as Rule>::UNSET {
            Some(rule) => Any::$name(Scheduler::with(rule)),
            None => Any::Nothing,
        }
    };
}

impl<const CPUS: usize, const VCPUS: usize> Any<CPUS, VCPUS> {
    /// A scheduler by that policy, still to be configured; if this build is without it, one that takes nobody.
    #[must_use]
    #[allow(
        unreachable_code,
        reason = "of a rule that is not part of the build there is no value to make a scheduler of"
    )]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::RoundRobin => made!(RoundRobin),
            Kind::Credit => made!(Credit),
            Kind::Edf => made!(Edf),
            Kind::FixedPriority => made!(FixedPriority),
            Kind::Cyclic => made!(Cyclic),
            Kind::Null => made!(Null),
        }
    }

    /// [`Scheduler::configure`].
    ///
    /// # Errors
    ///
    /// As there; [`Error::NoPolicy`] if this build is without the policy.
    pub fn configure(&mut self, config: &Config) -> Result<(), Error> {
        ask!(self, scheduler => scheduler.configure(config), Err(Error::NoPolicy))
    }

    /// [`Scheduler::held_back`].
    #[must_use]
    pub fn held_back(&self, id: VcpuId, cpu: CpuId, now: u64) -> Option<u64> {
        ask!(self, scheduler => scheduler.held_back(id, cpu, now), None)
    }

    /// [`Scheduler::home`].
    #[must_use]
    pub fn home(&self, id: VcpuId) -> Option<(CpuId, bool)> {
        ask!(self, scheduler => scheduler.home(id), None)
    }

    /// [`Scheduler::key`].
    #[must_use]
    pub fn key(&self, id: VcpuId) -> u64 {
        ask!(self, scheduler => scheduler.key(id), u64::MAX)
    }
}

impl<const CPUS: usize, const VCPUS: usize> Policy for Any<CPUS, VCPUS> {
    fn add(&mut self, id: VcpuId, params: Params) -> Result<(), Error> {
        ask!(self, scheduler => scheduler.add(id, params), Err(Error::NoPolicy))
    }

    fn remove(&mut self, id: VcpuId) -> Result<(), Error> {
        ask!(self, scheduler => scheduler.remove(id), Err(Error::NotAdded))
    }

    fn start(&mut self, id: VcpuId, now: u64) -> Result<Option<CpuId>, Error> {
        ask!(self, scheduler => scheduler.start(id, now), Err(Error::NotAdded))
    }

    fn stop(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        ask!(self, scheduler => scheduler.stop(id, now), None)
    }

    fn reprieve(&mut self, cpu: CpuId) -> bool {
        ask!(self, scheduler => scheduler.reprieve(cpu), false)
    }

    fn pause(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        ask!(self, scheduler => scheduler.pause(id, now), None)
    }

    fn unpause(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        ask!(self, scheduler => scheduler.unpause(id, now), None)
    }

    fn is_quiet(&self, id: VcpuId) -> bool {
        ask!(self, scheduler => scheduler.is_quiet(id), true)
    }

    fn inherit(&mut self, holder: VcpuId, from: VcpuId, now: u64) -> Option<CpuId> {
        ask!(self, scheduler => scheduler.inherit(holder, from, now), None)
    }

    fn disinherit(&mut self, holder: VcpuId, now: u64) -> Option<CpuId> {
        ask!(self, scheduler => scheduler.disinherit(holder, now), None)
    }

    fn is_off(&self, id: VcpuId) -> bool {
        ask!(self, scheduler => scheduler.is_off(id), true)
    }

    fn wake(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        ask!(self, scheduler => scheduler.wake(id, now), None)
    }

    fn wake_up(&mut self, id: VcpuId, now: u64) -> (Option<CpuId>, bool) {
        ask!(self, scheduler => scheduler.wake_up(id, now), (None, false))
    }

    fn prepare_block(&mut self, cpu: CpuId) {
        ask!(self, scheduler => scheduler.prepare_block(cpu), ());
    }

    fn block(&mut self, cpu: CpuId, now: u64) -> bool {
        ask!(self, scheduler => scheduler.block(cpu, now), false)
    }

    fn schedule(&mut self, cpu: CpuId, now: u64) -> Decision {
        ask!(self, scheduler => scheduler.schedule(cpu, now), Decision::IDLE)
    }

    fn schedule_refunding(&mut self, cpu: CpuId, ticks: u64, now: u64) -> Decision {
        ask!(self, scheduler => scheduler.schedule_refunding(cpu, ticks, now), Decision::IDLE)
    }

    fn switched_out(&mut self, cpu: CpuId, now: u64) -> Cores {
        ask!(self, scheduler => scheduler.switched_out(cpu, now), 0)
    }

    fn refund(&mut self, cpu: CpuId, ticks: u64) {
        ask!(self, scheduler => scheduler.refund(cpu, ticks), ());
    }

    fn contended(&self, cpu: CpuId) -> bool {
        ask!(self, scheduler => scheduler.contended(cpu), false)
    }

    fn state(&self, id: VcpuId) -> State {
        ask!(self, scheduler => scheduler.state(id), State::Stopped)
    }

    fn online(&mut self, cpu: CpuId, now: u64) {
        ask!(self, scheduler => scheduler.online(cpu, now), ());
    }

    fn offline(&mut self, cpu: CpuId, now: u64) -> Cores {
        ask!(self, scheduler => scheduler.offline(cpu, now), 0)
    }
}
