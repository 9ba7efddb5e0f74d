//! What stands where a policy is that this build does not contain: a rule that cannot exist.
//!
//! The compiler knows that no value of it is ever made, and drops whatever would be done with one.

use crate::entity::{Entity, Place};
use crate::params::{Config, Params};
use crate::policy::{CpuId, Error};
use crate::rule::{Clock, Phase, Rival, Rule};

/// No rule.
#[derive(Clone, Copy, Debug)]
pub enum Off {}

impl Rule for Off {
    const UNSET: Option<Self> = None;

    fn bind<'a>(
        &self,
        _params: &Params,
        _cores: usize,
        _others: impl Iterator<Item = &'a Entity> + Clone,
    ) -> Result<CpuId, Error> {
        match *self {}
    }

    fn configure(&mut self, _config: &Config) -> Result<(), Error> {
        match *self {}
    }

    fn check(&self, _params: &Params) -> Result<(), Error> {
        match *self {}
    }

    fn moves(&self, _params: &Params) -> bool {
        match *self {}
    }

    fn is_global(&self) -> bool {
        match *self {}
    }

    fn holds_back(&self) -> bool {
        match *self {}
    }

    fn has_clock(&self) -> bool {
        match *self {}
    }

    fn weighs(&self) -> bool {
        match *self {}
    }

    fn added(&self, _entity: &mut Entity) {
        match *self {}
    }

    fn charge(&self, _entity: &mut Entity, _ticks: u64) {
        match *self {}
    }

    fn key(&self, _entity: &Entity) -> u64 {
        match *self {}
    }

    fn lent(&self, _entity: &Entity) -> u64 {
        match *self {}
    }

    fn woken(
        &self,
        _entity: &mut Entity,
        _slept: u64,
        _load: u64,
        _clock: &Clock,
        _now: u64,
    ) -> Place {
        match *self {}
    }

    fn queued(&self, _entity: &mut Entity, _now: u64) -> Place {
        match *self {}
    }

    fn begin(&self, _entity: &mut Entity, _clock: &mut Clock, _now: u64) {
        match *self {}
    }

    fn continues(&self, _entity: &mut Entity, _rival: Option<Rival>, _now: u64) -> bool {
        match *self {}
    }

    fn until(&self, _entity: &Entity, _waiting: Option<u64>, _now: u64) -> Option<u64> {
        match *self {}
    }

    fn overtakes(&self, _rival: Rival, _running: &Entity) -> bool {
        match *self {}
    }

    fn may_pass(&self) -> bool {
        match *self {}
    }

    fn passes(&self, _entity: &mut Entity) -> bool {
        match *self {}
    }

    fn is_open(&self, _entity: &Entity, _phase: &Phase) -> bool {
        match *self {}
    }

    fn phase(&self, _cpu: CpuId, _now: u64) -> Phase {
        match *self {}
    }

    fn moved(&self, _entity: &mut Entity, _from: u64, _to: u64) {
        match *self {}
    }

    fn most_deserving(&self, _entity: &Entity, _clock: &mut Clock) {
        match *self {}
    }

    fn worn(&self, _base: u64) -> Option<u64> {
        match *self {}
    }
}
