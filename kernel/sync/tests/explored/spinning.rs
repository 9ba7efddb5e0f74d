//! The lock-free algorithms over loom's atomics. The orderings are those of the kernel's, repeated.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use loom::thread;
use sync::{ABSENT, Epoch, Epochs, Sequenced, Turns, Word, Words};

use crate::explore;

struct Atom(AtomicU32);

impl Word for Atom {
    fn take(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
    fn take_if(&self, _current: u32) -> bool {
        unreachable!("nothing here tries")
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

impl Sequenced for Atom {
    type Word = AtomicU64;
    fn begin(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
    fn end(&self) -> u32 {
        fence(Ordering::Acquire);
        self.0.load(Ordering::Relaxed)
    }
    fn open(&self, sequence: u32) {
        self.0.store(sequence, Ordering::Relaxed);
        fence(Ordering::Release);
    }
    fn close(&self, sequence: u32) {
        self.0.store(sequence, Ordering::Release);
    }
    fn get(word: &AtomicU64) -> u64 {
        word.load(Ordering::Relaxed)
    }
    fn put(word: &AtomicU64, value: u64) {
        word.store(value, Ordering::Relaxed);
    }
}

struct Long(AtomicU64);

impl Epoch for Long {
    fn add(&self) -> u64 {
        self.0.fetch_add(1, Ordering::AcqRel)
    }
    fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
    fn store(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }
    fn fence() {
        fence(Ordering::SeqCst);
    }
}

struct Shared {
    turns: Turns<Atom>,
    value: UnsafeCell<u32>,
}

// SAFETY: `value` is touched under the lock only, which is what the tests check.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Shared {
    fn add(&self) {
        let ticket = self.turns.enter_to_write(thread::yield_now);
        // SAFETY: loom fails the test when this is not exclusive.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.turns.leave_after_writing(ticket);
    }
    fn read(&self) -> u32 {
        self.turns.enter_to_read(thread::yield_now);
        // SAFETY: loom fails the test when somebody writes meanwhile.
        let value = self.value.with(|value| unsafe { *value });
        self.turns.leave_after_reading();
        value
    }
}

/// A lock whose tickets begin at `first`.
fn shared(first: u32) -> Arc<Shared> {
    let word = || Atom(AtomicU32::new(first));
    Arc::new(Shared {
        turns: Turns::from_words(word(), word(), word()),
        value: UnsafeCell::new(0),
    })
}

fn spawn<T: Send + Sync + 'static>(
    shared: &Arc<T>,
    body: impl FnOnce(&T) + 'static,
) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || body(&shared))
}

// Two threads that spin are as many as loom's notion of yielding can tell apart.

#[test]
fn nobody_reads_while_somebody_writes() {
    loom::model(|| {
        let shared = shared(0);
        let other = spawn(&shared, |shared| {
            assert!(shared.read() <= 1);
            shared.add();
        });
        shared.add();
        assert!(shared.read() >= 1);
        other.join().unwrap();
        assert_eq!(shared.read(), 2);
    });
}

#[test]
fn a_writer_waits_for_every_reader_and_tickets_may_wrap_around() {
    loom::model(|| {
        let shared = shared(u32::MAX);
        shared.turns.enter_to_read(thread::yield_now);
        shared.turns.enter_to_read(thread::yield_now);
        let writer = spawn(&shared, Shared::add);
        // SAFETY: loom fails the test when somebody writes meanwhile.
        let look = || shared.value.with(|value| unsafe { *value });
        assert_eq!(look(), 0);
        shared.turns.leave_after_reading();
        assert_eq!(look(), 0);
        shared.turns.leave_after_reading();
        assert!(shared.read() <= 1);
        writer.join().unwrap();
        assert_eq!(shared.read(), 1);
    });
}

#[test]
fn readers_are_in_together() {
    loom::model(|| {
        let shared = shared(0);
        shared.turns.enter_to_read(thread::yield_now);
        // Would wait for ever if readers excluded each other.
        spawn(&shared, |shared| assert_eq!(shared.read(), 0))
            .join()
            .unwrap();
        shared.turns.leave_after_reading();
        shared.add();
    });
}

#[test]
fn words_that_are_read_were_written_together() {
    loom::model(|| {
        let word = || AtomicU64::new(0);
        let words = Arc::new(Words::from_parts(Atom(AtomicU32::new(0)), [word(), word()]));
        let reader = spawn(&words, |words| {
            if let Some([first, second]) = words.try_read() {
                assert_eq!(first, second);
            }
        });
        words.write([1, 1]);
        words.write([2, 2]);
        reader.join().unwrap();
        assert_eq!(words.try_read(), Some([2, 2]));
    });
}

/// Two versions, a link that says which is current, and one core that reads.
struct Versions {
    epochs: Epochs<Long, 1>,
    link: AtomicUsize,
    versions: [UnsafeCell<u32>; 2],
}

// SAFETY: what the tests check.
unsafe impl Sync for Versions {}
// SAFETY: as above.
unsafe impl Send for Versions {}

fn versions(seen: u64) -> Arc<Versions> {
    let long = |value| Long(AtomicU64::new(value));
    Arc::new(Versions {
        epochs: Epochs::from_parts(long(0), [long(seen)]),
        link: AtomicUsize::new(0),
        versions: [UnsafeCell::new(1), UnsafeCell::new(1)],
    })
}

impl Versions {
    fn read(&self) {
        let current = self.link.load(Ordering::Acquire);
        // SAFETY: loom fails the test when the version is being written.
        let value = self.versions[current].with(|version| unsafe { *version });
        assert_eq!(value, 1);
    }
    fn replace_and_reuse(&self) {
        self.link.store(1, Ordering::Release);
        let number = self.epochs.request();
        while self.epochs.missing(number) != 0 {
            thread::yield_now();
        }
        // SAFETY: loom fails the test when the old version is still being read.
        self.versions[0].with_mut(|version| unsafe { *version = 2 });
    }
}

#[test]
fn what_was_unlinked_is_not_reused_while_a_core_may_read_it() {
    explore(3, || {
        let shared = versions(0);
        let reader = spawn(&shared, |shared| {
            for _ in 0..2 {
                shared.read();
                shared.epochs.quiescent(0);
            }
            shared.read();
            shared.epochs.away(0);
        });
        shared.replace_and_reuse();
        reader.join().unwrap();
    });
}

#[test]
fn a_core_that_comes_back_is_waited_for_or_finds_the_new_version() {
    explore(3, || {
        let shared = versions(ABSENT);
        let reader = spawn(&shared, |shared| {
            shared.epochs.back(0);
            shared.read();
            shared.epochs.away(0);
        });
        shared.replace_and_reuse();
        reader.join().unwrap();
    });
}
