//! What a VM does with the hypervisor that takes long, by name (`load=` in the boot arguments), over and over.
//!
//! Each load checks what it gets: lengths, zeroed memory, copied bytes. A result that is not right counts as failed and is
//! printed once.
//!
//! | load | one turn |
//! |---|---|
//! | `idle` | sleeps |
//! | `spin` | computes, without an exit |
//! | `alloc` | populates 1 GiB in one call, then reclaims it in one call |
//! | `destroy` | creates, starts and destroys the VM `vm=`, once that has populated its memory |
//! | `copy` | copies the 64 MiB that the VM `vm=` grants, in one call |
//! | `multicall` | two lists of 1,024 calls, long ones among them |
//! | `console` | writes 1 MiB of text in one call |
//! | `burn` | has the hypervisor work for 10,000 units in one call |
//! | `hold` | populates 256 MiB once, then sleeps: the one to destroy |
//! | `grant` | populates 64 MiB and grants it to the VM `vm=`, then sleeps: the one to copy from |

use core::sync::atomic::{AtomicU64, Ordering};

use abi::ops::{self, copy, multi, state};

use crate::println;
use crate::rt::hypercall::{Answer, call, stat};
use crate::rt::mmio::{read64, write64};
use crate::rt::timer::sleep_us;
use crate::rt::{Machine, cpu};

/// Where memory is populated: behind the RAM of any VM here, where start-up has mapped it.
const WINDOW: u64 = 0x8000_0000;
/// Lists and text: RAM behind the program and its device tree's page.
const BUFFER: u64 = 0x4020_0000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Bytes that the granter grants.
const GRANTED: u64 = 64 * MIB;
/// By which the other VM finds the grant.
const TAG: u64 = 0x64;
/// Bytes of the VM that is destroyed.
const HELD: u64 = 256 * MIB;
/// Calls of one turn of `multicall`.
const CALLS: u64 = 2048;
/// What the granter writes at the end of each page, beside the page's number.
const MARK: u64 = 0x6772_616e_7465_6400;

/// Calls that did not do what they should.
static FAILED: AtomicU64 = AtomicU64::new(0);
/// Calls that did.
static DONE: AtomicU64 = AtomicU64::new(0);

/// One of the loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Sleeps.
    Idle,
    /// Computes.
    Spin,
    /// Populates and reclaims 1 GiB.
    Alloc,
    /// Creates, starts and destroys a VM.
    Destroy,
    /// Copies from a grant.
    Copy,
    /// Makes many calls in one.
    Multicall,
    /// Writes much text.
    Console,
    /// Has the hypervisor work for nothing.
    Burn,
    /// Is there to be destroyed.
    Hold,
    /// Is there to be copied from.
    Grant,
}

impl Load {
    const ALL: [(&'static str, Self); 10] = [
        ("idle", Self::Idle),
        ("spin", Self::Spin),
        ("alloc", Self::Alloc),
        ("destroy", Self::Destroy),
        ("copy", Self::Copy),
        ("multicall", Self::Multicall),
        ("console", Self::Console),
        ("burn", Self::Burn),
        ("hold", Self::Hold),
        ("grant", Self::Grant),
    ];

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, load)| *load)
    }

    /// Whether it makes calls.
    #[must_use]
    pub const fn calls(self) -> bool {
        !matches!(self, Self::Idle | Self::Spin)
    }

    /// What comes before the first turn. `partner` is the number of the other VM, where there is one.
    pub fn prepare(self, partner: u64) {
        match self {
            Self::Copy => {
                let populated = call(ops::POPULATE, [WINDOW, GRANTED, 0]);
                expect("populate the copy's destination", populated, GRANTED);
            }
            Self::Multicall => write_list(),
            Self::Console => write_text(),
            Self::Hold => {
                let populated = call(ops::POPULATE, [WINDOW, HELD, 0]);
                expect("populate what will be destroyed", populated, HELD);
            }
            Self::Grant => grant(partner),
            Self::Idle | Self::Spin | Self::Alloc | Self::Destroy | Self::Burn => {}
        }
    }

    /// One turn.
    pub fn turn(self, partner: u64) {
        match self {
            // Once and for long: what wakes often is not idle.
            Self::Idle | Self::Hold | Self::Grant => sleep_us(500_000),
            Self::Spin => (0..1000).for_each(|turn| {
                // Keeps the loop a loop.
                core::hint::black_box(turn);
            }),
            Self::Alloc => alloc(),
            Self::Destroy => destroy(partner),
            Self::Copy => copy_all(partner),
            Self::Multicall => multicall(),
            Self::Burn => {
                let burnt = call(ops::BURN, [10_000]);
                expect("burn", burnt, 10_000);
            }
            Self::Console => {
                let written = call(ops::CONSOLE_WRITE, [BUFFER, MIB]);
                expect("write 1 MiB of text", written, MIB);
            }
        }
    }
}

