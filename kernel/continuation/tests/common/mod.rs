//! A machine made of thread-locals: what a driver decides is set by the test, and wakes are noted.
#![allow(dead_code, reason = "each test file uses what it needs")]

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use continuation::{Control, Cx, Driver, Table};
use preempt::{Pause, Platform};

thread_local! {
    pub static PAUSE: Cell<Pause> = const { Cell::new(Pause::Leave) };
    pub static CONTENDED: Cell<Pause> = const { Cell::new(Pause::Leave) };
    pub static ASKED: Cell<usize> = const { Cell::new(0) };
    pub static NOW: Cell<u64> = const { Cell::new(0) };
    pub static WOKEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

pub struct Core;

// SAFETY: no interrupts exist here, and nothing uses the core's number.
unsafe impl Platform for Core {
    const CPUS: usize = 1;
    type Irq = ();
    fn irq_mask() {}
    unsafe fn irq_restore((): ()) {}
    fn relax() {
        std::thread::yield_now();
    }
    fn cpu() -> usize {
        0
    }
}

/// Leaves at every checkpoint and contention unless told otherwise.
#[derive(Debug)]
pub struct Fake;

impl Driver for Fake {
    type Platform = Core;
    const INTERVAL: u32 = 4;
    fn pause(_: &Control) -> Pause {
        ASKED.set(ASKED.get() + 1);
        PAUSE.get()
    }
    fn contended(_: &Control) -> Pause {
        CONTENDED.get()
    }
    fn wake(owner: u32) {
        WOKEN.with_borrow_mut(|woken| woken.push(owner));
    }
    fn now() -> u64 {
        NOW.get()
    }
}

pub type Small = Table<Fake, u64, 3, 256>;

pub fn table() -> &'static Small {
    Box::leak(Box::new(Small::new()))
}

pub fn woken() -> Vec<u32> {
    WOKEN.take()
}

/// How often something was acquired and given back.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<(AtomicUsize, AtomicUsize)>);

impl Count {
    pub fn acquire(&self) -> Acquired {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        Acquired(self.clone())
    }
    pub fn acquired(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }
    pub fn released(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// What an operation holds; gives itself back.
#[derive(Debug)]
pub struct Acquired(Count);

impl Drop for Acquired {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Ordering::SeqCst);
    }
}

/// Pauses `pauses` times, holding something; then results in `result`. `u64::MAX`: was cancelled.
pub async fn steps(mut cx: Cx<Fake>, held: Acquired, pauses: u64, result: u64) -> u64 {
    for _ in 0..pauses {
        if cx.checkpoint().await.is_err() {
            return u64::MAX;
        }
    }
    drop(held);
    result
}

/// Happens when told; keeps the waker of the last poll.
#[derive(Clone, Default)]
pub struct Event(Arc<(AtomicBool, std::sync::Mutex<Option<Waker>>)>);

impl Event {
    pub fn fire(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        if let Some(waker) = self.0.1.lock().unwrap().take() {
            waker.wake();
        }
    }
    pub fn waker(&self) -> Option<Waker> {
        self.0.1.lock().unwrap().clone()
    }
}

impl Future for Event {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        *self.0.1.lock().unwrap() = Some(context.waker().clone());
        if self.0.0.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
