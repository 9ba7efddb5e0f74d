//! Whatever guests do with handles, in whatever order: a model that is a list says what must come of it.

mod common;

use std::collections::{HashMap, HashSet};
use std::task::Poll;

use common::{Count, Fake, Small, steps, table};
use continuation::{Lease, Rest, ResumeError};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    /// Begins an operation of so many pauses.
    Begin(u64),
    /// Resumes with one of the handles ever given out by this table …
    Resume(prop::sample::Index),
    /// … by another table …
    Foreign(prop::sample::Index),
    /// … or with any number, whole or near a good one.
    Guess(u64),
    Near(prop::sample::Index, u64),
    Poll(prop::sample::Index),
    Suspend(prop::sample::Index),
    Drop(prop::sample::Index),
    CancelOne,
}

fn act() -> impl Strategy<Value = Act> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        3 => (0..4_u64).prop_map(Act::Begin),
        3 => index().prop_map(Act::Resume),
        1 => index().prop_map(Act::Foreign),
        1 => any::<u64>().prop_map(Act::Guess),
        1 => (index(), 0..64_u32).prop_map(|(index, bit)| Act::Near(index, 1 << bit)),
        3 => index().prop_map(Act::Poll),
        4 => index().prop_map(Act::Suspend),
        1 => index().prop_map(Act::Drop),
        1 => Just(Act::CancelOne),
    ]
}

struct Leased {
    lease: Lease<Fake, u64, 256>,
    id: u64,
    /// The handle that was resumed for it, if it was.
    handle: Option<u64>,
    pauses: u64,
    finished: bool,
    cancelled: bool,
}

/// One table and what ought to be in it.
struct World {
    table: &'static Small,
    leased: Vec<Leased>,
    /// Handle, operation, pauses left; the oldest first.
    suspended: Vec<(u64, u64, u64)>,
    handles: Vec<u64>,
    begun: u64,
    refused: usize,
    results: HashMap<u64, u64>,
    abandoned: u64,
}

impl World {
    fn new(tag: u16) -> Self {
        let table = table();
        table.set_tag(tag);
        Self {
            table,
            leased: Vec::new(),
            suspended: Vec::new(),
            handles: Vec::new(),
            begun: 0,
            refused: 0,
            results: HashMap::new(),
            abandoned: 0,
        }
    }

    fn begin(&mut self, count: &Count, pauses: u64) {
        let (id, held) = (self.begun, count.acquire());
        self.begun += 1;
        match self.table.begin(0, |cx| steps(cx, held, pauses, id)) {
            Ok(lease) => {
                if self.leased.len() + self.suspended.len() == 3 {
                    self.suspended.remove(0);
                    self.abandoned += 1;
                }
                let (handle, finished, cancelled) = (None, false, false);
                self.leased.push(Leased {
                    lease,
                    id,
                    handle,
                    pauses,
                    finished,
                    cancelled,
                });
            }
            Err(_) => {
                assert_eq!(self.leased.len(), 3, "refused with room");
                self.refused += 1;
            }
        }
    }

    fn resume(&mut self, handle: u64) {
        let at = self
            .suspended
            .iter()
            .position(|(known, ..)| *known == handle);
        match (self.table.resume(1, handle), at) {
            (Ok(lease), Some(at)) => {
                let (_, id, pauses) = self.suspended.remove(at);
                let (handle, finished, cancelled) = (Some(handle), false, false);
                self.leased.push(Leased {
                    lease,
                    id,
                    handle,
                    pauses,
                    finished,
                    cancelled,
                });
            }
            (Err(error), None) => {
                let busy = self
                    .leased
                    .iter()
                    .any(|leased| leased.handle == Some(handle));
                // A number that was never given out may happen to be what the next suspension in a slot
                // comes from; it gets nothing, and which of the two errors says nothing.
                let expected =
                    if busy || (error == ResumeError::Busy && !self.handles.contains(&handle)) {
                        ResumeError::Busy
                    } else {
                        ResumeError::Unknown
                    };
                assert_eq!(error, expected);
            }
            (result, at) => panic!("{handle:#x}: {:?}, expected {at:?}", result.err()),
        }
    }

