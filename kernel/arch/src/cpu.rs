//! This core: its number, its interrupt mask, its stacks, waiting, barriers.
//!
//! TPIDR_EL2 points to the [`Anchor`] of what runs here: from the entry code on that of the core's own context, and in
//! the models with threads that of a thread while it runs (see [`crate::thread`]). The vectors find the stack for an
//! exit there. An anchor belongs to its thread, so a thread that reads its own is right on whichever core it is.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

use core::marker::PhantomData;
use core::sync::atomic::Ordering;

use aarch64_cpu::registers::{DAIF, MPIDR_EL1, Readable, TPIDR_EL2};
use preempt::{Model, PreemptWord};

use crate::boot::{MAX_CPUS, MPIDR_AFFINITY};

/// What the vectors need to know of what runs. Those of the cores are written by assembly before Rust runs.
#[repr(C, align(64))]
pub(crate) struct Anchor {
    /// SP_EL2 at the start of each exit: the top of the stack.
    pub(crate) stack_top: u64,
    pub(crate) stack_bottom: u64,
    pub(crate) emergency_top: u64,
    /// How many faults of EL2 it has begun to report.
    pub(crate) faults: u64,
    /// The core it runs on, or ran on last.
    pub(crate) index: u64,
    /// x1, x2, SP and the vector number on the way to a fault's frame.
    pub(crate) scratch: [u64; 4],
    /// Where it goes on: its SP while it is not running.
    pub(crate) saved_sp: u64,
    /// Whether it is to be rescheduled, and may be.
    pub(crate) preempt: PreemptWord,
}

pub(crate) const LOCAL_SIZE: usize = size_of::<Anchor>();
pub(crate) const STACK_TOP: usize = offset_of!(Anchor, stack_top);
pub(crate) const STACK_BOTTOM: usize = offset_of!(Anchor, stack_bottom);
pub(crate) const EMERGENCY_TOP: usize = offset_of!(Anchor, emergency_top);
pub(crate) const FAULTS: usize = offset_of!(Anchor, faults);
pub(crate) const INDEX: usize = offset_of!(Anchor, index);
pub(crate) const SCRATCH: usize = offset_of!(Anchor, scratch);

/// Bytes of a core's emergency stack, on which a fault is reported when its own stack is unusable.
pub(crate) const EMERGENCY_SIZE: usize = 4096;

#[repr(C, align(64))]
pub(crate) struct Locals(pub(crate) UnsafeCell<[Anchor; MAX_CPUS]>);
// SAFETY: only assembly and `thread` write, and only to the element of the core they run on.
unsafe impl Sync for Locals {}

#[repr(C, align(64))]
pub(crate) struct EmergencyStacks(UnsafeCell<[[u8; EMERGENCY_SIZE]; MAX_CPUS]>);
// SAFETY: each core uses only its own element, as a stack.
unsafe impl Sync for EmergencyStacks {}

pub(crate) static LOCALS: Locals = Locals(UnsafeCell::new(
    [const {
        Anchor {
            stack_top: 0,
            stack_bottom: 0,
            emergency_top: 0,
            faults: 0,
            index: 0,
            scratch: [0; 4],
            saved_sp: 0,
            preempt: PreemptWord::never(),
        }
    }; MAX_CPUS],
));
pub(crate) static EMERGENCY_STACKS: EmergencyStacks =
    EmergencyStacks(UnsafeCell::new([[0; EMERGENCY_SIZE]; MAX_CPUS]));

/// The index of this core in the board's table.
#[must_use]
#[inline(always)]
pub fn index() -> usize {
    let index: u64;
    // SAFETY: from the entry code on TPIDR_EL2 points to the `Anchor` of what runs here. Not `pure`: a thread
    // that is preempted between two reads may find itself on another core.
    unsafe {
        asm!(
            "mrs {0}, tpidr_el2",
            "ldr {0}, [{0}, {offset}]",
            out(reg) index,
            offset = const INDEX,
            options(readonly, nostack, preserves_flags)
        );
    }
    index as usize
}

