//! The operations of one VM: begun, suspended, resumed, abandoned.
//!
//! - An operation is polled through a [`Lease`], of which there is one at a time: the slot's [`Word`](crate::Word) decides, by
//!   compare-and-swap. No lock, no masked interrupts: a poll may last as long as it likes, others get [`ResumeError::Busy`].
//! - A handle is a table's tag (16 bits), the generation of the suspension (40) and the slot (8). It is good for one
//!   resumption, by any vCPU of the VM, and looked up, never trusted: any other number is [`ResumeError::Unknown`]. No valid
//!   handle is 0.
//! - A table full of suspended operations drops the oldest for a new one: a guest that forgets its handles harms itself.
//!   Dropping is cancelling: what the operation holds undoes itself.
//! - An operation that is being polled is not dropped from outside. [`Table::cancel_one`] marks it; its next checkpoint
//!   or wait fails, and it cannot be suspended again.
//!
//! What it does not do: it keeps no results. A poll that is ready hands the result to whoever polled.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use core::task::Poll;

use crate::{Cancelled, Claim, Control, Cx, Driver, FutureCell, Why, waker};

/// Every slot is being polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Why an operation was not resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeError {
    /// No suspended operation of this table has this handle: never had, was resumed, was abandoned.
    Unknown,
    /// It has been resumed by another vCPU, which is at it (or the number was guessed, and near one that is being polled).
    Busy,
}

/// What is left in a table after one step of cancelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// Operations that are being polled, each marked and its owner woken. They end when their pollers reach a checkpoint.
    Polled,
    /// Suspended ones: call again.
    Suspended,
}

struct Slot<R, const BYTES: usize> {
    control: Control,
    cell: FutureCell<R, BYTES>,
}

/// The operations of one VM: at most `SLOTS` (1 to 256) at a time, of at most `BYTES` bytes each, with results of type `R`.
pub struct Table<D, R, const SLOTS: usize, const BYTES: usize> {
    slots: [Slot<R, BYTES>; SLOTS],
    tag: AtomicU16,
    /// The number of the next suspension.
    order: AtomicU64,
    abandoned: AtomicU64,
    _driver: PhantomData<fn() -> D>,
}

impl<D: Driver, R: 'static, const SLOTS: usize, const BYTES: usize> Table<D, R, SLOTS, BYTES> {
    /// An empty one.
    pub const fn new() -> Self {
        const {
            assert!(
                SLOTS >= 1 && SLOTS <= 256,
                "a handle has 8 bits for the slot"
            )
        };
        Self {
            slots: [const {
                Slot {
                    control: Control::new(false),
                    cell: FutureCell::new(),
                }
            }; SLOTS],
            tag: AtomicU16::new(0),
            order: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            _driver: PhantomData,
        }
    }

    /// Makes the handles of this table differ from those of tables with other tags (the VM's number, say). At boot: handles
    /// given out before are unknown afterwards.
    pub fn set_tag(&self, tag: u16) {
        self.tag.store(tag, Ordering::Relaxed);
    }

    /// A new operation, owned and to be polled by `owner`. Nothing of it has run yet.
    ///
    /// If every slot is taken, the operation that was suspended longest ago is dropped and counted
    /// ([`abandoned`](Self::abandoned)).
    ///
    /// # Errors
    ///
    /// [`Full`]: every slot is being polled.
    pub fn begin<F>(
        &'static self,
        owner: u32,
        make: impl FnOnce(Cx<D>) -> F,
    ) -> Result<Lease<D, R, BYTES>, Full>
    where
        F: Future<Output = R> + Send + 'static,
    {
        let mut lease = self.vacant().ok_or(Full)?;
        lease.enter(owner);
        let future = make(Cx::new(&lease.slot.control));
        if let Some(claim) = &mut lease.claim {
            claim.start(future);
        }
        Ok(lease)
    }

    /// The suspended operation with this handle, to be polled by `owner` from now on.
    ///
    /// # Errors
    ///
    /// See [`ResumeError`].
    pub fn resume(
        &'static self,
        owner: u32,
        handle: u64,
    ) -> Result<Lease<D, R, BYTES>, ResumeError> {
        let (tag, generation, index) = split(handle);
        let slot = self.slots.get(index).ok_or(ResumeError::Unknown)?;
        if tag != self.tag.load(Ordering::Relaxed) {
            return Err(ResumeError::Unknown);
        }
        slot.control.word.resume(generation).map_err(|busy| {
            if busy {
                ResumeError::Busy
            } else {
                ResumeError::Unknown
            }
        })?;
        let lease = self.lease(slot, index).ok_or(ResumeError::Busy)?;
        lease.enter(owner);
        Ok(lease)
    }

    /// One step of ending all operations: drops the oldest suspended one, or, if there is none, asks those that are being
    /// polled to end. The caller sees to it that none are begun meanwhile.
    pub fn cancel_one(&'static self) -> Rest {
        drop(self.oldest());
        let mut rest = Rest::Nothing;
        for slot in &self.slots {
            let seen = slot.control.word.load();
            if seen.is_suspended() {
                return Rest::Suspended;
            }
            if slot.control.word.cancel(seen) {
                D::wake(slot.control.owner());
            }
            if !seen.is_free() {
                rest = Rest::Polled;
            }
        }
        rest
    }

    /// How many are suspended.
    pub fn suspended(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| slot.control.word.load().is_suspended())
            .count()
    }

    /// How many have been dropped to make room since boot.
    pub fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// A free slot, or the oldest suspended one, emptied.
    fn vacant(&'static self) -> Option<Lease<D, R, BYTES>> {
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.control.word.take(slot.control.word.load()) {
                return self.lease(slot, index);
            }
        }
        let mut lease = self.oldest()?;
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        lease.claim.as_mut()?.cancel();
        Some(lease)
    }

    /// Takes the operation that was suspended longest ago away from its handle.
    fn oldest(&'static self) -> Option<Lease<D, R, BYTES>> {
        // A round is lost only to a vCPU that resumed or took what was the oldest; there is a bound to how often this is
        // tried, because there has to be one to everything.
        for _ in 0..=SLOTS {
            let (_, seen, index, slot) = self
                .slots
                .iter()
                .enumerate()
                .map(|(index, slot)| (slot.control.word.load(), index, slot))
                .filter(|(seen, ..)| seen.is_suspended())
                .map(|(seen, index, slot)| {
                    (
                        slot.control.order.load(Ordering::Relaxed),
                        seen,
                        index,
                        slot,
                    )
                })
                .min_by_key(|(order, ..)| *order)?;
            if slot.control.word.seize(seen) {
                return self.lease(slot, index);
            }
        }
        None
    }

    /// The lease of a slot whose word the caller just took.
    fn lease(
        &'static self,
        slot: &'static Slot<R, BYTES>,
        index: usize,
    ) -> Option<Lease<D, R, BYTES>> {
        // Always there to be had: the last owner dropped its claim before it gave up the word.
        slot.cell.claim().map(|claim| Lease {
            claim: Some(claim),
            slot,
            order: &self.order,
            tag: self.tag.load(Ordering::Relaxed),
            index,
            _driver: PhantomData,
        })
    }
}

