//! Printing through the PL011 (DDI 0183), a line at a time, from any vCPU.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::cpu;
use super::mmio::{read32, write32};

/// Where it is; QEMU's `virt` and our VMs agree, until the device tree says otherwise.
static BASE: AtomicU64 = AtomicU64::new(0x0900_0000);
/// A ticket lock: a vCPU that prints line after line must not keep the others from printing one.
static NEXT: AtomicU32 = AtomicU32::new(0);
static SERVED: AtomicU32 = AtomicU32::new(0);

/// Flag register, and its bit for a full transmit FIFO.
const FR: u64 = 0x18;
const FR_TXFF: u32 = 1 << 5;

/// Tells where the UART is.
pub fn set_base(base: u64) {
    BASE.store(base, Ordering::Relaxed);
}

struct Uart(u64);

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while read32(self.0 + FR) & FR_TXFF != 0 {}
            write32(self.0, u32::from(byte));
        }
        Ok(())
    }
}

/// Prints a line.
pub fn print(text: fmt::Arguments<'_>) {
    let ticket = NEXT.fetch_add(1, Ordering::Relaxed);
    while SERVED.load(Ordering::Acquire) != ticket {
        cpu::pause();
    }
    let mut uart = Uart(BASE.load(Ordering::Relaxed));
    let _ = fmt::write(&mut uart, text);
    let _ = fmt::Write::write_str(&mut uart, "\r\n");
    SERVED.store(ticket.wrapping_add(1), Ordering::Release);
}

/// Prints a line.
#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => { $crate::rt::uart::print(format_args!($($argument)*)) };
}
