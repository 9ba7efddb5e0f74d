//! The lock and `Once` on real threads, over a core whose interrupt mask is a thread-local.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use preempt::{IrqGuard, Platform};
use sync::{Once, SpinLock};

thread_local! {
    static MASKED: Cell<bool> = const { Cell::new(false) };
}

struct Fake;

// SAFETY: no interrupts exist here, and nothing in these tests uses the core's number.
unsafe impl Platform for Fake {
    const CPUS: usize = 1;
    type Irq = bool;
    fn irq_mask() -> bool {
        MASKED.replace(true)
    }
    unsafe fn irq_restore(saved: bool) {
        MASKED.set(saved);
    }
    fn relax() {
        std::thread::yield_now();
    }
    fn cpu() -> usize {
        0
    }
}

type Irq = IrqGuard<Fake>;

#[test]
fn no_update_is_lost_among_threads() {
    static LOCK: SpinLock<u64, Fake> = SpinLock::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..2000).for_each(|_| LOCK.with(|value| *value += 1)));
        }
    });
    assert_eq!(LOCK.with(|value| *value), 8000);
}

#[test]
fn interrupts_are_masked_for_as_long_as_the_lock_is_held() {
    let lock = SpinLock::<_, Fake>::new(());
    lock.with(|()| {
        assert!(MASKED.get());
        assert!(lock.is_locked());
    });
    assert!(!MASKED.get());
    assert!(!lock.is_locked());
}

#[test]
fn locks_released_in_any_order_leave_interrupts_masked_until_the_section_ends() {
    let (first, second) = (SpinLock::<_, Fake>::new(1), SpinLock::<_, Fake>::new(2));
    Irq::with(|irq| {
        let a = first.lock(irq);
        let b = second.lock(irq);
        assert_eq!(*a + *b, 3);
        drop(a);
        assert!(MASKED.get() && !first.is_locked() && second.is_locked());
        drop(b);
        assert!(MASKED.get());
    });
    assert!(!MASKED.get());
}

#[test]
fn trying_does_not_wait() {
    let lock = SpinLock::<_, Fake>::new(5);
    Irq::with(|irq| {
        let held = lock.try_lock(irq).expect("nobody has it");
        assert!(lock.try_lock(irq).is_none());
        drop(held);
        *lock.try_lock(irq).expect("released") += 1;
    });
    assert_eq!(lock.into_inner(), 6);
}

#[test]
fn a_lock_is_released_by_unwinding() {
    let lock = SpinLock::<_, Fake>::new(0);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        lock.with(|_| panic!("on purpose"))
    }));
    assert!(result.is_err());
    assert!(!lock.is_locked() && !MASKED.get());
}

#[test]
fn a_value_is_made_once_however_many_ask() {
    static ONCE: Once<u32, Fake> = Once::new();
    static MADE: AtomicU32 = AtomicU32::new(0);
    assert_eq!(ONCE.get(), None);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let value = ONCE.get_or_init(|| {
                    assert!(MASKED.get(), "an interrupt would find the value half made");
                    MADE.fetch_add(1, Ordering::Relaxed);
                    42
                });
                assert_eq!(*value, 42);
                assert!(!MASKED.get());
            });
        }
    });
    assert_eq!(MADE.load(Ordering::Relaxed), 1);
    assert_eq!(ONCE.get(), Some(&42));
}

#[test]
fn a_value_that_comes_too_late_is_given_back() {
    let once = Once::<_, Fake>::new();
    assert_eq!(once.set(String::from("first")), Ok(&String::from("first")));
    assert_eq!(
        once.set(String::from("second")),
        Err(String::from("second"))
    );
    assert_eq!(once.get_or_init(|| unreachable!("there is one")), "first");
}
