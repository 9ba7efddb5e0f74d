//! The page on which workers count, and on which they leave what the director shall tell: the director's own, granted to both
//! of them. What a worker prints itself is lost if it is killed meanwhile.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::println;
use crate::rt::hypercall::Answer;

/// By which a worker finds the grant.
pub const TAG: u64 = 0xb0a2d;
/// Where the director has the page: RAM behind the program.
pub const AT: u64 = 0x4020_0000;
/// Where a worker maps it: in the window in which it may populate, behind all else there.
pub const MAPPED: u64 = 0x80b0_0000;
/// Bytes of what is said of a wrong result.
const TEXT: usize = 48;
/// Calls that are remembered.
const CALLS: usize = 12;

/// What there is for each vCPU of each worker; all zero at first.
#[repr(C)]
pub struct Vcpu {
    /// Operations made.
    pub operations: AtomicU64,
    /// Operations that were seen suspended.
    pub suspended: AtomicU64,
    /// Operations continued by the other vCPU.
    pub moved: AtomicU64,
    /// Operations let go of.
    pub abandoned: AtomicU64,
    /// Calls made while another was suspended.
    pub nested: AtomicU64,
    /// The last handle seen.
    pub handle: AtomicU64,
    /// Results that were wrong.
    pub wrong: AtomicU64,
    /// Times it was started.
    pub lives: AtomicU64,
    /// What was wrong first.
    what: [AtomicU8; TEXT],
    /// In which life and operation; status and values.
    found: [AtomicU64; 6],
    /// The last calls up to then: function and three arguments, status and values.
    calls: [[AtomicU64; 8]; CALLS],
    /// Calls made up to then.
    called: AtomicU64,
}

impl Vcpu {
    /// Remembers a call, until something is wrong. Only the vCPU itself.
    pub fn remember(&self, function: u32, arguments: [u64; 3], answer: Answer) {
        if self.wrong.load(Ordering::Relaxed) != 0 {
            return;
        }
        let place = self.called.fetch_add(1, Ordering::Relaxed) % CALLS as u64;
        if let Some(slots) = self.calls.get(place as usize) {
            let (call, [x1, x2, x3]) = (u64::from(function), arguments);
            let (status, [r1, r2, r3]) = (answer.status as u64, answer.values);
            fill(slots, [call, x1, x2, x3, status, r1, r2, r3]);
        }
    }

    /// Notes a wrong result, the first one in full. Only the vCPU itself.
    pub fn wrong(&self, what: &str, answer: Answer) {
        if self.wrong.load(Ordering::Relaxed) == 0 {
            for (slot, byte) in self.what.iter().zip(what.bytes()) {
                slot.store(byte, Ordering::Relaxed);
            }
            let [life, operation] =
                [&self.lives, &self.operations].map(|count| count.load(Ordering::Relaxed));
            let [r1, r2, r3] = answer.values;
            let status = answer.status as u64;
            fill(&self.found, [life, operation, status, r1, r2, r3]);
        }
        // Behind all that it stands for.
        self.wrong.fetch_add(1, Ordering::Release);
    }

    /// Prints what was wrong first, if anything, with the calls that led to it.
    fn tell(&self, vm: usize, vcpu: usize) {
        if self.wrong.load(Ordering::Acquire) == 0 {
            return;
        }
        let bytes = self
            .what
            .each_ref()
            .map(|byte| byte.load(Ordering::Relaxed));
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = core::str::from_utf8(text).unwrap_or("?");
        let [life, operation, answer @ ..] = values(&self.found);
        println!(
            "WRONG VM {vm} vCPU {vcpu} life {life} operation {operation}: {text}: {answer:x?}"
        );
        let called = self.called.load(Ordering::Relaxed);
        for number in called.saturating_sub(CALLS as u64)..called {
            if let Some(slots) = self.calls.get((number % CALLS as u64) as usize) {
                let [call, x1, x2, x3, status, results @ ..] = values(slots);
                let (status, arguments) = (status as i64, [x1, x2, x3]);
                println!("      {call:x} {arguments:x?}: {status} {results:x?}");
            }
        }
    }
}

fn fill<const N: usize>(slots: &[AtomicU64; N], values: [u64; N]) {
    for (slot, value) in slots.iter().zip(values) {
        slot.store(value, Ordering::Relaxed);
    }
}

fn values<const N: usize>(slots: &[AtomicU64; N]) -> [u64; N] {
    slots.each_ref().map(|slot| slot.load(Ordering::Relaxed))
}

/// The page.
#[repr(C)]
pub struct Board {
    /// By worker (VM number minus 1) and vCPU.
    pub vcpus: [[Vcpu; 2]; 2],
}

const _: () = assert!(size_of::<Board>() <= 4096, "it is one page");

/// The page at its address, in the VM that calls.
pub fn at(address: u64) -> &'static Board {
    // SAFETY: page-aligned memory that is mapped at that address for as long as the program runs, outside of what Rust
    // uses otherwise; all of it is atomics, for which any content is valid.
    unsafe { &*(address as *const Board) }
}

impl Board {
    /// Prints what was wrong.
    pub fn tell(&self) {
        for (worker, vcpus) in self.vcpus.iter().enumerate() {
            for (number, vcpu) in vcpus.iter().enumerate() {
                vcpu.tell(worker + 1, number);
            }
        }
    }

    /// The sum of one of the counts.
    pub fn sum(&self, of: impl Fn(&Vcpu) -> &AtomicU64) -> u64 {
        let each = self.vcpus.iter().flatten();
        each.map(|vcpu| of(vcpu).load(Ordering::Relaxed)).sum()
    }
}

/// Adds one.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
