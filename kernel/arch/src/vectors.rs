//! EL2's exception vectors.
//!
//! - From a guest: 27 instructions store its registers into the [`GuestContext`] that SP_EL2 points to while a
//!   guest runs, switch to the top of this core's stack and call `caesura_exit`; 22 restore the context
//!   that it returns. Nothing of the stack survives an exit.
//! - An IRQ of EL2 itself saves what a call may clobber and calls `caesura_irq` on the interrupted stack.
//! - Everything else in EL2 is a fault: a complete [`FaultFrame`] goes to `caesura_fault`, on the emergency stack
//!   unless the stack pointer is aligned, inside this core's stack, and has a page to spare (so an overflow
//!   into the guard page is reported like any other fault). A fault while reporting one ends in silence
//!   but for one line on the early UART.

use core::arch::global_asm;
use core::mem::offset_of;

use crate::context::{FaultFrame, GuestContext};
use crate::cpu::{EMERGENCY_TOP, FAULTS, SCRATCH, STACK_BOTTOM, STACK_TOP};

global_asm!(
    r#"
    .section .text.vectors, "ax"

    .macro from_guest kind
    .balign 0x80
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x2, elr_el2
    mrs     x3, spsr_el2
    stp     x30, x2, [sp, #240]
    str     x3, [sp, {PSTATE}]
    mov     x0, sp
    mrs     x2, tpidr_el2
    ldr     x2, [x2, {STACK_TOP}]
    mov     sp, x2
    mov     w1, #\kind
    mov     x29, xzr
    bl      caesura_exit
    b       caesura_resume
    .endm

    // The scratch words of this core hold x1, x2, then SP and the vector's number; x0 goes through
    // TPIDR_EL0, which belongs to a guest that will not run again.
    .macro fault number
    .balign 0x80
    msr     tpidr_el0, x0
    mrs     x0, tpidr_el2
    stp     x1, x2, [x0, {SCRATCH}]
    mov     x1, #\number
    b       .Lfault
    .endm

    .balign 2048
    .global caesura_vectors
caesura_vectors:
    fault 0
    fault 1
    fault 2
    fault 3
    fault 4
    .balign 0x80
    sub     sp, sp, #192
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x0, elr_el2
    mrs     x1, spsr_el2
    stp     x29, x0, [sp, #160]
    str     x1, [sp, #176]
    add     x29, sp, #160
    bl      caesura_irq
    ldr     x1, [sp, #176]
    ldp     x29, x0, [sp, #160]
    msr     spsr_el2, x1
    msr     elr_el2, x0
    ldp     x18, x30, [sp, #144]
    ldp     x16, x17, [sp, #128]
    b       .Lirq_return
    fault 6
    fault 7
    from_guest 0
    from_guest 1
    from_guest 2
    from_guest 3
    from_guest 4
    from_guest 5
    from_guest 6
    from_guest 7
    .balign 0x80

.Lirq_return:
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    add     sp, sp, #192
    eret
    dsb     nsh
    isb

    // x0: the GuestContext to resume.
    .global caesura_resume
caesura_resume:
    msr     daifset, #0xf
    mov     sp, x0
    ldp     x30, x2, [sp, #240]
    ldr     x3, [sp, {PSTATE}]
    msr     elr_el2, x2
    msr     spsr_el2, x3
    ldp     x0, x1, [sp, #0]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    eret
    // Nothing is executed speculatively past the return.
    dsb     nsh
    isb

.Lfault:
    mov     x2, sp
    stp     x2, x1, [x0, #({SCRATCH} + 16)]
    ldr     x1, [x0, {FAULTS}]
    add     x1, x1, #1
    str     x1, [x0, {FAULTS}]
    cmp     x1, #1
    b.hi    .Lnested
    tst     x2, #15
    b.ne    1f
    ldr     x1, [x0, {STACK_TOP}]
    cmp     x2, x1
    b.hi    1f
    ldr     x1, [x0, {STACK_BOTTOM}]
    add     x1, x1, #1, lsl #12
    cmp     x2, x1
    b.hs    2f
1:  ldr     x2, [x0, {EMERGENCY_TOP}]
2:  mov     sp, x2
    sub     sp, sp, {FRAME_SIZE}
    ldp     x1, x2, [x0, {SCRATCH}]
    stp     x2, x3, [sp, #16]
    mrs     x2, tpidr_el0
    stp     x2, x1, [sp, #0]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    ldp     x1, x2, [x0, #({SCRATCH} + 16)]
    stp     x30, x1, [sp, #240]
    mrs     x3, elr_el2
    mrs     x4, spsr_el2
    stp     x3, x4, [sp, {FRAME_ELR}]
    mrs     x3, esr_el2
    mrs     x4, far_el2
    stp     x3, x4, [sp, {FRAME_ESR}]
    mrs     x3, hpfar_el2
    stp     x3, x2, [sp, {FRAME_HPFAR}]
    mov     x0, sp
    mov     x29, xzr
    bl      caesura_fault
    b       caesura_park

.Lnested:
    adrp    x0, .Lnested_text
    add     x0, x0, :lo12:.Lnested_text
    bl      caesura_early_puts
    b       caesura_park

    .section .rodata.nested, "a"
.Lnested_text:
    .asciz  "\r\ncaesura: another fault while a fault was being reported; this core stops.\r\n"
    .text
    "#,
    PSTATE = const offset_of!(GuestContext, pstate),
    STACK_TOP = const STACK_TOP,
    STACK_BOTTOM = const STACK_BOTTOM,
    EMERGENCY_TOP = const EMERGENCY_TOP,
    FAULTS = const FAULTS,
    SCRATCH = const SCRATCH,
    FRAME_SIZE = const size_of::<FaultFrame>(),
    FRAME_ELR = const offset_of!(FaultFrame, elr),
    FRAME_ESR = const offset_of!(FaultFrame, esr),
    FRAME_HPFAR = const offset_of!(FaultFrame, hpfar),
);

unsafe extern "C" {
    fn caesura_resume(guest: *mut GuestContext) -> !;
}

/// Enters the guest; the next that runs here is `caesura_exit`, on an empty stack.
///
/// # Safety
///
/// This core is set up for the guest whose context this is (`guest`, `switch`), nothing on the current
/// stack is needed again, and no other core uses the context until the exit hook returns another one.
pub unsafe fn enter(guest: *mut GuestContext) -> ! {
    // SAFETY: by the caller's promise.
    unsafe { caesura_resume(guest) }
}
