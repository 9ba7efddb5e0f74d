//! A machine that runs a scheduler: cores that obey decisions and kicks in any order a test likes, and
//! checks after each step what every policy promises.
#![allow(dead_code, reason = "each test file uses its part")]

use sched::{Any, CpuId, Decision, Error, Params, Policy, Rule, Scheduler, State, VcpuId};

/// Keys from here on are of entities in the background.
const BACKGROUND: u64 = 1 << 63;

/// A policy that tells the checks why it does what it does.
pub trait Inspect: Policy {
    fn held_back(&self, id: VcpuId, cpu: CpuId, now: u64) -> Option<u64>;
    fn home(&self, id: VcpuId) -> Option<(CpuId, bool)>;
    fn key(&self, id: VcpuId) -> u64;
}

macro_rules! inspect {
    ([$($rule:ident)?] $policy:ty) => {
        impl<$($rule: Rule,)? const CPUS: usize, const VCPUS: usize> Inspect for $policy {
            fn held_back(&self, id: VcpuId, cpu: CpuId, now: u64) -> Option<u64> {
                self.held_back(id, cpu, now)
            }

            fn home(&self, id: VcpuId) -> Option<(CpuId, bool)> {
                self.home(id)
            }

            fn key(&self, id: VcpuId) -> u64 {
                self.key(id)
            }
        }
    };
}

inspect!([R] Scheduler<R, CPUS, VCPUS>);
inspect!([] Any<CPUS, VCPUS>);

/// What a policy promises about order, besides what all do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Equals share in time: whoever runs while another waits has a deadline.
    Shared,
    /// On each core the lowest key runs.
    Strict,
    /// The lowest keys run, wherever they wait.
    Global,
}

/// What a core is doing between the scheduler's calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Core {
    pub online: bool,
    pub running: Option<VcpuId>,
    pub leaving: Option<VcpuId>,
    /// Its registers are here too, but the scheduler could not yet say what becomes of it.
    pub pending: Option<VcpuId>,
    pub until: Option<u64>,
    pub kicked: bool,
    pub idle_since: Option<u64>,
}

pub struct Machine<P> {
    pub policy: P,
    pub now: u64,
    pub cores: Vec<Core>,
    pub params: Vec<Params>,
    /// Ticks that each vCPU has run.
    pub ran: Vec<u64>,
    /// An event waits for the vCPU, which it has not looked at.
    pub event: Vec<bool>,
    /// Wanted: the test has started it and not stopped it.
    pub alive: Vec<bool>,
    pub paused: Vec<bool>,
    pub order: Order,
}

impl<P: Inspect> Machine<P> {
    pub fn new(policy: P, cores: usize, params: Vec<Params>) -> Self {
        let count = params.len();
        let mut machine = Machine {
            policy,
            now: 1_000_000,
            cores: vec![Core::default(); cores],
            params,
            ran: vec![0; count],
            event: vec![false; count],
            alive: vec![false; count],
            paused: vec![false; count],
            order: Order::Shared,
        };
        for (index, params) in machine.params.iter().enumerate() {
            match machine.policy.add(VcpuId(index as u16), *params) {
                Ok(()) | Err(Error::NoRoom | Error::NoWindow) => {}
                Err(error) => panic!("{params:?}: {error}"),
            }
        }
        machine
    }

