//! PL011 and PL031: registers, and level-triggered interrupts that come again until their cause is gone.

use crate::println;
use crate::rt::gic::{self, reg};
use crate::rt::mmio::{read32, write32};
use crate::rt::report::{check, equal};
use crate::rt::{Machine, cpu};

const UART_INTID: u32 = 33;
const RTC_INTID: u32 = 34;

/// Runs the checks.
pub fn run(machine: &'static Machine) {
    cpu::mask();
    uart(machine.uart);
    if machine.rtc == 0 {
        println!("  no PL031");
    } else {
        clock(machine.rtc);
    }
}

/// PrimeCell identification: eight bytes in eight words at the end of the page.
fn identity(name: &str, base: u64, part: u64) {
    let id = (0..8).fold(0u64, |id, n| {
        id | u64::from(read32(base + 0xfe0 + n * 4) & 0xff) << (n * 8)
    });
    // The revision, bits 23:20, may differ.
    equal(name, id & !0xf0_0000, 0xb105_f00d_0000_0000 | part);
}

fn uart(base: u64) {
    identity("PL011 identity", base, 0x0004_1011);
    let flags = read32(base + 0x18);
    check(
        "FR: transmitter empty, receiver empty",
        flags & 0x98 == 0x90,
        u64::from(flags),
    );
    let (ibrd, fbrd, lcr) = (
        read32(base + 0x24),
        read32(base + 0x28),
        read32(base + 0x2c),
    );
    write32(base + 0x24, 13);
    write32(base + 0x28, 1);
    equal("IBRD", u64::from(read32(base + 0x24)), 13);
    equal("FBRD", u64::from(read32(base + 0x28)), 1);
    write32(base + 0x24, ibrd);
    write32(base + 0x28, fbrd);
    write32(base + 0x2c, lcr);
    let control = read32(base + 0x30);
    write32(base + 0x30, 0x301);
    equal("CR", u64::from(read32(base + 0x30)), 0x301);
    write32(base + 0x30, control | 0x301);
    for mask in [0x7ff, 0x050, 0] {
        write32(base + 0x38, mask);
        equal("IMSC", u64::from(read32(base + 0x38)), u64::from(mask));
    }
    // Transmit interrupt: a byte goes out, the FIFO is below its level.
    write32(base + 0x44, 0x7ff);
    write32(base, u32::from(b' '));
    write32(base, u32::from(b'\n'));
    check(
        "RIS.TX after sending",
        cpu::wait_us(100_000, || read32(base + 0x3c) & 0x20 != 0),
        u64::from(read32(base + 0x3c)),
    );
    equal("MIS is masked", u64::from(read32(base + 0x40)), 0);
    level(
        "PL011",
        UART_INTID,
        || write32(base + 0x38, 0x20),
        || write32(base + 0x44, 0x20),
    );
    write32(base + 0x38, 0);
}

fn clock(base: u64) {
    identity("PL031 identity", base, 0x0004_1031);
    let (data, load, compare, mask) = (base, base + 8, base + 4, base + 0x10);
    let now = read32(data);
    check(
        "the clock runs",
        cpu::wait_us(2_500_000, || read32(data) != now),
        u64::from(now),
    );
    write32(load, 0x5000_0000);
    let set = read32(data);
    check(
        "the clock can be set",
        set.wrapping_sub(0x5000_0000) < 3,
        u64::from(set),
    );
    write32(base + 0x1c, 1);
    write32(mask, 0);
    write32(compare, read32(data).wrapping_add(1));
    check(
        "the alarm rings",
        cpu::wait_us(2_500_000, || read32(base + 0x14) == 1),
        u64::from(read32(base + 0x14)),
    );
    equal("masked", u64::from(read32(base + 0x18)), 0);
    level(
        "PL031",
        RTC_INTID,
        || write32(mask, 1),
        || write32(base + 0x1c, 1),
    );
    equal("the alarm is cleared", u64::from(read32(base + 0x14)), 0);
    write32(mask, 0);
    write32(load, now);
}

/// A raised level is pending, pending again after an end of interrupt, and gone with its cause.
fn level(name: &str, intid: u32, raise: impl Fn(), lower: impl Fn()) {
    gic::poke(reg::ICPENDR, intid);
    let word = gic::distributor() + reg::ICFGR + u64::from(intid / 16) * 4;
    write32(word, read32(word) & !(2 << (intid % 16 * 2)));
    gic::route(intid, 0);
    gic::enable(intid);
    check(name, !gic::get(reg::ISPENDR, intid), 0);
    raise();
    check(
        name,
        cpu::wait_us(100_000, || gic::get(reg::ISPENDR, intid)),
        1,
    );
    for _ in 0..3 {
        let iar = gic::acknowledge();
        equal(name, u64::from(iar), u64::from(intid));
        gic::end(iar);
        check(
            name,
            cpu::wait_us(100_000, || gic::get(reg::ISPENDR, intid)),
            2,
        );
    }
    // Clearing the pending bit does not lower the line.
    gic::poke(reg::ICPENDR, intid);
    check(name, gic::get(reg::ISPENDR, intid), 3);
    let iar = gic::acknowledge();
    equal(name, u64::from(iar), u64::from(intid));
    lower();
    gic::end(iar);
    check(
        name,
        cpu::wait_us(100_000, || !gic::get(reg::ISPENDR, intid)),
        4,
    );
    let iar = gic::acknowledge();
    equal(name, u64::from(iar), 1023);
    gic::disable(intid);
}
