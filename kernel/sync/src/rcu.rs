//! Read, copy, update: readers that take no lock, and writers that wait until no reader can still have the old version.
//!
//! Guarantees: what a [`read`](Rcu::read) section finds stays as it is until the section ends; a grace period that was requested
//! before the section began does not wait for it. A grace period is over once each core has been quiescent, that is, has passed the
//! scheduler or the boundary to a guest, or is absent. So it is bounded in every model, if
//! 1. a core calls [`quiescent`](Rcu::quiescent) wherever it passes these points (usually two loads and a compare), and
//! 2. the cores that [`request`](Rcu::request) names are poked (an interrupt to each): a core that sits in a guest for ever passes
//!    the boundary because of it.
//!
//! A read section is a section without rescheduling ([`PreemptGuard`]): it cannot be left over a passing of the scheduler,
//! and it has no `await`. In a model without preemption it costs nothing.
//!
//! What it does not do: order writers among each other, or run callbacks by itself; a background thread or task does that.

use core::future::Future;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use preempt::{IrqGuard, Platform, PreemptGuard};

use crate::epochs::{ABSENT, Epochs};
use crate::work_queue::Ring;
use crate::{Job, Overflow, SpinLock, WaitQueue};

/// Grace periods over `CPUS` cores, with room for `CALLBACKS` deferred jobs. At first all cores are absent.
pub struct Rcu<P: Platform, const CPUS: usize, const CALLBACKS: usize> {
    epochs: Epochs<AtomicU64, CPUS>,
    callbacks: SpinLock<Ring<(u64, Job), CALLBACKS>, P>,
    /// The latest grace period whose end has been told to those who wait.
    announced: AtomicU64,
    waiting: WaitQueue<P, 8>,
}

/// Proof of being in a read section.
pub struct Reading<'g, P: Platform>(&'g PreemptGuard<P>);

impl<P: Platform> Reading<'_, P> {
    /// The guard of the section: the reader stays on this core.
    pub fn pinned(&self) -> &PreemptGuard<P> {
        self.0
    }
}

impl<P: Platform, const CPUS: usize, const CALLBACKS: usize> Rcu<P, CPUS, CALLBACKS> {
    /// No core is present, nothing deferred.
    #[track_caller]
    pub const fn new() -> Self {
        const { assert!(P::CPUS <= CPUS, "there are more cores than are waited for") };
        Rcu {
            epochs: Epochs::from_parts(AtomicU64::new(0), [const { AtomicU64::new(ABSENT) }; CPUS]),
            callbacks: SpinLock::new(Ring::new()),
            announced: AtomicU64::new(0),
            waiting: WaitQueue::new(),
        }
    }

    /// Runs `section`, during which what it finds in a [`Published`] stays valid.
    #[inline(always)]
    pub fn read<R>(&self, section: impl FnOnce(&Reading<'_, P>) -> R) -> R {
        PreemptGuard::<P>::with(|guard| section(&Reading(guard)))
    }

    /// This core passes the scheduler, or the boundary to a guest.
    #[inline]
    pub fn quiescent(&self, _irq: &IrqGuard<P>) {
        if self.epochs.quiescent(P::cpu()) {
            self.moved();
        }
    }

    /// This core goes where nobody waits for it: it is turned off, or idles until an interrupt. Until
    /// [`back`](Self::back) it reads nothing.
    pub fn away(&self, _irq: &IrqGuard<P>) {
        self.epochs.away(P::cpu());
        self.moved();
    }

    /// This core reads from here on.
    pub fn back(&self, _irq: &IrqGuard<P>) {
        self.epochs.back(P::cpu());
    }

    /// Begins a grace period for what has been unlinked before. The cores that hold it up are to be poked.
    #[must_use = "a core that sits in a guest holds the grace period up until it is poked"]
    pub fn request(&self) -> Grace {
        let number = self.epochs.request();
        let cores = self.epochs.missing(number);
        Grace { number, cores }
    }

    /// Whether that grace period is over.
    pub fn is_over(&self, grace: Grace) -> bool {
        self.epochs.missing(grace.number) == 0
    }

    /// Waits until that grace period is over.
    pub fn over(&self, grace: Grace) -> impl Future<Output = ()> + '_ {
        self.waiting.wait(move || self.is_over(grace).then_some(()))
    }

