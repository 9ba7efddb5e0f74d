//! Device registers and other memory by its address.

use core::arch::asm;

/// Reads 32 bits.
#[must_use]
pub fn read32(address: u64) -> u32 {
    let value: u32;
    // SAFETY: a load; an address without memory raises an abort, which our vectors handle.
    unsafe { asm!("ldr {v:w}, [{a}]", v = out(reg) value, a = in(reg) address, options(nostack)) };
    value
}

/// Writes 32 bits.
pub fn write32(address: u64, value: u32) {
    // SAFETY: the programs write only to device registers and to memory set aside for it.
    unsafe { asm!("str {v:w}, [{a}]", v = in(reg) value, a = in(reg) address, options(nostack)) };
}

/// Reads 64 bits.
#[must_use]
pub fn read64(address: u64) -> u64 {
    let value: u64;
    // SAFETY: as for `read32`.
    unsafe { asm!("ldr {v}, [{a}]", v = out(reg) value, a = in(reg) address, options(nostack)) };
    value
}

/// Writes 64 bits.
pub fn write64(address: u64, value: u64) {
    // SAFETY: as for `write32`.
    unsafe { asm!("str {v}, [{a}]", v = in(reg) value, a = in(reg) address, options(nostack)) };
}

/// Reads 8 bits.
#[must_use]
pub fn read8(address: u64) -> u8 {
    let value: u32;
    // SAFETY: as for `read32`.
    unsafe { asm!("ldrb {v:w}, [{a}]", v = out(reg) value, a = in(reg) address, options(nostack)) };
    value as u8
}

/// Writes 8 bits.
pub fn write8(address: u64, value: u8) {
    // SAFETY: as for `write32`.
    unsafe {
        asm!("strb {v:w}, [{a}]", v = in(reg) u32::from(value), a = in(reg) address, options(nostack))
    };
}

/// Reads 16 bits.
#[must_use]
pub fn read16(address: u64) -> u16 {
    let value: u32;
    // SAFETY: as for `read32`.
    unsafe { asm!("ldrh {v:w}, [{a}]", v = out(reg) value, a = in(reg) address, options(nostack)) };
    value as u16
}

/// Writes 16 bits.
pub fn write16(address: u64, value: u16) {
    // SAFETY: as for `write32`.
    unsafe {
        asm!("strh {v:w}, [{a}]", v = in(reg) u32::from(value), a = in(reg) address, options(nostack))
    };
}
