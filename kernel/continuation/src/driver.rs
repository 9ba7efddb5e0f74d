//! What the engine asks of its surroundings; implemented by the image, and by fakes in tests.

use preempt::Pause;

use crate::Control;

/// Who drives long work: a preemption model with a machine under it. A type without values: everything is `static`.
///
/// Nothing here is called with interrupts masked, or with a lock or guard of this crate held, except [`wake`](Self::wake).
pub trait Driver: Sized + 'static {
    /// The core this runs on, as the locks want it.
    type Platform: preempt::Platform;

    /// After how many units of work [`Cx::work`](crate::Cx::work) asks [`pause`](Self::pause). 0 is taken as 1.
    const INTERVAL: u32;

    /// Asked at a checkpoint. [`Pause::Leave`]: the poll ends with [`Why::Checkpoint`](crate::Why::Checkpoint).
    /// [`Pause::Block`] is taken as `Leave`: there is nothing to wait for at a checkpoint.
    fn pause(control: &Control) -> Pause;

    /// Asked when what is waited for has not happened. [`Pause::Leave`]: the poll ends with
    /// [`Why::Contended`](crate::Why::Contended); any other: with [`Why::Blocked`](crate::Why::Blocked).
    fn contended(control: &Control) -> Pause;

    /// A waker of `owner` fired: unpark it, or have a core look at the tasks. May come from any core, also with interrupts
    /// masked and locks held, more often than needed, and after the work has ended: it must be short and tolerate all.
    fn wake(owner: u32);

    /// A counter that only goes up, in ticks of the driver's choice; see [`Control::ticks`].
    fn now() -> u64 {
        0
    }
}
