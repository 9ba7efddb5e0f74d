//! Situations in which other hypervisors' continuations went wrong, by the numbers of their Xen security advisories.
//!
//! Each is made with interrupts that come in the middle, so that operations leave where the model lets them, and ends with
//! what the guest must find. What the hypervisor's own tests show of the same is named alike.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use abi::ops::{self, copy, error, limits, multi, stat};

use super::{MIB, WINDOW, clear, end, leave, stat_of, with_timer};
use crate::println;
use crate::rt::exception::Frame;
use crate::rt::hypercall::{Answer, call, raw};
use crate::rt::mmio::{read64, write64};
use crate::rt::report::{check, equal, failures};

/// Lists: RAM behind the program.
const LIST: u64 = 0x4022_0000;
/// Microseconds between interrupts: an operation of any length is interrupted.
const OFTEN: u64 = 20;
/// Operations that were let go of.
static DROPPED: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// What a call returns that was let go of.
const LET_GO: i64 = -1000;

/// Tries them; returns how many.
pub fn run() -> u64 {
    let all: [(&str, fn()); 7] = [
        (
            "XSA-58, 299, 310: an operation let go of keeps no page",
            partial_state,
        ),
        (
            "XSA-125: a list as long as it may be is done to its end",
            long_list,
        ),
        ("XSA-145: a call in a list is interrupted", inside_a_list),
        ("XSA-226, 318: every status is written", every_status),
        ("XSA-344: all ports are reset in one call", all_ports),
        (
            "XSA-380, 410: much memory is given back in one call",
            much_memory,
        ),
        (
            "XSA-111, 296, 454: RESUME with what a guest thinks of",
            resume_anything,
        ),
    ];
    for (name, try_it) in all {
        let before = failures();
        try_it();
        resume_dropped();
        equal("nothing is left suspended", stat_of(stat::SUSPENDED), 0);
        if failures() == before {
            println!("{name}: ok");
        }
    }
    all.len() as u64
}

/// Lets go of it, but remembers it.
fn let_go(frame: &mut Frame, handle: u64) {
    if let Some(slot) = DROPPED.get(NEXT.fetch_add(1, Ordering::Relaxed)) {
        slot.store(handle, Ordering::Relaxed);
    }
    end(frame, LET_GO);
}

/// Finishes what was let go of and has not been cancelled.
fn resume_dropped() {
    for slot in &DROPPED {
        let handle = slot.swap(0, Ordering::Relaxed);
        if handle != 0 {
            let answer = raw(u64::from(ops::RESUME), [handle, 0, 0, 0, 0, 0]);
            let good = [0, error::HANDLE].contains(&answer.status);
            check(
                "what was let go of can be finished",
                good,
                answer.status as u64,
            );
        }
    }
    NEXT.store(0, Ordering::Relaxed);
}

/// Populating is let go of half way, often enough for some to be cancelled; what they had is all there or not at all.
fn partial_state() {
    let before = stat_of(stat::HEAP_HELD);
    with_timer(OFTEN, let_go, || {
        for number in 0..16 {
            let at = WINDOW + number * 2 * MIB;
            let answer = call(ops::POPULATE, [at, 2 * MIB, ops::populate::PAGES]);
            let good = [0, LET_GO].contains(&answer.status);
            check("populated or let go of", good, answer.status as u64);
        }
    });
    resume_dropped();
    let held = stat_of(stat::HEAP_HELD) - before;
    let mut mapped = 0;
    for page in 0..16 * 2 * MIB / 4096 {
        let answer = call(ops::CACHE_CLEAN, [WINDOW + page * 4096, 4096]);
        mapped += u64::from(answer.is_ok());
    }
    equal("as many pages are held as are mapped", held, mapped);
    clear(16 * 2 * MIB);
    equal("none is held in the end", stat_of(stat::HEAP_HELD), before);
}

/// Copies within our own memory.
fn write_copies(count: u64, bytes: u64, bad: impl Fn(u64) -> bool) {
    for number in 0..count {
        let at = LIST + number * copy::SIZE as u64;
        let from = if bad(number) {
            // Nobody's.
            WINDOW + 512 * MIB
        } else {
            WINDOW + number * 8
        };
        let words = [copy::OWN, from, copy::OWN, WINDOW + MIB, bytes, u64::MAX];
        for (word, value) in words.iter().enumerate() {
            write64(at + word as u64 * 8, *value);
        }
    }
}