/// [`index`] where what runs in EL2 never changes cores: the compiler may merge reads.
#[inline(always)]
fn fixed_index() -> usize {
    let index: u64;
    // SAFETY: as in `index`; without threads TPIDR_EL2 never changes, nor does the core's own index.
    unsafe {
        asm!(
            "mrs {0}, tpidr_el2",
            "ldr {0}, [{0}, {offset}]",
            out(reg) index,
            offset = const INDEX,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    index as usize
}

/// The preempt word of what runs here.
#[inline(always)]
fn preempt_word() -> &'static PreemptWord {
    let anchor = core::ptr::with_exposed_provenance::<Anchor>(TPIDR_EL2.get() as usize);
    // SAFETY: TPIDR_EL2 points to the anchor of what runs here, which is never freed; the field is only ever
    // reached atomically.
    unsafe { &(*anchor).preempt }
}

/// Marks what runs here as due to be rescheduled. IRQs are masked.
pub fn set_due() {
    preempt_word().set_due();
}

/// Takes the mark away. IRQs are masked.
pub fn clear_due() {
    preempt_word().clear_due();
}

/// Whether what runs here is to be rescheduled now: due, and outside every stretch that forbids it.
#[must_use]
#[inline(always)]
pub fn is_due() -> bool {
    preempt_word().is_due()
}

/// MPIDR_EL1's affinity fields: Aff3 in bits 39:32, Aff2 to Aff0 in 23:0.
#[must_use]
#[inline]
pub fn mpidr() -> u64 {
    MPIDR_EL1.get() & MPIDR_AFFINITY
}

/// The stacks of what runs here as `(lowest address, first address above)`: its own, and the core's emergency stack.
#[must_use]
pub fn stacks() -> [(u64, u64); 2] {
    let anchor = core::ptr::with_exposed_provenance::<Anchor>(TPIDR_EL2.get() as usize);
    // SAFETY: TPIDR_EL2 points to the anchor of what runs here, filled before it ran.
    let (bottom, own, top) = unsafe {
        (
            (*anchor).stack_bottom,
            (*anchor).stack_top,
            (*anchor).emergency_top,
        )
    };
    [(bottom, own), (top - EMERGENCY_SIZE as u64, top)]
}

/// x29 here: where a backtrace of the caller starts.
#[must_use]
#[inline(always)]
pub fn frame_pointer() -> u64 {
    let frame: u64;
    // SAFETY: copies a register.
    unsafe { asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags)) }
    frame
}

/// The interrupt mask as it was: the value of DAIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedIrqs(u64);

impl SavedIrqs {
    /// Whether IRQs were masked.
    #[inline(always)]
    const fn masked(self) -> bool {
        self.0 & 1 << 7 != 0
    }
}

/// Masks IRQs; returns how it was.
#[inline(always)]
pub fn irq_mask() -> SavedIrqs {
    let saved = DAIF.get();
    // SAFETY: masking IRQs breaks no invariant. No `nomem`: memory accesses must not move out.
    unsafe { asm!("msr daifset, #2", options(nostack, preserves_flags)) }
    SavedIrqs(saved)
}

/// Puts the mask back.
///
/// # Safety
///
/// Nothing that relies on masked IRQs is used any more: `saved` comes from this core's matching
/// [`irq_mask`].
#[inline(always)]
pub unsafe fn irq_restore(saved: SavedIrqs) {
    // SAFETY: by the caller's promise. No `nomem`: memory accesses must not move out of the section.
    unsafe { asm!("msr daif, {}", in(reg) saved.0, options(nostack, preserves_flags)) }
}

/// Unmasks IRQs.
///
/// # Safety
///
/// The interrupt hook may run now: nothing it touches is borrowed exclusively, and what the current
/// exception left in ESR_EL2, FAR_EL2, HPFAR_EL2 has been read.
#[inline(always)]
pub unsafe fn irq_unmask() {
    // SAFETY: by the caller's promise.
    unsafe { asm!("msr daifclr, #2", options(nostack, preserves_flags)) }
}

