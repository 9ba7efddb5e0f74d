//! Every system register and system instruction that can be encoded (op0 1 to 3), read and written.

use core::cell::UnsafeCell;

use super::code::execute;
use crate::rt::machine;

/// A target for cache maintenance and DC ZVA.
#[repr(align(4096))]
struct Scratch(UnsafeCell<[u8; 4096]>);

// SAFETY: only its address is used.
unsafe impl Sync for Scratch {}

static SCRATCH: Scratch = Scratch(UnsafeCell::new([0; 4096]));

/// op0, op1, CRn, CRm, op2.
type Encoding = (u32, u32, u32, u32, u32);

/// Encodings that are not written, or not with ones, because that would end our own
/// execution (as it may: it is our VM), and why.
const SPARED: [(Encoding, &str); 16] = [
    ((3, 0, 1, 0, 0), "SCTLR_EL1: switches our MMU off"),
    ((3, 0, 1, 0, 3), "SCTLR2_EL1: may change how we execute"),
    ((3, 0, 2, 0, 0), "TTBR0_EL1: unmaps us"),
    ((3, 0, 2, 0, 2), "TCR_EL1: unmaps us"),
    ((3, 0, 2, 0, 3), "TCR2_EL1: unmaps us"),
    ((3, 0, 2, 5, 0), "GCSCR_EL1: makes our returns fault"),
    ((3, 0, 10, 2, 0), "MAIR_EL1: makes our memory device memory"),
    ((3, 0, 10, 2, 2), "PIRE0_EL1: permissions of our memory"),
    ((3, 0, 10, 2, 3), "PIR_EL1: permissions of our memory"),
    ((3, 0, 10, 2, 4), "POR_EL1: permissions of our memory"),
    ((3, 0, 12, 0, 0), "VBAR_EL1: we would not see the exception"),
    ((3, 0, 4, 2, 0), "SPSel: takes our stack away"),
    ((3, 0, 13, 0, 4), "TPIDR_EL1: holds our number"),
    (
        (3, 3, 4, 2, 1),
        "DAIF: lets interrupts in that other tries have raised",
    ),
    ((2, 0, 0, 2, 2), "MDSCR_EL1: single-steps us, with SPSR.SS"),
    (
        (1, 0, 7, 6, 2),
        "DC ISW: discards our data, where no hypervisor makes it clean first",
    ),
];

/// Tries them all; returns how many.
pub fn run(number: usize) -> u32 {
    let scratch = SCRATCH.0.get() as u64;
    let mut tries = 0;
    for code in 0..0x1_0000u32 - 0x4000 {
        let code = code + 0x4000;
        let (op0, op1) = (code >> 14, code >> 11 & 7);
        let (crn, crm, op2) = (code >> 7 & 15, code >> 3 & 15, code & 7);
        let word = 0xd500_0000 | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
        let spared = SPARED
            .iter()
            .any(|(spared, _)| *spared == (op0, op1, crn, crm, op2))
            && !(op0 == 1 && machine::get().in_vm);
        tries += 1;
        let before = execute(number, word | 1 << 21, [0; 4]);
        if spared {
            continue;
        }
        if op0 == 1 {
            let _ = execute(number, word, [scratch, 0, 0, 0]);
            tries += 1;
            continue;
        }
        for value in [0, u64::MAX, 0x5555_5555_5555_5555] {
            let _ = execute(number, word, [value, 0, 0, 0]);
            tries += 1;
        }
        if let Ok(before) = before {
            let _ = execute(number, word, [before, 0, 0, 0]);
        }
    }
    tries
}
