//! Operations begun, suspended, resumed and abandoned, one thing at a time.

mod common;

use std::task::Poll;

use common::{CONTENDED, Count, Event, Fake, NOW, PAUSE, Small, steps, table, woken};
use continuation::{Cancelled, Full, Rest, ResumeError, Table, Why};
use preempt::Pause;

/// Begins an operation of so many pauses, polls it once, and leaves it.
fn leave(table: &'static Small, count: &Count, pauses: u64, result: u64) -> u64 {
    let held = count.acquire();
    let mut lease = table
        .begin(1, |cx| steps(cx, held, pauses, result))
        .unwrap();
    assert_eq!(lease.poll(), Poll::Pending);
    lease.suspend().unwrap()
}

#[test]
fn an_operation_goes_on_where_it_left_on_any_vcpu() {
    let (table, count) = (table(), Count::default());
    let first = leave(table, &count, 2, 42);
    let mut lease = table.resume(7, first).unwrap();
    assert_eq!(lease.poll(), Poll::Pending);
    assert_eq!(lease.why(), Why::Checkpoint);
    let second = lease.suspend().unwrap();
    let mut lease = table.resume(1, second).unwrap();
    assert_eq!(lease.poll(), Poll::Ready(42));
    assert_eq!(count.released(), 1);
    assert_eq!(lease.poll(), Poll::Pending, "a result is given once");
    drop(lease);
    assert_eq!((count.released(), table.suspended()), (1, 0));
}

#[test]
fn a_handle_is_good_for_one_resumption() {
    let (table, count) = (table(), Count::default());
    let first = leave(table, &count, 3, 0);
    let mut lease = table.resume(1, first).unwrap();
    assert_eq!(table.resume(2, first).err(), Some(ResumeError::Busy));
    assert!(lease.poll().is_pending());
    let second = lease.suspend().unwrap();
    assert_ne!(first, second);
    assert_eq!(table.resume(1, first).err(), Some(ResumeError::Unknown));
    drop(table.resume(1, second).unwrap());
    assert_eq!(table.resume(1, second).err(), Some(ResumeError::Unknown));
    assert_eq!(count.released(), 1);
}

#[test]
fn a_handle_of_another_table_is_unknown_here() {
    let (one, other, count) = (table(), table(), Count::default());
    one.set_tag(1);
    other.set_tag(2);
    let (a, b) = (leave(one, &count, 1, 0), leave(other, &count, 1, 0));
    assert_eq!(one.resume(1, b).err(), Some(ResumeError::Unknown));
    assert_eq!(other.resume(1, a).err(), Some(ResumeError::Unknown));
    assert!(one.resume(1, a).is_ok() && other.resume(1, b).is_ok());
}

#[test]
fn a_stale_handle_does_not_reach_what_took_its_slot() {
    let (table, count) = (table(), Count::default());
    let old = leave(table, &count, 1, 0);
    drop(table.resume(1, old).unwrap());
    let held = count.acquire();
    let lease = table.begin(1, |cx| steps(cx, held, 1, 0)).unwrap();
    assert_eq!(
        table.resume(1, old).err(),
        Some(ResumeError::Unknown),
        "not Busy either"
    );
    drop(lease);
}

#[test]
fn the_oldest_suspended_makes_room_and_is_counted() {
    let (table, count) = (table(), Count::default());
    let a = leave(table, &count, 9, 0);
    let b = leave(table, &count, 9, 0);
    let c = leave(table, &count, 9, 0);
    // `a` was suspended again after the others: `b` is the oldest now.
    let mut lease = table.resume(1, a).unwrap();
    assert!(lease.poll().is_pending());
    let a = lease.suspend().unwrap();
    assert_eq!(table.abandoned(), 0);
    let d = leave(table, &count, 9, 0);
    assert_eq!(
        (table.abandoned(), count.released(), table.suspended()),
        (1, 1, 3)
    );
    assert_eq!(table.resume(1, b).err(), Some(ResumeError::Unknown));
    let e = leave(table, &count, 9, 0);
    assert_eq!(table.resume(1, c).err(), Some(ResumeError::Unknown));
    for handle in [a, d, e] {
        drop(table.resume(1, handle).unwrap());
    }
    assert_eq!(
        (count.acquired(), count.released(), table.abandoned()),
        (5, 5, 2)
    );
}

