//! Weighted round robin: each vCPU in turn, for a time proportional to its weight.
//!
//! A turn of weight 256 lasts one slice. A vCPU that blocks keeps what is left of its turn, and while it is not
//! running it is given, in advance of its next turn, what its share of the core would have been. Woken with
//! a useful rest (an eighth of a turn) it has been under-served: it goes before the others and preempts the one
//! that runs. So a vCPU that waits for events gets the core promptly, and one that makes itself woken all the
//! time gets no more than its share, because its next turn is shorter by what it had in advance.
//!
//! Guarantees, besides those of the crate: of vCPUs that are runnable on one core without a break, none gets ahead
//! of another by more than two turns, weighed. Shares are per core: vCPUs are spread when they wake, when a core
//! idles, and when another core's queue is shorter by two, but three busy vCPUs on two cores are not rotated.
//! A vCPU alone on its core runs without a deadline.

use crate::params::{Config, Kind, Params};
use crate::policy::{Cores, CpuId, Decision, Error, Policy, State, VcpuId};
use crate::queue::Queue;
use crate::turns::bit;

/// The scheduler of up to `CPUS` (at most 64) cores and `VCPUS` vCPUs.
#[derive(Debug)]
pub struct RoundRobin<const CPUS: usize, const VCPUS: usize> {
    pub(crate) slice: u64,
    pub(crate) vcpus: [Vcpu; VCPUS],
    pub(crate) cores: [Core<VCPUS>; CPUS],
}

/// One vCPU.
#[derive(Debug)]
pub(crate) struct Vcpu {
    pub(crate) known: bool,
    pub(crate) affinity: Cores,
    pub(crate) weight: u32,
    pub(crate) state: State,
    /// The core that holds its registers.
    pub(crate) on: Option<CpuId>,
    /// The core where it ran last, or in whose queue it is.
    pub(crate) home: CpuId,
    /// What is left of its turn, in ticks; at 0 it has to queue for another.
    pub(crate) left: u64,
    /// What of its next turn it was given in advance when it was woken; at most a turn.
    pub(crate) advance: u64,
    /// Running: up to when its turn is charged. Blocked or stopped: since when.
    pub(crate) since: u64,
    /// It was woken while running.
    pub(crate) woken: bool,
    /// It is not to run for now.
    pub(crate) paused: bool,
    /// Somebody waits for what it holds.
    pub(crate) boosted: bool,
}

/// One core.
#[derive(Debug)]
pub(crate) struct Core<const VCPUS: usize> {
    pub(crate) online: bool,
    /// What the last decision said to run; its state says whether it still may.
    pub(crate) running: Option<VcpuId>,
    /// Whose registers this core holds besides those of `running`.
    pub(crate) leaving: Option<VcpuId>,
    /// It asked for a decision while it held two, and the one that ran could not go on.
    pub(crate) undecided: bool,
    /// The last decision had a deadline.
    pub(crate) timed: bool,
    pub(crate) queue: Queue<VCPUS>,
}

impl<const CPUS: usize, const VCPUS: usize> Default for RoundRobin<CPUS, VCPUS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const CPUS: usize, const VCPUS: usize> RoundRobin<CPUS, VCPUS> {
    /// A scheduler without vCPUs, all cores offline, whose slice is still to be set. All zeros.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(CPUS <= Cores::BITS as usize && VCPUS <= u16::MAX as usize) };
        RoundRobin {
            slice: 0,
            vcpus: [const {
                Vcpu {
                    known: false,
                    affinity: 0,
                    weight: 0,
                    state: State::Stopped,
                    on: None,
                    home: 0,
                    left: 0,
                    advance: 0,
                    since: 0,
                    woken: false,
                    paused: false,
                    boosted: false,
                }
            }; VCPUS],
            cores: [const {
                Core {
                    online: false,
                    running: None,
                    leaving: None,
                    undecided: false,
                    timed: false,
                    queue: Queue::new(),
                }
            }; CPUS],
        }
    }

    /// One without a policy.
    #[must_use]
    pub const fn none() -> Self {
        Self::new()
    }

    /// Chooses the policy, before the first vCPU is added.
    ///
    /// # Errors
    ///
    /// [`Error::NoPolicy`], [`Error::BadConfig`].
    pub fn configure(&mut self, config: &Config) -> Result<(), Error> {
        if config.kind != Kind::RoundRobin {
            return Err(Error::NoPolicy);
        }
        if config.slice == 0 {
            return Err(Error::BadConfig);
        }
        self.slice = config.slice;
        Ok(())
    }

    /// Sets how many ticks a turn of weight 256 lasts, before the first vCPU is added; turns under way keep
    /// their length.
    pub const fn set_slice(&mut self, ticks: u64) {
        self.slice = ticks;
    }
}

