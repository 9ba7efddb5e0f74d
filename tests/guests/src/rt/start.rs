//! The first instructions of every vCPU, and the vectors.
//!
//! The first instruction of the program reads the physical counter, so that under `-icount` the program can
//! tell how long everything before it took. The MMU is on while Rust runs: 1 GiB blocks, the first is device
//! memory, the next three are normal memory.

use core::arch::global_asm;

/// Bytes of a vCPU's stack, as in `guest.ld`.
pub const STACK_SIZE: u64 = 0x4000;

global_asm!(
    r#"
    .section .text.start, "ax"
    .global _start
_start:
    mrs     x20, cntpct_el0
    mov     x19, x0
    // From EL2 (a machine started with virtualization=on and no hypervisor) there is nothing to test.
    mov     x21, #0
    bl      cpu_setup
    // The image's own bss only: what a boot loader left there is not zero.
    adrp    x0, __bss_start
    add     x0, x0, :lo12:__bss_start
    adrp    x1, __stacks_start
    add     x1, x1, :lo12:__stacks_start
1:  cmp     x0, x1
    b.hs    2f
    stp     xzr, xzr, [x0], #16
    b       1b
2:  mov     x0, x19
    mov     x1, x20
    bl      guest_main
    b       .

    .global secondary_start
secondary_start:
    mov     x21, x0
    bl      cpu_setup
    mov     x0, x21
    bl      secondary_main
    b       .

// x21: number of this vCPU.
cpu_setup:
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el1, x0
    mov     x0, #(3 << 20)
    msr     cpacr_el1, x0
    ldr     x0, =0xff04             // attribute 0: Device-nGnRE, 1: Normal, write-back
    msr     mair_el1, x0
    ldr     x0, =0x200803519        // 39-bit addresses, 4 KiB, inner shareable write-back, TTBR1 off, 40-bit PA
    msr     tcr_el1, x0
    adrp    x0, level1
    add     x0, x0, :lo12:level1
    msr     ttbr0_el1, x0
    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    ldr     x0, =0x30d01805         // RES1 bits, M, C, I
    msr     sctlr_el1, x0
    isb
    msr     spsel, #1
    adrp    x0, __stacks_start
    add     x0, x0, :lo12:__stacks_start
    add     x1, x21, #1
    mov     x2, #{stack}
    madd    x0, x1, x2, x0
    mov     sp, x0
    msr     tpidr_el1, x21
    ret

    .balign 4096
level1:
    .quad   0x00000000 + 0x60000000000401   // block, device, execute never
    .quad   0x40000000 + 0x705              // block, normal, inner shareable
    .quad   0x80000000 + 0x705
    .quad   0xc0000000 + 0x705
    .space  4096 - 32

    .macro  vector
    .balign 128
    sub     sp, sp, #288
    stp     x0, x1, [sp]
    mrs     x0, cntvct_el0
    mov     x1, #index
    b       exception_entry
    .set    index, index + 1
    .endm

    .balign 2048
    .global vectors
vectors:
    .set    index, 0
    .rept   16
    vector
    .endr

    .balign 128
exception_entry:
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
    mrs     x2, elr_el1
    stp     x30, x2, [sp, #240]
    mrs     x2, spsr_el1
    mrs     x3, esr_el1
    stp     x2, x3, [sp, #256]
    mrs     x2, far_el1
    stp     x2, x0, [sp, #272]
    mov     x0, sp
    bl      exception
    ldp     x2, x3, [sp, #248]
    msr     elr_el1, x2
    msr     spsr_el1, x3
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
    ldr     x30, [sp, #240]
    ldp     x0, x1, [sp], #288
    eret
"#,
    stack = const STACK_SIZE,
);

// Code that is written at run time: one instruction, put before a RET.
global_asm!(
    r#"
    .section .text.patch, "ax"
// x0: address of two words, x1: the first word. Makes them an instruction and a RET.
    .global patch_code
patch_code:
    ldr     w2, =0xd65f03c0
    stp     w1, w2, [x0]
    dc      cvau, x0
    dsb     ish
    ic      ivau, x0
    dsb     ish
    isb
    ret
"#
);
