//! What sleeps, step by step: who is woken, in which order, and who inherits what.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use preempt::{IrqGuard, Platform};
use sync::{
    Boost, Clock, Completion, Job, Mutex, Overflow, Published, Rcu, RwLock, Semaphore, SeqLock,
    TimedOut, Timers, WaitQueue, WorkQueue,
};

thread_local! {
    static CPU: Cell<usize> = const { Cell::new(0) };
    static ME: Cell<u32> = const { Cell::new(0) };
    static BOOSTS: RefCell<Vec<(u32, Option<u32>)>> = const { RefCell::new(Vec::new()) };
    static NOW: Cell<u64> = const { Cell::new(0) };
    static ARMED: Cell<u64> = const { Cell::new(0) };
}

struct Fake;

// SAFETY: no interrupts exist here; per-core data is reached from one thread only.
unsafe impl Platform for Fake {
    const CPUS: usize = 2;
    type Irq = ();
    fn irq_mask() {}
    unsafe fn irq_restore((): ()) {}
    fn relax() {
        std::thread::yield_now();
    }
    fn cpu() -> usize {
        CPU.get()
    }
}

/// Notes what is inherited: `(holder, Some(waiter))`, or `(holder, None)` for the end of it.
struct Noted;

impl Boost for Noted {
    fn current() -> u32 {
        ME.get()
    }
    fn inherit(holder: u32, waiter: u32) {
        BOOSTS.with_borrow_mut(|boosts| boosts.push((holder, Some(waiter))));
    }
    fn restore(holder: u32) {
        BOOSTS.with_borrow_mut(|boosts| boosts.push((holder, None)));
    }
}

fn boosts() -> Vec<(u32, Option<u32>)> {
    BOOSTS.take()
}

struct Ticks;

impl Clock for Ticks {
    fn now() -> u64 {
        NOW.get()
    }
    fn arm(deadline: u64) {
        ARMED.set(deadline);
    }
}

/// When it was woken, counted over all of one test's flags.
#[derive(Default)]
struct Flag(AtomicUsize);

