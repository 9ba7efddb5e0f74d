//! FP and SIMD registers belong to the vCPU: they are the same after sleeping and after losing the core.

use core::arch::global_asm;

use crate::rt::gic;
use crate::rt::report::equal;
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu};

unsafe extern "C" {
    fn fp_fill(seed: u64);
    fn fp_differences(seed: u64) -> u64;
}

global_asm!(
    r#"
    .arch armv8-a+fp+simd
    .section .text.fp, "ax"
    .macro fp_each action
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    \action \n
    .endr
    .endm

    .macro fp_set n
    add     x1, x0, #(\n * 16)
    mvn     x2, x1
    fmov    d\n, x1
    mov     v\n\().d[1], x2
    .endm
    .global fp_fill
fp_fill:
    fp_each fp_set
    mov     x1, #0x01000000         // FPCR.FZ
    msr     fpcr, x1
    mov     x1, #0x1f               // FPSR: all cumulative flags
    msr     fpsr, x1
    ret

    .macro fp_compare n
    add     x1, x0, #(\n * 16)
    mvn     x2, x1
    fmov    x3, d\n
    mov     x4, v\n\().d[1]
    cmp     x1, x3
    cinc    x5, x5, ne
    cmp     x2, x4
    cinc    x5, x5, ne
    .endm
    .global fp_differences
fp_differences:
    mov     x5, #0
    fp_each fp_compare
    mrs     x1, fpcr
    mov     x2, #0x01000000
    cmp     x1, x2
    cinc    x5, x5, ne
    mrs     x1, fpsr
    cmp     x1, #0x1f
    cinc    x5, x5, ne
    mov     x0, x5
    msr     fpcr, xzr
    ret
"#
);

/// Runs the checks.
pub fn run(_: &'static Machine) {
    let timer = Timer::Virtual;
    cpu::mask();
    gic::enable(timer.intid());
    for round in 1..=20u64 {
        let seed = round.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // SAFETY: Rust code here is compiled without FP; the function changes FP registers only.
        unsafe { fp_fill(seed) };
        let due = timer.count() + cpu::frequency() / 1000;
        timer.set_compare(due);
        timer.set_control(ENABLE);
        while timer.count() < due {
            if round % 2 == 0 && super::timers::can_sleep() {
                cpu::wfi();
            }
        }
        timer.set_control(0);
        // SAFETY: only reads FP registers.
        equal("FP registers", unsafe { fp_differences(seed) }, 0);
    }
    gic::disable(timer.intid());
}
