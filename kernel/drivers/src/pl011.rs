//! PL011 UART (Arm DDI 0183): the machine's console. Polled output, interrupt-driven input.
//!
//! The baud rate stays as firmware set it. One core writes at a time; input is drained by one at a time.

use tables::Uart;
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};
use tock_registers::{register_bitfields, register_structs};

use crate::mmio::Registers;

register_structs! {
    Layout {
        (0x00 => dr: ReadWrite<u32, Data::Register>),
        (0x04 => _reserved0),
        (0x18 => fr: ReadOnly<u32, Flags::Register>),
        (0x1c => _reserved1),
        (0x2c => lcr_h: ReadWrite<u32, Line::Register>),
        (0x30 => cr: ReadWrite<u32, Control::Register>),
        (0x34 => ifls: ReadWrite<u32>),
        (0x38 => imsc: ReadWrite<u32, Interrupt::Register>),
        (0x3c => ris: ReadOnly<u32, Interrupt::Register>),
        (0x40 => mis: ReadOnly<u32, Interrupt::Register>),
        (0x44 => icr: WriteOnly<u32, Interrupt::Register>),
        (0x48 => @END),
    }
}

register_bitfields![u32,
    Data [
        Byte OFFSET(0) NUMBITS(8) [],
        /// Framing, parity, break, overrun.
        Errors OFFSET(8) NUMBITS(4) [],
    ],
    Flags [
        Busy OFFSET(3) NUMBITS(1) [],
        ReceiveEmpty OFFSET(4) NUMBITS(1) [],
        TransmitFull OFFSET(5) NUMBITS(1) [],
    ],
    Line [
        Fifos OFFSET(4) NUMBITS(1) [],
        WordLength OFFSET(5) NUMBITS(2) [ Eight = 3 ],
    ],
    Control [
        Enable OFFSET(0) NUMBITS(1) [],
        Transmit OFFSET(8) NUMBITS(1) [],
        Receive OFFSET(9) NUMBITS(1) [],
    ],
    Interrupt [
        Receive OFFSET(4) NUMBITS(1) [],
        /// Input lies in the FIFO below its trigger level for 32 bit times.
        ReceiveTimeout OFFSET(6) NUMBITS(1) [],
        All OFFSET(0) NUMBITS(11) [],
    ],
];

impl core::fmt::Debug for Layout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PL011 registers")
    }
}

/// The console's UART.
#[derive(Debug)]
pub struct Pl011(Registers<Layout>);

impl Pl011 {
    /// The UART that the board's table describes.
    ///
    /// # Safety
    ///
    /// A PL011 is there, mapped as a device whenever a method is called, and this is its only driver (but for
    /// the early UART, which is not used at the same time).
    #[must_use]
    pub const unsafe fn new(uart: &Uart) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Registers::at(uart.region.base) })
    }

    /// Enables it, 8 data bits, FIFOs on, all interrupts masked.
    pub fn init(&self) {
        let uart = &self.0;
        uart.imsc.set(0);
        uart.icr.write(Interrupt::All.val(0x7ff));
        if !uart.lcr_h.is_set(Line::Fifos) {
            // The line control register may be written only while the UART is idle and off; what
            // firmware wrote must leave first.
            while uart.fr.is_set(Flags::Busy) {}
            uart.cr.set(0);
            uart.lcr_h.write(Line::WordLength::Eight + Line::Fifos::SET);
        }
        uart.cr
            .modify(Control::Enable::SET + Control::Transmit::SET + Control::Receive::SET);
    }

    /// Sends a byte if there is room; says whether it did.
    #[inline]
    pub fn try_put(&self, byte: u8) -> bool {
        let room = !self.0.fr.is_set(Flags::TransmitFull);
        if room {
            self.0.dr.set(u32::from(byte));
        }
        room
    }

    /// Sends a byte, waiting for room.
    #[inline]
    pub fn put(&self, byte: u8) {
        while !self.try_put(byte) {
            core::hint::spin_loop();
        }
    }

    /// Takes a received byte. One that arrived damaged is passed over.
    #[inline]
    pub fn get(&self) -> Option<u8> {
        while self.has_received() {
            let data = self.0.dr.extract();
            if data.read(Data::Errors) == 0 {
                return Some(data.read(Data::Byte) as u8);
            }
        }
        None
    }

    /// Whether [`Pl011::get`] would find something.
    #[inline]
    pub fn has_received(&self) -> bool {
        !self.0.fr.is_set(Flags::ReceiveEmpty)
    }

    /// Waits until everything has left: before the machine goes off.
    pub fn flush(&self) {
        while self.0.fr.is_set(Flags::Busy) {
            core::hint::spin_loop();
        }
    }

    /// Raises the interrupt when input arrives. It falls when [`Pl011::get`] has taken everything.
    pub fn enable_receive_interrupt(&self) {
        self.0
            .imsc
            .write(Interrupt::Receive::SET + Interrupt::ReceiveTimeout::SET);
    }

    /// Does not raise the interrupt any more.
    pub fn disable_interrupts(&self) {
        self.0.imsc.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmio::fake;

    fn uart() -> Pl011 {
        Pl011(fake::registers())
    }

    #[test]
    fn init_turns_fifos_and_both_directions_on_and_masks_interrupts() {
        let uart = uart();
        uart.0.imsc.set(0x7ff);
        uart.init();
        assert_eq!(uart.0.lcr_h.get(), 0x70);
        assert_eq!(uart.0.cr.get(), 0x301);
        assert_eq!(uart.0.imsc.get(), 0);
    }

    #[test]
    fn init_leaves_a_line_that_firmware_set_up_alone() {
        let uart = uart();
        uart.0.lcr_h.set(0x78);
        uart.0.cr.set(0xc301);
        uart.init();
        assert_eq!(uart.0.lcr_h.get(), 0x78);
        assert_eq!(uart.0.cr.get(), 0xc301);
    }

    #[test]
    fn a_byte_is_sent_when_there_is_room() {
        let uart = uart();
        assert!(uart.try_put(b'x'));
        assert_eq!(uart.0.dr.get(), u32::from(b'x'));
    }

    #[test]
    fn both_receive_interrupts_are_enabled() {
        let uart = uart();
        uart.enable_receive_interrupt();
        assert_eq!(uart.0.imsc.get(), 1 << 4 | 1 << 6);
        uart.disable_interrupts();
        assert_eq!(uart.0.imsc.get(), 0);
    }
}