    /// Of an order other than that of sharing.
    pub fn ordered(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// All cores of this many take part.
    pub fn with_online(mut self, cores: usize) -> Self {
        for cpu in 0..cores {
            self.online(cpu);
        }
        self.settle();
        self
    }

    pub fn start_all(&mut self) {
        for id in 0..self.params.len() as u16 {
            self.start(id);
        }
        self.settle();
    }

    pub fn pause(&mut self, id: u16) {
        self.paused[id as usize] = true;
        let kick = self.policy.pause(VcpuId(id), self.now);
        self.kick(kick.filter(|cpu| self.cores[*cpu].online));
    }

    pub fn unpause(&mut self, id: u16) {
        self.paused[id as usize] = false;
        let kick = self.policy.unpause(VcpuId(id), self.now);
        self.kick(kick.filter(|cpu| self.cores[*cpu].online));
    }

    /// EL2 works for what runs here: if it has been stopped, that must wait.
    pub fn reprieve(&mut self, cpu: CpuId) {
        let core = &self.cores[cpu];
        let held = core.running.or(core.pending);
        let stopped = held.filter(|id| !self.alive[id.0 as usize]);
        let reprieved = self.policy.reprieve(cpu);
        assert_eq!(reprieved, stopped.is_some(), "core {cpu}");
        if let Some(id) = stopped {
            assert_eq!(self.policy.state(id), State::Running(cpu));
            self.alive[id.0 as usize] = true;
        }
    }

    pub fn inherit(&mut self, holder: u16, from: u16) {
        let kick = self.policy.inherit(VcpuId(holder), VcpuId(from), self.now);
        self.kick(kick);
    }

    pub fn disinherit(&mut self, holder: u16) {
        let kick = self.policy.disinherit(VcpuId(holder), self.now);
        self.kick(kick.filter(|cpu| self.cores[*cpu].online));
    }

    pub fn kick(&mut self, cpu: impl IntoIterator<Item = CpuId>) {
        for cpu in cpu {
            assert!(
                self.cores[cpu].online,
                "kicked core {cpu}, which is offline"
            );
            self.cores[cpu].kicked = true;
        }
    }

    pub fn kick_all(&mut self, cpus: u64) {
        self.kick(
            (0..self.cores.len())
                .filter(|cpu| cpus >> cpu & 1 != 0)
                .collect::<Vec<_>>(),
        );
    }

    pub fn online(&mut self, cpu: CpuId) {
        self.cores[cpu].online = true;
        self.policy.online(cpu, self.now);
        self.cores[cpu].kicked = true;
    }

    pub fn offline(&mut self, cpu: CpuId) {
        let kicks = self.policy.offline(cpu, self.now);
        self.kick_all(kicks);
        self.cores[cpu].kicked = true;
        self.schedule(cpu);
        self.saved(cpu);
        self.cores[cpu].online = false;
        self.cores[cpu].kicked = false;
    }

    pub fn start(&mut self, id: u16) {
        if let Ok(kick) = self.policy.start(VcpuId(id), self.now) {
            self.alive[id as usize] = true;
            self.kick(kick);
        }
    }

    pub fn stop(&mut self, id: u16) {
        self.alive[id as usize] = false;
        let kick = self.policy.stop(VcpuId(id), self.now);
        self.kick(kick.filter(|cpu| self.cores[*cpu].online));
    }

    /// Something happens for the vCPU.
    pub fn post(&mut self, id: u16) {
        self.event[id as usize] = true;
        let kick = self.policy.wake(VcpuId(id), self.now);
        self.kick(kick);
    }

    pub fn schedule(&mut self, cpu: CpuId) -> Decision {
        let decision = self.policy.schedule(cpu, self.now);
        self.kick(decision.kick);
        let core = &mut self.cores[cpu];
        core.kicked = false;
        core.until = decision.until;
        // Whose registers this core holds: the one that ran, the one that was leaving.
        let held: Vec<_> = core
            .running
            .into_iter()
            .chain(core.leaving)
            .chain(core.pending)
            .collect();
        core.running = decision.next;
        core.leaving = decision.leave;
        core.pending = None;
        for id in held {
            let kept = decision.next == Some(id) || decision.leave == Some(id);
            let waits = decision.next.is_none() && decision.leave.is_some();
            assert!(kept || waits, "core {cpu} forgot that it holds {id:?}");
            if !kept {
                // The scheduler said idle while two were held: the second is still ours.
                self.cores[cpu].pending = Some(id);
            }
        }
        if let Some(id) = decision.next {
            assert!(
                self.params[id.0 as usize].affinity >> cpu & 1 != 0,
                "{id:?} outside its affinity"
            );
            assert!(
                self.alive[id.0 as usize],
                "{id:?} runs after it was stopped"
            );
            assert!(
                !self.paused[id.0 as usize],
                "{id:?} runs although it is paused"
            );
            for (other, core) in self
                .cores
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != cpu)
            {
                assert_ne!(core.running, Some(id), "{id:?} on cores {cpu} and {other}");
                let held = core.leaving == Some(id) || core.pending == Some(id);
                assert!(!held, "{id:?} on core {cpu} before {other} has saved it");
            }
        }
        decision
    }

    pub fn saved(&mut self, cpu: CpuId) {
        if self.cores[cpu].leaving.take().is_some() {
            let kicks = self.policy.switched_out(cpu, self.now);
            self.kick_all(kicks);
        }
    }

