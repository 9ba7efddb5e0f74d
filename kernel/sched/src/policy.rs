//! What a scheduler is to the rest of the hypervisor.

use core::fmt;

use crate::params::Params;

/// The number of an entity: a vCPU among all vCPUs of all VMs, or a hypervisor thread, numbered after them.
///
/// The scheduler makes no difference between the two; what this page says of vCPUs is true of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VcpuId(pub u16);

/// The index of a physical core in the board's table.
pub type CpuId = usize;

/// A set of physical cores: bit n stands for core n.
pub type Cores = u64;

/// What a vCPU is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is switched off (PSCI), or its VM is stopped: only [`Policy::start`] gets it going.
    Stopped,
    /// It waits for an event: [`Policy::wake`] gets it going.
    Blocked,
    /// It could run and waits for a core.
    Ready,
    /// It runs on that core.
    Running(CpuId),
}

/// What a core does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The vCPU to run; `None`: idle until kicked.
    pub next: Option<VcpuId>,
    /// The vCPU whose registers are still in this core and are not those of `next`. The core saves them,
    /// then calls [`Policy::switched_out`]; until then nobody else can take that vCPU up.
    pub leave: Option<VcpuId>,
    /// When to call [`Policy::schedule`] again at the latest, in counter ticks; `None`: nothing changes with time, no
    /// timer is needed. May be set when `next` is `None`: somebody waits for a budget or a window.
    pub until: Option<u64>,
    /// Another core to kick: it is idle and may run somebody who waits here.
    pub kick: Option<CpuId>,
}

impl Decision {
    /// To do nothing.
    pub(crate) const IDLE: Decision = Decision {
        next: None,
        leave: None,
        until: None,
        kick: None,
    };
}

/// Why the scheduler refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The vCPU's number is beyond the scheduler's capacity.
    NoSuchVcpu,
    /// The vCPU has not been added, or (on adding) has been.
    NotAdded,
    /// The vCPU has been added already.
    AddedAlready,
    /// The affinity names none of the scheduler's cores.
    NoCore,
    /// The weight is not from 1 to 65535.
    BadWeight,
    /// The cap is above 100 %.
    BadCap,
    /// The server's budget is larger than its period, or one of the two is 0 and the other is not.
    BadServer,
    /// No core that the affinity allows has room for it: for its server (EDF), or for another vCPU (null).
    NoRoom,
    /// The partition has no window on a core that the affinity allows.
    NoWindow,
    /// The configuration makes no sense: a slice, a frame, a frequency or a window of 0, windows that overlap, are out of
    /// order or longer than the frame.
    BadConfig,
    /// The policy is not part of this build, or none has been chosen.
    NoPolicy,
    /// The vCPU is not stopped.
    NotStopped,
    /// The vCPU is stopped, but a core has not yet said that it has left it.
    StillLoaded,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::NoSuchVcpu => "vCPU number beyond the scheduler's capacity",
            Error::NotAdded => "vCPU unknown to the scheduler",
            Error::AddedAlready => "vCPU known to the scheduler already",
            Error::NoCore => "vCPU affinity without a core",
            Error::BadWeight => "vCPU weight outside 1 to 65535",
            Error::BadCap => "vCPU cap above 100 %",
            Error::BadServer => "vCPU budget and period that make no server",
            Error::NoRoom => "no room for the vCPU on the cores it may use",
            Error::NoWindow => "vCPU whose partition has no window on its cores",
            Error::BadConfig => "scheduler configuration that makes no sense",
            Error::NoPolicy => "scheduling policy not part of this build, or none chosen",
            Error::NotStopped => "vCPU not stopped",
            Error::StillLoaded => "vCPU stopped but not yet off its core",
        })
    }
}

impl core::error::Error for Error {}

/// A scheduler. All cores share it (under one lock); `cpu` is always the calling core unless said otherwise.
///
/// A returned "core to kick" must be made to call [`schedule`](Self::schedule) soon: by an interrupt, or by
/// doing so itself when it is the caller. A number that is out of range does nothing and answers as if the
/// vCPU were stopped or the core offline.
pub trait Policy {
    /// Makes a vCPU known, stopped.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchVcpu`], [`Error::AddedAlready`], [`Error::NoCore`]; what the policy does not accept:
    /// [`Error::BadWeight`], [`Error::BadCap`], [`Error::BadServer`], [`Error::NoRoom`], [`Error::NoWindow`];
    /// [`Error::NoPolicy`].
    fn add(&mut self, id: VcpuId, params: Params) -> Result<(), Error>;

    /// Forgets a vCPU.
    ///
    /// # Errors
    ///
    /// [`Error::NotAdded`]; [`Error::NotStopped`]; [`Error::StillLoaded`] while a core holds its registers.
    fn remove(&mut self, id: VcpuId) -> Result<(), Error>;

    /// Makes a stopped vCPU ready. Returns the core to kick.
    ///
    /// # Errors
    ///
    /// [`Error::NotAdded`]; [`Error::NotStopped`]; [`Error::StillLoaded`] while a core holds its old registers,
    /// which would overwrite the ones it is to start with.
    fn start(&mut self, id: VcpuId, now: u64) -> Result<Option<CpuId>, Error>;

