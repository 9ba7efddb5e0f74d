//! How cores are shared: the core pools with their policies, and the hypervisor's own threads.
//!
//! Times are in microseconds, because the counter's frequency is known only at run time. What the numbers mean to
//! each policy is said in `docs/scheduling.md`.

use crate::vm::Affinity;

/// Cores that are scheduled together. No vCPU and no thread may run in two pools.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Unique in the system; `default` if the system names none.
    pub name: &'static str,
    /// Bit n: `Board::cpus[n]` belongs to it. Not empty.
    pub cores: u64,
    /// How they are shared.
    pub policy: Policy,
    /// The length of the major frame; not 0 if the policy is cyclic, else 0. Its windows are in the generated
    /// `FRAMES`, in the scheduler's own type.
    pub frame_us: u32,
}

/// How a pool's cores are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Slices in turn, as long as the weights say.
    RoundRobin,
    /// Weighted proportional share with caps.
    Credit,
    /// Earliest deadline first, with budgets and periods.
    Edf,
    /// The highest priority first.
    FixedPriority,
    /// A table of windows.
    Cyclic,
    /// One vCPU per core.
    Null,
}

/// One of the hypervisor's own threads.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// Which one: the kernel has a function for each name.
    pub name: &'static str,
    /// On which cores it may run: preemptible ones of one pool.
    pub affinity: Affinity,
    /// As a vCPU's.
    pub weight: u32,
    /// As a vCPU's.
    pub cap: u8,
    /// As a vCPU's.
    pub priority: u8,
    /// As a vCPU's.
    pub budget_us: u32,
    /// As a vCPU's.
    pub period_us: u32,
    /// Whose windows of a cyclic frame it runs in: all threads have the number behind the last VM's.
    pub partition: u16,
    /// It runs only while nothing else wants the core.
    pub background: bool,
    /// Which of the thread stacks it has.
    pub stack: u16,
}
