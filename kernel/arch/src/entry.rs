//! The first instructions: arm64 Image header, boot core, secondary cores, early UART.
//!
//! Refuses to run at another exception level than EL2, at another address than the linked one, or on a
//! core that is not among those the image is for, and says so in words on the early UART. Stage letters: `E`
//! entered at EL2 at the right address, `Z` bss is zero, `R` Rust is entered; `mmu` adds `M`.

use core::arch::global_asm;

use crate::boot::{BootInfo, MPIDR_AFFINITY, UART_PL011};
use crate::cpu::{
    EMERGENCY_SIZE, EMERGENCY_STACKS, EMERGENCY_TOP, INDEX, LOCAL_SIZE, LOCALS, STACK_BOTTOM,
    STACK_TOP,
};
use crate::mmu::{SCTLR_OFF, STAGE1};

unsafe extern "C" {
    fn caesura_secondary_entry();
    static CAESURA_BOOT: BootInfo;
}

// Header: Linux Documentation/arch/arm64/booting.rst. Flags: little endian, 4 KiB pages, near the start
// of RAM. Registers kept throughout: x19 the device tree, x20 the core's index, x21 its MPIDR.
global_asm!(
    r#"
    // For who watches from outside which core executes what (tools/masked).
    .global caesura_anchor_index
    .set    caesura_anchor_index, {INDEX}

    .section .head.text, "ax"
    .global _start
_start:
    b       1f
    .long   0
    .quad   __head_text_offset
    .quad   __head_image_size
    .quad   2
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0

1:  msr     daifset, #0xf
    mov     x19, x0
    mrs     x1, CurrentEL
    cmp     x1, #(2 << 2)
    b.ne    .Lwrong_level
    adr     x0, _start
    ldr     x1, .Llinked
    cmp     x0, x1
    b.ne    .Lwrong_address
    mov     w0, #'E'
    bl      .Lputc

    // No VHE, EL1 is AArch64; MMU and caches off, with the RES1 bits set.
    mov     x0, #(1 << 31)
    msr     hcr_el2, x0
    ldr     x0, ={SCTLR_OFF}
    msr     sctlr_el2, x0
    msr     spsel, #1
    isb

    // Whole pages, so 128 bytes a turn come out even.
    adrp    x0, __bss_start
    adrp    x1, __bss_end
    b       3f
2:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    stp     xzr, xzr, [x0, #64]
    stp     xzr, xzr, [x0, #80]
    stp     xzr, xzr, [x0, #96]
    stp     xzr, xzr, [x0, #112]
    add     x0, x0, #128
3:  cmp     x0, x1
    b.lo    2b
    mov     w0, #'Z'
    bl      .Lputc

    // Which core is this?
    mrs     x21, mpidr_el1
    ldr     x0, ={AFFINITY}
    and     x21, x21, x0
    adrp    x0, CAESURA_BOOT
    add     x0, x0, :lo12:CAESURA_BOOT
    ldr     x1, [x0, {BOOT_CPUS}]
    ldr     x2, .Lcpus
    cmp     x1, x2
    csel    x1, x1, x2, lo
    add     x0, x0, {BOOT_MPIDRS}
    mov     x20, #0
4:  cmp     x20, x1
    b.hs    .Lunknown_core
    ldr     x2, [x0, x20, lsl #3]
    cmp     x2, x21
    b.eq    5f
    add     x20, x20, #1
    b       4b
5:  bl      .Lcore_setup
    mov     w0, #'R'
    bl      .Lputc
    mov     x0, x19
    mov     x1, x21
    mov     x29, xzr
    mov     x30, xzr
    bl      caesura_main
    b       .Lpark

    // A core that PSCI CPU_ON started: x0 is its index, the MMU is off, nothing else is known.
    .global caesura_secondary_entry
caesura_secondary_entry:
    msr     daifset, #0xf
    mov     x20, x0
    mov     x0, #(1 << 31)
    msr     hcr_el2, x0
    ldr     x0, ={SCTLR_OFF}
    msr     sctlr_el2, x0
    msr     spsel, #1
    isb
    adrp    x0, {STAGE1}
    add     x0, x0, :lo12:{STAGE1}
    ldp     x1, x2, [x0]
    ldp     x3, x4, [x0, #16]
    msr     mair_el2, x1
    msr     tcr_el2, x2
    msr     ttbr0_el2, x3
    isb
    tlbi    alle2
    ic      iallu
    dsb     nsh
    isb
    msr     sctlr_el2, x4
    isb
    ldr     x1, .Lcpus
    cmp     x20, x1
    b.hs    .Lpark
    bl      .Lcore_setup
    mov     x0, x20
    mov     x29, xzr
    mov     x30, xzr
    bl      caesura_secondary
    b       .Lpark

    // x20: the core's index. Fills its Local, sets SP, TPIDR_EL2 and VBAR_EL2. Clobbers x0 to x4.
.Lcore_setup:
    adrp    x0, {LOCALS}
    add     x0, x0, :lo12:{LOCALS}
    mov     x1, #{LOCAL_SIZE}
    madd    x0, x20, x1, x0
    adrp    x1, __stacks_start
    ldr     x2, .Lstride
    madd    x1, x20, x2, x1
    add     x3, x1, #1, lsl #12
    add     x4, x1, x2
    str     x3, [x0, {STACK_BOTTOM}]
    str     x4, [x0, {STACK_TOP}]
    mov     sp, x4
    adrp    x1, {EMERGENCY}
    add     x1, x1, :lo12:{EMERGENCY}
    mov     x2, #{EMERGENCY_SIZE}
    madd    x1, x20, x2, x1
    add     x1, x1, x2
    str     x1, [x0, {EMERGENCY_TOP}]
    str     x20, [x0, {INDEX}]
    msr     tpidr_el2, x0
    adrp    x1, caesura_vectors
    add     x1, x1, :lo12:caesura_vectors
    msr     vbar_el2, x1
    isb
    ret

.Lwrong_level:
    mov     x20, x1
    // At EL3 no firmware holds the other cores back: the first of the board's table speaks for all.
    cmp     x20, #(3 << 2)
    b.ne    7f
    mrs     x0, mpidr_el1
    ldr     x2, ={AFFINITY}
    and     x0, x0, x2
    adrp    x2, CAESURA_BOOT
    add     x2, x2, :lo12:CAESURA_BOOT
    ldr     x2, [x2, {BOOT_MPIDRS}]
    cmp     x0, x2
    b.ne    .Lpark
7:
    adr     x0, .Ltext_level
    bl      .Lputs
    lsr     x0, x20, #2
    add     w0, w0, #'0'
    bl      .Lputc
    adr     x0, .Ltext_level_2
    bl      .Lputs
    b       .Lpark

.Lwrong_address:
    mov     x20, x0
    adr     x0, .Ltext_address
    bl      .Lputs
    mov     x0, x20
    bl      .Lputx
    adr     x0, .Ltext_address_2
    bl      .Lputs
    ldr     x0, .Llinked
    bl      .Lputx
    adr     x0, .Ltext_address_3
    bl      .Lputs
    b       .Lpark

.Lunknown_core:
    adr     x0, .Ltext_core
    bl      .Lputs
    mov     x0, x21
    bl      .Lputx
    adr     x0, .Ltext_core_2
    bl      .Lputs

    .global caesura_park
caesura_park:
.Lpark:
    msr     daifset, #0xf
6:  wfi
    b       6b

    // w0: a character. Clobbers x10 to x12. Does nothing without a PL011.
.Lputc:
    adrp    x10, CAESURA_BOOT
    add     x10, x10, :lo12:CAESURA_BOOT
    ldp     x11, x10, [x10]
    cmp     x11, #{PL011}
    b.ne    8f
7:  ldr     w12, [x10, #0x18]
    tbnz    w12, #5, 7b
    strb    w0, [x10]
8:  ret

    // x0: a text that ends with a zero byte. Clobbers x10 to x14.
    .global caesura_early_puts
caesura_early_puts:
.Lputs:
    mov     x13, x0
    mov     x14, x30
9:  ldrb    w0, [x13], #1
    cbz     w0, 10f
    bl      .Lputc
    b       9b
10: ret     x14

    // x0: a number, printed as 16 hexadecimal digits. Clobbers x10 to x15.
.Lputx:
    mov     x13, x0
    mov     x14, x30
    mov     w15, #60
11: lsr     x0, x13, x15
    and     w0, w0, #0xf
    cmp     w0, #10
    add     w12, w0, #('a' - 10)
    add     w0, w0, #'0'
    csel    w0, w0, w12, lo
    bl      .Lputc
    subs    w15, w15, #4
    b.pl    11b
    ret     x14

    .balign 8
.Llinked:
    .quad   _start
.Lstride:
    .quad   __stack_stride
.Lcpus:
    .quad   __nr_cpus
.Ltext_level:
    .asciz  "\r\ncaesura: entered at exception level EL"
.Ltext_level_2:
    .asciz  ", but it needs EL2. Check that the firmware starts it as a hypervisor (QEMU: -M virt,virtualization=on).\r\n"
.Ltext_address:
    .asciz  "\r\ncaesura: loaded at 0x"
.Ltext_address_2:
    .asciz  ", but linked for 0x"
.Ltext_address_3:
    .asciz  ". Load the raw image at that address, or correct load_address in board.toml.\r\n"
.Ltext_core:
    .asciz  "\r\ncaesura: started on the core with MPIDR 0x"
.Ltext_core_2:
    .asciz  ", which is not among the first CONFIG_NR_CPUS cores of board.toml.\r\n"
    .balign 8
    .ltorg
    "#,
    SCTLR_OFF = const SCTLR_OFF,
    AFFINITY = const MPIDR_AFFINITY,
    BOOT_CPUS = const core::mem::offset_of!(BootInfo, cpus),
    BOOT_MPIDRS = const core::mem::offset_of!(BootInfo, mpidrs),
    PL011 = const UART_PL011,
    STAGE1 = sym STAGE1,
    LOCALS = sym LOCALS,
    LOCAL_SIZE = const LOCAL_SIZE,
    EMERGENCY = sym EMERGENCY_STACKS,
    EMERGENCY_SIZE = const EMERGENCY_SIZE,
    STACK_BOTTOM = const STACK_BOTTOM,
    STACK_TOP = const STACK_TOP,
    EMERGENCY_TOP = const EMERGENCY_TOP,
    INDEX = const INDEX,
);

/// The address that PSCI CPU_ON takes for another core; the context identifier is the core's index.
#[must_use]
pub fn secondary_entry() -> u64 {
    (caesura_secondary_entry as *const ()).addr() as u64
}

fn put(byte: u8) {
    // SAFETY: the image exports a `BootInfo` under this name, which nothing writes to.
    let boot = unsafe { &CAESURA_BOOT };
    if boot.uart_kind != UART_PL011 {
        return;
    }
    let base = core::ptr::with_exposed_provenance_mut::<u32>(boot.uart_base as usize);
    // SAFETY: the board's table says that a PL011 is there; its flag register (offset 0x18, bit 5: transmit
    // FIFO full) and data register are mapped as a device, or the MMU is off.
    unsafe {
        while base.add(6).read_volatile() & (1 << 5) != 0 {}
        base.write_volatile(u32::from(byte));
    }
}

/// Writes a boot-stage letter to the early UART.
pub fn stage(letter: u8) {
    put(letter);
}

/// Writes text to the early UART by polling, without locks: for the time before the console, and for
/// panics. Line feeds get a carriage return.
pub fn early_print(text: &str) {
    for byte in text.bytes() {
        if byte == b'\n' {
            put(b'\r');
        }
        put(byte);
    }
}
