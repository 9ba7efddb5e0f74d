//! Handles of another VM: worth nothing here, and their operation goes on there as if nothing had been tried.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::ops::{self, error, stat};

use super::{MIB, check, round, stat_of, with_timer};
use crate::rt::exception::Frame;
use crate::rt::hypercall::{call, raw};
use crate::rt::mmio::{read64, write64};
use crate::rt::report::equal;
use crate::rt::timer::sleep_us;
use crate::rt::{Machine, cpu};

/// Where the other VM shows its handles, in its RAM, and where we map that.
const SHOWN: u64 = 0x4020_0000;
const MAPPED: u64 = 0x83c0_0000;
const TAG: u64 = 0xf0;
const TRIES: u64 = 5000;

/// Handles shown so far.
static SHOWN_SO_FAR: AtomicU64 = AtomicU64::new(0);

/// The other VM: shows each handle that it sees, until it is told to stop.
pub fn hold(machine: &Machine) {
    cpu::mask();
    write64(SHOWN, 0);
    write64(SHOWN + 8, 0);
    let to = machine.number("vm=").unwrap_or(0);
    // For writing: that is how we are told.
    let granted = call(ops::GRANT, [SHOWN, 1, to, ops::grant::WRITE, TAG]);
    check(
        "the page is granted",
        granted.is_ok(),
        granted.status as u64,
    );
    while read64(SHOWN + 8) == 0 {
        with_timer(50, show, || round(8 * MIB));
    }
    crate::println!(
        "abuse: {} handles shown",
        SHOWN_SO_FAR.load(Ordering::Relaxed)
    );
}

fn show(_: &mut Frame, handle: u64) {
    SHOWN_SO_FAR.fetch_add(1, Ordering::Relaxed);
    write64(SHOWN, handle);
}

/// Tries the other VM's handles; returns how many.
pub fn run(machine: &Machine) -> u64 {
    cpu::mask();
    let vm = machine.number("vm=").unwrap_or(1);
    let mut found = call(ops::GRANT_FIND, [vm, TAG]);
    for _ in 0..5000 {
        if found.is_ok() {
            break;
        }
        sleep_us(1000);
        found = call(ops::GRANT_FIND, [vm, TAG]);
    }
    let mapped = call(ops::GRANT_MAP, [found.value(), MAPPED]);
    check(
        "the other's page is mapped",
        mapped.is_ok(),
        mapped.status as u64,
    );
    if !mapped.is_ok() {
        return 0;
    }
    let mut tries = 0;
    for _ in 0..TRIES {
        let handle = read64(MAPPED);
        if handle != 0 {
            let answer = raw(u64::from(ops::RESUME), [handle, 0, 0, 0, 0, 0]);
            equal(
                "another VM's handle",
                answer.status as u64,
                error::HANDLE as u64,
            );
            tries += 1;
        }
        // It has to get a turn, if we share a core.
        if tries % 16 == 0 {
            sleep_us(100);
        }
    }
    equal("nothing is suspended here", stat_of(stat::SUSPENDED), 0);
    write64(MAPPED + 8, 1);
    let unmapped = call(ops::GRANT_UNMAP, [found.value()]);
    // Told so, it ends, and may have done so already: then its page has gone with it.
    check(
        "the other's page is unmapped",
        unmapped.is_ok() || unmapped.status == error::NO_GRANT,
        unmapped.status as u64,
    );
    tries
}
