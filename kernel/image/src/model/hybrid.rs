//! The preemption model of this build: `hybrid`. EL2 is preempted on the cores so marked; long work leaves for its own guest.

pub use preempt::Hybrid as Model;