impl<const CPUS: usize, const VCPUS: usize> Policy for RoundRobin<CPUS, VCPUS> {
    fn add(&mut self, id: VcpuId, params: Params) -> Result<(), Error> {
        let home = params.affinity.trailing_zeros() as usize;
        if home >= CPUS {
            return Err(Error::NoCore);
        }
        if params.weight == 0 || params.weight > u32::from(u16::MAX) {
            return Err(Error::BadWeight);
        }
        let left = self.turn(params.weight);
        let vcpu = self
            .vcpus
            .get_mut(usize::from(id.0))
            .ok_or(Error::NoSuchVcpu)?;
        if vcpu.known {
            return Err(Error::AddedAlready);
        }
        *vcpu = Vcpu {
            known: true,
            affinity: params.affinity,
            weight: params.weight,
            state: State::Stopped,
            on: None,
            home,
            left,
            advance: 0,
            since: 0,
            woken: false,
            paused: false,
            boosted: false,
        };
        Ok(())
    }

    fn remove(&mut self, id: VcpuId) -> Result<(), Error> {
        let vcpu = self.vcpu_mut(id).ok_or(Error::NotAdded)?;
        match (vcpu.state, vcpu.on) {
            (State::Stopped, None) => {
                vcpu.known = false;
                Ok(())
            }
            (State::Stopped, Some(_)) => Err(Error::StillLoaded),
            _ => Err(Error::NotStopped),
        }
    }

    fn start(&mut self, id: VcpuId, now: u64) -> Result<Option<CpuId>, Error> {
        let vcpu = self.vcpu(id).ok_or(Error::NotAdded)?;
        match (vcpu.state, vcpu.on) {
            (State::Stopped, None) => Ok(self.rouse(id, now)),
            (State::Stopped, Some(_)) => Err(Error::StillLoaded),
            _ => Err(Error::NotStopped),
        }
    }

    fn stop(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let vcpu = self.vcpu_mut(id)?;
        let was = core::mem::replace(&mut vcpu.state, State::Stopped);
        let (on, home) = (vcpu.on, vcpu.home);
        match was {
            State::Ready => {
                vcpu.since = now;
                self.cores.get_mut(home)?.queue.remove(id);
            }
            State::Running(_) => self.charge(id, now),
            State::Blocked | State::Stopped => {}
        }
        on
    }

    fn reprieve(&mut self, cpu: CpuId) -> bool {
        let Some(id) = self.cores.get(cpu).and_then(|core| core.running) else {
            return false;
        };
        let Some(vcpu) = self
            .vcpu_mut(id)
            .filter(|vcpu| vcpu.state == State::Stopped)
        else {
            return false;
        };
        vcpu.state = State::Running(cpu);
        true
    }

    fn pause(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let vcpu = self.vcpu_mut(id)?;
        vcpu.paused = true;
        let (on, home, state) = (vcpu.on, vcpu.home, vcpu.state);
        if state == State::Ready {
            vcpu.since = now;
            self.cores.get_mut(home)?.queue.remove(id);
        }
        on
    }

    fn unpause(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let vcpu = self.vcpu_mut(id)?;
        let was = core::mem::replace(&mut vcpu.paused, false);
        if was && vcpu.state == State::Ready {
            self.rouse(id, now)
        } else {
            None
        }
    }

    fn is_quiet(&self, id: VcpuId) -> bool {
        self.vcpu(id)
            .is_none_or(|vcpu| (vcpu.paused || vcpu.state == State::Stopped) && vcpu.on.is_none())
    }

    fn inherit(&mut self, holder: VcpuId, _from: VcpuId, _now: u64) -> Option<CpuId> {
        let vcpu = self.vcpu_mut(holder)?;
        vcpu.boosted = true;
        let (state, home) = (vcpu.state, vcpu.home);
        if state != State::Ready || !self.cores.get_mut(home)?.queue.remove(holder) {
            return None;
        }
        self.enqueue(holder, home, true)
    }

    fn disinherit(&mut self, holder: VcpuId, _now: u64) -> Option<CpuId> {
        self.vcpu_mut(holder)?.boosted = false;
        None
    }

    fn is_off(&self, id: VcpuId) -> bool {
        self.vcpu(id)
            .is_none_or(|vcpu| vcpu.state == State::Stopped && vcpu.on.is_none())
    }

