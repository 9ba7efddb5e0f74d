//! Any of the policies that this build contains, chosen when a pool is configured.
//!
//! The mechanism exists once, whatever the policies; a rule's answer costs one more branch than that of a
//! scheduler that knows only one. With a single policy in the build there is nothing to choose.

use crate::entity::{Entity, Place};
use crate::params::{Config, Kind, Params};
use crate::policy::{CpuId, Error};
use crate::rule::{Clock, Phase, Rival, Rule};
use crate::rules;

/// The rule that was configured.
#[derive(Clone, Copy, Debug, Default)]
pub enum Chosen {
    /// None yet: nothing can be added.
    #[default]
    Nothing,
    /// [`Kind::RoundRobin`](crate::Kind::RoundRobin).
    RoundRobin(rules::RoundRobin),
    /// [`Kind::Credit`](crate::Kind::Credit).
    Credit(rules::Credit),
    /// [`Kind::Edf`](crate::Kind::Edf).
    Edf(rules::Edf),
    /// [`Kind::FixedPriority`](crate::Kind::FixedPriority).
    FixedPriority(rules::FixedPriority),
    /// [`Kind::Cyclic`](crate::Kind::Cyclic).
    Cyclic(rules::Cyclic),
    /// [`Kind::Null`](crate::Kind::Null).
    Null(rules::Null),
}

/// Asks the rule that was configured, or answers for none.
macro_rules! ask {
    ($self:expr, $rule:ident => $answer:expr, $nothing:expr) => {
        match $self {
            Chosen::Nothing => $nothing,
            Chosen::RoundRobin($rule) => $answer,
            Chosen::Credit($rule) => $answer,
            Chosen::Edf($rule) => $answer,
            Chosen::FixedPriority($rule) => $answer,
            Chosen::Cyclic($rule) => $answer,
            Chosen::Null($rule) => $answer,
        }
    };
}

impl Rule for Chosen {
    fn unset() -> Option<Self> {
        Some(Chosen::Nothing)
    }

    fn configure(&mut self, config: &Config) -> Result<(), Error> {
        let chosen = match config.kind {
            Kind::RoundRobin => Rule::unset().map(Chosen::RoundRobin),
            Kind::Credit => Rule::unset().map(Chosen::Credit),
            Kind::Edf => Rule::unset().map(Chosen::Edf),
            Kind::FixedPriority => Rule::unset().map(Chosen::FixedPriority),
            Kind::Cyclic => Rule::unset().map(Chosen::Cyclic),
            Kind::Null => Rule::unset().map(Chosen::Null),
        };
        *self = chosen.ok_or(Error::NoPolicy)?;
        ask!(self, rule => rule.configure(config), Err(Error::NoPolicy))
    }

    fn bind<'a>(
        &self,
        params: &Params,
        cores: usize,
        others: impl Iterator<Item = &'a Entity> + Clone,
    ) -> Result<CpuId, Error> {
        ask!(self, rule => rule.bind(params, cores, others), Err(Error::NoPolicy))
    }

    fn check(&self, params: &Params) -> Result<(), Error> {
        ask!(self, rule => rule.check(params), Err(Error::NoPolicy))
    }

    fn moves(&self, params: &Params) -> bool {
        ask!(self, rule => rule.moves(params), true)
    }

    fn is_global(&self) -> bool {
        ask!(self, rule => rule.is_global(), false)
    }

    fn holds_back(&self) -> bool {
        ask!(self, rule => rule.holds_back(), false)
    }

    fn has_clock(&self) -> bool {
        ask!(self, rule => rule.has_clock(), false)
    }

    fn weighs(&self) -> bool {
        ask!(self, rule => rule.weighs(), false)
    }

    fn added(&self, entity: &mut Entity) {
        ask!(self, rule => rule.added(entity), ())
    }

    fn charge(&self, entity: &mut Entity, ticks: u64) {
        ask!(self, rule => rule.charge(entity, ticks), ())
    }

    fn key(&self, entity: &Entity) -> u64 {
        ask!(self, rule => rule.key(entity), 0)
    }

    fn lent(&self, entity: &Entity) -> u64 {
        ask!(self, rule => rule.lent(entity), 0)
    }

    fn woken(&self, entity: &mut Entity, slept: u64, load: u64, clock: &Clock, now: u64) -> Place {
        ask!(self, rule => rule.woken(entity, slept, load, clock, now), Place::back(0))
    }

    fn queued(&self, entity: &mut Entity, now: u64) -> Place {
        ask!(self, rule => rule.queued(entity, now), Place::back(0))
    }

    fn begin(&self, entity: &mut Entity, clock: &mut Clock, now: u64) {
        ask!(self, rule => rule.begin(entity, clock, now), ())
    }

    fn continues(&self, entity: &mut Entity, rival: Option<Rival>, now: u64) -> bool {
        ask!(self, rule => rule.continues(entity, rival, now), true)
    }

    fn until(&self, entity: &Entity, waiting: Option<u64>, now: u64) -> Option<u64> {
        ask!(self, rule => rule.until(entity, waiting, now), None)
    }

    fn overtakes(&self, rival: Rival, running: &Entity) -> bool {
        ask!(self, rule => rule.overtakes(rival, running), false)
    }

    fn passes(&self, entity: &mut Entity) -> bool {
        ask!(self, rule => rule.passes(entity), false)
    }

    fn is_open(&self, entity: &Entity, phase: &Phase) -> bool {
        ask!(self, rule => rule.is_open(entity, phase), true)
    }

    fn phase(&self, cpu: CpuId, now: u64) -> Phase {
        ask!(self, rule => rule.phase(cpu, now), Phase { owner: None, until: u64::MAX })
    }

    fn moved(&self, entity: &mut Entity, from: u64, to: u64) {
        ask!(self, rule => rule.moved(entity, from, to), ())
    }

    fn most_deserving(&self, entity: &Entity, clock: &mut Clock) {
        ask!(self, rule => rule.most_deserving(entity, clock), ())
    }

    fn worn(&self, base: u64) -> Option<u64> {
        ask!(self, rule => rule.worn(base), None)
    }
}
