//! A QEMU plugin: the longest stretches that each core spends in EL2 with interrupts masked, in instructions of that core.
//!
//! For: `make bench-preempt FILTER=full/masked`. The hypervisor's own tracer (`CONFIG_TRACE_ATOMIC`) reads a counter, which
//! several emulated cores share, and adds its own instructions; seen from outside, each instruction is its core's, and
//! the image is the one that users run. QEMU has to emulate all cores in one thread, so that a core that waits for another
//! gives way at once (`yield`) instead of counting its own waiting.
//!
//! What a stretch is, is in [`watch`], which the tests run on the host; `plugin` connects it to QEMU.

mod watch;

// The tests have no QEMU to be linked with.
#[cfg(not(test))]
mod plugin;
