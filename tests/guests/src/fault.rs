//! Makes a hypervisor with `CONFIG_DEBUG_FAULT` fail, as the digit says that is typed: see `kernel/image/src/provoke.rs`.

use crate::println;
use crate::rt::fault::provoke;
use crate::rt::mmio::{read32, write32};
use crate::rt::report::{check, failures};
use crate::rt::{Machine, cpu};

/// Offsets and bits of the PL011 (DDI 0183).
const FR: u64 = 0x18;
const FR_RXFE: u32 = 1 << 4;
const CR: u64 = 0x30;

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    write32(machine.uart + CR, 0x301);
    println!("which fault?");
    let typed = cpu::wait_us(60_000_000, || read32(machine.uart + FR) & FR_RXFE == 0);
    check("a digit was typed", typed, 0);
    let how = u64::from(read32(machine.uart) as u8).wrapping_sub(u64::from(b'0'));
    let answer = provoke(how);
    println!("the hypervisor lives: {answer:#x}");
    failures()
}
