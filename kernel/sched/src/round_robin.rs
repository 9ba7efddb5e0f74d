//! Weighted round robin: each vCPU in turn, for a time proportional to its weight.
//!
//! A turn of weight 256 lasts one slice. A vCPU that blocks keeps what is left of its turn, and while it is not
//! running earns back time at the rate of its fair share, up to one turn. Woken with a useful rest (an eighth
//! of a turn) it has been under-served: it goes before the others and preempts the one that runs. So a
//! vCPU that waits for events gets the core promptly, and one that makes itself woken all the time gets no more
//! than its share.
//!
//! Guarantees, besides those of the crate: of vCPUs that are runnable on one core without a break, none gets ahead
//! of another by more than two turns, weighed. Shares are per core: vCPUs are spread when they wake, when a core
//! idles, and when another core's queue is shorter by two, but three busy vCPUs on two cores are not rotated.
//! A vCPU alone on its core runs without a deadline.

use crate::policy::{Cores, CpuId, Decision, Error, Params, Policy, State, VcpuId};
use crate::queue::Queue;

/// The weight of which a turn lasts exactly one slice.
const UNIT_WEIGHT: u64 = 256;

/// A woken vCPU whose rest is at least this part of a turn preempts.
const USEFUL_PART: u64 = 8;

/// The scheduler of up to `CPUS` (at most 64) cores and `VCPUS` vCPUs.
#[derive(Debug)]
pub struct RoundRobin<const CPUS: usize, const VCPUS: usize> {
    slice: u64,
    vcpus: [Vcpu; VCPUS],
    cores: [Core<VCPUS>; CPUS],
}

/// One vCPU.
#[derive(Debug)]
struct Vcpu {
    known: bool,
    affinity: Cores,
    weight: u32,
    state: State,
    /// The core that holds its registers.
    on: Option<CpuId>,
    /// The core where it ran last, or in whose queue it is.
    home: CpuId,
    /// What is left of its turn, in ticks; at 0 it has to queue for another.
    left: u64,
    /// Running: up to when its turn is charged. Blocked or stopped: since when.
    since: u64,
    /// It was woken while running.
    woken: bool,
}

