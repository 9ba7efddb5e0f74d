//! Background tasks: polled when they are ready, by one at a time, and no wake is lost.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{CONTENDED, Event, Fake, woken};
use continuation::{NoRoom, Step, Tasks, Why};
use preempt::Pause;

type Three = Tasks<Fake, 3, 256>;

fn tasks() -> &'static Three {
    Box::leak(Box::new(Three::new()))
}

#[test]
fn a_task_is_polled_at_once_and_then_when_its_waker_fires() {
    let tasks = tasks();
    woken();
    CONTENDED.set(Pause::Block);
    let event = Event::default();
    let awaited = event.clone();
    let index = tasks
        .add("waits", 77, |mut cx| async move {
            assert!(cx.control().is_task());
            cx.wait(awaited).await.unwrap();
        })
        .unwrap();
    assert_eq!(tasks.name(index), Some("waits"));
    assert!(tasks.is_ready(index));
    assert!(!tasks.poll_ready(|| true));
    assert!(!tasks.poll_ready(|| unreachable!("nothing is ready")));
    event.fire();
    assert_eq!(woken(), [77]);
    assert!(tasks.is_ready(index));
    assert_eq!(tasks.run(index), Step::Done);
    assert_eq!(tasks.run(index), Step::Done);
    assert!(!tasks.poll_ready(|| true));
}

#[test]
fn a_task_that_left_at_a_checkpoint_is_ready_still() {
    let tasks = tasks();
    let index = tasks
        .add("works", 0, |mut cx| async move {
            while cx.checkpoint().await.is_ok() {}
        })
        .unwrap();
    assert_eq!(tasks.run(index), Step::Pending(Why::Checkpoint));
    assert!(tasks.is_ready(index));
    assert!(tasks.poll_ready(|| true));
}

#[test]
fn a_small_budget_starves_nobody() {
    let tasks = tasks();
    let polls: Arc<[AtomicUsize; 3]> = Arc::default();
    for index in 0..3 {
        let polls = polls.clone();
        let work = |mut cx: continuation::Cx<Fake>| async move {
            loop {
                polls[index].fetch_add(1, Ordering::Relaxed);
                cx.checkpoint().await.unwrap();
            }
        };
        assert_eq!(tasks.add("works", 0, work), Ok(index));
    }
    assert_eq!(tasks.add("one too many", 0, |_| async {}), Err(NoRoom));
    for _ in 0..30 {
        let mut budget = 1;
        assert!(tasks.poll_ready(|| {
            budget -= 1;
            budget >= 0
        }));
    }
    let polls: Vec<_> = polls
        .iter()
        .map(|polls| polls.load(Ordering::Relaxed))
        .collect();
    assert_eq!(polls, [10, 10, 10]);
}

#[test]
fn a_task_has_one_poller_and_a_wake_during_its_poll_counts() {
    let tasks = tasks();
    CONTENDED.set(Pause::Block);
    let mut polls = 0;
    let index = tasks
        .add("wakes itself", 0, move |_| {
            std::future::poll_fn(move |context| {
                polls += 1;
                assert_eq!(tasks.run(0), Step::Busy);
                assert!(!tasks.poll_ready(|| true));
                if polls == 1 {
                    context.waker().wake_by_ref();
                    return std::task::Poll::Pending;
                }
                std::task::Poll::Ready(())
            })
        })
        .unwrap();
    assert_eq!(tasks.run(index), Step::Pending(Why::Blocked));
    assert!(tasks.is_ready(index));
    assert_eq!(tasks.run(index), Step::Done);
}

#[test]
fn an_index_that_nobody_has_is_done() {
    let tasks = tasks();
    for index in [0, 2, 3, usize::MAX] {
        assert_eq!(
            (tasks.run(index), tasks.is_ready(index)),
            (Step::Done, false)
        );
        assert_eq!(tasks.name(index), None);
    }
}
