//! What sleeps: no wake-up is lost, and no two hold what one may hold.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use sync::{Clock, Completion, Condvar, Mutex, NoBoost, Semaphore, Timers, WaitQueue, WorkQueue};

use crate::{Core, block_on, explore, poll_and_drop};

/// loom reports two accesses to it that are not ordered.
struct Value(UnsafeCell<u32>);

// SAFETY: what the tests check.
unsafe impl Sync for Value {}
// SAFETY: as above.
unsafe impl Send for Value {}

impl Value {
    fn new() -> Self {
        Value(UnsafeCell::new(0))
    }
    fn add(&self) {
        // SAFETY: loom fails the test when this is not exclusive.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }
    fn get(&self) -> u32 {
        // SAFETY: as in `add`.
        self.0.with(|value| unsafe { *value })
    }
}

type Lock<const N: usize> = Mutex<Value, Core, NoBoost, N>;

fn spawn<T: Send + Sync + 'static>(
    shared: &Arc<T>,
    body: impl FnOnce(&T) + 'static,
) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || body(&shared))
}

#[test]
fn a_mutex_has_one_holder_at_a_time_and_wakes_who_waits() {
    explore(3, || {
        let lock = Arc::new(Lock::<4>::new(Value::new()));
        let other = spawn(&lock, |lock| block_on(lock.lock()).add());
        block_on(lock.lock()).add();
        other.join().unwrap();
        assert_eq!(block_on(lock.lock()).get(), 2);
    });
}

#[test]
fn who_finds_no_place_to_wait_for_a_mutex_gets_it_all_the_same() {
    explore(2, || {
        let lock = Arc::new(Lock::<1>::new(Value::new()));
        let held = lock.try_lock().unwrap();
        let others = [(); 2].map(|()| spawn(&lock, |lock| block_on(lock.lock()).add()));
        drop(held);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(lock.try_lock().unwrap().get(), 2);
    });
}

#[test]
fn a_waiter_for_a_mutex_that_gives_up_takes_no_wake_up_along() {
    explore(2, || {
        let lock = Arc::new(Lock::<4>::new(Value::new()));
        let held = lock.try_lock().unwrap();
        let fickle = spawn(&lock, |lock| drop(poll_and_drop(lock.lock())));
        let steady = spawn(&lock, |lock| block_on(lock.lock()).add());
        drop(held);
        fickle.join().unwrap();
        steady.join().unwrap();
        assert_eq!(lock.try_lock().unwrap().get(), 1);
    });
}

#[test]
fn a_semaphore_never_has_more_permits_out_than_it_was_given() {
    explore(3, || {
        let shared = Arc::new((Semaphore::<Core>::new(1), Value::new()));
        let work = |(semaphore, value): &(Semaphore<Core>, Value)| {
            let _permit = block_on(semaphore.acquire());
            value.add();
        };
        let other = spawn(&shared, work);
        work(&shared);
        other.join().unwrap();
        assert_eq!((shared.1.get(), shared.0.available()), (2, 1));
    });
}

#[test]
fn who_waits_for_a_completion_sees_what_came_before_it() {
    explore(3, || {
        let shared = Arc::new((Completion::<Core>::new(), Value::new()));
        let waiter = spawn(&shared, |(done, value)| {
            block_on(done.wait());
            assert_eq!(value.get(), 1);
        });
        shared.1.add();
        shared.0.complete();
        waiter.join().unwrap();
    });
}

#[test]
fn a_notification_after_the_mutex_was_let_go_is_not_missed() {
    explore(3, || {
        let shared = Arc::new((Mutex::<bool, Core>::new(false), Condvar::<Core>::new()));
        let waiter = spawn(&shared, |(flag, changed)| {
            block_on(async { drop(changed.wait_while(flag.lock().await, |set| !*set).await) });
        });
        *block_on(shared.0.lock()) = true;
        shared.1.notify_one();
        waiter.join().unwrap();
    });
}