/// One core.
#[derive(Debug)]
struct Core<const VCPUS: usize> {
    online: bool,
    /// What the last decision said to run; its state says whether it still may.
    running: Option<VcpuId>,
    /// Whose registers this core holds besides those of `running`.
    leaving: Option<VcpuId>,
    /// The last decision had a deadline.
    timed: bool,
    queue: Queue<VCPUS>,
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
                    since: 0,
                    woken: false,
                }
            }; VCPUS],
            cores: [const {
                Core {
                    online: false,
                    running: None,
                    leaving: None,
                    timed: false,
                    queue: Queue::new(),
                }
            }; CPUS],
        }
    }

    /// Sets how many ticks a turn of weight 256 lasts. Before the first vCPU is started; turns under way keep
    /// their length.
    pub const fn set_slice(&mut self, ticks: u64) {
        self.slice = ticks;
    }

    fn vcpu(&self, id: VcpuId) -> Option<&Vcpu> {
        self.vcpus.get(usize::from(id.0)).filter(|vcpu| vcpu.known)
    }

    fn vcpu_mut(&mut self, id: VcpuId) -> Option<&mut Vcpu> {
        self.vcpus
            .get_mut(usize::from(id.0))
            .filter(|vcpu| vcpu.known)
    }

    /// How long a turn of a vCPU of that weight lasts; never 0.
    fn turn(&self, weight: u32) -> u64 {
        (self.slice.saturating_mul(u64::from(weight)) / UNIT_WEIGHT).max(1)
    }

    /// Charges the vCPU on this core for the time since it was last charged.
    fn charge(&mut self, id: VcpuId, now: u64) {
        if let Some(vcpu) = self.vcpu_mut(id) {
            vcpu.left = vcpu.left.saturating_sub(now.saturating_sub(vcpu.since));
            vcpu.since = vcpu.since.max(now);
        }
    }

    /// The weights of all that compete for a core.
    fn load(&self, cpu: CpuId) -> u64 {
        let Some(core) = self.cores.get(cpu) else {
            return 0;
        };
        let weight = |id| self.vcpu(id).map_or(0, |vcpu| u64::from(vcpu.weight));
        core.queue
            .iter()
            .chain(core.running)
            .map(weight)
            .fold(0, u64::saturating_add)
    }

    /// Where a vCPU that has become ready should wait.
    fn best_core(&self, vcpu: &Vcpu) -> CpuId {
        if let Some(cpu) = vcpu
            .on
            .filter(|cpu| self.cores.get(*cpu).is_some_and(|core| core.online))
        {
            return cpu;
        }
        // Fewest competitors first; among equals its last core, whose caches may still know it.
        let allowed = |cpu: CpuId| vcpu.affinity.wrapping_shr(cpu as u32) & 1 != 0;
        let online = self
            .cores
            .iter()
            .enumerate()
            .filter(|(cpu, core)| core.online && allowed(*cpu));
        let best = online.min_by_key(|(cpu, core)| (core.competitors(), *cpu != vcpu.home));
        best.map_or(vcpu.home, |(cpu, _)| cpu)
    }

    /// Puts a vCPU that is neither running nor queued into a queue, and says which core has to hear of it.
    fn enqueue(&mut self, id: VcpuId, cpu: CpuId, urgent: bool) -> Option<CpuId> {
        let vcpu = self.vcpu_mut(id)?;
        vcpu.state = State::Ready;
        vcpu.home = cpu;
        let core = self.cores.get_mut(cpu)?;
        if urgent {
            core.queue.push_urgent(id);
        } else {
            core.queue.push(id);
        }
        // One that runs without a deadline has to be given one.
        (core.online && (core.running.is_none() || urgent || !core.timed)).then_some(cpu)
    }

    /// Makes a blocked or stopped vCPU ready.
    fn rouse(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let vcpu = self.vcpu(id)?;
        let cpu = self.best_core(vcpu);
        let turn = self.turn(vcpu.weight);
        let weight = u64::from(vcpu.weight);
        let slept = now.saturating_sub(vcpu.since);
        // A product that does not fit means that it slept for longer than any turn.
        let earned = slept
            .checked_mul(weight)
            .and_then(|product| product.checked_div(share));
        let earned = earned.unwrap_or(turn);
        let left = vcpu.left.saturating_add(earned).min(turn);
        let urgent = left >= turn / USEFUL_PART;
        let vcpu = self.vcpu_mut(id)?;
        // A rest too short to be useful is not worth a preemption: it queues for a whole turn.
        vcpu.left = if urgent { left } else { 0 };
        vcpu.since = now;
        self.enqueue(id, cpu, urgent)
    }

    /// Whether `cpu` may take up that vCPU now.
    fn eligible(&self, id: VcpuId, cpu: CpuId) -> bool {
        self.vcpu(id).is_some_and(|vcpu| {
            vcpu.on.is_none_or(|on| on == cpu) && vcpu.affinity.wrapping_shr(cpu as u32) & 1 != 0
        })
    }

    /// The first in the queue of `from` that `cpu` may take up.
    fn first(&self, from: CpuId, cpu: CpuId) -> Option<VcpuId> {
        self.cores
            .get(from)?
            .queue
            .iter()
            .find(|id| self.eligible(*id, cpu))
    }

    /// Takes the next vCPU for `cpu` out of its own queue, or else out of the longest other that has one.
    fn pick(&mut self, cpu: CpuId) -> Option<VcpuId> {
        let from = if self.first(cpu, cpu).is_some() {
            cpu
        } else {
            let others = (0..CPUS).filter(|from| self.first(*from, cpu).is_some());
            others.max_by_key(|from| self.cores.get(*from).map_or(0, |core| core.queue.len()))?
        };
        let id = self.first(from, cpu)?;
        self.cores.get_mut(from)?.queue.remove(id);
        Some(id)
    }

    /// Decides what happens to the vCPU that ran here: whether it goes on. If not, it is queued if it is ready.
    fn goes_on(&mut self, id: VcpuId, cpu: CpuId) -> bool {
        let Some(vcpu) = self.vcpu(id) else {
            return false;
        };
        let (state, left, turn) = (vcpu.state, vcpu.left, self.turn(vcpu.weight));
        if state != State::Running(cpu) {
            return false;
        }
        let Some(core) = self.cores.get(cpu) else {
            return false;
        };
        if core.online {
            let wanted = self.first(cpu, cpu).is_some();
            if !wanted || (left != 0 && !core.queue.has_urgent()) {
                if let Some(vcpu) = self.vcpu_mut(id).filter(|vcpu| vcpu.left == 0) {
                    vcpu.left = turn;
                }
                return true;
            }
        }
        if let Some(vcpu) = self.vcpu_mut(id) {
            vcpu.state = State::Ready;
        }
        if let Some(core) = self.cores.get_mut(cpu) {
            // Offline, it waits here until its registers are saved and it can be taken elsewhere.
            if left != 0 {
                core.queue.resume(id)
            } else {
                core.queue.push(id)
            }
        }
        false
    }

    /// The decision that follows from what the core holds.
    fn decision(&mut self, cpu: CpuId, now: u64) -> Decision {
        let running = self.cores.get(cpu).and_then(|core| core.running);
        let next = running.filter(|id| self.state(*id) == State::Running(cpu));
        let left = next
            .and_then(|id| self.vcpu(id))
            .map_or(0, |vcpu| vcpu.left);
        let Some(core) = self.cores.get_mut(cpu) else {
            return Decision {
                next: None,
                leave: None,
                until: None,
            };
        };
        let until = (next.is_some() && !core.queue.is_empty()).then(|| now.saturating_add(left));
        core.timed = until.is_some();
        Decision {
            next,
            leave: core.leaving,
            until,
        }
    }
}

