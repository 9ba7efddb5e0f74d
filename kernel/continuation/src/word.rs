//! Who may touch a slot's future: one atomic word, and every step that it can take.
//!
//! ```text
//!            take                    suspend (generation + 1)
//!   Free ───────────────▶ Leased ─────────────────────────────▶ Suspended
//!    ▲  (generation + 1)  │ │  ▲                                   │ │
//!    │                    │ │  └──────── resume (generation fits) ─┘ │
//!    │     free           │ │  ▲                                     │
//!    └────────────────────┘ │  └──────── seize (generation + 1) ─────┘
//!    │     free             ▼ cancel
//!    └─────────────── Cancelled
//! ```
//!
//! Whoever made the step to Leased owns the future until their own step away from it. The generation is part of the word, so
//! each step is one compare-and-swap that fails if anything happened since the word was read: a slot that was freed and
//! used again, or resumed and suspended again, is another word. It changes with each suspension, so that a handle is
//! good for one resumption. 40 bits: at a million suspensions a second in one slot it repeats after twelve days, and then
//! matters only to a guest that kept a handle for as long and confuses only itself.
//!
//! The atomic is a parameter ([`Atom`]) so that loom can explore the very same steps.

/// The atomic under a [`Word`]: loads acquire, exchanges acquire and release.
pub trait Atom {
    /// Its value.
    fn load(&self) -> u64;
    /// Puts `new` where `old` is; whether it was.
    fn replace(&self, old: u64, new: u64) -> bool;
}

/// How many bits a generation has.
const GENERATION_BITS: u32 = 40;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;
const STATE_BITS: u32 = 8;

const FREE: u64 = 0;
const LEASED: u64 = 1;
const CANCELLED: u64 = 2;
const SUSPENDED: u64 = 3;

/// A word as it was read: a state and a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    const fn new(generation: u64, state: u64) -> Self {
        Self((generation & GENERATION_MASK) << STATE_BITS | state)
    }

    const fn state(self) -> u64 {
        self.0 & ((1 << STATE_BITS) - 1)
    }

    /// Its generation: below 2⁴⁰; 0 only in a slot that was never used.
    pub const fn generation(self) -> u64 {
        self.0 >> STATE_BITS & GENERATION_MASK
    }

    /// Nobody's.
    pub const fn is_free(self) -> bool {
        self.state() == FREE
    }

    /// Waiting to be resumed.
    pub const fn is_suspended(self) -> bool {
        self.state() == SUSPENDED
    }

    /// Somebody's, who is asked to end it.
    pub const fn is_cancelled(self) -> bool {
        self.state() == CANCELLED
    }

    /// The same generation in another state.
    const fn with(self, state: u64) -> Self {
        Self::new(self.generation(), state)
    }

    /// The next generation; never 0.
    const fn next(self, state: u64) -> Self {
        let next = self.generation().wrapping_add(1) & GENERATION_MASK;
        Self::new(if next == 0 { 1 } else { next }, state)
    }
}

/// The word of one slot.
#[derive(Debug)]
pub struct Word<A>(A);

impl<A: Atom> Word<A> {
    /// Over an atomic; 0 is a free slot that was never used.
    pub const fn new(atom: A) -> Self {
        Self(atom)
    }

    /// The word now.
    pub fn load(&self) -> Stamp {
        Stamp(self.0.load())
    }

    /// Takes a slot that `seen` says is free. The caller owns it if this is `true`.
    pub fn take(&self, seen: Stamp) -> bool {
        seen.is_free() && self.step(seen, seen.next(LEASED))
    }

    /// Takes a suspended slot away from its handle. The caller owns it, future and all, if this is `true`.
    pub fn seize(&self, seen: Stamp) -> bool {
        seen.is_suspended() && self.step(seen, seen.next(LEASED))
    }

    /// Takes the suspended slot of this generation. The caller owns it if this is `Ok`.
    ///
    /// # Errors
    ///
    /// `Err(true)`: of this generation, but somebody else's now; `Err(false)`: not of this generation, or free.
    pub fn resume(&self, generation: u64) -> Result<(), bool> {
        let seen = self.load();
        if seen.generation() != generation || generation == 0 || seen.is_free() {
            Err(false)
        } else if seen.is_suspended() && self.step(seen, seen.with(LEASED)) {
            Ok(())
        } else {
            Err(true)
        }
    }

    /// The owner gives it up to whoever has the generation that is returned; `None` if it was cancelled: still owned.
    pub fn suspend(&self) -> Option<u64> {
        let seen = self.load();
        let next = seen.next(SUSPENDED);
        (seen.state() == LEASED && self.step(seen, next)).then(|| next.generation())
    }

    /// Asks the owner to end what it does; whether there is an owner that was not asked before.
    pub fn cancel(&self, seen: Stamp) -> bool {
        seen.state() == LEASED && self.step(seen, seen.with(CANCELLED))
    }

    /// The owner gives it up, empty.
    pub fn free(&self) {
        // Not a plain store: each step is an exchange, so that there is one order of them. It fails once at most, since all
        // that can happen to an owned word is to be cancelled, once.
        let seen = self.load();
        if !self.step(seen, seen.with(FREE)) {
            let seen = self.load();
            self.step(seen, seen.with(FREE));
        }
    }

    fn step(&self, from: Stamp, to: Stamp) -> bool {
        self.0.replace(from.0, to.0)
    }
}