#[test]
fn a_notification_given_to_a_waiter_that_gives_up_goes_to_the_next() {
    explore(2, || {
        let shared = Arc::new((Mutex::<bool, Core>::new(false), Condvar::<Core>::new()));
        let fickle = spawn(&shared, |(flag, changed)| {
            let wait = async { drop(changed.wait(flag.lock().await).await) };
            poll_and_drop(wait);
        });
        let steady = spawn(&shared, |(flag, changed)| {
            block_on(async { drop(changed.wait_while(flag.lock().await, |set| !*set).await) });
        });
        *block_on(shared.0.lock()) = true;
        shared.1.notify_one();
        fickle.join().unwrap();
        steady.join().unwrap();
    });
}

#[test]
fn a_change_that_is_announced_is_found_by_who_waits_for_it() {
    explore(3, || {
        let shared = Arc::new((WaitQueue::<Core>::new(), AtomicUsize::new(0)));
        let waiter = spawn(&shared, |(queue, value)| {
            let found = || Some(value.load(Ordering::Relaxed)).filter(|&v| v != 0);
            assert_eq!(block_on(queue.wait(found)), 7);
        });
        shared.1.store(7, Ordering::Relaxed);
        shared.0.wake_all();
        waiter.join().unwrap();
    });
}

#[test]
fn a_wake_up_for_one_given_to_a_waiter_that_gives_up_goes_to_the_next() {
    explore(2, || {
        let shared = Arc::new((WaitQueue::<Core>::new(), AtomicUsize::new(0)));
        let fickle = spawn(&shared, |(queue, _)| {
            poll_and_drop(queue.wait(|| None::<()>));
        });
        let steady = spawn(&shared, |(queue, value)| {
            block_on(queue.wait(|| (value.load(Ordering::Relaxed) != 0).then_some(())));
        });
        shared.1.store(1, Ordering::Relaxed);
        shared.0.wake_one();
        fickle.join().unwrap();
        steady.join().unwrap();
    });
}

#[test]
fn each_piece_of_work_is_taken_once_and_none_is_left_lying() {
    explore(2, || {
        let queue = Arc::new(WorkQueue::<u32, Core, 2>::new());
        let sum = Arc::new(AtomicUsize::new(0));
        let takers = [(); 2].map(|()| {
            let sum = sum.clone();
            spawn(&queue, move |queue| {
                let work = block_on(queue.next()) as usize;
                sum.fetch_add(work, Ordering::Relaxed);
            })
        });
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        for taker in takers {
            taker.join().unwrap();
        }
        assert_eq!(sum.load(Ordering::Relaxed), 3);
        assert!(queue.is_empty());
    });
}

#[test]
fn work_announced_to_a_taker_that_gives_up_goes_to_the_next() {
    explore(2, || {
        let queue = Arc::new(WorkQueue::<u32, Core, 2>::new());
        let fickle = spawn(&queue, |queue| {
            if let Some(work) = poll_and_drop(queue.next()) {
                queue.push(work).unwrap();
            }
        });
        let steady = spawn(&queue, |queue| assert_eq!(block_on(queue.next()), 5));
        queue.push(5).unwrap();
        fickle.join().unwrap();
        steady.join().unwrap();
    });
}

loom::lazy_static! {
    static ref NOW: AtomicUsize = AtomicUsize::new(0);
    static ref TIMERS: Timers<Core, Now, 2> = Timers::new();
}

struct Now;

impl Clock for Now {
    fn now() -> u64 {
        NOW.load(Ordering::Acquire) as u64
    }
    fn arm(deadline: u64) {
        // A hardware timer whose deadline has come fires at once.
        if Self::now() >= deadline {
            TIMERS.expire(Self::now());
        }
    }
}

#[test]
fn a_sleeper_is_woken_however_its_deadline_and_its_going_to_sleep_interleave() {
    explore(3, || {
        let sleeper = thread::spawn(|| block_on(TIMERS.sleep_until(5)));
        NOW.store(5, Ordering::Release);
        TIMERS.expire(5);
        sleeper.join().unwrap();
        assert_eq!(TIMERS.next_deadline(), None);
    });
}