    fn wake(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let vcpu = self.vcpu_mut(id)?;
        match vcpu.state {
            State::Stopped | State::Ready => None,
            State::Running(_) => {
                vcpu.woken = true;
                None
            }
            State::Blocked => {
                let on = vcpu.on;
                if let Some(cpu) = on.filter(|cpu| {
                    self.cores
                        .get(*cpu)
                        .is_some_and(|core| core.running == Some(id))
                }) {
                    // It has blocked, but its core has not yet turned to another: as if it never had.
                    self.vcpu_mut(id)?.state = State::Running(cpu);
                    return None;
                }
                self.rouse(id, now)
            }
        }
    }

    fn prepare_block(&mut self, cpu: CpuId) {
        if let Some(id) = self.cores.get(cpu).and_then(|core| core.running)
            && let Some(vcpu) = self.vcpu_mut(id)
        {
            vcpu.woken = false;
        }
    }

    fn block(&mut self, cpu: CpuId, now: u64) -> bool {
        let Some(id) = self.cores.get(cpu).and_then(|core| core.running) else {
            return true;
        };
        self.charge(id, now);
        let Some(vcpu) = self.vcpu_mut(id) else {
            return true;
        };
        if vcpu.state == State::Running(cpu) {
            if vcpu.woken {
                return false;
            }
            vcpu.state = State::Blocked;
        }
        true
    }

    fn schedule(&mut self, cpu: CpuId, now: u64) -> Decision {
        let Some(core) = self.cores.get(cpu) else {
            return Decision {
                next: None,
                leave: None,
                until: None,
            };
        };
        let (running, leaving, online) = (core.running, core.leaving, core.online);
        if let Some(id) = running {
            self.charge(id, now);
            // It cannot hold the registers of a third one: first `switched_out`.
            if leaving.is_some() || self.goes_on(id, cpu) {
                return self.decision(cpu, now);
            }
        }
        let held = running.or(leaving);
        let next = if online { self.pick(cpu) } else { None };
        if let Some(id) = next {
            self.refill(id);
            if let Some(vcpu) = self.vcpu_mut(id) {
                vcpu.state = State::Running(cpu);
                vcpu.on = Some(cpu);
                vcpu.home = cpu;
                vcpu.since = now;
            }
        }
        if let Some(core) = self.cores.get_mut(cpu) {
            core.running = next;
            core.leaving = held.filter(|id| Some(*id) != next);
        }
        self.decision(cpu, now)
    }

    fn switched_out(&mut self, cpu: CpuId, _now: u64) -> Cores {
        let Some(id) = self.cores.get_mut(cpu).and_then(|core| core.leaving.take()) else {
            return 0;
        };
        let mut kicks = 0;
        if let Some(vcpu) = self.vcpu_mut(id) {
            vcpu.on = None;
            let home = vcpu.home;
            if vcpu.state == State::Ready {
                kicks |= self.settle(id, home);
            }
        }
        // What this core could not decide while it held two.
        if let Some(core) = self.cores.get(cpu) {
            let idle = core.online && core.running.is_none();
            let again = core.undecided || (idle && self.first(cpu, cpu).is_some());
            kicks |= bit(again.then_some(cpu));
        }
        kicks
    }

    fn refund(&mut self, cpu: CpuId, ticks: u64) {
        if let Some(id) = self.cores.get(cpu).and_then(|core| core.running)
            && let Some(vcpu) = self.vcpu_mut(id)
        {
            vcpu.since = vcpu.since.saturating_add(ticks);
        }
    }

    fn contended(&self, cpu: CpuId) -> bool {
        self.cores
            .get(cpu)
            .is_some_and(|core| !core.queue.is_empty())
    }

    fn state(&self, id: VcpuId) -> State {
        self.vcpu(id).map_or(State::Stopped, |vcpu| vcpu.state)
    }

    fn online(&mut self, cpu: CpuId, _now: u64) {
        if let Some(core) = self.cores.get_mut(cpu) {
            core.online = true;
        }
    }

    fn offline(&mut self, cpu: CpuId, _now: u64) -> Cores {
        let Some(core) = self.cores.get_mut(cpu) else {
            return 0;
        };
        core.online = false;
        let mut kicks = bit(core.running.map(|_| cpu));
        let waiting = core.queue.len();
        for _ in 0..waiting {
            let Some(id) = self
                .cores
                .get(cpu)
                .and_then(|core| core.queue.iter().next())
            else {
                break;
            };
            kicks |= self.resettle(id, cpu);
        }
        kicks
    }
}
