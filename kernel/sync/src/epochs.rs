//! Grace periods: which cores have passed a point where they hold nothing, since a given request.
//!
//! The algorithm of [`Rcu`](crate::Rcu), over [`Epoch`] so that loom explores what the kernel runs. Requests are numbered; each core
//! publishes the latest number it had seen when it last was quiescent. A grace period is over when every core
//! that is present has published its number or a later one.
//!
//! Orderings: a request releases what the requester unlinked, and a core acquires it with the number, so what it reads
//! afterwards is new; it releases what it read before with the number it publishes. Coming back from absence is the one place
//! where a core stores and then loads what the requester stores and then loads (the link, and whether the core is
//! present): both have a sequentially consistent fence in between, so at least one of them sees the other.

use core::sync::atomic::{AtomicU64, Ordering, fence};

/// A 64-bit atomic with just the operations that the algorithm needs.
pub trait Epoch {
    /// Adds one, acquire and release; returns the value before.
    fn add(&self) -> u64;
    /// Loads, acquire.
    fn load(&self) -> u64;
    /// Stores, release.
    fn store(&self, value: u64);
    /// A sequentially consistent fence.
    fn fence();
}

impl Epoch for AtomicU64 {
    #[inline(always)]
    fn add(&self) -> u64 {
        self.fetch_add(1, Ordering::AcqRel)
    }
    #[inline(always)]
    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }
    #[inline(always)]
    fn store(&self, value: u64) {
        self.store(value, Ordering::Release);
    }
    #[inline(always)]
    fn fence() {
        fence(Ordering::SeqCst);
    }
}

/// What a core publishes while it is absent: it holds nothing, whatever is requested.
pub const ABSENT: u64 = u64::MAX;

/// The requests, and what each of `CPUS` cores has seen.
pub struct Epochs<E, const CPUS: usize> {
    requested: E,
    seen: [E; CPUS],
}

impl<E: Epoch, const CPUS: usize> Epochs<E, CPUS> {
    /// `requested` is 0, and each of `seen` [`ABSENT`].
    pub const fn from_parts(requested: E, seen: [E; CPUS]) -> Self {
        const { assert!(CPUS <= 64, "the set of cores is a word of 64 bits") };
        Epochs { requested, seen }
    }

    /// Begins a grace period; returns its number. What was unlinked before is out of reach when it is over.
    pub fn request(&self) -> u64 {
        let number = self.requested.add().wrapping_add(1);
        E::fence();
        number
    }

    /// Core `cpu` holds nothing at this moment; says whether that was news to somebody.
    #[inline]
    pub fn quiescent(&self, cpu: usize) -> bool {
        let Some(seen) = self.seen.get(cpu) else {
            return false;
        };
        let requested = self.requested.load();
        // The usual case: two loads and a compare. The core's own word is written by itself only.
        let before = seen.load();
        // An absent core stays absent: it may be turned off before it passes here again.
        if before == requested || before == ABSENT {
            return false;
        }
        seen.store(requested);
        // Before looking at the others: of two cores that are the last, one sees both.
        E::fence();
        true
    }

    /// Core `cpu` is gone until [`back`](Self::back), holding nothing.
    pub fn away(&self, cpu: usize) {
        if let Some(seen) = self.seen.get(cpu) {
            seen.store(ABSENT);
            E::fence();
        }
    }

    /// Core `cpu` is present from here on.
    pub fn back(&self, cpu: usize) {
        if let Some(seen) = self.seen.get(cpu) {
            seen.store(self.requested.load());
            E::fence();
        }
    }

    /// The cores that hold up the grace period `number`, as a set of bits.
    pub fn missing(&self, number: u64) -> u64 {
        let late = |&(_, seen): &(usize, &E)| seen.load() < number;
        let cores = self.seen.iter().enumerate().filter(late);
        cores.fold(0, |set, (cpu, _)| set | 1 << cpu)
    }

    /// The latest grace period that is over.
    pub fn completed(&self) -> u64 {
        let latest = self.requested.load();
        self.seen.iter().map(Epoch::load).fold(latest, u64::min)
    }
}
