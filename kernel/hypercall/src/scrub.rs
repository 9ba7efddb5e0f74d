//! The scrubber: clears what guests gave back before anybody asks for it.

use continuation::Cx;
use frames::Chunks;

use crate::Machine;

/// Background task: one dirty page after the other, and sleeps when there is none. Ends when cancelled.
///
/// A page in its hand is nobody's, and never stays there across a pause.
pub async fn scrubber<M: Machine>(machine: M, mut cx: Cx<M::Driver>) {
    loop {
        let paused = match machine.heap(|heap| heap.take_dirty()) {
            Some(page) => {
                machine.scrub(page);
                machine.heap(|heap| heap.put_back(true));
                cx.work(1).await
            }
            None => cx.wait(machine.until_dirty()).await,
        };
        if paused.is_err() {
            return;
        }
    }
}