    /// Stops a vCPU, whatever it is doing; any core may ask. If it runs, it goes on until the returned core has
    /// called [`schedule`](Self::schedule); [`is_off`](Self::is_off) tells when it is over.
    fn stop(&mut self, id: VcpuId, now: u64) -> Option<CpuId>;

    /// What runs on this core was stopped there while EL2 works for it, and the core has not called
    /// [`schedule`](Self::schedule) since: it runs again, as if it had never been stopped, until another
    /// [`stop`](Self::stop) at the end of that work. It may be preempted and block meanwhile, like any other. Says
    /// whether it was so.
    fn reprieve(&mut self, cpu: CpuId) -> bool;

    /// Keeps a vCPU from running until [`unpause`](Self::unpause). It keeps its state and its wake-ups: one that
    /// blocks can be woken, one that is ready stays so, one that is stopped can be started, and none of them runs.
    /// If it runs now, it goes on until the returned core has called [`schedule`](Self::schedule).
    fn pause(&mut self, id: VcpuId, now: u64) -> Option<CpuId>;

    /// Ends [`pause`](Self::pause). Pauses are not counted. Returns the core to kick.
    fn unpause(&mut self, id: VcpuId, now: u64) -> Option<CpuId>;

    /// Whether the vCPU is paused or stopped, and no core holds its registers.
    fn is_quiet(&self, id: VcpuId) -> bool;

    /// `from` waits for what `holder` holds: until [`disinherit`](Self::disinherit), `holder` is as urgent as `from` is now
    /// if that is more, and budget, cap or window do not hold it back; what that costs it beyond its own is
    /// taken from what it gets next. Of several waiters the most urgent counts. Returns the core to kick.
    fn inherit(&mut self, holder: VcpuId, from: VcpuId, now: u64) -> Option<CpuId>;

    /// `holder` has released what others waited for, and is as urgent as it is by itself. Returns the core to kick.
    fn disinherit(&mut self, holder: VcpuId, now: u64) -> Option<CpuId>;

    /// Whether the vCPU is stopped and no core holds its registers: they may be changed, its memory freed.
    fn is_off(&self, id: VcpuId) -> bool;

    /// Something that the vCPU may be waiting for has happened; any core may say so. Returns the core to kick.
    /// Does nothing to a stopped vCPU; a running one will refuse to block ([`block`](Self::block)).
    fn wake(&mut self, id: VcpuId, now: u64) -> Option<CpuId>;

    /// [`wake`](Self::wake), and whether the vCPU is ready then.
    fn wake_up(&mut self, id: VcpuId, now: u64) -> (Option<CpuId>, bool) {
        let kick = self.wake(id, now);
        (kick, self.state(id) == State::Ready)
    }

    /// The vCPU running here is about to look for a reason not to block: a wake-up from now on counts.
    fn prepare_block(&mut self, cpu: CpuId);

    /// The vCPU running here has found none and blocks, unless it has been woken since
    /// [`prepare_block`](Self::prepare_block). Says whether it blocks; if so the core calls
    /// [`schedule`](Self::schedule) next.
    fn block(&mut self, cpu: CpuId, now: u64) -> bool;

    /// Decides what this core does next. Whatever runs here and is neither blocked nor stopped goes on or is
    /// queued again.
    ///
    /// As long as [`Decision::leave`] has not been answered with [`switched_out`](Self::switched_out), the core
    /// is offered only what it holds already, or nothing.
    fn schedule(&mut self, cpu: CpuId, now: u64) -> Decision;

    /// [`schedule`](Self::schedule) after `ticks` of the running vCPU's time that were spent for others
    /// ([`refund`](Self::refund)).
    fn schedule_refunding(&mut self, cpu: CpuId, ticks: u64, now: u64) -> Decision {
        if ticks != 0 {
            self.refund(cpu, ticks);
        }
        self.schedule(cpu, now)
    }

    /// This core has saved the registers of the vCPU in the last [`Decision::leave`]. Returns the set of cores
    /// to kick, perhaps this one among them: somebody may be able to run that vCPU, and this core may be able
    /// to choose only now.
    ///
    /// A core that goes idle may put this off, to find the registers in place if the same vCPU is woken; no
    /// other core will run it meanwhile. A stopped vCPU must be let go at once.
    fn switched_out(&mut self, cpu: CpuId, now: u64) -> Cores;

    /// `ticks` of the running vCPU's time were spent for others: they are not held against it.
    fn refund(&mut self, cpu: CpuId, ticks: u64);

    /// Whether a vCPU waits for this core.
    fn contended(&self, cpu: CpuId) -> bool;

    /// What a vCPU is doing; [`State::Stopped`] if there is no such vCPU.
    fn state(&self, id: VcpuId) -> State;

    /// This core takes part from now on. It calls [`schedule`](Self::schedule) next.
    fn online(&mut self, cpu: CpuId, now: u64);

    /// This core takes part no longer; `cpu` may be another one. Returns the set of cores to kick. What runs
    /// on it goes on until it calls [`schedule`](Self::schedule), which answers idle from now on; vCPUs that may
    /// run nowhere else wait until it is online again.
    fn offline(&mut self, cpu: CpuId, now: u64) -> Cores;
}