fn statuses(count: u64) -> impl Iterator<Item = (u64, i64)> {
    (0..count).map(|number| {
        let at = LIST + number * copy::SIZE as u64 + 8 * copy::STATUS as u64;
        (number, read64(at) as i64)
    })
}

fn populate(bytes: u64) {
    let answer = call(ops::POPULATE, [WINDOW, bytes, 0]);
    check("populate", answer.value() == bytes, answer.status as u64);
}

fn long_list() {
    populate(2 * MIB);
    write_copies(limits::LIST, 4096, |_| false);
    with_timer(OFTEN, leave, || {
        let answer = call(ops::GRANT_COPY, [LIST, limits::LIST]);
        expect(answer, limits::LIST);
    });
    for (number, status) in statuses(limits::LIST) {
        check("each is copied", status == 0, number);
    }
    let answer = call(ops::GRANT_COPY, [LIST, limits::LIST + 1]);
    equal(
        "a longer list is refused",
        answer.status as u64,
        error::INVALID as u64,
    );
    clear(2 * MIB);
}

fn every_status() {
    populate(2 * MIB);
    let bad = |number| number % 5 == 3;
    write_copies(500, 60_000, bad);
    with_timer(OFTEN, leave, || {
        let answer = call(ops::GRANT_COPY, [LIST, 500]);
        expect(answer, 500);
    });
    for (number, status) in statuses(500) {
        let expected = if bad(number) { error::ADDRESS } else { 0 };
        check("each status is its own", status == expected, number);
    }
    clear(2 * MIB);
}

fn inside_a_list() {
    const BYTES: u64 = 32 * MIB;
    let count = 40;
    for number in 0..count {
        let function = if number % 2 == 0 {
            ops::POPULATE
        } else {
            ops::RECLAIM
        };
        let at = LIST + number * multi::SIZE as u64;
        let words = [u64::from(function), WINDOW, BYTES, 0];
        for (word, value) in words.iter().enumerate() {
            write64(at + word as u64 * 8, *value);
        }
        write64(at + 8 * multi::RESULTS as u64, 1);
    }
    with_timer(OFTEN, leave, || {
        let answer = call(ops::MULTICALL, [LIST, count]);
        expect(answer, count);
    });
    for number in 0..count {
        let at = LIST + number * multi::SIZE as u64 + 8 * multi::RESULTS as u64;
        check("each call succeeds", read64(at) == 0, number);
        equal("and does all of it", read64(at + 8), BYTES);
    }
}

fn all_ports() {
    for port in 0..limits::PORTS as u64 {
        let answer = call(ops::EVENT_BIND, [port, 1, 48]);
        check("a port is bound", answer.is_ok(), answer.status as u64);
    }
    with_timer(OFTEN, leave, || {
        expect(call(ops::EVENT_RESET, []), limits::PORTS as u64);
    });
    expect(call(ops::EVENT_RESET, []), 0);
}

fn much_memory() {
    for flags in [0, ops::populate::PAGES] {
        with_timer(OFTEN, leave, || {
            expect(call(ops::POPULATE, [WINDOW, 64 * MIB, flags]), 64 * MIB);
            expect(call(ops::CACHE_CLEAN, [WINDOW, 64 * MIB]), 64 * MIB);
            expect(call(ops::UNMAP, [WINDOW, 64 * MIB]), 64 * MIB);
        });
    }
}

/// RESUME while operations are suspended: everything but their handles is refused, and they are unharmed.
fn resume_anything() {
    with_timer(
        OFTEN,
        |_, handle| {
            for bit in 0..64 {
                let answer = raw(u64::from(ops::RESUME), [handle ^ 1 << bit; 6]);
                equal(
                    "not this handle",
                    answer.status as u64,
                    error::HANDLE as u64,
                );
            }
        },
        || {
            expect(call(ops::POPULATE, [WINDOW, 4 * MIB, 0]), 4 * MIB);
            expect(call(ops::RECLAIM, [WINDOW, 4 * MIB]), 4 * MIB);
        },
    );
}

fn expect(answer: Answer, value: u64) {
    check("the call succeeds", answer.is_ok(), answer.status as u64);
    equal("and does all of it", answer.value(), value);
}
