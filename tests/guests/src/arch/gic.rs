//! The interrupt controller's registers, and the CPU interface without taking exceptions.

use crate::rt::gic::{self, reg};
use crate::rt::mmio::{read8, read32, write32};
use crate::rt::report::{check, equal};
use crate::rt::{Machine, cpu};

/// SPIs without a device, in a VM and on QEMU's `virt`: 12 from here on.
const FIRST: u32 = 44;
const MANY: u32 = 12;
/// Acknowledged when nothing is pending.
const NONE: u32 = 1023;

/// Runs the checks.
pub fn run(_: &'static Machine) {
    cpu::mask();
    identification();
    read_back(FIRST);
    read_back(20);
    if gic::is_v3() {
        read_back(5);
    }
    priorities();
    more_than_list_registers();
    preemption();
    masked();
    split_end();
    software_generated();
}

fn identification() {
    let (offset, version) = if gic::is_v3() {
        (0xffe8, 3)
    } else {
        (0xfe8, 2)
    };
    equal(
        "PIDR2.ArchRev",
        u64::from(read32(gic::distributor() + offset) >> 4 & 0xf),
        version,
    );
    let lines = read32(gic::distributor() + reg::TYPER) & 0x1f;
    check("at least 32 SPIs", lines >= 1, u64::from(lines));
    if gic::is_v3() {
        let typer = read32(gic::redistributor() + 8);
        let affinity = read32(gic::redistributor() + 12);
        equal(
            "GICR_TYPER processor number",
            u64::from(typer >> 8 & 0xffff),
            cpu::index() as u64,
        );
        equal(
            "GICR_TYPER affinity",
            u64::from(affinity),
            cpu::index() as u64,
        );
    }
}

/// Set, clear and read for one interrupt: enable, pending, active.
fn read_back(intid: u32) {
    if intid >= 32 {
        gic::route(intid, 0);
    }
    gic::poke(reg::ICENABLER, intid);
    check(
        "disabled",
        !gic::get(reg::ISENABLER, intid),
        u64::from(intid),
    );
    gic::poke(reg::ISENABLER, intid);
    check(
        "enabled",
        gic::get(reg::ISENABLER, intid) && gic::get(reg::ICENABLER, intid),
        u64::from(intid),
    );
    gic::poke(reg::ICENABLER, intid);
    check(
        "disabled again",
        !gic::get(reg::ISENABLER, intid),
        u64::from(intid),
    );
    for (name, set, clear) in [
        ("pending", reg::ISPENDR, reg::ICPENDR),
        ("active", reg::ISACTIVER, reg::ICACTIVER),
    ] {
        gic::poke(clear, intid);
        check(name, !gic::get(set, intid), u64::from(intid));
        gic::poke(set, intid);
        check(
            name,
            gic::get(set, intid) && gic::get(clear, intid),
            u64::from(intid),
        );
        gic::poke(clear, intid);
        check(name, !gic::get(set, intid), u64::from(intid));
    }
    if intid >= 32 {
        let word = gic::distributor() + reg::ICFGR + u64::from(intid / 16) * 4;
        let shift = intid % 16 * 2;
        for value in [2u32, 0] {
            write32(word, read32(word) & !(3 << shift) | value << shift);
            equal(
                "trigger reads back",
                u64::from(read32(word) >> shift & 3 & 2),
                u64::from(value),
            );
        }
        // Edge from here on: a level that nobody raises would drop software's pending state on some devices.
        write32(word, read32(word) | 2 << shift);
    }
}

fn priorities() {
    let address = gic::distributor() + reg::IPRIORITYR + u64::from(FIRST);
    gic::set_priority(FIRST, 0xa0);
    equal("priority by byte", u64::from(read8(address)), 0xa0);
    write32(address, 0x4060_80c0);
    equal("priority by word", u64::from(read32(address)), 0x4060_80c0);
    equal("byte of a word", u64::from(read8(address + 3)), 0x40);
    gic::set_priority(FIRST, 0xff);
    let lowest = read8(address);
    check(
        "at least 16 priorities",
        lowest & 0xf0 == 0xf0,
        u64::from(lowest),
    );
}

fn pend(intid: u32, priority: u8) {
    gic::route(intid, 0);
    gic::enable(intid);
    gic::set_priority(intid, priority);
    gic::poke(reg::ISPENDR, intid);
}

fn quiet(intid: u32) {
    gic::disable(intid);
    gic::poke(reg::ICPENDR, intid);
    gic::poke(reg::ICACTIVER, intid);
}

