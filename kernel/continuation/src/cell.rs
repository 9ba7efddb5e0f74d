//! One future of any type in a fixed place.
//!
//! The compiler checks that it fits; its methods are kept beside it as two function pointers, so a table of these holds
//! futures of different types without a heap. A future may point into itself and must not move once it was polled: it is
//! put in only through a `&'static` reference, and what is borrowed for ever is never moved. Exclusive use is a claim,
//! one atomic flag; whoever fails to get it does something else (there is nothing to wait for here).
//!
//! This is where the crate's `unsafe` is, with the waker's.
#![allow(unsafe_code, reason = "a future of erased type in raw storage")]

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::sync::atomic::AtomicBool;
use core::task::{Context, Poll, Waker};

use crate::Mark;

/// The strictest alignment that a future may want: that of the widest register.
const ALIGN: usize = 16;

#[repr(C, align(16))]
struct Storage<const BYTES: usize>(MaybeUninit<[u8; BYTES]>);

/// What can be done with the future in the storage.
struct Methods<R> {
    poll: unsafe fn(*mut (), &mut Context<'_>) -> Poll<R>,
    drop: unsafe fn(*mut ()),
}

impl<R> Clone for Methods<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Methods<R> {}

/// # Safety
///
/// `place` holds an `F`, which is pinned there, and which nobody else touches during the call.
unsafe fn poll_in<F: Future>(place: *mut (), cx: &mut Context<'_>) -> Poll<F::Output> {
    // SAFETY: an `F` that is pinned, and ours alone, says the caller.
    unsafe { Pin::new_unchecked(&mut *place.cast::<F>()) }.poll(cx)
}

/// # Safety
///
/// `place` holds an `F` that nobody else touches, and that nobody will ever use again.
unsafe fn drop_in<F>(place: *mut ()) {
    // SAFETY: as the caller says.
    unsafe { place.cast::<F>().drop_in_place() }
}

/// Room for one future of at most `BYTES` bytes that results in an `R`.
pub struct FutureCell<R, const BYTES: usize> {
    claimed: Mark<AtomicBool>,
    /// The methods of the future in `storage`; `None`: there is none. Touched by the claim's holder only.
    methods: UnsafeCell<Option<Methods<R>>>,
    /// Touched by the claim's holder only.
    storage: UnsafeCell<Storage<BYTES>>,
    _makes: PhantomData<fn() -> R>,
}

// SAFETY: what is inside is touched by the holder of the one claim only, and claims synchronise (acquire, release). The
// future passes from thread to thread in this way, and `start` asks for `Send`. An `R` does not: it is returned to whoever
// polls in the moment it is made.
unsafe impl<R, const BYTES: usize> Sync for FutureCell<R, BYTES> {}

impl<R, const BYTES: usize> FutureCell<R, BYTES> {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            claimed: Mark::new(AtomicBool::new(false)),
            methods: UnsafeCell::new(None),
            storage: UnsafeCell::new(Storage(MaybeUninit::uninit())),
            _makes: PhantomData,
        }
    }

    /// Exclusive use, until the claim is dropped; `None` if somebody has it.
    pub fn claim(&'static self) -> Option<Claim<R, BYTES>> {
        self.claimed.raise().then(|| Claim(self))
    }

    /// Whether somebody has it now.
    pub fn is_claimed(&self) -> bool {
        self.claimed.is_up()
    }
}

impl<R, const BYTES: usize> Default for FutureCell<R, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

/// Exclusive use of a [`FutureCell`]. Dropping it leaves the future where it is, for the next claim.
pub struct Claim<R: 'static, const BYTES: usize>(&'static FutureCell<R, BYTES>);

impl<R, const BYTES: usize> Claim<R, BYTES> {
    /// Puts a future in; what was in is dropped before. Does not compile if it does not fit.
    pub fn start<F: Future<Output = R> + Send + 'static>(&mut self, future: F) {
        const {
            assert!(
                size_of::<F>() <= BYTES,
                "this future is larger than its cell"
            );
            assert!(
                align_of::<F>() <= ALIGN,
                "this future wants more alignment than its cell has"
            );
        }
        self.cancel();
        // SAFETY: the storage is large and aligned enough (asserted above), empty after `cancel`, and ours by the claim.
        unsafe { self.place().cast::<F>().write(future) };
        self.set(Some(Methods {
            poll: poll_in::<F>,
            drop: drop_in::<F>,
        }));
    }

    /// Whether a future is in.
    pub fn is_occupied(&self) -> bool {
        self.methods().is_some()
    }

    /// Polls it; it is dropped, in place, before its result is returned. An empty cell is pending for ever.
    pub fn poll(&mut self, waker: &Waker) -> Poll<R> {
        let Some(methods) = self.methods() else {
            return Poll::Pending;
        };
        // SAFETY: `methods` are those of the type that is in the place (`start` sets both); the place is in a cell that is
        // borrowed for ever, so it does not move; nobody else touches it while we have the claim.
        let result = unsafe { (methods.poll)(self.place(), &mut Context::from_waker(waker)) };
        if result.is_ready() {
            self.cancel();
        }
        result
    }

    /// Drops the future, in place, if one is in.
    pub fn cancel(&mut self) {
        if let Some(methods) = self.methods() {
            // Before, so that a future whose drop panics is not dropped again.
            self.set(None);
            // SAFETY: the methods of what is in the place, which is ours, and which counts as empty from here on.
            unsafe { (methods.drop)(self.place()) };
        }
    }

    fn place(&self) -> *mut () {
        self.0.storage.get().cast()
    }

    fn methods(&self) -> Option<Methods<R>> {
        // SAFETY: ours alone, by the claim; a copy, so that no reference lasts.
        unsafe { *self.0.methods.get() }
    }

    fn set(&mut self, methods: Option<Methods<R>>) {
        // SAFETY: ours alone, by the claim; `methods` gives out no reference.
        unsafe { *self.0.methods.get() = methods };
    }
}

impl<R, const BYTES: usize> Drop for Claim<R, BYTES> {
    fn drop(&mut self) {
        self.0.claimed.lower();
    }
}