static COUNT: AtomicUsize = AtomicUsize::new(1);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0
            .store(COUNT.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A future and whether it has been woken.
struct Task<F>(Pin<Box<F>>, Arc<Flag>);

impl<F: Future> Task<F> {
    fn new(future: F) -> Self {
        Task(Box::pin(future), Arc::default())
    }
    fn poll(&mut self) -> Poll<F::Output> {
        self.1.0.store(0, Ordering::Relaxed);
        let waker = Waker::from(self.1.clone());
        self.0.as_mut().poll(&mut Context::from_waker(&waker))
    }
    fn poll_as(&mut self, me: u32) -> Poll<F::Output> {
        ME.set(me);
        self.poll()
    }
    /// 0, or when.
    fn woken(&self) -> usize {
        self.1.0.load(Ordering::Relaxed)
    }
}

#[test]
fn the_holder_of_a_mutex_inherits_from_each_who_waits_until_it_lets_go() {
    let lock = Mutex::<(), Fake, Noted>::new(());
    ME.set(1);
    let held = lock.try_lock().expect("it is free");
    let (mut second, mut third) = (Task::new(lock.lock()), Task::new(lock.lock()));
    assert!(second.poll_as(2).is_pending() && third.poll_as(3).is_pending());
    assert_eq!(boosts(), [(1, Some(2)), (1, Some(3))]);
    drop(held);
    assert_eq!(boosts(), [(1, None)]);
    assert!(second.woken() != 0 && second.woken() < third.woken());
    // Whoever has it now owes it to those who wait still.
    let Poll::Ready(held) = third.poll_as(3) else {
        panic!("the lock was free");
    };
    assert_eq!(boosts(), [(3, Some(2))]);
    drop(second);
    assert_eq!(
        boosts(),
        [(3, None)],
        "who gives up takes back what it lent"
    );
    drop(held);
    assert_eq!(boosts(), [], "nothing to take back");
}

#[test]
fn who_gives_up_takes_back_only_its_own() {
    let lock = Mutex::<(), Fake, Noted>::new(());
    ME.set(1);
    let _held = lock.try_lock();
    let (mut second, mut third) = (Task::new(lock.lock()), Task::new(lock.lock()));
    assert!(second.poll_as(2).is_pending() && third.poll_as(3).is_pending());
    boosts();
    drop(second);
    assert_eq!(boosts(), [(1, None), (1, Some(3))]);
}

#[test]
fn a_waiter_that_does_not_come_back_for_its_wake_up_keeps_nobody_waiting() {
    let lock = Mutex::<u32, Fake>::new(0);
    let held = lock.try_lock().expect("it is free");
    let (mut gone, mut other) = (Task::new(lock.lock()), Task::new(lock.lock()));
    assert!(gone.poll().is_pending() && other.poll().is_pending());
    drop(held);
    assert!(gone.woken() != 0 && other.woken() != 0);
    assert!(other.poll().is_ready());
}

#[test]
fn who_finds_no_place_is_woken_at_once_to_try_again() {
    let lock = Mutex::<u32, Fake, sync::NoBoost, 1>::new(0);
    let _held = lock.try_lock();
    let (mut first, mut second) = (Task::new(lock.lock()), Task::new(lock.lock()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(first.woken(), 0);
    assert_ne!(second.woken(), 0);
    drop(first);
    assert!(second.poll().is_pending());
    assert_eq!(second.woken(), 0, "there is a place now");
}

#[test]
fn permits_are_counted() {
    let semaphore = Semaphore::<Fake>::new(1);
    let permit = semaphore.try_acquire().expect("there is one");
    assert!(semaphore.try_acquire().is_none());
    let mut waiting = Task::new(semaphore.acquire());
    assert!(waiting.poll().is_pending());
    drop(permit);
    assert_ne!(waiting.woken(), 0);
    let Poll::Ready(permit) = waiting.poll() else {
        panic!("there is a permit");
    };
    permit.forget();
    assert_eq!(semaphore.available(), 0);
    semaphore.release(2);
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn a_completion_lets_all_go_on_and_can_be_used_again() {
    let done = Completion::<Fake>::new();
    let (mut a, mut b) = (Task::new(done.wait()), Task::new(done.wait()));
    assert!(a.poll().is_pending() && b.poll().is_pending());
    done.complete();
    assert!(a.woken() != 0 && b.woken() != 0);
    assert!(a.poll().is_ready() && b.poll().is_ready());
    done.reset();
    assert!(Task::new(done.wait()).poll().is_pending());
}

#[test]
fn a_wait_ends_with_what_it_waited_for_or_with_its_deadline() {
    let queue = WaitQueue::<Fake>::new();
    let timers = Timers::<Fake, Ticks, 2>::new();
    let there = Cell::new(None);
    NOW.set(10);
    let mut wait = Task::new(queue.wait_until(&timers, 20, || there.get()));
    assert!(wait.poll().is_pending());
    assert_eq!((ARMED.get(), timers.next_deadline()), (20, Some(20)));
    NOW.set(20);
    assert_eq!(
        (timers.expire(19), wait.woken()),
        (0, 0),
        "not before its time"
    );
    assert_eq!(timers.expire(20), 1);
    assert_ne!(wait.woken(), 0);
    assert_eq!(wait.poll(), Poll::Ready(Err(TimedOut)));

    let mut wait = Task::new(queue.wait_until(&timers, 30, || there.get()));
    assert!(wait.poll().is_pending());
    there.set(Some(5));
    queue.wake_all();
    NOW.set(31);
    assert_eq!(wait.poll(), Poll::Ready(Ok(5)), "late, but it is there");
    drop(wait);
    assert_eq!(
        timers.next_deadline(),
        None,
        "the deadline went with the wait"
    );
    assert!(!queue.wake_one(), "and so did its place");
}

#[test]
fn sleepers_are_woken_in_the_order_of_their_deadlines() {
    let timers = Timers::<Fake, Ticks, 2>::new();
    NOW.set(0);
    let (mut late, mut early) = (
        Task::new(timers.sleep_until(9)),
        Task::new(timers.sleep_until(4)),
    );
    let mut surplus = Task::new(timers.sleep_until(5));
    assert!(late.poll().is_pending() && early.poll().is_pending());
    assert_eq!(ARMED.get(), 4);
    assert!(surplus.poll().is_pending());
    assert_ne!(surplus.woken(), 0, "no room: it looks at the clock again");
    NOW.set(9);
    assert_eq!(timers.expire(9), 2);
    assert!(early.woken() < late.woken());
    assert!(surplus.poll().is_ready());
}

#[test]
fn a_cancelled_timer_wakes_nobody() {
    let timers = Timers::<Fake, Ticks, 1>::new();
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let timer = timers.set(3, &waker).expect("there is room");
    assert!(timers.set(4, &waker).is_err());
    assert!(timers.cancel(timer) && !timers.cancel(timer));
    assert_eq!(timers.expire(9), 0);
    assert_eq!(flag.0.load(Ordering::Relaxed), 0);
}

#[test]
fn work_comes_out_in_the_order_it_went_in_and_none_is_dropped() {
    let queue = WorkQueue::<u32, Fake, 2>::new();
    let mut taker = Task::new(queue.next());
    assert!(taker.poll().is_pending());
    assert_eq!(queue.push(1), Ok(()));
    assert_ne!(taker.woken(), 0);
    assert_eq!(queue.push(2), Ok(()));
    assert_eq!(queue.push(3), Err(Overflow(3)));
    assert_eq!(taker.poll(), Poll::Ready(1));
    assert_eq!(queue.push(3), Ok(()));
    assert_eq!((queue.try_next(), queue.try_next()), (Some(2), Some(3)));
    assert_eq!(queue.try_next(), None);
}

fn on(cpu: usize, rcu: &Rcu<Fake, 2, 2>, step: fn(&Rcu<Fake, 2, 2>, &IrqGuard<Fake>)) {
    CPU.set(cpu);
    IrqGuard::<Fake>::with(|irq| step(rcu, irq));
}

#[test]
fn a_grace_period_names_the_cores_it_waits_for_and_ends_with_the_last_of_them() {
    let rcu = Rcu::<Fake, 2, 2>::new();
    assert_eq!(rcu.request().cores(), 0, "nobody is present");
    on(0, &rcu, Rcu::back);
    on(1, &rcu, Rcu::back);
    let grace = rcu.request();
    assert_eq!(grace.cores(), 0b11);
    let mut over = Task::new(rcu.over(grace));
    assert!(over.poll().is_pending());
    on(0, &rcu, Rcu::quiescent);
    assert!(over.poll().is_pending() && !rcu.is_over(grace));
    // A later request does not hold up an earlier one.
    let later = rcu.request();
    assert_eq!(later.cores(), 0b11);
    on(1, &rcu, Rcu::quiescent);
    assert_ne!(over.woken(), 0);
    assert!(over.poll().is_ready() && !rcu.is_over(later));
    on(0, &rcu, Rcu::away);
    assert!(rcu.is_over(later), "who is gone holds nothing");
    on(0, &rcu, Rcu::quiescent);
    assert_eq!(
        rcu.request().cores(),
        0b10,
        "and stays gone until it is back"
    );
}

#[test]
fn a_deferred_job_is_done_after_its_grace_period_and_not_before() {
    static SUM: AtomicU64 = AtomicU64::new(0);
    let job = |argument| Job {
        work: |argument| {
            SUM.fetch_add(argument, Ordering::Relaxed);
        },
        argument,
    };
    let rcu = Rcu::<Fake, 2, 2>::new();
    on(0, &rcu, Rcu::back);
    let mut next = Task::new(rcu.run_next());
    assert!(next.poll().is_pending());
    assert_eq!(rcu.defer(job(1)).expect("there is room").cores(), 1);
    assert!(!rcu.run_one() && rcu.holding_up() == 1);
    on(0, &rcu, Rcu::quiescent);
    assert_ne!(next.woken(), 0);
    assert!(rcu.defer(job(10)).is_ok());
    assert!(rcu.defer(job(100)).is_err(), "it is the caller's again");
    assert!(next.poll().is_ready());
    assert_eq!(SUM.load(Ordering::Relaxed), 1);
    assert!(!rcu.run_one(), "its grace period is not over");
    on(0, &rcu, Rcu::quiescent);
    assert!(rcu.run_one() && !rcu.run_one());
    assert_eq!(SUM.load(Ordering::Relaxed), 11);
}

#[test]
fn readers_find_the_version_published_last() {
    static CURRENT: Published<u32> = Published::new();
    let rcu = Rcu::<Fake, 2, 2>::new();
    let read = || rcu.read(|reading| CURRENT.get(reading).copied());
    assert_eq!(read(), None);
    assert_eq!(CURRENT.replace(Some(&7)), None);
    assert_eq!(read(), Some(7));
    assert_eq!(CURRENT.replace(None), Some(&7));
    assert_eq!(read(), None);
}

#[test]
fn no_reader_sees_half_a_write_on_real_threads() {
    static LOCK: RwLock<(u64, u64), Fake> = RwLock::new((0, 0));
    static WORDS: SeqLock<Fake, 2> = SeqLock::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    LOCK.write(|pair| *pair = (pair.0 + 1, pair.1 + 1));
                    WORDS.update(|words| *words = words.map(|word| word + 1));
                    LOCK.read(|pair| assert_eq!(pair.0, pair.1));
                    let [first, second] = WORDS.read();
                    assert_eq!(first, second);
                }
            });
        }
    });
    assert_eq!(LOCK.read(|pair| pair.0), 1000);
    assert_eq!(WORDS.read(), [1000, 1000]);
}
