//! Lock-order checking: what is reported, what is not, and what a report says.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use preempt::{IrqGuard, Platform};
use sync::lockdep::{self, Cycle};
use sync::{Boost, Mutex, MutexGuard, RwLock, SpinLock};

thread_local! {
    static CPU: usize = {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    };
    static ME: Cell<u32> = const { Cell::new(0) };
    static REPORTS: RefCell<Vec<Cycle>> = const { RefCell::new(Vec::new()) };
}

struct Fake;

// SAFETY: no interrupts exist here, and each thread is a core of its own.
unsafe impl Platform for Fake {
    const CPUS: usize = 64;
    type Irq = ();
    fn irq_mask() {}
    unsafe fn irq_restore((): ()) {}
    fn relax() {
        std::thread::yield_now();
    }
    fn cpu() -> usize {
        CPU.with(|cpu| *cpu)
    }
}

struct Me;

impl Boost for Me {
    fn current() -> u32 {
        ME.get()
    }
    fn inherit(_holder: u32, _waiter: u32) {}
    fn restore(_holder: u32) {}
}

/// What `test` leads to be reported.
fn reports(test: impl FnOnce()) -> Vec<Cycle> {
    lockdep::install::<Fake>(|cycle| REPORTS.with_borrow_mut(|all| all.push(cycle.clone())));
    test();
    REPORTS.take()
}

fn both(outer: &SpinLock<(), Fake>, inner: &SpinLock<(), Fake>) {
    IrqGuard::with(|irq| {
        let _outer = outer.lock(irq);
        let _inner = inner.lock(irq);
    });
}

#[test]
fn two_orders_of_two_locks_are_reported_with_both_chains() {
    let a = SpinLock::named("lock A", ());
    let b = SpinLock::named("lock B", ());
    let found = reports(|| {
        both(&a, &b);
        both(&a, &b);
        both(&b, &a);
        both(&b, &a);
    });
    let [cycle] = found.as_slice() else {
        panic!("{} reports, instead of one for each new order", found.len());
    };
    assert_eq!(
        (cycle.now.held.name, cycle.now.wanted.name),
        (Some("lock B"), Some("lock A"))
    );
    let earlier: Vec<_> = cycle.earlier().collect();
    let [back] = earlier.as_slice() else {
        panic!("one order came before")
    };
    assert_eq!(
        (back.held.name, back.wanted.name),
        (Some("lock A"), Some("lock B"))
    );
    assert!(back.seen < cycle.now.seen);
    assert!(cycle.now.held_at.line() < cycle.now.wanted_at.line());
    let text = cycle.to_string();
    let words = [
        "held lock B",
        "wanted lock A",
        "held lock A",
        "wanted lock B",
        "lockdep.rs",
    ];
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}

#[test]
fn a_longer_circle_is_reported_with_every_order_in_it() {
    let a = SpinLock::named("first", ());
    let b = SpinLock::named("second", ());
    let c = SpinLock::named("third", ());
    let found = reports(|| {
        both(&a, &b);
        both(&b, &c);
        both(&c, &a);
    });
    let [cycle] = found.as_slice() else {
        panic!("one circle")
    };
    let chain: Vec<_> = cycle.earlier().map(|edge| edge.held.name).collect();
    assert_eq!(chain, [Some("first"), Some("second")]);
}

#[test]
fn one_order_and_locks_not_held_together_are_no_circle() {
    let a = SpinLock::named("outer", ());
    let b = SpinLock::named("inner", ());
    let found = reports(|| {
        both(&a, &b);
        b.with(|()| ());
        a.with(|()| ());
        IrqGuard::with(|irq| {
            let _b = b.lock(irq);
            // Does not wait, so it cannot be stuck.
            let _a = a.try_lock(irq);
        });
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn two_locks_of_one_class_held_together_are_reported() {
    let locks = [const { SpinLock::<(), Fake>::new(()) }; 2];
    let found = reports(|| both(&locks[0], &locks[1]));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].to_string().contains("both are of one class"),
        "{}",
        found[0]
    );
}

#[test]
fn reading_counts_like_writing() {
    let (a, b) = (
        RwLock::<_, Fake>::named("table", ()),
        SpinLock::<_, Fake>::named("entry", ()),
    );
    let found = reports(|| {
        a.read(|()| b.with(|()| ()));
        b.with(|()| a.read(|()| ()));
    });
    assert_eq!(found.len(), 1);
}

fn lock<'m>(mutex: &'m Mutex<(), Fake, Me>) -> MutexGuard<'m, (), Fake, Me> {
    match pin!(mutex.lock()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(guard) => guard,
        Poll::Pending => panic!("it is free"),
    }
}

#[test]
fn a_mutex_is_held_by_the_thread_wherever_that_runs_and_whatever_else_runs_meanwhile() {
    let a = Mutex::named("mutex A", ());
    let b = Mutex::named("mutex B", ());
    let found = reports(|| {
        ME.set(101);
        let held = lock(&a);
        // Preempted: another thread takes the other one. That is no order.
        ME.set(102);
        drop(lock(&b));
        ME.set(101);
        drop(lock(&b));
        drop(held);
        ME.set(102);
        drop(lock(&b));
    });
    assert!(found.is_empty(), "{found:?}");
    let found = reports(|| {
        let held = lock(&b);
        drop(lock(&a));
        drop(held);
    });
    assert_eq!(found.len(), 1);
}
