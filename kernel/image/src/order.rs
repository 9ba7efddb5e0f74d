//! Lock-order checking (feature `lockdep`): what it finds is told to the operator, both chains, once for each order that closes
//! a circle, whether anybody is stuck or not.
//!
//! Whoever closes a circle may hold any lock, the terminal's too: the report goes around the console, by polling and without
//! locks. So it may stand in the middle of a line, and interrupts are masked while the UART takes it: this is for debugging.

use core::fmt::Write;

use crate::fault::Early;
use crate::platform::Core;

/// Lets the locks report from now on.
pub fn init() {
    sync::lockdep::install::<Core>(|cycle| {
        let _ = writeln!(Early, "\nerror: core {}: {cycle}", arch::cpu::index());
    });
}
