//! Calls to firmware by the SMC Calling Convention (Arm DEN0028), 64-bit registers.

use core::arch::asm;

use tables::Conduit;

/// Makes a call through `smc #0` or `hvc #0`; `None` where the board has no firmware to call.
///
/// # Safety
///
/// The board's table names the right conduit, and what `function` does to this machine (stopping cores,
/// resetting) is wanted.
pub unsafe fn call(conduit: Conduit, function: u32, arguments: [u64; 3]) -> Option<[u64; 4]> {
    let mut x0 = u64::from(function);
    let [mut x1, mut x2, mut x3] = arguments;
    macro_rules! conduit {
        ($instruction:literal) => {
            asm!(
                $instruction,
                inout("x0") x0, inout("x1") x1, inout("x2") x2, inout("x3") x3,
                out("x4") _, out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _,
                out("x10") _, out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _,
                out("x16") _, out("x17") _,
                options(nostack)
            )
        };
    }
    match conduit {
        // SAFETY: by the caller's promise; x4 to x17 may be changed (DEN0028 §2.6) and are declared.
        Conduit::Smc => unsafe { conduit!("smc #0") },
        // SAFETY: as above.
        Conduit::Hvc => unsafe { conduit!("hvc #0") },
        Conduit::None => return None,
    }
    Some([x0, x1, x2, x3])
}