    fn poll(&mut self, at: usize) {
        let leased = &mut self.leased[at];
        match leased.lease.poll() {
            Poll::Ready(result) => {
                assert!(!leased.finished);
                assert!(leased.pauses == 0 || leased.cancelled);
                if leased.pauses == 0 && !leased.cancelled {
                    assert_eq!(result, leased.id);
                }
                assert!(
                    self.results.insert(leased.id, result).is_none(),
                    "a result given twice"
                );
                leased.finished = true;
            }
            Poll::Pending if leased.finished => {}
            Poll::Pending => {
                assert!(leased.pauses > 0 && !leased.cancelled);
                leased.pauses -= 1;
            }
        }
    }

    fn suspend(&mut self, at: usize) {
        let leased = self.leased.swap_remove(at);
        match leased.lease.suspend() {
            Ok(handle) => {
                assert!(!leased.finished && !leased.cancelled);
                assert!(handle != 0 && !self.handles.contains(&handle));
                self.handles.push(handle);
                self.suspended.push((handle, leased.id, leased.pauses));
            }
            Err(_) => assert!(leased.finished || leased.cancelled),
        }
    }

    fn cancel_one(&mut self) {
        if !self.suspended.is_empty() {
            self.suspended.remove(0);
        }
        let expected = match (self.suspended.len(), self.leased.len()) {
            (0, 0) => Rest::Nothing,
            (0, _) => Rest::Polled,
            _ => Rest::Suspended,
        };
        assert_eq!(self.table.cancel_one(), expected);
        if expected == Rest::Polled {
            self.leased
                .iter_mut()
                .for_each(|leased| leased.cancelled = true);
        }
        // Others may have been marked on the way.
        for leased in &mut self.leased {
            leased.cancelled |= leased.lease.cancelled();
        }
    }

    /// What is held is what is in the table and has not finished.
    fn check(&self, count: &Count) {
        let alive =
            self.leased.iter().filter(|leased| !leased.finished).count() + self.suspended.len();
        assert_eq!(count.acquired() - count.released(), alive);
        assert_eq!(self.table.suspended(), self.suspended.len());
        assert_eq!(self.table.abandoned(), self.abandoned);
        let ids: HashSet<_> = self
            .leased
            .iter()
            .map(|leased| leased.id)
            .chain(self.suspended.iter().map(|s| s.1))
            .collect();
        assert_eq!(ids.len(), self.leased.len() + self.suspended.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_operation_ends_once_and_gives_back_what_it_holds(acts in prop::collection::vec(act(), 1..120)) {
        let (mut world, count) = (World::new(1), Count::default());
        let (mut other, others) = (World::new(2), Count::default());
        for _ in 0..3 {
            other.begin(&others, 3);
            other.suspend(0);
        }
        for act in acts {
            match act {
                Act::Begin(pauses) => world.begin(&count, pauses),
                Act::Foreign(index) => world.resume(*index.get(&other.handles)),
                Act::Guess(handle) => world.resume(handle),
                Act::CancelOne => world.cancel_one(),
                Act::Resume(index) | Act::Near(index, _) if !world.handles.is_empty() => {
                    let bit = if let Act::Near(_, bit) = act { bit } else { 0 };
                    let handle = *index.get(&world.handles);
                    world.resume(handle ^ bit);
                }
                Act::Poll(index) if !world.leased.is_empty() => world.poll(index.index(world.leased.len())),
                Act::Suspend(index) if !world.leased.is_empty() => world.suspend(index.index(world.leased.len())),
                Act::Drop(index) if !world.leased.is_empty() => {
                    drop(world.leased.swap_remove(index.index(world.leased.len())));
                }
                _ => {}
            }
            world.check(&count);
        }
        // Reset: marks what is polled, then drops what is left.
        world.leased.clear();
        let mut rounds = 0;
        while world.table.cancel_one() != Rest::Nothing {
            rounds += 1;
            prop_assert!(rounds <= 3);
        }
        prop_assert_eq!(count.acquired(), count.released());
        prop_assert_eq!(others.released(), 0, "what is done to one table does nothing to another");
    }
}
