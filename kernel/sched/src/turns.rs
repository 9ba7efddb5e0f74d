//! How turns are counted and vCPUs placed: the inside of [`RoundRobin`].

use crate::policy::{Cores, CpuId, Decision, State, VcpuId};
use crate::round_robin::{Core, RoundRobin, Vcpu};

/// The weight of which a turn lasts exactly one slice.
const UNIT_WEIGHT: u64 = 256;

/// A woken vCPU whose rest is at least this part of a turn preempts.
const USEFUL_PART: u64 = 8;

impl<const CPUS: usize, const VCPUS: usize> RoundRobin<CPUS, VCPUS> {
    pub(crate) fn vcpu(&self, id: VcpuId) -> Option<&Vcpu> {
        self.vcpus.get(usize::from(id.0)).filter(|vcpu| vcpu.known)
    }

    pub(crate) fn vcpu_mut(&mut self, id: VcpuId) -> Option<&mut Vcpu> {
        self.vcpus
            .get_mut(usize::from(id.0))
            .filter(|vcpu| vcpu.known)
    }

    /// How long a turn of a vCPU of that weight lasts; never 0.
    pub(crate) fn turn(&self, weight: u32) -> u64 {
        (self.slice.saturating_mul(u64::from(weight)) / UNIT_WEIGHT).max(1)
    }

    /// Charges the vCPU on this core for the time since it was last charged.
    pub(crate) fn charge(&mut self, id: VcpuId, now: u64) {
        if let Some(vcpu) = self.vcpu_mut(id) {
            vcpu.left = vcpu.left.saturating_sub(now.saturating_sub(vcpu.since));
            vcpu.since = vcpu.since.max(now);
        }
    }