    /// Obeys all kicks, deadlines that have passed, and saves, until there is nothing left to do.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            let mut quiet = true;
            for cpu in 0..self.cores.len() {
                let core = self.cores[cpu];
                let due = core.until.is_some_and(|until| until <= self.now);
                if core.online && (core.kicked || due) {
                    quiet = false;
                    self.schedule(cpu);
                    self.saved(cpu);
                } else if core.leaving.is_some() {
                    quiet = false;
                    self.saved(cpu);
                }
            }
            if quiet {
                return;
            }
        }
        panic!("the cores kick each other for ever");
    }

    /// Lets time pass to the next deadline, or for `at_most`.
    pub fn run(&mut self, at_most: u64) {
        let deadlines = self
            .cores
            .iter()
            .filter_map(|core| core.until)
            .filter(|at| *at > self.now);
        let next = deadlines.min().unwrap_or(u64::MAX).min(self.now + at_most);
        for core in &self.cores {
            if let Some(id) = core.running {
                self.ran[id.0 as usize] += next - self.now;
            }
        }
        self.now = next;
        self.settle();
    }

    /// Lets `ticks` pass.
    pub fn run_for(&mut self, ticks: u64) {
        let end = self.now + ticks;
        while self.now < end {
            self.run(end - self.now);
        }
    }

    /// The vCPU on this core executes WFI: it blocks unless an event waits for it.
    pub fn wait_for_event(&mut self, cpu: CpuId) {
        let Some(id) = self.cores[cpu].running else {
            return;
        };
        self.policy.prepare_block(cpu);
        if std::mem::take(&mut self.event[id.0 as usize]) {
            return;
        }
        if self.policy.block(cpu, self.now) {
            self.cores[cpu].kicked = true;
        }
    }

    /// What must be so once all kicks have been obeyed.
    pub fn check_settled(&self) {
        for (index, params) in self.params.iter().enumerate() {
            let id = VcpuId(index as u16);
            let state = self.policy.state(id);
            let running = self.cores.iter().position(|core| core.running == Some(id));
            match state {
                State::Running(cpu) => assert_eq!(running, Some(cpu), "{id:?}"),
                _ => assert_eq!(running, None, "{id:?} is {state:?}"),
            }
            assert_eq!(state == State::Stopped, !self.alive[index], "{id:?}");
            if state == State::Blocked {
                assert!(!self.event[index], "{id:?} sleeps through an event");
            }
            if state == State::Ready && !self.paused[index] {
                self.check_waiting(id, params);
            }
            if self.paused[index] {
                assert_eq!(running, None, "{id:?} is paused");
                assert!(self.policy.is_quiet(id), "{id:?} is paused but not quiet");
            }
            if state == State::Stopped {
                assert!(self.policy.is_off(id), "{id:?} is stopped but not off");
            }
        }
    }

    /// What must be so of one that waits for a core.
    fn check_waiting(&self, id: VcpuId, params: &Params) {
        let (home, bound) = self.policy.home(id).unwrap();
        if let Some(until) = self.policy.held_back(id, home, self.now) {
            let core = &self.cores[home];
            assert!(
                !core.online || core.until.is_some_and(|at| at <= until),
                "nobody will release {id:?} at {until}"
            );
        }
        let key = self.policy.key(id);
        for (cpu, core) in self.cores.iter().enumerate() {
            let could = core.online && params.affinity >> cpu & 1 != 0 && (!bound || cpu == home);
            if !could || self.policy.held_back(id, cpu, self.now).is_some() {
                continue;
            }
            let Some(running) = core.running else {
                panic!("core {cpu} idles while {id:?} waits");
            };
            let other = self.policy.key(running);
            let strict = match self.order {
                Order::Shared => false,
                Order::Strict => cpu == home,
                Order::Global => true,
            };
            assert!(
                !strict || other <= key,
                "core {cpu} runs {running:?} by {other} while {id:?} waits by {key}"
            );
            assert!(
                key >= BACKGROUND || other < BACKGROUND,
                "core {cpu} runs {running:?} in the background while {id:?} waits"
            );
            assert!(
                self.order != Order::Shared
                    || cpu != home
                    || key >= BACKGROUND
                    || other == 0
                    || core.until.is_some()
                    || !self.policy.contended(cpu),
                "core {cpu} is contended and has no deadline"
            );
        }
    }
}
