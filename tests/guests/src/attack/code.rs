//! Instructions made at run time: each vCPU has room for one, followed by a RET.

use core::arch::asm;
use core::cell::UnsafeCell;

use crate::rt::exception::{Fault, catch};

#[repr(align(64))]
struct Slot(UnsafeCell<[u32; 16]>);

// SAFETY: each vCPU uses only the slot of its own number, and only through its address.
unsafe impl Sync for Slot {}

static SLOTS: [Slot; 8] = [const { Slot(UnsafeCell::new([0; 16])) }; 8];

unsafe extern "C" {
    fn patch_code(slot: u64, word: u32);
}

/// Executes one instruction word with x0 to x3 given. Returns x0 afterwards, or the exception it raised.
///
/// The instruction must leave the stack, x18 to x30 and the program's memory alone.
pub fn execute(number: usize, word: u32, arguments: [u64; 4]) -> Result<u64, Fault> {
    let slot = SLOTS.get(number).map_or(0, |slot| slot.0.get() as u64);
    let [mut x0, x1, x2, x3] = arguments;
    // SAFETY: the slot is memory of ours, mapped executable.
    unsafe { patch_code(slot, word) };
    let fault = catch(|| {
        // SAFETY: the slot holds the word and a RET; the caller promises what the word leaves alone, and all
        // registers that a call may change are declared.
        unsafe {
            asm!(
                "blr {slot}",
                slot = in(reg) slot,
                inout("x0") x0, inout("x1") x1 => _, inout("x2") x2 => _, inout("x3") x3 => _,
                out("x4") _, out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _,
                out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _,
                out("lr") _,
                options(nostack)
            );
        }
    });
    match fault {
        None => Ok(x0),
        Some(fault) => {
            super::count_fault();
            Err(fault)
        }
    }
}