#[test]
fn a_table_is_full_only_when_all_are_being_polled() {
    let (table, count) = (table(), Count::default());
    let mut leases: Vec<_> = (0..3)
        .map(|_| {
            let held = count.acquire();
            table.begin(1, |cx| steps(cx, held, 1, 0)).unwrap()
        })
        .collect();
    let held = count.acquire();
    assert_eq!(table.begin(1, |cx| steps(cx, held, 1, 0)).err(), Some(Full));
    assert_eq!((count.released(), table.abandoned()), (1, 0));
    let handle = leases.pop().unwrap().suspend().unwrap();
    let held = count.acquire();
    leases.push(table.begin(1, |cx| steps(cx, held, 1, 0)).unwrap());
    assert_eq!(table.resume(1, handle).err(), Some(ResumeError::Unknown));
    drop(leases);
    assert_eq!((count.acquired(), count.released()), (5, 5));
}

#[test]
fn a_lease_that_is_dropped_cancels_even_before_the_first_poll() {
    let (table, count) = (table(), Count::default());
    let held = count.acquire();
    drop(table.begin(1, |cx| steps(cx, held, 1, 0)).unwrap());
    assert_eq!(count.released(), 1);
    let handle = leave(table, &count, 5, 0);
    drop(table.resume(1, handle).unwrap());
    assert_eq!(count.released(), 2);
    assert_eq!(table.cancel_one(), Rest::Nothing);
}

#[test]
fn a_finished_operation_cannot_be_suspended() {
    let (table, count) = (table(), Count::default());
    let held = count.acquire();
    let mut lease = table.begin(1, |cx| steps(cx, held, 0, 3)).unwrap();
    assert_eq!(lease.poll(), Poll::Ready(3));
    assert_eq!(lease.suspend(), Err(Cancelled));
    assert_eq!((table.suspended(), table.cancel_one()), (0, Rest::Nothing));
}

#[test]
fn emptying_a_table_takes_one_operation_a_step_and_the_oldest_first() {
    let (table, count) = (table(), Count::default());
    let handles = [(); 3].map(|()| leave(table, &count, 9, 0));
    assert_eq!((table.cancel_one(), count.released()), (Rest::Suspended, 1));
    assert_eq!(
        table.resume(1, handles[0]).err(),
        Some(ResumeError::Unknown)
    );
    assert_eq!((table.cancel_one(), count.released()), (Rest::Suspended, 2));
    assert_eq!((table.cancel_one(), count.released()), (Rest::Nothing, 3));
    assert_eq!(
        table.abandoned(),
        0,
        "nobody was abandoned for want of room"
    );
}

#[test]
fn an_operation_that_is_being_polled_is_asked_to_end_and_cannot_be_left_again() {
    let (table, count) = (table(), Count::default());
    woken();
    let held = count.acquire();
    let mut lease = table.begin(5, |cx| steps(cx, held, 9, 0)).unwrap();
    assert!(lease.poll().is_pending());
    assert_eq!(
        (table.cancel_one(), table.cancel_one()),
        (Rest::Polled, Rest::Polled)
    );
    assert_eq!(woken(), [5], "once: its poller may sleep");
    assert!(lease.cancelled());
    assert_eq!(count.released(), 0, "nobody touches what is being polled");
    assert_eq!(lease.poll(), Poll::Ready(u64::MAX));
    drop(lease);
    assert_eq!((count.released(), table.cancel_one()), (1, Rest::Nothing));

    let held = count.acquire();
    let mut lease = table.begin(5, |cx| steps(cx, held, 9, 0)).unwrap();
    assert!(!lease.cancelled(), "the mark is not inherited");
    assert!(lease.poll().is_pending());
    assert_eq!(table.cancel_one(), Rest::Polled);
    assert_eq!(lease.suspend(), Err(Cancelled));
    assert_eq!((count.released(), table.cancel_one()), (2, Rest::Nothing));
}

#[test]
fn work_asks_the_driver_once_an_interval() {
    static TABLE: Table<Fake, usize, 1, 256> = Table::new();
    PAUSE.set(Pause::GoOn);
    let mut lease = TABLE
        .begin(0, |mut cx| async move {
            for _ in 0..12 {
                cx.work(1).await.unwrap();
            }
            cx.work(100).await.unwrap();
            cx.work(u32::MAX).await.unwrap();
            cx.work(3).await.unwrap();
            common::ASKED.get()
        })
        .unwrap();
    assert_eq!(lease.poll(), Poll::Ready(5));
}