/// Unmasks SErrors: one that is pending from before is reported now.
///
/// # Safety
///
/// The fault hook may run now.
pub unsafe fn serror_unmask() {
    // SAFETY: by the caller's promise.
    unsafe { asm!("msr daifclr, #4", options(nostack, preserves_flags)) }
}

/// Whether IRQs are masked on this core.
#[must_use]
pub fn irqs_masked() -> bool {
    DAIF.get() & (1 << 7) != 0
}

/// Whether an interrupt waits for this core to open its mask.
#[inline(always)]
pub fn irq_waits() -> bool {
    let pending: u64;
    // SAFETY: reads a register that says what is pending, and changes nothing.
    unsafe {
        asm!("mrs {}, isr_el1", out(reg) pending, options(nomem, nostack, preserves_flags));
    }
    pending & (1 << 7) != 0
}

/// Sleeps until an interrupt is pending, masked or not, after all earlier accesses are done.
#[inline]
pub fn wait_for_interrupt() {
    // SAFETY: waiting breaks no invariant; the barrier makes device writes take effect first.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) }
}

/// Hints that this core is spinning.
#[inline(always)]
pub fn relax() {
    // SAFETY: a hint.
    unsafe { asm!("yield", options(nomem, nostack, preserves_flags)) }
}

/// Stops this core for good, interrupts masked.
pub fn park() -> ! {
    // SAFETY: masking everything and waiting breaks no invariant.
    unsafe { asm!("msr daifset, #0xf", options(nostack, preserves_flags)) }
    loop {
        wait_for_interrupt();
    }
}

/// Context synchronisation: earlier writes to system registers take effect.
#[inline(always)]
pub fn isb() {
    // SAFETY: a barrier.
    unsafe { asm!("isb", options(nostack, preserves_flags)) }
}

/// All earlier memory accesses and maintenance are complete, for the whole system.
#[inline(always)]
pub fn dsb() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) }
}

unsafe extern "C" {
    /// The image's: gives the core to whoever is due, and returns when this thread is to go on, perhaps on another core.
    safe fn caesura_preempt();
}

/// The hardware behind `preempt`'s guards, in preemption model `M`.
#[derive(Clone, Copy, Debug)]
pub struct Core<M: Model>(PhantomData<M>);

// SAFETY: `irq_mask` sets PSTATE.I, so no IRQ is taken until `irq_restore`; no `asm!` there has `nomem`, so no
// access moves across. `index` was bounds-checked against MAX_CPUS by the entry code and is unique per core. A thread
// is rescheduled only where its preempt word is 0 and IRQs are open: `hold` makes it differ from 0 until `release`.
unsafe impl<M: Model> preempt::Platform for Core<M> {
    const CPUS: usize = MAX_CPUS;
    type Irq = SavedIrqs;

    #[inline(always)]
    fn irq_mask() -> SavedIrqs {
        irq_mask()
    }

    #[inline(always)]
    unsafe fn irq_restore(saved: SavedIrqs) {
        // SAFETY: by the caller's promise, which is the same.
        unsafe { irq_restore(saved) }
        // The section itself may have made a rescheduling due, which no interrupt will bring about.
        if M::THREADS && is_due() && !saved.masked() {
            caesura_preempt();
        }
    }

    #[inline(always)]
    fn hold() {
        if M::THREADS {
            preempt_word().hold();
            core::sync::atomic::compiler_fence(Ordering::Acquire);
        }
    }

    #[inline(always)]
    unsafe fn release() {
        if M::THREADS {
            core::sync::atomic::compiler_fence(Ordering::Release);
            if preempt_word().release() && !irqs_masked() {
                caesura_preempt();
            }
        }
    }

    #[inline(always)]
    fn relax() {
        relax();
    }

    #[inline(always)]
    fn cpu() -> usize {
        if M::THREADS { index() } else { fixed_index() }
    }
}
