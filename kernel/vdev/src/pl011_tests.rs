//! Tests of the PL011: its registers one by one, the drivers' sequences, and the promises about bytes.

extern crate std;
use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec::Vec;

const ENABLED: u64 = 0x301;

fn read(uart: &mut Pl011, offset: u64) -> u32 {
    uart.read(offset, 4) as u32
}

fn write(uart: &mut Pl011, offset: u64, value: u32) {
    assert_eq!(uart.write(offset, 4, value.into()), None);
}

/// Enabled, with FIFOs and all interrupts unmasked.
fn enabled() -> Pl011 {
    let mut uart = Pl011::new();
    write(&mut uart, offset::LCR_H, 0x70);
    write(&mut uart, offset::CR, ENABLED as u32);
    write(&mut uart, offset::IMSC, 0x7ff);
    uart
}

fn fill(uart: &mut Pl011, count: usize) {
    for n in 0..count {
        assert!(uart.receive(n as u8));
    }
}

#[test]
fn reset_values_are_the_manual_s() {
    let mut uart = Pl011::new();
    for (register, value) in [
        (offset::DR, 0),
        (offset::RSR_ECR, 0),
        (offset::FR, 0x97),
        (offset::ILPR, 0),
        (offset::IBRD, 0),
        (offset::FBRD, 0),
        (offset::LCR_H, 0),
        (offset::CR, 0x300),
        (offset::IFLS, 0x12),
        (offset::IMSC, 0),
        (offset::RIS, 0),
        (offset::MIS, 0),
        (offset::ICR, 0),
        (offset::DMACR, 0),
    ] {
        assert_eq!(read(&mut uart, register), value, "{register:#x}");
    }
    assert!(!uart.irq());
}

/// The other tests name bits; here they get their numbers, from the manual's tables.
#[test]
fn bits_lie_where_the_manual_puts_them() {
    assert_eq!((fr::CTS, fr::DSR, fr::DCD, fr::RI), (0x1, 0x2, 0x4, 0x100));
    assert_eq!((fr::BUSY, fr::RXFE, fr::TXFF), (0x8, 0x10, 0x20));
    assert_eq!((fr::RXFF, fr::TXFE), (0x40, 0x80));
    assert_eq!((int::RI, int::CTS, int::DCD, int::DSR), (1, 2, 4, 8));
    assert_eq!((int::RX, int::TX, int::RT), (0x10, 0x20, 0x40));
    assert_eq!((int::OE, DR_OE, RSR_OE), (0x400, 0x800, 0x8));
    assert_eq!(
        (cr::UARTEN, cr::LBE, cr::TXE, cr::RXE),
        (1, 0x80, 0x100, 0x200)
    );
    assert_eq!((cr::DTR, cr::RTS), (0x400, 0x800));
    assert_eq!((cr::OUT1, cr::OUT2), (0x1000, 0x2000));
    assert_eq!((FEN, FIFO_DEPTH), (0x10, 32));
}

