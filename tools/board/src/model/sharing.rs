//! How cores are shared, as the model has it: pools, windows, the hypervisor's threads, scheduling parameters.

use tables::Policy;

use crate::schema::system::DEFAULT_WEIGHT;

/// Cores that are scheduled together; see [`tables::Pool`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Unique in the system.
    pub name: String,
    /// Bit n: `Board::cpus[n]` belongs to it.
    pub cores: u64,
    /// How they are shared.
    pub policy: Policy,
    /// Length of the major frame, if the policy is cyclic, else 0.
    pub frame_us: u32,
    /// Its windows, in the order of their beginning.
    pub windows: Vec<Window>,
}

/// A window of a cyclic pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where in the frame it begins.
    pub start_us: u32,
    /// How long it is.
    pub length_us: u32,
    /// For which of the pool's cores it holds.
    pub cores: u64,
    /// A VM's index, or the number of VMs for the hypervisor's threads.
    pub partition: u16,
}

/// One of the hypervisor's own threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Which one.
    pub name: &'static str,
    /// Bit n: may run on `Board::cpus[n]`.
    pub affinity: u64,
    /// How it is scheduled.
    pub params: Params,
    /// Only while nothing else wants the core.
    pub background: bool,
    /// Its number among the thread stacks.
    pub stack: u16,
}

/// How a vCPU or a thread is scheduled; see [`tables::Vcpu`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Share of a contended core.
    pub weight: u32,
    /// Percent of a core that it uses at most; 0: no limit.
    pub cap: u8,
    /// The higher, the more urgent.
    pub priority: u8,
    /// Microseconds of each period; 0: no server.
    pub budget_us: u32,
    /// Microseconds; 0 if there is no budget.
    pub period_us: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            weight: DEFAULT_WEIGHT,
            cap: 0,
            priority: 0,
            budget_us: 0,
            period_us: 0,
        }
    }
}
