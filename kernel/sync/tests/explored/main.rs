//! What sleeps and what spins, explored by loom: every interleaving within a bound on preemptions.
//!
//! The lock-free algorithms run over loom's atomics with the kernel's orderings repeated (`spinning.rs`). What sleeps keeps its
//! state under the kernel's own spin lock, explored by itself in `tests/ticket.rs`; here, beginning a section
//! is where loom may switch (`sleeping.rs`). A lost wake-up is a deadlock, which loom reports.
//!
//! Not with lock-order checking: that remembers from one exploration to the next, and loom wants them all alike.
#![cfg(not(feature = "lockdep"))]

mod sleeping;
mod spinning;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering};
use preempt::Platform;

loom::lazy_static! {
    static ref POINT: AtomicUsize = AtomicUsize::new(0);
}

/// A core for each thread, on which masking IRQs is where another thread may come between.
pub struct Core;

// SAFETY: no interrupts exist here, and nothing in these tests uses the core's number.
unsafe impl Platform for Core {
    const CPUS: usize = 1;
    type Irq = ();
    fn irq_mask() {
        POINT.fetch_add(1, Ordering::AcqRel);
    }
    unsafe fn irq_restore((): ()) {}
    fn relax() {
        loom::thread::yield_now();
    }
    fn cpu() -> usize {
        0
    }
}

struct Parked(Notify);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Polls `future` on this thread, sleeping until woken.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let parked = Arc::new(Parked(Notify::new()));
    let waker = Waker::from(parked.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        parked.0.wait();
        // Who was woken for want of a place lets the others go first, as a scheduler would.
        loom::thread::yield_now();
    }
}

/// Polls `future` once, then drops it; whether it was ready.
pub fn poll_and_drop<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Explores `test` with at most `preemptions` switches away from a thread that could go on.
pub fn explore(preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}
