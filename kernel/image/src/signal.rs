//! A place to wait for something that is found out by looking: a VM's vCPUs have stopped, there is room on the console.
//!
//! Whoever changes the thing calls [`Signal::notify`] afterwards; whoever waits looks again then. A waiter that finds no place
//! is woken at once and looks again until there is one: it costs time, not a wake-up.

use core::future::poll_fn;
use core::task::{Poll, Waker};

use crate::platform::{IrqGuard, SpinLock};

/// How many can wait without being kept awake.
const PLACES: usize = 4;

/// The waiters.
pub struct Signal(SpinLock<[Option<Waker>; PLACES]>);

impl Signal {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self(SpinLock::new([const { None }; PLACES]))
    }

    /// Completes when `look` finds something.
    pub fn until<T>(
        &'static self,
        look: impl Fn() -> Option<T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        poll_fn(move |context| {
            if let Some(found) = look() {
                return Poll::Ready(found);
            }
            if !self.0.with(|places| add(places, context.waker())) {
                context.waker().wake_by_ref();
            }
            // Between the look and the registration somebody may have notified.
            match look() {
                Some(found) => Poll::Ready(found),
                None => Poll::Pending,
            }
        })
    }

    /// The thing may have changed.
    pub fn notify(&self) {
        let waiters = IrqGuard::with(|irq| core::mem::take(&mut *self.0.lock(irq)));
        for waiter in waiters.into_iter().flatten() {
            waiter.wake();
        }
    }
}

/// Gives the waker a place, unless it has one; `false` if there is none.
fn add(places: &mut [Option<Waker>; PLACES], waker: &Waker) -> bool {
    if places.iter().flatten().any(|place| place.will_wake(waker)) {
        return true;
    }
    match places.iter_mut().find(|place| place.is_none()) {
        Some(place) => {
            *place = Some(waker.clone());
            true
        }
        None => false,
    }
}