/// Runs a load until the virtual counter reaches `end`, at least one turn.
pub fn run_until(load: Load, machine: &Machine, end: u64) {
    let partner = machine.number("vm=").unwrap_or(0);
    load.prepare(partner);
    if load == Load::Idle {
        let left = end.saturating_sub(cpu::count()) / (cpu::frequency() / 1_000_000).max(1);
        return sleep_us(left);
    }
    loop {
        load.turn(partner);
        if cpu::count() >= end {
            break;
        }
    }
}

/// Prints `LOAD name done failed`, and what the hypervisor says about it; returns the failures, of which one
/// is that nothing was done.
pub fn report(load: Load, name: &str) -> u32 {
    let (done, failed) = (DONE.load(Ordering::Relaxed), FAILED.load(Ordering::Relaxed));
    println!("LOAD {name} {done} {failed}");
    if let (Some(stretch), Some(left), Some(abandoned)) = (
        stat(ops::stat::LONGEST_STRETCH),
        stat(ops::stat::LEFT),
        stat(ops::stat::ABANDONED),
    ) {
        println!("STATS stretch {stretch} left {left} abandoned {abandoned}");
    }
    failed as u32 + u32::from(load.calls() && done == 0)
}

/// Notes how a call went: it must have succeeded with this value in x1.
fn expect(what: &str, answer: Answer, value: u64) {
    let good = answer.is_ok() && answer.value() == value;
    note(what, good, || answer);
}

fn note(what: &str, good: bool, found: impl FnOnce() -> Answer) {
    if good {
        DONE.fetch_add(1, Ordering::Relaxed);
    } else if FAILED.fetch_add(1, Ordering::Relaxed) == 0 {
        let Answer { status, values } = found();
        println!("FAIL {what}: {status}, {values:x?}");
    }
}

fn alloc() {
    let populated = call(ops::POPULATE, [WINDOW, GIB, 0]);
    expect("populate 1 GiB", populated, GIB);
    if populated.is_ok() {
        // In many 2 MiB blocks, and at the ends; what is written must be gone the next time.
        for at in (0..GIB).step_by(17 * MIB as usize).chain([GIB - 8]) {
            let found = read64(WINDOW + at);
            note("memory is zero", found == 0, || Answer {
                status: 0,
                values: [at, found, 0],
            });
            write64(WINDOW + at, MARK | 1);
        }
    }
    let back = call(ops::RECLAIM, [WINDOW, GIB]);
    expect("reclaim 1 GiB", back, GIB);
}

fn destroy(vm: u64) {
    let created = call(ops::VM_CREATE, [vm]);
    note("create the VM", created.is_ok(), || created);
    let started = call(ops::VM_START, [vm]);
    note("start the VM", started.is_ok(), || started);
    // Until it has its memory: it runs while we sleep.
    let mut found = call(ops::VM_STATUS, [vm]);
    for _ in 0..1000 {
        found = call(ops::VM_STATUS, [vm]);
        if !found.is_ok() || found.values[1] * 4096 >= HELD {
            break;
        }
        sleep_us(1000);
    }
    note(
        "it populates its memory",
        found.values[1] * 4096 >= HELD,
        || found,
    );
    let destroyed = call(ops::VM_DESTROY, [vm]);
    note("destroy the VM", destroyed.is_ok(), || destroyed);
    let found = call(ops::VM_STATUS, [vm]);
    note(
        "nothing of it is left",
        found.is_ok() && found.values[..2] == [state::ABSENT, 0],
        || found,
    );
}

