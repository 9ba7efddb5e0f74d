//! Much output from two vCPUs at once, while input is read: nothing may be lost, doubled or cut.
//!
//! Each vCPU prints [`LINES`] numbered lines of different lengths; the first one reads what is typed meanwhile
//! and, once it has seen a carriage return, repeats it, anything but printable ASCII as `<hex>`.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::println;
use crate::rt::mmio::{read32, write32};
use crate::rt::report::{check, failures};
use crate::rt::{Machine, cpu, smp};

/// Lines that each vCPU prints.
pub const LINES: usize = 1000;
/// The most bytes that are kept of what is typed.
const MOST: usize = 1024;

/// Offsets and bits of the PL011 (DDI 0183).
const FR: u64 = 0x18;
const FR_RXFE: u32 = 1 << 4;
const LCRH: u64 = 0x2c;
const CR: u64 = 0x30;

static TYPED: Typed = Typed {
    bytes: [const { AtomicUsize::new(0) }; MOST],
    count: AtomicUsize::new(0),
};

struct Typed {
    bytes: [AtomicUsize; MOST],
    count: AtomicUsize,
}

impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.bytes.iter().take(self.count.load(Ordering::Relaxed)) {
            match byte.load(Ordering::Relaxed) as u8 {
                printable @ b' '..=b'~' => f.write_char(char::from(printable))?,
                other => write!(f, "<{other:02x}>")?,
            }
        }
        Ok(())
    }
}

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    // 8 bits, FIFOs on; enabled in both directions.
    write32(machine.uart + LCRH, 0x70);
    write32(machine.uart + CR, 0x301);
    let started = smp::start_others(machine, |number| {
        print_lines(number, || ());
        smp::arrive();
    });
    let mut ended = false;
    print_lines(0, || ended |= read_typed(machine));
    check(
        "the others have printed",
        smp::wait_for(started, 120_000_000),
        u64::from(started),
    );
    println!("PRINTED");
    ended = ended || cpu::wait_us(120_000_000, || read_typed(machine));
    check("a carriage return was typed", ended, 0);
    println!("TYPED {TYPED}");
    failures()
}

fn print_lines(number: usize, mut between: impl FnMut()) {
    const TAIL: &str = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz";
    for line in 0..LINES {
        let tail = TAIL.get(..line % TAIL.len()).unwrap_or_default();
        println!("{number}:{line:04}:{tail}.");
        between();
    }
}

/// Takes what has been typed; says whether a carriage return was among it.
fn read_typed(machine: &Machine) -> bool {
    let mut ended = false;
    while read32(machine.uart + FR) & FR_RXFE == 0 {
        let byte = read32(machine.uart) as u8;
        if byte == b'\r' {
            ended = true;
        } else if let Some(slot) = TYPED.bytes.get(TYPED.count.fetch_add(1, Ordering::Relaxed)) {
            slot.store(usize::from(byte), Ordering::Relaxed);
        }
    }
    ended
}
