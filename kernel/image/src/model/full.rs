//! The preemption model of this build: `full`. EL2 is preempted outside atomic sections; long work runs in place.

pub use preempt::Full as Model;