/// A guest that is interrupted whenever it looks gets on nevertheless: what it resumes does an interval of work before it
/// may leave again, and a checkpoint asked for by name is passed once it has been left at.
#[test]
fn an_operation_that_leaves_wherever_it_may_gets_an_interval_further_with_every_resumption() {
    const INTERVAL: usize = <Fake as continuation::Driver>::INTERVAL as usize;
    static TABLE: Table<Fake, u32, 1, 256> = Table::new();
    PAUSE.set(Pause::Leave);
    let done = Count::default();
    let count = done.clone();
    let mut lease = TABLE
        .begin(0, move |mut cx| async move {
            for _ in 0..40 {
                drop(count.acquire());
                cx.work(1).await.unwrap();
            }
            cx.checkpoint().await.unwrap();
            cx.checkpoint().await.unwrap();
            7
        })
        .unwrap();
    for visit in 1..=12 {
        assert_eq!(lease.poll(), Poll::Pending);
        assert_eq!(lease.why(), Why::Checkpoint);
        assert_eq!(done.acquired(), (visit * INTERVAL).min(40));
        lease = TABLE.resume(0, lease.suspend().unwrap()).unwrap();
    }
    assert_eq!(lease.poll(), Poll::Ready(7));
}

#[test]
fn waiting_wakes_whoever_polled_last() {
    static TABLE: Table<Fake, u8, 1, 256> = Table::new();
    woken();
    CONTENDED.set(Pause::Block);
    let event = Event::default();
    let awaited = event.clone();
    let mut lease = TABLE
        .begin(3, |mut cx| async move {
            cx.wait(awaited).await.unwrap();
            1
        })
        .unwrap();
    assert!(lease.poll().is_pending());
    assert_eq!(lease.why(), Why::Blocked);
    CONTENDED.set(Pause::Leave);
    assert!(lease.poll().is_pending());
    assert_eq!(lease.why(), Why::Contended);
    let early = event.waker().unwrap();
    let mut lease = TABLE.resume(4, lease.suspend().unwrap()).unwrap();
    assert!(lease.poll().is_pending());
    event.fire();
    assert_eq!(woken(), [4]);
    assert_eq!(lease.poll(), Poll::Ready(1));
    drop(lease);
    // Kept for too long: it wakes somebody for nothing, and reads no memory.
    early.wake_by_ref();
    early.wake();
    assert_eq!(woken(), [3, 3]);
}

#[test]
fn an_attempt_at_a_lock_is_given_up_where_the_operation_leaves_and_kept_where_it_sleeps() {
    static TABLE: Table<Fake, u8, 1, 512> = Table::new();
    let (event, count) = (Event::default(), Count::default());
    let (awaited, attempts) = (event.clone(), count.clone());
    let mut lease = TABLE
        .begin(3, move |mut cx| async move {
            let attempt = || {
                let (awaited, queued) = (awaited.clone(), attempts.acquire());
                async move {
                    awaited.await;
                    drop(queued);
                    Box::new(9_u8)
                }
            };
            let mut held = cx.lock(attempt).await.unwrap();
            *held += 1;
            *held
        })
        .unwrap();
    CONTENDED.set(Pause::Block);
    assert!(lease.poll().is_pending() && lease.poll().is_pending());
    assert_eq!((count.acquired(), count.released()), (1, 0));
    CONTENDED.set(Pause::Leave);
    assert!(lease.poll().is_pending());
    assert_eq!(
        (count.acquired(), count.released()),
        (1, 1),
        "nobody in the queue"
    );
    let mut lease = TABLE.resume(4, lease.suspend().unwrap()).unwrap();
    event.fire();
    assert_eq!(lease.poll(), Poll::Ready(10));
    assert_eq!((count.acquired(), count.released()), (2, 2));
}

#[test]
fn a_wait_ends_when_the_operation_is_cancelled() {
    static TABLE: Table<Fake, Result<(), Cancelled>, 1, 256> = Table::new();
    CONTENDED.set(Pause::Block);
    woken();
    let mut lease = TABLE
        .begin(8, |mut cx| async move { cx.wait(Event::default()).await })
        .unwrap();
    assert!(lease.poll().is_pending());
    assert_eq!(TABLE.cancel_one(), Rest::Polled);
    assert_eq!(woken(), [8]);
    assert_eq!(lease.poll(), Poll::Ready(Err(Cancelled)));
}

#[test]
fn the_driver_sees_how_long_ago_an_operation_was_entered() {
    static TABLE: Table<Fake, u64, 1, 256> = Table::new();
    NOW.set(100);
    let mut lease = TABLE
        .begin(0, |mut cx| async move {
            cx.checkpoint().await.unwrap();
            assert!(!cx.control().is_task());
            cx.control().ticks(NOW.get())
        })
        .unwrap();
    assert!(lease.poll().is_pending());
    let handle = lease.suspend().unwrap();
    NOW.set(500);
    let mut lease = TABLE.resume(0, handle).unwrap();
    NOW.set(507);
    assert_eq!(lease.poll(), Poll::Ready(7));
}