impl<const VCPUS: usize> Core<VCPUS> {
    /// How many want this core.
    fn competitors(&self) -> usize {
        self.queue
            .len()
            .saturating_add(usize::from(self.running.is_some()))
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
            since: 0,
            woken: false,
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
            let turn = self.vcpu(id).map_or(0, |vcpu| self.turn(vcpu.weight));
            if let Some(vcpu) = self.vcpu_mut(id) {
                vcpu.state = State::Running(cpu);
                vcpu.on = Some(cpu);
                vcpu.home = cpu;
                vcpu.since = now;
                if vcpu.left == 0 {
                    vcpu.left = turn;
                }
            }
        }
        if let Some(core) = self.cores.get_mut(cpu) {
            core.running = next;
            core.leaving = held.filter(|id| Some(*id) != next);
        }
        self.decision(cpu, now)
    }

    fn switched_out(&mut self, cpu: CpuId, now: u64) -> Cores {
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
            let running = core.running.map(|id| self.state(id));
            let undecided = match running {
                Some(state) => state != State::Running(cpu),
                None => core.online && self.first(cpu, cpu).is_some(),
            };
            kicks |= bit(undecided.then_some(cpu));
        }
        let _ = now;
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

impl<const CPUS: usize, const VCPUS: usize> RoundRobin<CPUS, VCPUS> {
    /// A ready vCPU in the queue of `home` can be taken up by anybody now: moves it where there is more room, and
    /// says which core has to hear of it.
    fn settle(&mut self, id: VcpuId, home: CpuId) -> Cores {
        let Some(vcpu) = self.vcpu(id) else { return 0 };
        let best = self.best_core(vcpu);
        let count = |cpu| self.cores.get(cpu).map_or(0, Core::competitors);
        let gains = count(best).saturating_add(1) < count(home);
        let stranded = self.cores.get(home).is_none_or(|core| !core.online);
        if best != home && (gains || stranded) {
            return self.resettle(id, home);
        }
        let idle = self
            .cores
            .get(home)
            .is_some_and(|core| core.online && core.running.is_none());
        bit(idle.then_some(home))
    }

    /// Moves a ready vCPU from the queue of `from` to the best core's, to the end.
    fn resettle(&mut self, id: VcpuId, from: CpuId) -> Cores {
        if let Some(core) = self.cores.get_mut(from) {
            core.queue.remove(id);
        }
        let best = self.vcpu(id).map_or(from, |vcpu| self.best_core(vcpu));
        bit(self.enqueue(id, best, false))
    }
}

/// The set of that core, or of none.
fn bit(cpu: Option<CpuId>) -> Cores {
    cpu.map_or(0, |cpu| 1u64.wrapping_shl(cpu as u32))
}
