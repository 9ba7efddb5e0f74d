//! What went wrong in another hypervisor's continuations, by the number of its security advisory, and what here makes it
//! impossible. Only what concerns the engine; what concerns an operation is tested with the operation.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use common::{Acquired, CONTENDED, Count, Event, Fake, PAUSE, Small, steps, table};
use continuation::{Cx, Rest, ResumeError, Table};
use preempt::Pause;

fn leave(table: &'static Small, held: Acquired, pauses: u64) -> u64 {
    let mut lease = table.begin(1, |cx| steps(cx, held, pauses, 0)).unwrap();
    assert!(lease.poll().is_pending());
    lease.suspend().unwrap()
}

/// XSA-58, 299, 310: an operation preempted part-way left reference counts and partial state that the continuation, or
/// the teardown that came instead of it, took for something else. Here what it holds is owned by its future, and given
/// back exactly once by each of its ends: result, abandonment, reset while suspended, reset while polled, a dropped lease.
#[test]
fn xsa_58_299_310_what_a_preempted_operation_holds_is_given_back_once() {
    let (table, count) = (table(), Count::default());
    let finishes = leave(table, count.acquire(), 1);
    assert!(table.resume(2, finishes).unwrap().poll().is_ready());
    assert_eq!(count.released(), 1);

    let dropped = leave(table, count.acquire(), 1);
    drop(table.resume(2, dropped).unwrap());
    assert_eq!(count.released(), 2);

    for _ in 0..4 {
        leave(table, count.acquire(), 1);
    }
    assert_eq!((table.abandoned(), count.released()), (1, 3));

    while table.cancel_one() == Rest::Suspended {}
    assert_eq!(count.released(), 6);

    let held = count.acquire();
    let mut lease = table.begin(1, |cx| steps(cx, held, 9, 0)).unwrap();
    assert!(lease.poll().is_pending());
    table.cancel_one();
    assert_eq!(count.released(), 6, "not while it is being polled");
    assert!(lease.suspend().is_err());
    assert_eq!((count.acquired(), count.released()), (7, 7));
}

