//! A PL011 UART r1p5 (Arm DDI 0183G) whose line is the console multiplexer.
//!
//! Guarantees: a byte accepted by [`Pl011::receive`] is read by the guest, in order, exactly once; one that
//! does not fit is refused, so there are no overruns from outside. A byte written while the transmitter is
//! not full goes out in order, exactly once. Where it differs from the hardware:
//!
//! - There is no baud rate. A byte is sent at once, unless the owner holds the line ([`Pl011::hold_tx`]).
//! - The receive time-out comes at once: its interrupt is up whenever the FIFO holds a byte, so `UARTICR`
//!   does not clear it (nor the receive interrupt) before the bytes are read.
//! - It sends even while `UARTCR` does not enable it, as firmware usually left it enabled and early
//!   consoles rely on that. It receives only while enabled: until then bytes wait outside.
//! - DMA registers hold their value, and nothing happens; the test registers do not exist.

use crate::fifo::Fifo;
use crate::lane::{Lane, identification};

/// Bytes in either FIFO: revision r1p5 has 32.
pub const FIFO_DEPTH: usize = 32;

/// Register offsets (DDI 0183G §3.2).
mod offset {
    pub const DR: u64 = 0x00;
    pub const RSR_ECR: u64 = 0x04;
    pub const FR: u64 = 0x18;
    pub const ILPR: u64 = 0x20;
    pub const IBRD: u64 = 0x24;
    pub const FBRD: u64 = 0x28;
    pub const LCR_H: u64 = 0x2c;
    pub const CR: u64 = 0x30;
    pub const IFLS: u64 = 0x34;
    pub const IMSC: u64 = 0x38;
    pub const RIS: u64 = 0x3c;
    pub const MIS: u64 = 0x40;
    pub const ICR: u64 = 0x44;
    pub const DMACR: u64 = 0x48;
}

/// `UARTFR` (§3.3.3).
mod fr {
    pub const CTS: u32 = 1 << 0;
    pub const DSR: u32 = 1 << 1;
    pub const DCD: u32 = 1 << 2;
    pub const BUSY: u32 = 1 << 3;
    pub const RXFE: u32 = 1 << 4;
    pub const TXFF: u32 = 1 << 5;
    pub const RXFF: u32 = 1 << 6;
    pub const TXFE: u32 = 1 << 7;
    pub const RI: u32 = 1 << 8;
}

/// `UARTCR` (§3.3.8).
mod cr {
    pub const UARTEN: u32 = 1 << 0;
    pub const LBE: u32 = 1 << 7;
    pub const TXE: u32 = 1 << 8;
    pub const RXE: u32 = 1 << 9;
    pub const DTR: u32 = 1 << 10;
    pub const RTS: u32 = 1 << 11;
    pub const OUT1: u32 = 1 << 12;
    pub const OUT2: u32 = 1 << 13;
    /// The bits that exist.
    pub const MASK: u32 = 0xff87;
}

/// Interrupts: `UARTIMSC`, `UARTRIS`, `UARTMIS`, `UARTICR` (§3.3.10 to §3.3.13).
mod int {
    pub const RI: u32 = 1 << 0;
    pub const CTS: u32 = 1 << 1;
    pub const DCD: u32 = 1 << 2;
    pub const DSR: u32 = 1 << 3;
    pub const RX: u32 = 1 << 4;
    pub const TX: u32 = 1 << 5;
    pub const RT: u32 = 1 << 6;
    pub const OE: u32 = 1 << 10;
    /// The bits that exist.
    pub const MASK: u32 = 0x7ff;
}

