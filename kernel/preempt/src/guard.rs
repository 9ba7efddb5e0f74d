//! The two kinds of atomic section and their guards.

use core::marker::PhantomData;

use crate::Platform;

/// Makes a type `!Send` and `!Sync` without taking room.
type NotThreadSafe = PhantomData<*mut ()>;

/// Proof that IRQs are masked on this core, and therefore that the caller stays on it.
///
/// Exists only as a reference inside [`IrqGuard::with`] and [`IrqGuard::assume`].
pub struct IrqGuard<P: Platform>(NotThreadSafe, PhantomData<P>);

/// Proof that the caller is not rescheduled, and therefore stays on this core. IRQs may still be handled.
///
/// Exists only as a reference inside [`PreemptGuard::with`].
pub struct PreemptGuard<P: Platform>(NotThreadSafe, PhantomData<P>);

/// Either guard: the caller cannot migrate to another core while it borrows one.
pub trait Pinned<P: Platform>: sealed::Sealed {}

impl<P: Platform> Pinned<P> for IrqGuard<P> {}
impl<P: Platform> Pinned<P> for PreemptGuard<P> {}

mod sealed {
    pub trait Sealed {}
    impl<P: crate::Platform> Sealed for crate::IrqGuard<P> {}
    impl<P: crate::Platform> Sealed for crate::PreemptGuard<P> {}
}

impl<P: Platform> IrqGuard<P> {
    /// Runs `section` with IRQs masked, then puts the mask back to what it was. Sections nest.
    #[inline(always)]
    #[track_caller]
    pub fn with<R>(section: impl FnOnce(&Self) -> R) -> R {
        let _restore = Restore::<P>(P::irq_mask(), PhantomData);
        section(&IrqGuard(PhantomData, PhantomData))
    }

    /// Runs `section` where IRQs are masked already, such as in an exception handler; masks nothing.
    ///
    /// # Safety
    ///
    /// IRQs are masked on this core, and nothing that `section` does unmasks them.
    #[inline(always)]
    pub unsafe fn assume<R>(section: impl FnOnce(&Self) -> R) -> R {
        section(&IrqGuard(PhantomData, PhantomData))
    }
}

impl<P: Platform> PreemptGuard<P> {
    /// Runs `section` without rescheduling. Sections nest, also inside those of [`IrqGuard`].
    ///
    /// The count of open sections is the thread's, not the core's, and moves with it. Where EL2 is rescheduled only
    /// when it leaves for a guest, which no section survives, there is nothing to count.
    #[inline(always)]
    #[track_caller]
    pub fn with<R>(section: impl FnOnce(&Self) -> R) -> R {
        P::hold();
        let _release = Release::<P>(PhantomData);
        section(&PreemptGuard(PhantomData, PhantomData))
    }
}

/// Puts the mask back however the section ends (on the host a failing test unwinds through it).
struct Restore<P: Platform>(P::Irq, PhantomData<*mut ()>);

impl<P: Platform> Drop for Restore<P> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: `self.0` comes from the `irq_mask` that began this section, on this core (a section with
        // IRQs masked is not rescheduled). Sections are closures, so those begun since have ended, and
        // what was borrowed from the guard is gone because the guard's lifetime ended with the closure.
        unsafe { P::irq_restore(self.0) }
    }
}

/// Ends the section however it ends.
struct Release<P: Platform>(PhantomData<(*mut (), P)>);

impl<P: Platform> Drop for Release<P> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: matches the `hold` that began this section, on this thread (guards are `!Send`, and the section
        // is a closure); what was borrowed from the guard ended with the closure.
        unsafe { P::release() }
    }
}

// A guard is knowledge, not data.
const _: () = {
    struct Any;
    // SAFETY: never called; the type exists to measure the guards.
    unsafe impl Platform for Any {
        const CPUS: usize = 1;
        type Irq = u64;
        fn irq_mask() -> u64 {
            0
        }
        unsafe fn irq_restore(_: u64) {}
        fn relax() {}
        fn cpu() -> usize {
            0
        }
    }
    assert!(size_of::<IrqGuard<Any>>() == 0);
    assert!(size_of::<PreemptGuard<Any>>() == 0);
};
