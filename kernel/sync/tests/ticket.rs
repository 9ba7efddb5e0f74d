//! Every interleaving of two threads in the ticket lock, and every value that the memory model lets a load
//! return, explored by loom. The algorithm is the kernel's; the orderings of its atomic are repeated here.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use sync::{Ticket, Word};

/// loom's atomic, with the orderings that the kernel's has.
struct Atom(AtomicU32);

impl Word for Atom {
    fn take(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
    fn take_if(&self, current: u32) -> bool {
        let next = current.wrapping_add(1);
        self.0
            .compare_exchange(current, next, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }
    fn load_acquire(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
    fn load_relaxed(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
    fn store_release(&self, value: u32) {
        self.0.store(value, Ordering::Release);
    }
    fn add_release(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// A lock that begins at `first`, and a value that only its holder may touch; loom reports a race on it.
struct Shared {
    ticket: Ticket<Atom>,
    value: UnsafeCell<u32>,
}

// SAFETY: `value` is touched under the lock only, which is what the tests check.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

fn shared(first: u32) -> Arc<Shared> {
    let word = || Atom(AtomicU32::new(first));
    Arc::new(Shared {
        ticket: Ticket::from_words(word(), word()),
        value: UnsafeCell::new(0),
    })
}

fn add_one(shared: &Shared) {
    let ticket = shared.ticket.acquire(thread::yield_now);
    // SAFETY: we hold the lock.
    shared.value.with_mut(|value| unsafe { *value += 1 });
    shared.ticket.release(ticket);
}

fn value(shared: &Shared) -> u32 {
    // SAFETY: all threads have been joined, or we hold the lock.
    shared.value.with(|value| unsafe { *value })
}

#[test]
fn one_thread_at_a_time_holds_the_lock_and_sees_what_the_last_one_did() {
    loom::model(|| {
        let shared = shared(0);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || add_one(&shared))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(value(&shared), 2);
        assert!(!shared.ticket.is_taken());
    });
}

#[test]
fn tickets_may_wrap_around() {
    loom::model(|| {
        let shared = shared(u32::MAX);
        let other = shared.clone();
        let thread = thread::spawn(move || add_one(&other));
        add_one(&shared);
        thread.join().unwrap();
        assert_eq!(value(&shared), 2);
    });
}

#[test]
fn trying_takes_the_lock_only_when_nobody_has_it() {
    loom::model(|| {
        let shared = shared(0);
        let other = shared.clone();
        let thread = thread::spawn(move || add_one(&other));
        // Twice, with a yield, so that the other thread also gets to finish before the second time.
        let mut got = 0;
        for _ in 0..2 {
            if let Some(ticket) = shared.ticket.try_acquire() {
                // SAFETY: we hold the lock.
                shared.value.with_mut(|value| unsafe { *value += 1 });
                shared.ticket.release(ticket);
                got += 1;
            }
            thread::yield_now();
        }
        thread.join().unwrap();
        assert_eq!(value(&shared), 1 + got);
        let ticket = shared.ticket.try_acquire().expect("it is free now");
        assert_eq!(shared.ticket.try_acquire(), None);
        shared.ticket.release(ticket);
    });
}

#[test]
fn those_who_wait_are_served_in_the_order_of_their_arrival() {
    loom::model(|| {
        let shared = shared(0);
        let held = shared.ticket.acquire(thread::yield_now);
        let first = shared.clone();
        let thread = thread::spawn(move || {
            let ticket = first.ticket.acquire(thread::yield_now);
            // SAFETY: we hold the lock.
            first.value.with_mut(|value| unsafe { *value = ticket });
            first.ticket.release(ticket);
        });
        shared.ticket.release(held);
        let mine = shared.ticket.acquire(thread::yield_now);
        // Had the other arrived before us, it has been served before us.
        let theirs = value(&shared);
        assert_eq!(theirs != 0, mine == 2, "ours is {mine}, theirs is {theirs}");
        shared.ticket.release(mine);
        thread.join().unwrap();
    });
}
