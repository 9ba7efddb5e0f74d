//! Every interleaving of two or three cores at one slot, and every value that the memory model lets a load return, explored
//! by loom. The steps are the engine's; only the atomics are loom's.

use continuation::{Atom, Bit, Mark, Word};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use loom::thread;

struct Loom64(AtomicU64);

impl Atom for Loom64 {
    fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
    fn replace(&self, old: u64, new: u64) -> bool {
        self.0
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

struct LoomBit(AtomicBool);

impl Bit for LoomBit {
    fn swap(&self, new: bool) -> bool {
        self.0.swap(new, Ordering::AcqRel)
    }
    fn load(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
    fn store(&self, new: bool) {
        self.0.store(new, Ordering::Release);
    }
}

/// A slot whose future is a number that only the owner of the word and the claim may touch; loom reports a race on it.
struct Slot {
    word: Word<Loom64>,
    claim: Mark<LoomBit>,
    future: UnsafeCell<u32>,
    ends: AtomicUsize,
}

// SAFETY: `future` is touched by the word's owner only, which is what the tests check.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

impl Slot {
    /// Suspended, with its handle's generation.
    fn suspended() -> (Arc<Self>, u64) {
        let slot = Arc::new(Self {
            word: Word::new(Loom64(AtomicU64::new(0))),
            claim: Mark::new(LoomBit(AtomicBool::new(false))),
            future: UnsafeCell::new(0),
            ends: AtomicUsize::new(0),
        });
        assert!(slot.word.take(slot.word.load()));
        let generation = slot.word.suspend().unwrap();
        (slot, generation)
    }

    /// What the owner of the word does with the future, as `Lease` does it.
    fn touch(&self) {
        assert!(
            self.claim.raise(),
            "the claim is always there for who took the word"
        );
        // SAFETY: we own the word and have the claim.
        self.future.with_mut(|future| unsafe { *future += 1 });
        self.claim.lower();
    }

    fn end(&self) {
        self.touch();
        self.ends.fetch_add(1, Ordering::Relaxed);
        self.word.free();
    }

    /// Polls once and leaves it again, or ends it if it was cancelled.
    fn poll_and_suspend(&self) {
        self.touch();
        if self.word.suspend().is_none() {
            self.end();
        }
    }
}

/// Runs both, each on a core of its own.
fn both(slot: &Arc<Slot>, one: impl Fn(&Slot) + 'static, other: impl Fn(&Slot) + 'static) {
    let (first, second) = (slot.clone(), slot.clone());
    let first = thread::spawn(move || one(&first));
    let second = thread::spawn(move || other(&second));
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn of_two_that_resume_with_one_handle_one_gets_it() {
    loom::model(|| {
        let (slot, generation) = Slot::suspended();
        let got = Arc::new(AtomicUsize::new(0));
        let resume = |got: Arc<AtomicUsize>| {
            move |slot: &Slot| {
                if slot.word.resume(generation).is_ok() {
                    got.fetch_add(1, Ordering::Relaxed);
                    slot.poll_and_suspend();
                }
            }
        };
        both(&slot, resume(got.clone()), resume(got.clone()));
        assert_eq!(got.load(Ordering::Relaxed), 1);
        assert!(slot.word.load().is_suspended());
    });
}

#[test]
fn an_operation_that_is_resumed_while_its_table_is_emptied_ends_once() {
    loom::model(|| {
        let (slot, generation) = Slot::suspended();
        let resume = move |slot: &Slot| {
            if slot.word.resume(generation).is_ok() {
                slot.poll_and_suspend();
            }
        };
        // A step of emptying: take it if it is suspended, ask its poller otherwise.
        let cancel = |slot: &Slot| {
            let seen = slot.word.load();
            if slot.word.seize(seen) {
                slot.end();
            } else {
                slot.word.cancel(slot.word.load());
            }
        };
        both(&slot, resume, cancel);
        let ends = slot.ends.load(Ordering::Relaxed);
        let end = slot.word.load();
        assert!(!end.is_cancelled());
        // Suspended again between the two looks of the canceller: the next step finds it.
        assert_eq!(ends, usize::from(end.is_free()));
        if end.is_suspended() {
            cancel(&slot);
        }
        assert_eq!(slot.ends.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn of_two_that_make_room_one_gets_the_slot() {
    loom::model(|| {
        let (slot, _) = Slot::suspended();
        let got = Arc::new(AtomicUsize::new(0));
        let seize = |got: Arc<AtomicUsize>| {
            move |slot: &Slot| {
                if slot.word.seize(slot.word.load()) {
                    got.fetch_add(1, Ordering::Relaxed);
                    slot.touch();
                }
            }
        };
        both(&slot, seize(got.clone()), seize(got.clone()));
        assert_eq!(got.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_mark_to_cancel_never_falls_on_what_took_the_slot_next() {
    loom::model(|| {
        let (slot, generation) = Slot::suspended();
        slot.word.resume(generation).unwrap();
        let seen = slot.word.load();
        let next = |slot: &Slot| {
            slot.end();
            assert!(slot.word.take(slot.word.load()));
        };
        both(&slot, next, move |slot| {
            slot.word.cancel(seen);
        });
        assert!(!slot.word.load().is_cancelled());
    });
}

#[test]
fn a_wake_during_a_poll_is_seen_by_that_poll_or_leaves_the_task_ready() {
    // Three threads: bounded, or it takes minutes.
    let mut explore = loom::model::Builder::new();
    explore.preemption_bound = Some(3);
    explore.check(|| {
        let ready = Arc::new(Mark::new(LoomBit(AtomicBool::new(true))));
        let claim = Arc::new(Mark::new(LoomBit(AtomicBool::new(false))));
        let happened = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(AtomicBool::new(false));
        let poll = || {
            let (ready, claim, happened, seen) =
                (ready.clone(), claim.clone(), happened.clone(), seen.clone());
            move || {
                if ready.is_up() && claim.raise() {
                    ready.take();
                    if happened.load(Ordering::Relaxed) {
                        seen.store(true, Ordering::Relaxed);
                    }
                    claim.lower();
                }
            }
        };
        let pollers = [thread::spawn(poll()), thread::spawn(poll())];
        happened.store(true, Ordering::Relaxed);
        ready.raise();
        for poller in pollers {
            poller.join().unwrap();
        }
        assert!(seen.load(Ordering::Relaxed) || ready.is_up());
    });
}

#[test]
fn a_generation_goes_on_for_forty_bits_and_is_never_0() {
    loom::model(|| {
        // One before the end, and free.
        let last = (1_u64 << 40) - 1;
        let word = Word::new(Loom64(AtomicU64::new((last - 1) << 8)));
        assert!(word.take(word.load()));
        assert_eq!(word.load().generation(), last);
        assert_eq!(word.suspend(), Some(1), "past the end, and over 0");
        assert_eq!(word.resume(last), Err(false));
        assert_eq!(word.resume(0), Err(false));
        assert_eq!(word.resume(1), Ok(()));
        word.free();
        assert_eq!(word.resume(1), Err(false));
        let word = Word::new(Loom64(AtomicU64::new(0)));
        assert_eq!(word.resume(0), Err(false), "never used");
    });
}