#[test]
fn the_identification_is_a_pl011_r1p5() {
    let mut uart = Pl011::new();
    let ids: Vec<u32> = (0..8).map(|n| read(&mut uart, 0xfe0 + 4 * n)).collect();
    assert_eq!(ids, [0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
}

#[test]
fn registers_keep_the_bits_they_have() {
    let mut uart = Pl011::new();
    for (register, mask) in [
        (offset::ILPR, 0xff),
        (offset::IBRD, 0xffff),
        (offset::FBRD, 0x3f),
        (offset::LCR_H, 0xff),
        (offset::CR, 0xff87),
        (offset::IFLS, 0x3f),
        (offset::IMSC, 0x7ff),
        (offset::DMACR, 0x7),
    ] {
        write(&mut uart, register, u32::MAX);
        assert_eq!(read(&mut uart, register), mask, "{register:#x}");
        write(&mut uart, register, 0);
        assert_eq!(read(&mut uart, register), 0, "{register:#x}");
    }
}

#[test]
fn read_only_and_absent_registers_ignore_writes() {
    let mut uart = Pl011::new();
    let before: Vec<u32> = (0..0x400).map(|n| read(&mut uart, 4 * n)).collect();
    for n in [0x08, 0x0c, 0x18, 0x1c, 0x3c, 0x40, 0x4c, 0x80, 0x84, 0xfe0] {
        write(&mut uart, n, u32::MAX);
    }
    let after: Vec<u32> = (0..0x400).map(|n| read(&mut uart, 4 * n)).collect();
    assert_eq!(before, after);
}

#[test]
fn a_written_byte_goes_out_at_once_in_every_width_even_while_disabled() {
    let mut uart = Pl011::new();
    for size in [1, 2, 4, 8] {
        assert_eq!(uart.write(offset::DR, size, 0xff41), Some(0x41));
    }
    assert_eq!(
        read(&mut uart, offset::FR) & (fr::TXFE | fr::BUSY),
        fr::TXFE
    );
}

#[test]
fn a_misaligned_access_neither_sends_nor_takes_a_byte() {
    let mut uart = enabled();
    fill(&mut uart, 1);
    assert_eq!(uart.write(offset::DR + 1, 1, 0x41), None);
    assert_eq!(uart.read(offset::DR + 1, 1), 0);
    assert_eq!(uart.room(), FIFO_DEPTH - 1);
    read(&mut uart, offset::DR);
    assert_eq!(uart.read(offset::DR + 1, 4), 0, "nor makes one up");
    assert_eq!(uart.read(offset::CR + 1, 1), 3);
}

#[test]
fn received_bytes_are_read_in_order() {
    let mut uart = enabled();
    fill(&mut uart, 3);
    for byte in 0..3 {
        assert_eq!(read(&mut uart, offset::FR) & fr::RXFE, 0);
        assert_eq!(read(&mut uart, offset::DR), byte);
    }
    assert_ne!(read(&mut uart, offset::FR) & fr::RXFE, 0);
    assert_eq!(read(&mut uart, offset::DR), 0);
}

#[test]
fn a_full_fifo_refuses_and_loses_nothing() {
    let mut uart = enabled();
    fill(&mut uart, FIFO_DEPTH);
    assert_ne!(read(&mut uart, offset::FR) & fr::RXFF, 0);
    assert!(!uart.receive(0xee));
    assert_eq!(uart.room(), 0);
    for byte in 0..FIFO_DEPTH as u32 {
        assert_eq!(read(&mut uart, offset::DR), byte);
    }
    assert_eq!(read(&mut uart, offset::RIS) & int::OE, 0);
}

#[test]
fn without_fifos_one_byte_is_full() {
    let mut uart = enabled();
    write(&mut uart, offset::LCR_H, 0x60);
    fill(&mut uart, 1);
    assert!(!uart.receive(1));
    assert_ne!(read(&mut uart, offset::FR) & fr::RXFF, 0);
    assert_eq!(read(&mut uart, offset::RIS), int::RX);
    read(&mut uart, offset::DR);
    assert_eq!(read(&mut uart, offset::RIS), 0);
}

#[test]
fn bytes_wait_outside_until_the_guest_listens() {
    let mut uart = Pl011::new();
    assert!(!uart.receive(1));
    for cr in [0x300, 0x101, 0x381] {
        write(&mut uart, offset::CR, cr);
        assert!(!uart.receive(1), "{cr:#x}");
    }
    write(&mut uart, offset::CR, 0x301);
    assert!(uart.receive(1));
}

#[test]
fn one_waiting_byte_raises_the_time_out_and_reading_it_lowers_it() {
    let mut uart = enabled();
    fill(&mut uart, 1);
    assert!(uart.irq());
    assert_eq!(read(&mut uart, offset::MIS), int::RT);
    write(&mut uart, offset::ICR, 0x7ff);
    assert!(uart.irq(), "the byte is still there");
    read(&mut uart, offset::DR);
    assert!(!uart.irq());
}

#[test]
fn the_receive_interrupt_comes_at_its_trigger_level() {
    for (select, level) in [(0, 4), (1, 8), (2, 16), (3, 24), (4, 28), (7, 16)] {
        let mut uart = enabled();
        write(&mut uart, offset::IFLS, select << 3);
        fill(&mut uart, level - 1);
        assert_eq!(read(&mut uart, offset::RIS) & int::RX, 0, "{select}");
        assert!(uart.receive(0));
        assert_ne!(read(&mut uart, offset::RIS) & int::RX, 0, "{select}");
        read(&mut uart, offset::DR);
        assert_eq!(read(&mut uart, offset::RIS) & int::RX, 0, "{select}");
    }
}

#[test]
fn the_mask_hides_an_interrupt_but_not_its_raw_state() {
    let mut uart = enabled();
    fill(&mut uart, 1);
    write(&mut uart, offset::IMSC, 0);
    assert_eq!(read(&mut uart, offset::RIS), int::RT);
    assert_eq!(read(&mut uart, offset::MIS), 0);
    assert!(!uart.irq());
}

#[test]
fn a_sent_byte_raises_the_transmit_interrupt_until_it_is_cleared() {
    let mut uart = enabled();
    assert!(!uart.irq(), "nothing was sent yet");
    assert_eq!(uart.write(offset::DR, 1, 0x41), Some(0x41));
    assert_eq!(read(&mut uart, offset::MIS), int::TX);
    write(&mut uart, offset::ICR, int::TX);
    assert!(!uart.irq());
}

#[test]
fn a_held_line_fills_the_transmit_fifo_and_empties_it_in_order() {
    let mut uart = enabled();
    uart.hold_tx(true);
    for byte in 0..FIFO_DEPTH as u64 {
        assert_eq!(read(&mut uart, offset::FR) & fr::TXFF, 0);
        assert_eq!(uart.write(offset::DR, 1, byte), None);
    }
    let flags = read(&mut uart, offset::FR);
    assert_eq!(
        flags & (fr::TXFF | fr::BUSY | fr::TXFE),
        fr::TXFF | fr::BUSY
    );
    assert!(!uart.irq(), "the FIFO is above its trigger level");
    uart.hold_tx(false);
    for byte in 0..FIFO_DEPTH as u8 {
        assert_eq!(uart.take_tx(), Some(byte));
        let left = FIFO_DEPTH - 1 - usize::from(byte);
        assert_eq!(uart.irq(), left <= FIFO_DEPTH / 2, "{left} left");
    }
    assert_eq!(uart.take_tx(), None);
    assert_eq!(uart.write(offset::DR, 1, 0x41), Some(0x41));
}

#[test]
fn without_fifos_the_transmit_interrupt_waits_for_the_last_byte() {
    let mut uart = enabled();
    write(&mut uart, offset::LCR_H, 0x60);
    uart.hold_tx(true);
    assert_eq!(uart.write(offset::DR, 1, 1), None);
    assert_ne!(read(&mut uart, offset::FR) & fr::TXFF, 0);
    uart.latched |= int::TX;
    assert_eq!(
        uart.write(offset::DR, 1, 2),
        None,
        "full: lost, as in hardware"
    );
    assert!(!uart.irq());
    assert_eq!(uart.take_tx(), Some(1));
    assert!(uart.irq());
    assert_eq!(uart.take_tx(), None);
}

#[test]
fn bytes_written_while_others_wait_queue_behind_them() {
    let mut uart = enabled();
    uart.hold_tx(true);
    assert_eq!(uart.write(offset::DR, 1, 1), None);
    uart.hold_tx(false);
    assert_eq!(uart.write(offset::DR, 1, 2), None);
    assert_eq!(uart.take_tx(), Some(1));
    assert_eq!(uart.take_tx(), Some(2));
}

#[test]
fn loopback_returns_bytes_and_loses_them_only_when_full() {
    let mut uart = enabled();
    write(&mut uart, offset::CR, 0x381);
    for byte in 0..FIFO_DEPTH as u64 {
        assert_eq!(uart.write(offset::DR, 1, byte), None);
    }
    assert_eq!(read(&mut uart, offset::RSR_ECR), 0);
    assert_eq!(uart.write(offset::DR, 1, 0xee), None);
    assert_eq!(read(&mut uart, offset::RSR_ECR), RSR_OE);
    assert_ne!(read(&mut uart, offset::RIS) & int::OE, 0);
    assert_eq!(read(&mut uart, offset::DR), DR_OE);
    for byte in 1..FIFO_DEPTH as u32 {
        assert_eq!(read(&mut uart, offset::DR), byte);
    }
    write(&mut uart, offset::RSR_ECR, 0);
    assert_eq!(read(&mut uart, offset::RSR_ECR), 0);
    write(&mut uart, offset::ICR, int::OE);
    assert_eq!(read(&mut uart, offset::RIS) & int::OE, 0);
}

#[test]
fn loopback_needs_the_receiver() {
    let mut uart = enabled();
    write(&mut uart, offset::CR, 0x181);
    assert_eq!(uart.write(offset::DR, 1, 0x41), None);
    assert_ne!(read(&mut uart, offset::FR) & fr::RXFE, 0);
}

#[test]
fn loopback_joins_the_modem_outputs_to_the_inputs_and_reports_changes() {
    let mut uart = enabled();
    let modem = fr::CTS | fr::DSR | fr::DCD | fr::RI;
    assert_eq!(read(&mut uart, offset::FR) & modem, modem & !fr::RI);
    write(&mut uart, offset::CR, 0x381);
    assert_eq!(read(&mut uart, offset::FR) & modem, 0);
    assert_eq!(read(&mut uart, offset::MIS), int::CTS | int::DSR | int::DCD);
    write(&mut uart, offset::ICR, 0xf);
    for (output, input, interrupt) in [
        (cr::RTS, fr::CTS, int::CTS),
        (cr::DTR, fr::DSR, int::DSR),
        (cr::OUT1, fr::DCD, int::DCD),
        (cr::OUT2, fr::RI, int::RI),
    ] {
        write(&mut uart, offset::CR, 0x381 | output);
        assert_eq!(read(&mut uart, offset::FR) & modem, input);
        assert_eq!(read(&mut uart, offset::MIS), interrupt);
        write(&mut uart, offset::CR, 0x381);
        write(&mut uart, offset::ICR, 0xf);
    }
}

/// Linux `amba-pl011`: start-up, then an interrupt with bytes, then transmission by interrupt.
#[test]
fn linux_driver_sequence_works() {
    let mut uart = Pl011::new();
    write(&mut uart, offset::ICR, 0x7d0);
    write(&mut uart, offset::IFLS, 0x12);
    write(&mut uart, offset::LCR_H, 0x70);
    write(&mut uart, offset::CR, 0xb01);
    write(&mut uart, offset::ICR, 0x50);
    write(&mut uart, offset::IMSC, 0x50);
    assert!(!uart.irq());
    fill(&mut uart, 2);
    assert!(uart.irq());
    while read(&mut uart, offset::FR) & fr::RXFE == 0 {
        read(&mut uart, offset::DR);
    }
    assert!(!uart.irq());
    assert_eq!(uart.write(offset::DR, 2, 0x68), Some(0x68));
    write(&mut uart, offset::IMSC, 0x70);
    assert!(uart.irq(), "more may be written");
    write(&mut uart, offset::IMSC, 0x50);
    assert!(!uart.irq());
}

#[derive(Clone, Debug)]
enum Step {
    Receive(u8),
    ReadData,
    WriteData(u8),
    Hold(bool),
    TakeTx,
    Fifos(bool),
    Clear,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Receive),
        4 => Just(Step::ReadData),
        6 => any::<u8>().prop_map(Step::WriteData),
        1 => any::<bool>().prop_map(Step::Hold),
        4 => Just(Step::TakeTx),
        1 => any::<bool>().prop_map(Step::Fifos),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    #[test]
    fn no_accepted_byte_is_lost_doubled_or_reordered(history in prop::collection::vec(steps(), 0..400)) {
        let mut uart = enabled();
        let (mut inward, mut outward) = (VecDeque::new(), VecDeque::new());
        for step in history {
            match step {
                Step::Receive(byte) => {
                    let room = uart.room();
                    let taken = uart.receive(byte);
                    prop_assert_eq!(taken, room > 0);
                    if taken {
                        inward.push_back(byte);
                    }
                }
                Step::ReadData => {
                    let empty = read(&mut uart, offset::FR) & fr::RXFE != 0;
                    prop_assert_eq!(empty, inward.is_empty());
                    let expected = inward.pop_front().map_or(0, u32::from);
                    prop_assert_eq!(read(&mut uart, offset::DR), expected);
                }
                Step::WriteData(byte) => {
                    let full = read(&mut uart, offset::FR) & fr::TXFF != 0;
                    match uart.write(offset::DR, 1, byte.into()) {
                        Some(sent) => {
                            prop_assert!(outward.is_empty());
                            prop_assert_eq!(sent, byte);
                        }
                        None if !full => outward.push_back(byte),
                        None => {}
                    }
                }
                Step::Hold(held) => uart.hold_tx(held),
                Step::TakeTx => prop_assert_eq!(uart.take_tx(), outward.pop_front()),
                Step::Fifos(on) => write(&mut uart, offset::LCR_H, if on { 0x70 } else { 0x60 }),
                Step::Clear => write(&mut uart, offset::ICR, 0x7ff),
            }
            prop_assert!(inward.is_empty() || uart.irq(), "a waiting byte is always announced");
        }
    }

    #[test]
    fn any_access_is_defined(
        accesses in prop::collection::vec((any::<bool>(), 0u64..0x1000, any::<u8>(), any::<u64>()), 0..200),
    ) {
        let mut uart = Pl011::new();
        for (is_read, offset, size, value) in accesses {
            if is_read {
                let got = uart.read(offset, size);
                if size <= 4 && size.is_power_of_two() {
                    prop_assert!(got < 1 << (8 * u32::from(size)));
                }
            } else {
                let _ = uart.write(offset, size, value);
            }
        }
    }
}