fn grant(to: u64) {
    let populated = call(ops::POPULATE, [WINDOW, GRANTED, 0]);
    expect("populate what is granted", populated, GRANTED);
    for page in 0..GRANTED >> 12 {
        write64(WINDOW + (page << 12) + 4088, MARK + page);
    }
    let granted = call(ops::GRANT, [WINDOW, GRANTED >> 12, to, 0, TAG]);
    note("grant it", granted.is_ok(), || granted);
}

fn copy_all(from: u64) {
    let mut found = call(ops::GRANT_FIND, [from, TAG]);
    for _ in 0..1000 {
        if found.is_ok() {
            break;
        }
        sleep_us(1000);
        found = call(ops::GRANT_FIND, [from, TAG]);
    }
    note("find the grant", found.is_ok(), || found);
    let mut words = [0; copy::SIZE / 8];
    words[copy::SOURCE] = found.value();
    words[copy::DESTINATION] = copy::OWN;
    words[copy::DESTINATION_AT] = WINDOW;
    words[copy::LENGTH] = GRANTED;
    words[copy::STATUS] = u64::MAX;
    write_words(BUFFER, &words);
    let last = WINDOW + GRANTED - 8;
    write64(last, 0);
    expect("copy 64 MiB", call(ops::GRANT_COPY, [BUFFER, 1]), 1);
    let status = read64(BUFFER + copy::STATUS as u64 * 8);
    let copied = read64(last);
    note(
        "the copy is right",
        status == 0 && copied == MARK + (GRANTED >> 12) - 1,
        || Answer {
            status: status as i64,
            values: [copied, 0, 0],
        },
    );
}

/// Pairs of populating and reclaiming: one page, sometimes 2 MiB; between them questions and work.
fn write_list() {
    for number in 0..ops::limits::LIST {
        let length = if number & 63 < 4 { 2 * MIB } else { 4096 };
        let (function, arguments) = match number & 3 {
            0 => (ops::POPULATE, [WINDOW, length, 0]),
            1 => (ops::STATS, [ops::stat::HEAP_HELD, 0, 0]),
            2 => (ops::RECLAIM, [WINDOW, length, 0]),
            _ => (ops::BURN, [100, 0, 0]),
        };
        let mut words = [0; multi::SIZE / 8];
        words[multi::FUNCTION] = u64::from(function);
        words[multi::ARGUMENTS..multi::ARGUMENTS + 3].copy_from_slice(&arguments);
        write_words(BUFFER + number * multi::SIZE as u64, &words);
    }
}

fn multicall() {
    let mut left = CALLS;
    while left > 0 {
        let count = left.min(ops::limits::LIST);
        expect(
            "a list of calls",
            call(ops::MULTICALL, [BUFFER, count]),
            count,
        );
        left -= count;
        let element = |number: u64| BUFFER + number * multi::SIZE as u64;
        let bad = (0..count).find(|n| read64(element(*n) + multi::RESULTS as u64 * 8) != 0);
        note("each of them", bad.is_none(), || Answer {
            status: bad.map_or(0, |n| read64(element(n) + multi::RESULTS as u64 * 8) as i64),
            values: [bad.unwrap_or(0), 0, 0],
        });
    }
}

/// Lines of 63 characters and an end of line.
fn write_text() {
    for line in 0..MIB / 64 {
        let at = BUFFER + line * 64;
        for word in 0..7 {
            write64(at + word * 8, u64::from_le_bytes(*b"console "));
        }
        write64(at + 56, u64::from_le_bytes(*b" write.\n"));
    }
}

fn write_words(at: u64, words: &[u64]) {
    for (number, word) in words.iter().enumerate() {
        write64(at + number as u64 * 8, *word);
    }
}