/// XSA-111, 454: a guest reached an assertion by the register values with which it continued. Here a handle is looked up;
/// every number that is not one is an error and changes nothing.
#[test]
fn xsa_111_454_any_number_may_be_passed_to_resume() {
    let (table, count) = (table(), Count::default());
    let good = leave(table, count.acquire(), 1);
    let bits = (0..64).map(|bit| good ^ 1 << bit);
    let ends = [
        0,
        1,
        u64::MAX,
        u64::MAX >> 1,
        1 << 63,
        !good,
        good.wrapping_neg(),
        good.swap_bytes(),
    ];
    let mixed = (0..100_000_u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for handle in bits
        .chain(ends)
        .chain(mixed)
        .filter(|handle| *handle != good)
    {
        assert_eq!(
            table.resume(1, handle).err(),
            Some(ResumeError::Unknown),
            "{handle:#x}"
        );
    }
    assert_eq!((table.suspended(), count.released()), (1, 0));
    assert!(table.resume(1, good).unwrap().poll().is_ready());
}

/// XSA-125: an operation was cut short at an arbitrary limit, because a continuation would have lost what was needed to
/// undo it. Here the undo state is a local of the operation and survives every pause.
#[test]
fn xsa_125_what_is_needed_to_undo_survives_every_pause() {
    static PAGES: AtomicUsize = AtomicUsize::new(0);
    struct Undo(usize);
    impl Drop for Undo {
        fn drop(&mut self) {
            PAGES.fetch_sub(self.0, Ordering::Relaxed);
        }
    }
    let table = table();
    let mut lease = table
        .begin(1, |mut cx| async move {
            let mut undo = Undo(0);
            for _ in 0..1000 {
                PAGES.fetch_add(1, Ordering::Relaxed);
                undo.0 += 1;
                if cx.checkpoint().await.is_err() {
                    return 0;
                }
            }
            std::mem::forget(undo);
            1
        })
        .unwrap();
    for _ in 0..999 {
        assert!(lease.poll().is_pending());
        lease = table.resume(1, lease.suspend().unwrap()).unwrap();
    }
    assert_eq!(PAGES.load(Ordering::Relaxed), 999);
    drop(lease);
    assert_eq!(PAGES.load(Ordering::Relaxed), 0);
}

/// XSA-145: a call that needed a continuation inside a multicall crashed the host, since the multicall had no place for it.
/// Here a call inside another is an await: the two are one future, suspended and resumed as one.
#[test]
fn xsa_145_a_long_call_inside_a_multicall_is_suspended_with_it() {
    async fn inner(cx: &mut Cx<Fake>, pauses: u64) -> u64 {
        for _ in 0..pauses {
            cx.checkpoint().await.unwrap();
        }
        pauses
    }
    let table = table();
    let mut lease = table
        .begin(1, |mut cx| async move {
            let mut sum = 0;
            for pauses in [3, 0, 5] {
                sum = sum * 10 + inner(&mut cx, pauses).await;
            }
            sum
        })
        .unwrap();
    let mut left = 0;
    let sum = loop {
        match lease.poll() {
            Poll::Ready(sum) => break sum,
            Poll::Pending => lease = table.resume(left, lease.suspend().unwrap()).unwrap(),
        }
        left += 1;
    };
    assert_eq!((sum, left), (305, 8));
}

/// XSA-226, 318: the value that says "continue" was transformed like a result, so the rest never ran and results stayed
/// unwritten. Here "not yet" and a result are different types, and what stands at an operation's end runs at its end, once.
#[test]
fn xsa_226_318_a_result_is_written_once_and_at_the_end() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let table = table();
    // The result is the very number that elsewhere means "continue".
    for result in [u64::MAX, 0, 0x4000_0000] {
        WRITTEN.store(0, Ordering::Relaxed);
        let mut lease = table
            .begin(1, move |mut cx| async move {
                for _ in 0..3 {
                    cx.checkpoint().await.unwrap();
                }
                WRITTEN.fetch_add(1, Ordering::Relaxed);
                result
            })
            .unwrap();
        for _ in 0..3 {
            assert!(lease.poll().is_pending());
            assert_eq!(WRITTEN.load(Ordering::Relaxed), 0);
            lease = table.resume(1, lease.suspend().unwrap()).unwrap();
        }
        assert_eq!(lease.poll(), Poll::Ready(result));
        assert!(lease.poll().is_pending());
        assert_eq!(WRITTEN.load(Ordering::Relaxed), 1);
    }
}

/// XSA-296: a value of the guest's choice reached an assertion in the code that encodes a continuation. Here nothing of the
/// guest's is encoded, whatever it asked for; the one part of a handle that is an index is checked against the table.
#[test]
fn xsa_296_no_value_of_the_guest_is_part_of_a_continuation() {
    static TABLE: Table<Fake, u64, 3, 256> = Table::new();
    let mut handles = Vec::new();
    for argument in [0, u64::MAX, 1 << 63] {
        let held = Count::default().acquire();
        let mut lease = TABLE.begin(1, |cx| steps(cx, held, 1, argument)).unwrap();
        assert!(lease.poll().is_pending());
        handles.push(lease.suspend().unwrap());
    }
    // One in each slot, each the first of its slot: only the slot differs.
    assert_eq!(
        handles
            .iter()
            .map(|handle| handle & 0xff)
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert!(handles.iter().all(|handle| handle >> 8 == handles[0] >> 8));
    for index in 3..=0xff {
        assert_eq!(
            TABLE.resume(1, handles[0] | index).err(),
            Some(ResumeError::Unknown)
        );
    }
}

/// From the review of 2021: a lock held by an operation whose guest has no time left, or is gone. A suspended operation
/// is in no lock's queue, so nothing can be handed to it.
#[test]
fn a_guest_that_never_resumes_is_in_nobodys_way() {
    static TABLE: Table<Fake, u64, 1, 512> = Table::new();
    PAUSE.set(Pause::Leave);
    CONTENDED.set(Pause::Leave);
    let count = Count::default();
    let queue = count.clone();
    let mut lease = TABLE
        .begin(1, move |mut cx| async move {
            let attempt = || {
                let queued = queue.acquire();
                async move {
                    Event::default().await;
                    Box::new(queued)
                }
            };
            u64::from(cx.lock(attempt).await.is_ok())
        })
        .unwrap();
    assert!(lease.poll().is_pending());
    lease.suspend().unwrap();
    assert_eq!((count.acquired(), count.released()), (1, 1));
}
