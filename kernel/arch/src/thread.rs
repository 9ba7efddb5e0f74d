//! Threads of EL2: contexts with a stack of their own, which can be left in the middle and gone on with later, on
//! another core.
//!
//! A core runs either its own context (the scheduler's loop, on the core's stack, never preempted) or a thread. To change
//! threads is to go to the core's context, which decides, and from there to another thread: so nobody ever picks up a
//! thread while its stack is still in use. A thread's [`Anchor`] holds its stack's bounds, its preempt word and, while
//! it does not run, its stack pointer; TPIDR_EL2 points to it while it runs.
//!
//! Only the registers that a call preserves are kept here (AAPCS64 §6.1.1); EL2 is compiled without FP. The guest's
//! registers belong to the vCPU (see `context`). Nothing here is used where the model has no threads.

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

use aarch64_cpu::registers::{Readable, TPIDR_EL2, Writeable};

use preempt::PreemptWord;

use crate::cpu::{Anchor, LOCALS, STACK_TOP, index};
use crate::layout::Range;

/// A thread; a static, set up once.
#[repr(transparent)]
pub struct Thread(UnsafeCell<Anchor>);

// SAFETY: the anchor is written by `init`, before the thread exists for anyone else, by the thread itself and its core's
// interrupts, and by the core that is about to run it: one at a time, by the promises of the functions below.
unsafe impl Sync for Thread {}

const SAVED_SP: usize = offset_of!(Anchor, saved_sp);
/// x19 to x30.
const FRAME: usize = 96;

global_asm!(
    r#"
    // x0: the thread's anchor. x1: the core's anchor. x2: what the core's context does next.
    .global caesura_thread_leave
caesura_thread_leave:
    sub     sp, sp, {FRAME}
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    mov     x3, sp
    str     x3, [x0, {SAVED_SP}]
    // x0 and x1 again: a core's context and where to begin on it.
    .global caesura_core_begin
caesura_core_begin:
    msr     tpidr_el2, x1
    ldr     x3, [x1, {STACK_TOP}]
    mov     sp, x3
    mov     x29, xzr
    mov     x30, xzr
    br      x2

    // x0: the thread's anchor.
    .global caesura_thread_resume
caesura_thread_resume:
    msr     tpidr_el2, x0
    ldr     x1, [x0, {SAVED_SP}]
    mov     sp, x1
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    add     sp, sp, {FRAME}
    ret
    "#,
    FRAME = const FRAME,
    SAVED_SP = const SAVED_SP,
    STACK_TOP = const STACK_TOP,
);

/// What a context does when it begins.
pub type Entry = extern "C" fn() -> !;

unsafe extern "C" {
    fn caesura_thread_leave(thread: *mut Anchor, core: *mut Anchor, next: Entry);
    fn caesura_core_begin(unused: usize, context: *mut Anchor, entry: Entry) -> !;
    fn caesura_thread_resume(thread: *mut Anchor) -> !;
}

/// The anchor of this core's own context. IRQs are masked.
fn core_anchor() -> *mut Anchor {
    LOCALS.0.get().cast::<Anchor>().wrapping_add(index())
}

/// This core turns to its own context, which begins with `entry` on its empty stack; what is on the current stack is
/// forgotten. IRQs are masked.
///
/// # Safety
///
/// Nothing on the current stack is needed again.
pub unsafe fn begin_core(entry: Entry) -> ! {
    // SAFETY: the core's anchor was filled by the entry code; only this core uses its stack, and it is free: whatever
    // ran there has given up the core to a thread for good.
    unsafe { caesura_core_begin(0, core_anchor(), entry) }
}

impl Default for Thread {
    fn default() -> Self {
        Self::new()
    }
}

impl Thread {
    /// A thread without a stack, not to be run before [`Thread::init`].
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Anchor {
            stack_top: 0,
            stack_bottom: 0,
            emergency_top: 0,
            faults: 0,
            index: 0,
            scratch: [0; 4],
            saved_sp: 0,
            preempt: PreemptWord::new(),
        }))
    }

    /// Gives it its stack.
    ///
    /// # Safety
    ///
    /// Called once, before the thread runs; the stack is mapped and nobody else's.
    pub unsafe fn init(&self, stack: Range) {
        let anchor = self.0.get();
        // SAFETY: by the caller's promise nobody else looks at it.
        unsafe {
            (*anchor).stack_bottom = stack.start;
            (*anchor).stack_top = stack.end;
        }
    }

    /// The context that runs here becomes this thread as far as exits from a guest, its core number and its preempt word
    /// are concerned; the stack in use stays the core's until the guest that is entered next exits.
    ///
    /// # Safety
    ///
    /// Runs on the core's context, IRQs masked; the scheduler gave this core the thread; nothing but the entry into its
    /// guest follows.
    #[inline]
    pub unsafe fn install(&'static self) {
        // SAFETY: by the caller's promise nobody else uses the thread.
        unsafe { self.bring_here() };
        TPIDR_EL2.set(self.0.get().expose_provenance() as u64);
    }

    /// # Safety
    ///
    /// As [`Thread::install`].
    #[inline]
    unsafe fn bring_here(&'static self) {
        let (anchor, here) = (self.0.get(), core_anchor());
        // SAFETY: by the caller's promise nobody else uses the thread, and this core's own anchor was filled by the
        // entry code.
        unsafe {
            (*anchor).index = (*here).index;
            (*anchor).emergency_top = (*here).emergency_top;
            (*anchor).preempt.clear_due();
        }
    }

    /// The thread that runs here gives up the core, whose own context begins with `next`. Returns when somebody
    /// resumes the thread, perhaps on another core.
    ///
    /// # Safety
    ///
    /// It runs here, IRQs are masked, and it is resumed on one core only.
    pub unsafe fn leave(&'static self, next: Entry) {
        debug_assert_eq!(TPIDR_EL2.get(), self.0.get().addr() as u64);
        // SAFETY: by the caller's promise; the core's stack is free (see `begin_core`).
        unsafe { caesura_thread_leave(self.0.get(), core_anchor(), next) }
    }

    /// This core goes on with the thread where it left.
    ///
    /// # Safety
    ///
    /// Runs on the core's context, whose stack is not needed again, IRQs masked; the scheduler gave this core the thread,
    /// which has [left](Thread::leave) and not been resumed since.
    pub unsafe fn resume(&'static self) -> ! {
        // SAFETY: by the caller's promise.
        unsafe {
            self.bring_here();
            caesura_thread_resume(self.0.get())
        }
    }

    /// This core begins the thread anew, with `entry` on its empty stack.
    ///
    /// # Safety
    ///
    /// As [`Thread::resume`], except that whatever was on the thread's stack is forgotten.
    pub unsafe fn begin(&'static self, entry: Entry) -> ! {
        // SAFETY: by the caller's promise; `init` filled the anchor.
        unsafe {
            self.bring_here();
            caesura_core_begin(0, self.0.get(), entry)
        }
    }
}
