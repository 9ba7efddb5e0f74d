//! What a call comes to: the list of things the caller of this crate must be able to carry out.

/// Where a vCPU starts: its PC, and its x0. Everything else is as after reset (DEN0022, "Initial core configuration").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Guest physical address of the first instruction, a multiple of 4.
    pub address: u64,
    /// The value of x0 there.
    pub context: u64,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Write x0 and resume the caller.
    Return(u64),
    /// Write x0 to x3 and resume the caller.
    ReturnAll([u64; 4]),
    /// Take the caller off; it stays off until somebody turns it on.
    CpuOff {
        /// It was the last one that was on or on its way. Nobody can turn on a core of this VM any more:
        /// end it as after [`Outcome::SystemOff`].
        last: bool,
    },
    /// Reset vCPU `target` and start it at `entry`, then say so with [`crate::Psci::started`]; the caller
    /// resumes with x0 = `SUCCESS`.
    CpuOn {
        /// Index of the vCPU, another one than the caller.
        target: usize,
        /// Where it starts.
        entry: Entry,
    },
    /// Put x0 = `SUCCESS` and let the caller wait as for `WFI`: until it has an interrupt pending, masked
    /// or not.
    Suspend,
    /// As [`Outcome::Suspend`], but the state is lost: when it wakes, reset the caller and start it there.
    SystemSuspend {
        /// Where it starts again.
        entry: Entry,
    },
    /// Power this VM off. Does not return.
    SystemOff,
    /// Restart this VM from its images. Does not return.
    SystemReset,
    /// Restart this VM, `SYSTEM_WARM_RESET`: the architectural kind, the only one there is. Does not return.
    SystemReset2 {
        /// The guest's word to whoever starts next; a reset from images has no use for it.
        cookie: u64,
    },
    /// Make this call to the real firmware on this core (a mitigation that only it can perform), then
    /// resume the caller with its registers unchanged.
    Firmware {
        /// The function identifier, w0.
        function: u32,
    },
    /// The guest reports how its checks ended (`abi::vendor::REPORT`): 0 is success. Resume with
    /// x0 = `SUCCESS`.
    Report(u64),
    /// The guest declares itself crashed (`abi::vendor::CRASH`). Does not return.
    Crash,
    /// Answer with the caller's accounts (`abi::vendor::VCPU_TIMES`), as [`Outcome::ReturnAll`].
    VcpuTimes,
    /// Say whether the caller's VM is given stolen time (`abi::pv_time::FEATURES` for `STOLEN_TIME`): x0 = `SUCCESS` or
    /// `NOT_SUPPORTED`.
    PvTimeFeatures,
    /// Publish the caller's stolen time from now on, and answer x0 = IPA of its structure, or `NOT_SUPPORTED` if its
    /// VM is not given any (`abi::pv_time::STOLEN_TIME`).
    PvTimeStolen,
    /// A function in the hypervisor's own range (`abi::smccc::owner::VENDOR_HYPERVISOR`) that this crate
    /// does not know. If nobody else does either: [`Outcome::NOT_SUPPORTED`].
    NotOurs,
}

impl Outcome {
    /// The answer to a call that nobody serves (DEN0028 §5.2).
    pub const NOT_SUPPORTED: Self = Self::Return(abi::smccc::NOT_SUPPORTED);
}
