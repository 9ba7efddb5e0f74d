//! What the entry code must know before any table is read: the early UART and the cores' numbers.
//!
//! The image exports one [`BootInfo`] as `CAESURA_BOOT`; the entry code finds it relative to its own
//! program counter, so that it can complain even when it was loaded at a wrong address. On the target
//! this module also writes to the early UART by polling, for stage letters and for panics that come
//! before the console.

use tables::{Board, UartKind};

/// The most cores this build can run on.
pub const MAX_CPUS: usize = 8;

/// No early UART: the entry code stays silent.
pub const UART_NONE: u64 = 0;
/// The early UART is a PL011, already set up by firmware or usable after reset.
pub const UART_PL011: u64 = 1;

/// Facts that the entry code needs, in a layout that assembly can read.
#[derive(Debug)]
#[repr(C)]
pub struct BootInfo {
    /// [`UART_NONE`] or [`UART_PL011`].
    pub uart_kind: u64,
    /// Physical address of its registers.
    pub uart_base: u64,
    /// How many entries of [`BootInfo::mpidrs`] count.
    pub cpus: u64,
    /// Affinity fields of each core's MPIDR_EL1; a core's index here is its number everywhere.
    pub mpidrs: [u64; MAX_CPUS],
}

/// The bits of MPIDR_EL1 that identify a core: Aff3 39:32, Aff2 to Aff0 23:0.
pub const MPIDR_AFFINITY: u64 = 0xff_00ff_ffff;

impl BootInfo {
    /// Takes what is needed from the board's table. Cores beyond [`MAX_CPUS`] are left out.
    #[must_use]
    pub const fn from_board(board: &Board) -> Self {
        let mut mpidrs = [0; MAX_CPUS];
        let mut n = 0;
        while n < board.cpus.len() && n < MAX_CPUS {
            mpidrs[n] = board.cpus[n].mpidr & MPIDR_AFFINITY;
            n += 1;
        }
        Self {
            uart_kind: match board.uart.kind {
                UartKind::Pl011 => UART_PL011,
            },
            uart_base: board.uart.region.base,
            cpus: n as u64,
            mpidrs,
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub use crate::entry::{early_print, secondary_entry, stage};
