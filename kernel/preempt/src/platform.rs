//! What an atomic section needs from the hardware; implemented by `arch`, and by fakes in tests.

/// The core this code runs on.
///
/// # Safety
///
/// The guards of this crate are proof of what an implementation does, and unsafe code rests on them:
/// - between [`irq_mask`](Self::irq_mask) and the matching [`irq_restore`](Self::irq_restore) no IRQ handler
///   runs on this core, and the compiler moves no memory access out of that stretch;
/// - [`cpu`](Self::cpu) is below [`CPUS`](Self::CPUS), differs between cores that run at the same time, and
///   does not change while the caller runs without being rescheduled;
/// - between [`hold`](Self::hold) and the matching [`release`](Self::release), and while IRQs are masked, the caller is
///   not rescheduled.
pub unsafe trait Platform: 'static {
    /// How many cores there can be.
    const CPUS: usize;

    /// What [`irq_mask`](Self::irq_mask) found: the interrupt mask (DAIF on Arm).
    type Irq: Copy;

    /// Masks IRQs on this core; returns how they were masked before.
    #[track_caller]
    fn irq_mask() -> Self::Irq;

    /// Puts the mask back. Where EL2 can be preempted and is due, that happens here if the mask was open.
    ///
    /// # Safety
    ///
    /// `saved` is what the matching `irq_mask` returned on this core, every section begun since has
    /// ended, and nothing obtained through the guard of this section is used any more.
    unsafe fn irq_restore(saved: Self::Irq);

    /// Begins a stretch in which the caller is not rescheduled; stretches nest. Nothing to do where it never is.
    #[inline(always)]
    #[track_caller]
    fn hold() {}

    /// Ends the stretch that the last [`hold`](Self::hold) began; a rescheduling that became due meanwhile happens now.
    ///
    /// # Safety
    ///
    /// Matches a `hold` of the same thread, and nothing obtained through the guard of this section is used any more.
    #[inline(always)]
    unsafe fn release() {}

    /// Tells the core that it is spinning (`yield` on Arm).
    fn relax();

    /// The index of this core in the board's table.
    fn cpu() -> usize;
}
