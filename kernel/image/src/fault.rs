//! When EL2 itself fails: everything that helps to find out why, written by polling and without locks, and then the
//! end of the machine. A hypervisor that has failed keeps no promise; going on would only hide it.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use arch::FaultFrame;

use crate::{console, hw, symbols};

/// The early UART as something to write to.
pub struct Early;

impl Write for Early {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        arch::boot::early_print(text);
        Ok(())
    }
}

/// A core is reporting: others keep quiet.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// Reports a fault of EL2: all registers, and who called whom.
pub fn report(frame: &FaultFrame) -> ! {
    begin();
    let mut out = Early;
    let _ = writeln!(
        out,
        "caesura: fatal: {} on core {}",
        frame.vector_name(),
        arch::cpu::index()
    );
    for (row, values) in frame.x.chunks(4).enumerate() {
        for (column, value) in values.iter().enumerate() {
            let number = row.wrapping_mul(4).wrapping_add(column);
            let _ = write!(out, "  x{number:<2} {value:016x}");
        }
        let _ = writeln!(out);
    }
    let _ = writeln!(
        out,
        "  sp  {:016x}  elr {:016x}  spsr {:016x}",
        frame.sp, frame.elr, frame.spsr
    );
    let _ = writeln!(
        out,
        "  esr {:016x}  far {:016x}  hpfar {:016x}",
        frame.esr, frame.far, frame.hpfar
    );
    let _ = writeln!(out, "called from, innermost first:");
    line(&mut out, frame.elr, frame.elr);
    backtrace(&mut out, frame.x[29]);
    end()
}

/// Ends the machine because EL2 cannot go on; says why.
pub fn die(why: fmt::Arguments<'_>) -> ! {
    begin();
    let _ = writeln!(Early, "caesura: fatal: {why}");
    end()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    begin();
    let mut out = Early;
    let _ = writeln!(out, "caesura: fatal: {info}");
    let _ = writeln!(out, "called from, innermost first:");
    backtrace(&mut out, arch::cpu::frame_pointer());
    end()
}

/// Lets one core report; a second one stops.
fn begin() {
    let _ = arch::cpu::irq_mask();
    // Before the MMU is on there is one core only, and nothing to arbitrate.
    if arch::mmu::is_on() {
        if REPORTING.swap(true, Ordering::AcqRel) {
            arch::cpu::park();
        }
        // What was logged just before may say why.
        console::last_words();
    }
    arch::boot::early_print("\n");
}

fn backtrace(out: &mut Early, frame: u64) {
    for address in arch::backtrace::from_frame(frame).take(32) {
        // A call that never returns may be its function's last instruction: where it would return to is another's.
        line(out, address, address.wrapping_sub(4));
    }
}

/// Prints `address`, named after the function that contains `within`.
fn line(out: &mut Early, address: u64, within: u64) {
    let _ = match symbols::name(within) {
        Some((name, offset)) => {
            let offset = offset.wrapping_add(address.wrapping_sub(within));
            writeln!(out, "  {address:016x} {name}+{offset:#x}")
        }
        None => writeln!(out, "  {address:016x}"),
    };
}

/// Powers off, so that whoever watches the machine notices; stops where that is not possible.
fn end() -> ! {
    let _ = writeln!(Early, "caesura: the machine is switched off");
    let _ = hw::firmware(abi::psci::SYSTEM_OFF, [0; 3]);
    arch::cpu::park()
}