/// More pending interrupts than any implementation has list registers come in the order of their priorities.
fn more_than_list_registers() {
    for n in 0..MANY {
        // 5 and 12 have no common divisor: a permutation.
        let place = n * 5 % MANY;
        pend(FIRST + n, 0x10 + place as u8 * 0x10);
    }
    for place in 0..MANY {
        let expected = (0..MANY).find(|n| n * 5 % MANY == place).unwrap_or(0) + FIRST;
        equal(
            "HPPIR",
            u64::from(gic::highest_pending()),
            u64::from(expected),
        );
        let iar = gic::acknowledge();
        equal("most urgent first", u64::from(iar), u64::from(expected));
        equal(
            "running priority",
            u64::from(gic::running_priority()),
            u64::from(0x10 + place * 0x10),
        );
        check(
            "active",
            gic::get(reg::ISACTIVER, expected),
            u64::from(expected),
        );
        check(
            "no longer pending",
            !gic::get(reg::ISPENDR, expected),
            u64::from(expected),
        );
        gic::end(iar);
        check(
            "no longer active",
            !gic::get(reg::ISACTIVER, expected),
            u64::from(expected),
        );
    }
    equal(
        "then nothing",
        u64::from(gic::acknowledge()),
        u64::from(NONE),
    );
    equal("idle priority", u64::from(gic::running_priority()), 0xff);
    // All at once again, each pended while the others are being handled.
    for n in 0..MANY {
        pend(FIRST + n, 0x80);
    }
    let mut seen = 0u32;
    for _ in 0..MANY {
        let iar = gic::acknowledge();
        seen |= 1u32.checked_shl(iar.wrapping_sub(FIRST)).unwrap_or(0);
        gic::end(iar);
    }
    equal(
        "each of equal priority once",
        u64::from(seen),
        (1 << MANY) - 1,
    );
    (0..MANY).for_each(|n| quiet(FIRST + n));
}

fn preemption() {
    pend(FIRST, 0xa0);
    let outer = gic::acknowledge();
    equal("outer", u64::from(outer), u64::from(FIRST));
    pend(FIRST + 1, 0xa0);
    equal(
        "equal priority waits",
        u64::from(gic::acknowledge()),
        u64::from(NONE),
    );
    pend(FIRST + 2, 0x40);
    let inner = gic::acknowledge();
    equal(
        "more urgent preempts",
        u64::from(inner),
        u64::from(FIRST + 2),
    );
    gic::end(inner);
    equal(
        "back to the outer priority",
        u64::from(gic::running_priority()),
        0xa0,
    );
    gic::end(outer);
    let next = gic::acknowledge();
    equal("the one that waited", u64::from(next), u64::from(FIRST + 1));
    gic::end(next);
    (0..3).for_each(|n| quiet(FIRST + n));
}

fn masked() {
    gic::set_mask(0x80);
    pend(FIRST, 0xa0);
    equal(
        "the mask holds it back",
        u64::from(gic::acknowledge()),
        u64::from(NONE),
    );
    gic::set_mask(0xff);
    let iar = gic::acknowledge();
    equal("and lets it through", u64::from(iar), u64::from(FIRST));
    gic::end(iar);
    gic::disable(FIRST);
    gic::poke(reg::ISPENDR, FIRST);
    equal(
        "disabled: not delivered",
        u64::from(gic::acknowledge()),
        u64::from(NONE),
    );
    quiet(FIRST);
}

/// EOImode 1: priority drop and deactivation are two steps.
fn split_end() {
    gic::split_end(true);
    pend(FIRST, 0xa0);
    let iar = gic::acknowledge();
    equal("split: acknowledged", u64::from(iar), u64::from(FIRST));
    gic::end(iar);
    equal(
        "split: priority dropped",
        u64::from(gic::running_priority()),
        0xff,
    );
    check("split: still active", gic::get(reg::ISACTIVER, FIRST), 0);
    gic::poke(reg::ISPENDR, FIRST);
    equal(
        "split: not again while active",
        u64::from(gic::acknowledge()),
        u64::from(NONE),
    );
    gic::deactivate(iar);
    check("split: inactive", !gic::get(reg::ISACTIVER, FIRST), 0);
    let again = gic::acknowledge();
    equal("split: now again", u64::from(again), u64::from(FIRST));
    gic::end(again);
    gic::deactivate(again);
    gic::split_end(false);
    quiet(FIRST);
}

fn software_generated() {
    for intid in [0, 7, 15] {
        gic::enable(intid);
        gic::sgi_self(intid);
        let iar = gic::acknowledge();
        equal("SGI to self", u64::from(iar & 0x3ff), u64::from(intid));
        equal(
            "SGI's sender is me",
            u64::from(iar >> 10 & 7),
            cpu::index() as u64,
        );
        gic::end(iar);
        gic::sgi(intid, 1 << cpu::index());
        let iar = gic::acknowledge();
        equal("SGI by list", u64::from(iar & 0x3ff), u64::from(intid));
        gic::end(iar);
        gic::sgi_others(intid);
        equal(
            "SGI to others spares me",
            u64::from(gic::acknowledge()),
            u64::from(NONE),
        );
        gic::sgi(intid, 0);
        equal(
            "SGI to nobody",
            u64::from(gic::acknowledge()),
            u64::from(NONE),
        );
    }
}