    /// The weights of all that compete for a core.
    pub(crate) fn load(&self, cpu: CpuId) -> u64 {
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
    pub(crate) fn best_core(&self, vcpu: &Vcpu) -> CpuId {
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
    /// One that is paused is ready, and in no queue.
    pub(crate) fn enqueue(&mut self, id: VcpuId, cpu: CpuId, urgent: bool) -> Option<CpuId> {
        if let Some(vcpu) = self.vcpu_mut(id).filter(|vcpu| vcpu.paused) {
            vcpu.state = State::Ready;
            return None;
        }
        let kicked = self.first(cpu, cpu).is_some();
        let vcpu = self.vcpu_mut(id)?;
        vcpu.state = State::Ready;
        vcpu.home = cpu;
        let core = self.cores.get_mut(cpu)?;
        if urgent {
            core.queue.push_urgent(id);
        } else {
            core.queue.push(id);
        }
        if !core.online {
            return None;
        }
        if core.running.is_none() && kicked {
            // It is idle and has been kicked for another, and will take one of the two. If an idle core may
            // run either, that core comes and gets what is left.
            return Some(self.idle_taker(cpu).unwrap_or(cpu));
        }
        // One that runs without a deadline has to be given one.
        (core.running.is_none() || urgent || !core.timed).then_some(cpu)
    }

    /// An idle core that may take up one of those that wait for `cpu`.
    fn idle_taker(&self, cpu: CpuId) -> Option<CpuId> {
        let idle = |core: &Core<VCPUS>| core.online && core.competitors() == 0;
        let mut cores = self.cores.iter().enumerate();
        cores.find_map(|(taker, core)| {
            (idle(core) && self.first(cpu, taker).is_some()).then_some(taker)
        })
    }

    /// Makes a blocked or stopped vCPU ready.
    pub(crate) fn rouse(&mut self, id: VcpuId, now: u64) -> Option<CpuId> {
        let vcpu = self.vcpu(id)?;
        let cpu = self.best_core(vcpu);
        let turn = self.turn(vcpu.weight);
        let weight = u64::from(vcpu.weight);
        let slept = now.saturating_sub(vcpu.since);
        let share = weight.saturating_add(self.load(cpu)).max(1);
        // A product that does not fit means that it slept for longer than any turn.
        let earned = slept
            .checked_mul(weight)
            .and_then(|product| product.checked_div(share));
        let earned = earned.unwrap_or(turn);
        let left = vcpu.left.saturating_add(earned).min(turn);
        let urgent = left >= turn / USEFUL_PART;
        let vcpu = self.vcpu_mut(id)?;
        let granted = left.saturating_sub(vcpu.left);
        if urgent {
            vcpu.advance = vcpu.advance.saturating_add(granted).min(turn);
            vcpu.left = left;
        } else {
            // A rest too short to be useful is not worth a preemption: it queues for a turn.
            vcpu.advance = vcpu.advance.saturating_sub(vcpu.left);
            vcpu.left = 0;
        }
        vcpu.since = now;
        self.enqueue(id, cpu, urgent)
    }

    /// Whether `cpu` may take up that vCPU now.
    pub(crate) fn eligible(&self, id: VcpuId, cpu: CpuId) -> bool {
        self.vcpu(id).is_some_and(|vcpu| {
            vcpu.on.is_none_or(|on| on == cpu) && vcpu.affinity.wrapping_shr(cpu as u32) & 1 != 0
        })
    }

    /// The first in the queue of `from` that `cpu` may take up.
    pub(crate) fn first(&self, from: CpuId, cpu: CpuId) -> Option<VcpuId> {
        self.cores
            .get(from)?
            .queue
            .iter()
            .find(|id| self.eligible(*id, cpu))
    }

    /// Takes the next vCPU for `cpu` out of its own queue, or else out of the longest other that has one.
    pub(crate) fn pick(&mut self, cpu: CpuId) -> Option<VcpuId> {
        self.pass_over(cpu);
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

    /// Moves those at the front that have had nearly all of their next turn in advance behind the others.
    fn pass_over(&mut self, cpu: CpuId) {
        let waiting = self.cores.get(cpu).map_or(0, |core| core.queue.len());
        for _ in 1..waiting {
            let Some(id) = self.first(cpu, cpu) else {
                return;
            };
            let Some(vcpu) = self.vcpu(id) else { return };
            let turn = self.turn(vcpu.weight);
            let rest = turn.saturating_sub(vcpu.advance);
            if vcpu.left != 0 || rest >= turn / USEFUL_PART {
                return;
            }
            if let Some(vcpu) = self.vcpu_mut(id) {
                vcpu.advance = 0;
            }
            if let Some(core) = self.cores.get_mut(cpu) {
                core.queue.remove(id);
                core.queue.push(id);
            }
        }
    }

    /// Gives a vCPU that has queued for it its turn, less what it had in advance.
    pub(crate) fn refill(&mut self, id: VcpuId) {
        let turn = self.vcpu(id).map_or(0, |vcpu| self.turn(vcpu.weight));
        if let Some(vcpu) = self.vcpu_mut(id).filter(|vcpu| vcpu.left == 0) {
            vcpu.left = turn.saturating_sub(vcpu.advance).max(1);
            vcpu.advance = 0;
        }
    }

    /// Whether an urgent vCPU waits that this core can take up. One whose registers another core still holds presses
    /// nobody: giving way would bring on a third vCPU, and again at every look until it is free.
    fn is_pressed(&self, cpu: CpuId) -> bool {
        self.cores
            .get(cpu)
            .is_some_and(|core| core.queue.urgent().any(|id| self.eligible(id, cpu)))
    }

    /// Decides what happens to the vCPU that ran here: whether it goes on. If not, it is queued if it is ready.
    pub(crate) fn goes_on(&mut self, id: VcpuId, cpu: CpuId) -> bool {
        let Some(vcpu) = self.vcpu(id) else {
            return false;
        };
        let (state, left, turn) = (vcpu.state, vcpu.left, self.turn(vcpu.weight));
        let (paused, boosted) = (vcpu.paused, vcpu.boosted);
        if state != State::Running(cpu) {
            return false;
        }
        let Some(core) = self.cores.get(cpu) else {
            return false;
        };
        if core.online && !paused {
            let wanted = self.first(cpu, cpu).is_some();
            if !wanted || boosted || (left != 0 && !self.is_pressed(cpu)) {
                // Alone, it owes nobody anything.
                if let Some(vcpu) = self.vcpu_mut(id).filter(|vcpu| vcpu.left == 0) {
                    vcpu.left = turn;
                    vcpu.advance = 0;
                }
                return true;
            }
        }
        if let Some(vcpu) = self.vcpu_mut(id) {
            vcpu.state = State::Ready;
        }
        if let Some(core) = self.cores.get_mut(cpu).filter(|_| !paused) {
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
    pub(crate) fn decision(&mut self, cpu: CpuId, now: u64) -> Decision {
        let running = self.cores.get(cpu).and_then(|core| core.running);
        let next =
            running.filter(|id| self.vcpu(*id).map(|vcpu| vcpu.state) == Some(State::Running(cpu)));
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
        core.undecided = core.running != next;
        Decision {
            next,
            leave: core.leaving,
            until,
        }
    }

    /// A ready vCPU in the queue of `home` can be taken up by anybody now: moves it where there is more room, and
    /// says which core has to hear of it.
    pub(crate) fn settle(&mut self, id: VcpuId, home: CpuId) -> Cores {
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
    pub(crate) fn resettle(&mut self, id: VcpuId, from: CpuId) -> Cores {
        if let Some(core) = self.cores.get_mut(from) {
            core.queue.remove(id);
        }
        let best = self.vcpu(id).map_or(from, |vcpu| self.best_core(vcpu));
        bit(self.enqueue(id, best, false))
    }
}

impl<const VCPUS: usize> Core<VCPUS> {
    /// How many want this core.
    pub(crate) fn competitors(&self) -> usize {
        self.queue
            .len()
            .saturating_add(usize::from(self.running.is_some()))
    }
}

/// The set of that core, or of none.
pub(crate) fn bit(cpu: Option<CpuId>) -> Cores {
    cpu.map_or(0, |cpu| 1u64.wrapping_shl(cpu as u32))
}
