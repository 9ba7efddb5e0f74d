//! The concepts' generic types, bound to the machine this image runs on.

use crate::model;

/// The preemption model of this build.
pub type Model = model::Model;
/// The hardware behind the guards, in that model.
pub use crate::sections::Core;
/// Proof that this core's interrupts are masked.
pub type IrqGuard = preempt::IrqGuard<Core>;
/// A section that is not rescheduled.
pub type PreemptGuard = preempt::PreemptGuard<Core>;
/// Data under a fair lock that is held with interrupts masked.
pub type SpinLock<T> = sync::SpinLock<T, Core>;
/// Data under a lock that is held with interrupts open; who waits for it sleeps, and lends its urgency to the holder.
pub type Mutex<T> = sync::Mutex<T, Core, crate::urgency::Lend>;
/// A static that is made at run time, once.
pub type Once<T> = sync::Once<T, Core>;

/// Microseconds to counter ticks, rounded down; the counter runs at `arch::timer::frequency` hertz.
pub fn ticks_from_us(microseconds: u64) -> u64 {
    let hertz = arch::timer::frequency();
    // Split so that neither a slow nor a 1 GHz counter overflows: seconds, then the rest.
    let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
    seconds
        .saturating_mul(hertz)
        .saturating_add(rest.saturating_mul(hertz) / 1_000_000)
}