impl<D: Driver, R: 'static, const SLOTS: usize, const BYTES: usize> Default
    for Table<D, R, SLOTS, BYTES>
{
    fn default() -> Self {
        Self::new()
    }
}

/// An operation that one vCPU polls. Dropping it ends the operation: if it has not finished, it is dropped, and what it holds
/// undoes itself.
#[must_use = "dropping it cancels the operation"]
pub struct Lease<D: Driver, R: 'static, const BYTES: usize> {
    /// `None` only while it is being given up.
    claim: Option<Claim<R, BYTES>>,
    slot: &'static Slot<R, BYTES>,
    order: &'static AtomicU64,
    tag: u16,
    index: usize,
    _driver: PhantomData<fn() -> D>,
}

impl<D: Driver, R: 'static, const BYTES: usize> Lease<D, R, BYTES> {
    /// Goes on with the operation until it pauses or has a result, which is returned once; after that it is pending for ever.
    pub fn poll(&mut self) -> Poll<R> {
        let control = &self.slot.control;
        control.set_why(Why::Blocked);
        match &mut self.claim {
            Some(claim) => claim.poll(&waker::of_owner::<D>(control.owner())),
            None => Poll::Pending,
        }
    }

    /// Why the last poll ended without a result.
    pub fn why(&self) -> Why {
        self.slot.control.why()
    }

    /// Whether it should end; a blocked poller that was woken for this polls once more and gets the operation's own answer.
    pub fn cancelled(&self) -> bool {
        self.slot.control.cancelled()
    }

    /// Leaves it in the table; the handle resumes it, once.
    ///
    /// # Errors
    ///
    /// [`Cancelled`]: the table is being emptied, or there was nothing left to suspend; it has been dropped.
    pub fn suspend(mut self) -> Result<u64, Cancelled> {
        let occupied = self.claim.as_ref().is_some_and(Claim::is_occupied);
        if !occupied {
            return Err(Cancelled);
        }
        let control = &self.slot.control;
        let order = self.order.fetch_add(1, Ordering::Relaxed);
        control.order.store(order, Ordering::Relaxed);
        // Before the word: whoever takes the word takes the claim without waiting.
        self.claim = None;
        match control.word.suspend() {
            Some(generation) => {
                let handle = join(self.tag, generation, self.index);
                // The slot is no longer ours to free.
                core::mem::forget(self);
                Ok(handle)
            }
            // Still ours; dropping the lease ends it.
            None => Err(Cancelled),
        }
    }

    fn enter(&self, owner: u32) {
        self.slot.control.enter(owner, D::now());
    }
}

impl<D: Driver, R: 'static, const BYTES: usize> Drop for Lease<D, R, BYTES> {
    fn drop(&mut self) {
        if let Some(mut claim) = self.claim.take().or_else(|| self.slot.cell.claim()) {
            claim.cancel();
        }
        self.slot.control.word.free();
    }
}

fn join(tag: u16, generation: u64, index: usize) -> u64 {
    u64::from(tag) << 48 | generation << 8 | index as u64
}

fn split(handle: u64) -> (u16, u64, usize) {
    (
        (handle >> 48) as u16,
        handle >> 8 & 0xff_ffff_ffff,
        (handle & 0xff) as usize,
    )
}
