//! The engine of long work: operations and background tasks as futures in fixed slots, driven as the preemption model says.
#![no_std]