/// `UARTLCR_H.FEN` (§3.3.7): both FIFOs are in use.
const FEN: u32 = 1 << 4;
/// `UARTDR.OE` and `UARTRSR.OE` (§3.3.1, §3.3.2).
const DR_OE: u32 = 1 << 11;
const RSR_OE: u32 = 1 << 3;
/// `UARTPeriphID0` to 3 and `UARTPCellID0` to 3 (§3.3.15, §3.3.16); revision 3 is r1p5.
const IDENTIFICATION: [u8; 8] = [0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

/// The UART.
#[derive(Clone, Debug)]
pub struct Pl011 {
    rx: Fifo<FIFO_DEPTH>,
    tx: Fifo<FIFO_DEPTH>,
    held: bool,
    /// The next byte read follows a lost one (loopback only).
    overrun: bool,
    rsr: u32,
    ilpr: u32,
    ibrd: u32,
    fbrd: u32,
    lcr_h: u32,
    cr: u32,
    ifls: u32,
    imsc: u32,
    /// Raw interrupts that stay until cleared; the receive interrupts are not among them.
    latched: u32,
    dmacr: u32,
}

impl Pl011 {
    /// The UART after reset.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rx: Fifo::new(),
            tx: Fifo::new(),
            held: false,
            overrun: false,
            rsr: 0,
            ilpr: 0,
            ibrd: 0,
            fbrd: 0,
            lcr_h: 0,
            cr: cr::TXE | cr::RXE,
            ifls: 0x12,
            imsc: 0,
            latched: 0,
            dmacr: 0,
        }
    }

    /// The guest reads `size` bytes at `offset`. Reading data can change [`Pl011::irq`] and make room for
    /// [`Pl011::receive`].
    pub fn read(&mut self, offset: u64, size: u8) -> u64 {
        let lane = Lane::new(offset, size);
        let value = match lane.register {
            offset::DR if lane.whole => self.take_rx(),
            offset::DR => self.rx.peek().map_or(0, u32::from),
            offset::RSR_ECR => self.rsr,
            offset::FR => self.flags(),
            offset::ILPR => self.ilpr,
            offset::IBRD => self.ibrd,
            offset::FBRD => self.fbrd,
            offset::LCR_H => self.lcr_h,
            offset::CR => self.cr,
            offset::IFLS => self.ifls,
            offset::IMSC => self.imsc,
            offset::RIS => self.raw(),
            offset::MIS => self.raw() & self.imsc,
            offset::DMACR => self.dmacr,
            other => identification(other, &IDENTIFICATION),
        };
        lane.read(value)
    }

    /// The guest writes `size` bytes at `offset`. Returns the byte that goes out on the line, if one does.
    /// Can change [`Pl011::irq`].
    #[must_use = "the byte must go out"]
    pub fn write(&mut self, offset: u64, size: u8, value: u64) -> Option<u8> {
        let lane = Lane::new(offset, size);
        let value = lane.write(value)?;
        match lane.register {
            offset::DR => return self.transmit(value as u8),
            offset::RSR_ECR => self.rsr = 0,
            offset::ILPR => self.ilpr = value & 0xff,
            offset::IBRD => self.ibrd = value & 0xffff,
            offset::FBRD => self.fbrd = value & 0x3f,
            offset::LCR_H => self.lcr_h = value & 0xff,
            offset::CR => self.control(value),
            offset::IFLS => self.ifls = value & 0x3f,
            offset::IMSC => self.imsc = value & int::MASK,
            offset::ICR => self.latched &= !value,
            offset::DMACR => self.dmacr = value & 0x7,
            _ => {}
        }
        None
    }

    /// The level of the combined interrupt, `UARTINTR`.
    #[inline]
    #[must_use]
    pub fn irq(&self) -> bool {
        self.raw() & self.imsc != 0
    }

    /// A byte comes in on the line. False if there is no room or the guest does not listen: then nothing
    /// has changed, and it may be offered again after the guest's next access. Can change [`Pl011::irq`].
    #[must_use = "a refused byte is still the caller's"]
    pub fn receive(&mut self, byte: u8) -> bool {
        self.room() > 0 && self.rx.push(byte)
    }

    /// How many bytes [`Pl011::receive`] would take now.
    #[must_use]
    pub fn room(&self) -> usize {
        const LISTENS: u32 = cr::UARTEN | cr::RXE;
        if self.cr & (LISTENS | cr::LBE) == LISTENS {
            self.depth().saturating_sub(self.rx.len())
        } else {
            0
        }
    }

    /// Holds the line or lets go of it: while held, bytes written stay in the transmit FIFO, and when that
    /// is full the guest sees it full. After letting go, call [`Pl011::take_tx`] until it returns `None`.
    pub const fn hold_tx(&mut self, held: bool) {
        self.held = held;
    }

    /// Takes the next byte that waits in the transmit FIFO. Can change [`Pl011::irq`].
    pub fn take_tx(&mut self) -> Option<u8> {
        let byte = self.tx.pop()?;
        if self.tx.len() <= self.tx_level() {
            self.latched |= int::TX;
        }
        Some(byte)
    }

    /// Bytes of a FIFO, or of the holding register that stands for it without `FEN`.
    const fn depth(&self) -> usize {
        if self.lcr_h & FEN == 0 { 1 } else { FIFO_DEPTH }
    }

    fn take_rx(&mut self) -> u32 {
        let Some(byte) = self.rx.pop() else {
            return 0;
        };
        let overrun = if self.overrun { DR_OE } else { 0 };
        self.overrun = false;
        u32::from(byte) | overrun
    }

    fn transmit(&mut self, byte: u8) -> Option<u8> {
        if self.cr & cr::LBE != 0 {
            self.loop_back(byte);
            self.latched |= int::TX;
            return None;
        }
        if !self.held && self.tx.is_empty() {
            // In and out again: the FIFO has passed its trigger level downwards.
            self.latched |= int::TX;
            return Some(byte);
        }
        if self.tx.len() < self.depth() {
            self.tx.push(byte);
        }
        if self.tx.len() > self.tx_level() {
            self.latched &= !int::TX;
        }
        None
    }

    fn loop_back(&mut self, byte: u8) {
        if self.cr & cr::RXE == 0 {
            return;
        }
        if self.rx.len() >= self.depth() || !self.rx.push(byte) {
            self.overrun = true;
            self.rsr |= RSR_OE;
            self.latched |= int::OE;
        }
    }

    /// A write to `UARTCR`. In loopback the modem outputs are the modem inputs, which can change here.
    fn control(&mut self, value: u32) {
        let before = self.modem();
        self.cr = value & cr::MASK;
        let changed = before ^ self.modem();
        for (line, interrupt) in [
            (fr::RI, int::RI),
            (fr::CTS, int::CTS),
            (fr::DCD, int::DCD),
            (fr::DSR, int::DSR),
        ] {
            if changed & line != 0 {
                self.latched |= interrupt;
            }
        }
    }

    /// The modem inputs, as flags: a line that is always ready, or the outputs looped back (§2.4.3).
    fn modem(&self) -> u32 {
        if self.cr & cr::LBE == 0 {
            return fr::CTS | fr::DSR | fr::DCD;
        }
        [
            (cr::RTS, fr::CTS),
            (cr::DTR, fr::DSR),
            (cr::OUT1, fr::DCD),
            (cr::OUT2, fr::RI),
        ]
        .iter()
        .filter(|(output, _)| self.cr & output != 0)
        .fold(0, |flags, (_, input)| flags | input)
    }

    fn flags(&self) -> u32 {
        let mut flags = self.modem();
        if self.rx.is_empty() {
            flags |= fr::RXFE;
        }
        if self.rx.len() >= self.depth() {
            flags |= fr::RXFF;
        }
        if self.tx.is_empty() {
            flags |= fr::TXFE;
        } else {
            flags |= fr::BUSY;
        }
        if self.tx.len() >= self.depth() {
            flags |= fr::TXFF;
        }
        flags
    }

    fn raw(&self) -> u32 {
        let received = if self.lcr_h & FEN == 0 {
            if self.rx.is_empty() { 0 } else { int::RX }
        } else if self.rx.is_empty() {
            0
        } else if self.rx.len() >= level(self.ifls >> 3) {
            int::RT | int::RX
        } else {
            int::RT
        };
        self.latched | received
    }

    /// The transmit interrupt comes when the FIFO holds no more than this.
    const fn tx_level(&self) -> usize {
        if self.lcr_h & FEN == 0 {
            0
        } else {
            level(self.ifls)
        }
    }
}

impl Default for Pl011 {
    fn default() -> Self {
        Self::new()
    }
}

/// The trigger level that the low three bits select (§3.3.9), in bytes; the reserved ones mean one half.
const fn level(select: u32) -> usize {
    match select & 7 {
        0 => FIFO_DEPTH / 8,
        1 => FIFO_DEPTH / 4,
        3 => FIFO_DEPTH / 4 * 3,
        4 => FIFO_DEPTH / 8 * 7,
        _ => FIFO_DEPTH / 2,
    }
}

#[cfg(test)]
#[path = "pl011_tests.rs"]
mod tests;
