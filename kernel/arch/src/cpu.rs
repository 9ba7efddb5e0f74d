//! This core: its number, its interrupt mask, its stacks, waiting, barriers.
//!
//! Each core has a [`Local`], to which TPIDR_EL2 points from the entry code on; the vectors find the
//! stack for an exit there.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

use aarch64_cpu::registers::{DAIF, MPIDR_EL1, Readable, TPIDR_EL2};

use crate::boot::{MAX_CPUS, MPIDR_AFFINITY};
use crate::layout;

/// What the vectors and the entry code keep per core. Written by assembly before Rust runs.
#[repr(C, align(64))]
pub(crate) struct Local {
    /// SP_EL2 at the start of each exit: the top of the stack.
    pub(crate) stack_top: u64,
    pub(crate) stack_bottom: u64,
    pub(crate) emergency_top: u64,
    /// How many faults of EL2 this core has begun to report.
    pub(crate) faults: u64,
    pub(crate) index: u64,
    /// x1, x2, SP and the vector number on the way to a fault's frame.
    pub(crate) scratch: [u64; 4],
}

pub(crate) const LOCAL_SIZE: usize = size_of::<Local>();
pub(crate) const STACK_TOP: usize = offset_of!(Local, stack_top);
pub(crate) const STACK_BOTTOM: usize = offset_of!(Local, stack_bottom);
pub(crate) const EMERGENCY_TOP: usize = offset_of!(Local, emergency_top);
pub(crate) const FAULTS: usize = offset_of!(Local, faults);
pub(crate) const INDEX: usize = offset_of!(Local, index);
pub(crate) const SCRATCH: usize = offset_of!(Local, scratch);

/// Bytes of a core's emergency stack, on which a fault is reported when its own stack is unusable.
pub(crate) const EMERGENCY_SIZE: usize = 4096;

#[repr(C, align(64))]
pub(crate) struct Locals(UnsafeCell<[Local; MAX_CPUS]>);
// SAFETY: only assembly writes, and only to the element of the core it runs on.
unsafe impl Sync for Locals {}

#[repr(C, align(64))]
pub(crate) struct EmergencyStacks(UnsafeCell<[[u8; EMERGENCY_SIZE]; MAX_CPUS]>);
// SAFETY: each core uses only its own element, as a stack.
unsafe impl Sync for EmergencyStacks {}

pub(crate) static LOCALS: Locals = Locals(UnsafeCell::new(
    [const {
        Local {
            stack_top: 0,
            stack_bottom: 0,
            emergency_top: 0,
            faults: 0,
            index: 0,
            scratch: [0; 4],
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
    // SAFETY: from the entry code on TPIDR_EL2 points to this core's `Local`, whose index never changes
    // (hence `pure, readonly`: the compiler may merge reads; a context never migrates while EL2 runs).
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

/// MPIDR_EL1's affinity fields: Aff3 in bits 39:32, Aff2 to Aff0 in 23:0.
#[must_use]
#[inline]
pub fn mpidr() -> u64 {
    MPIDR_EL1.get() & MPIDR_AFFINITY
}

/// The stacks of this core as `(lowest address, first address above)`: its own, and the emergency stack.
#[must_use]
pub fn stacks() -> [(u64, u64); 2] {
    let local = core::ptr::with_exposed_provenance::<Local>(TPIDR_EL2.get() as usize);
    let own = layout::stack(index());
    // SAFETY: TPIDR_EL2 points to this core's `Local`, which assembly filled before Rust ran.
    let top = unsafe { (*local).emergency_top };
    [(own.start, own.end), (top - EMERGENCY_SIZE as u64, top)]
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

/// The hardware behind `preempt`'s guards.
#[derive(Clone, Copy, Debug)]
pub struct Core;

// SAFETY: `irq_mask` sets PSTATE.I, so no IRQ is taken until `irq_restore`; neither `asm!` has `nomem`, so no
// access moves across. `index` was bounds-checked against MAX_CPUS by the entry code and is unique per core.
unsafe impl preempt::Platform for Core {
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
    }

    #[inline(always)]
    fn relax() {
        relax();
    }

    #[inline(always)]
    fn cpu() -> usize {
        index()
    }
}
