//! The preemption model of this build: `legacy`. EL2 is not preempted; long work leaves at checkpoints.

pub use preempt::Legacy as Model;