    /// Begins a grace period, has the cores that hold it up poked, and waits until it is over.
    pub async fn synchronize(&self, poke: impl FnOnce(u64)) {
        let grace = self.request();
        if grace.cores != 0 {
            poke(grace.cores);
        }
        self.over(grace).await;
    }

    /// Has `job`, which is brief, done after a grace period, by whoever calls [`run_one`](Self::run_one). The cores that hold the grace period up
    /// are to be poked, if there is a hurry.
    ///
    /// # Errors
    ///
    /// [`Overflow`] with the job, when there is no room: wait with [`synchronize`](Self::synchronize), then do it.
    pub fn defer(&self, job: Job) -> Result<Grace, Overflow<Job>> {
        let queued = self.callbacks.with(|callbacks| {
            // Under the lock, so that the queue is in the order of the numbers.
            let number = self.epochs.request();
            callbacks.push((number, job)).map(|()| number)
        });
        let number = queued.map_err(|Overflow((_, job))| Overflow(job))?;
        // It may be over already (no core is present), and then nobody else tells.
        self.waiting.wake_all();
        let cores = self.epochs.missing(number);
        Ok(Grace { number, cores })
    }

    /// Does the oldest deferred job, if its grace period is over; says whether it did one. From the queue to the job's end in
    /// one section: whoever waits for what it does can do it, and never finds it taken by somebody who was preempted.
    pub fn run_one(&self) -> bool {
        IrqGuard::<P>::with(|irq| {
            let job = {
                let mut callbacks = self.callbacks.lock(irq);
                match callbacks.first() {
                    Some(&(number, _)) if self.epochs.missing(number) == 0 => callbacks.pop(),
                    _ => None,
                }
            };
            let Some((_, job)) = job else { return false };
            job.run();
            true
        })
    }

    /// Waits until a deferred job can be done, and does it.
    pub async fn run_next(&self) {
        self.until(|| self.run_one().then_some(())).await;
    }

    /// Waits until `look` gives something; it is asked whenever a grace period has ended or something was deferred.
    pub fn until<R>(&self, look: impl FnMut() -> Option<R>) -> impl Future<Output = R> {
        self.waiting.wait(look)
    }

    /// The cores that hold up the oldest deferred job, for whoever wants it done now.
    pub fn holding_up(&self) -> u64 {
        let first = self
            .callbacks
            .with(|callbacks| callbacks.first().map(|first| first.0));
        first.map_or(0, |number| self.epochs.missing(number))
    }

    fn moved(&self) {
        // Of the cores that see a grace period to be over, the first one tells; there is always one that sees it.
        let completed = self.epochs.completed();
        if self.announced.fetch_max(completed, Ordering::AcqRel) < completed {
            self.waiting.wake_all();
        }
    }
}

impl<P: Platform, const CPUS: usize, const CALLBACKS: usize> Default for Rcu<P, CPUS, CALLBACKS> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// A grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    number: u64,
    cores: u64,
}

impl Grace {
    /// The cores that held it up when it began, one bit each: those to poke.
    pub fn cores(self) -> u64 {
        self.cores
    }
}

/// The current version of a `T`, or none.
///
/// Versions live in statics or pools. Whoever takes one out uses its memory for something else only after a grace period.
pub struct Published<T: 'static>(AtomicPtr<T>);

impl<T: Sync + 'static> Published<T> {
    /// No version.
    pub const fn new() -> Self {
        Published(AtomicPtr::new(core::ptr::null_mut()))
    }

    /// The current version, for as long as the read section lasts.
    #[inline]
    pub fn get<'g, P: Platform>(&self, _reading: &'g Reading<'_, P>) -> Option<&'g T> {
        // SAFETY: null, or made from a `&'static T` in `replace`, whose initialisation the acquire load sees.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// Makes `version` the current one; returns the one before, which readers may have until a grace period is over.
    pub fn replace(&self, version: Option<&'static T>) -> Option<&'static T> {
        let new = version.map_or(core::ptr::null_mut(), |v| core::ptr::from_ref(v).cast_mut());
        let old = self.0.swap(new, Ordering::AcqRel);
        // SAFETY: as in `get`; the pointer was made from a `&'static T` and is only ever read through.
        unsafe { old.as_ref() }
    }
}

impl<T: Sync + 'static> Default for Published<T> {
    fn default() -> Self {
        Self::new()
    }
}
