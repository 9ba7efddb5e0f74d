//! A worker's vCPU: one random operation after the other, each held against what it had to return.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::ops::{self, error, multi, stat};

use super::board::{self, Vcpu, count};
use super::model::{self, PAGES, Pages, Region};
use super::peer::Peer;
use super::{ABANDONED, MOVED, call, twist};
use crate::rt::exception::{on_interrupt, on_return};
use crate::rt::hypercall::{Answer, stat as read_stat};
use crate::rt::mmio::{read64, write64};
use crate::rt::random::Random;
use crate::rt::report::{check, failures};
use crate::rt::timer::{ENABLE, Timer, sleep_us};
use crate::rt::{Machine, cpu, gic, machine, smp};

/// Where the first vCPU's piece is; the second's follows.
const WINDOW: u64 = 0x8000_0000;
/// A page that a vCPU populates and reclaims in lists, by vCPU.
const SCRATCH: u64 = WINDOW + 2 * PAGES as u64 * 4096;
/// Lists and text, a page for each vCPU: RAM behind the program.
const BUFFER: u64 = 0x4020_0000;
/// SPIs from here on are doorbells.
const DOORBELL: u32 = 48;
/// Handles of operations that are over.
const OLD: usize = 8;

/// The address of the board in this VM; 0 until it is mapped.
static BOARD: AtomicU64 = AtomicU64::new(0);

/// Runs it, until it is killed.
pub fn main(machine: &'static Machine) -> u32 {
    let director = machine.number("director=").unwrap_or(0);
    let mut grant = call(ops::GRANT_FIND, [director, board::TAG]);
    while grant.status == error::NO_GRANT {
        sleep_us(1000);
        grant = call(ops::GRANT_FIND, [director, board::TAG]);
    }
    let mapped = call(ops::GRANT_MAP, [grant.value(), board::MAPPED]);
    check("the board is mapped", mapped.is_ok(), mapped.status as u64);
    if failures() != 0 {
        return failures();
    }
    BOARD.store(board::MAPPED, Ordering::Release);
    on_interrupt(twist::interrupt);
    on_return(twist::on_return);
    smp::start_others(machine, |number| work(number, machine::get()));
    work(0, machine)
}

fn counts(machine: &Machine, number: usize) -> Option<&'static Vcpu> {
    let own = machine.number("vm=").unwrap_or(1) as usize;
    let address = BOARD.load(Ordering::Acquire);
    let board = (address != 0).then(|| board::at(address))?;
    board.vcpus.get(own.checked_sub(1)?)?.get(number)
}

struct Worker {
    number: usize,
    random: Random,
    region: Region,
    peer: Peer,
    counts: &'static Vcpu,
    old: [u64; OLD],
}

fn work(number: usize, machine: &'static Machine) -> ! {
    let Some(counts) = counts(machine, number) else {
        loop {
            cpu::wfi();
        }
    };
    count(&counts.lives);
    let own = machine.number("vm=").unwrap_or(1);
    // Another sequence in each life.
    let seed = machine.number("seed=").unwrap_or(1) << 32
        | counts.lives.load(Ordering::Relaxed) << 8
        | own << 4
        | number as u64;
    let mut random = Random::new(seed);
    twist::init(number, counts, &mut random);
    gic::enable(Timer::Virtual.intid());
    gic::enable(DOORBELL + number as u32);
    Timer::Virtual.set_value(cpu::frequency() / 5000);
    Timer::Virtual.set_control(ENABLE);
    cpu::unmask();
    let mut worker = Worker {
        number,
        random,
        region: Region::new(WINDOW + (number * PAGES) as u64 * 4096),
        peer: Peer::new(machine.number("peer=").unwrap_or(2), number),
        counts,
        old: [0; OLD],
    };
    loop {
        worker.step();
        twist::help(number);
        count(&counts.operations);
    }
}

impl Worker {
    fn step(&mut self) {
        match self.random.below(32) {
            0..=6 => self.populate(),
            7..=11 => self.on_pages(ops::RECLAIM, Region::reclaimed),
            12..=14 => self.on_pages(ops::UNMAP, Region::unmapped),
            15 | 16 => self.on_pages(ops::CACHE_CLEAN, |region, pages, answer| {
                region.cleaned(pages, answer)
            }),
            17 | 18 => self.burn(),
            19 => self.multicall(),
            20 => self.guess(),
            21 | 22 => self.look_at_memory(),
            23 => self.doorbells(),
            24 => self.console(),
            25 => self.statistics(),
            26 | 27 => {
                let result = self.peer.own(&mut self.random, &mut self.region);
                self.verdict(result);
            }
            _ => {
                let result = self.peer.others(&mut self.random, &self.region);
                self.verdict(result);
            }
        }
    }

    /// Makes a call; `None` if its result is lost.
    fn call<const N: usize>(&mut self, function: u32, arguments: [u64; N]) -> Option<Answer> {
        let answer = call(function, arguments);
        let handle = self.counts.handle.swap(0, Ordering::Relaxed);
        if handle != 0 {
            let slot = self.random.below(OLD as u64) as usize;
            self.old[slot] = handle;
        }
        let other = twist::collect(self.number);
        if let Some(answer) = other {
            self.counts.remember(ops::RESUME, [handle, 0, 0], answer);
        }
        let lost = |answer: &Answer| {
            [MOVED, ABANDONED, error::HANDLE, error::BUSY].contains(&answer.status)
        };
        [Some(answer), other]
            .into_iter()
            .flatten()
            .find(|answer| !lost(answer))
    }

    fn populate(&mut self) {
        let pages = Region::some(&mut self.random);
        let [at, length] = self.region.arguments(pages);
        let flags = model::flags(&mut self.random);
        match self.call(ops::POPULATE, [at, length, flags]) {
            Some(answer) => {
                let result = self.region.populated(pages, answer);
                self.judge(result, answer);
            }
            None => self.look(pages),
        }
    }

    fn on_pages(
        &mut self,
        function: u32,
        judge: impl Fn(&mut Region, Pages, Answer) -> Result<(), &'static str>,
    ) {
        let pages = Region::some(&mut self.random);
        let [at, length] = self.region.arguments(pages);
        match self.call(function, [at, length]) {
            Some(answer) => {
                let result = judge(&mut self.region, pages, answer);
                self.judge(result, answer);
            }
            None => self.look(pages),
        }
    }

    fn look(&mut self, pages: Pages) {
        // No tricks while looking: the answer is needed.
        cpu::mask();
        let result = self.region.look(pages);
        cpu::unmask();
        self.verdict(result);
    }

    fn burn(&mut self) {
        let units = self.random.below(300);
        if let Some(answer) = self.call(ops::BURN, [units])
            && !(answer.is_ok() && answer.value() == units)
        {
            self.counts.wrong("burn", answer);
        }
    }

    fn statistics(&mut self) {
        let which = self.random.below(12);
        let known = which <= stat::GRACE_PERIODS;
        if let Some(answer) = self.call(ops::STATS, [which])
            && answer.is_ok() != known
        {
            self.counts.wrong("statistics", answer);
        }
    }

    /// A list: the scratch page comes and goes, with work in between, and calls that are refused.
    fn multicall(&mut self) {
        let count = self.random.below(40);
        let list = BUFFER + self.number as u64 * 4096;
        let scratch = SCRATCH + self.number as u64 * 4096;
        for element in 0..count {
            let (function, x1, x2) = match element % 4 {
                0 => (ops::POPULATE, scratch, 4096),
                1 => (ops::BURN, self.random.below(50), 0),
                2 => (ops::RECLAIM, scratch, 4096),
                _ => (ops::RESUME, self.random.next(), 0),
            };
            let at = list + element * multi::SIZE as u64;
            write64(at, u64::from(function));
            write64(at + 8, x1);
            write64(at + 16, x2);
            write64(at + 24, 0);
            write64(at + 8 * multi::RESULTS as u64, 1);
        }
        match self.call(ops::MULTICALL, [list, count]) {
            Some(answer) if answer.is_ok() && answer.value() == count => {
                for element in 0..count {
                    let at = list + element * multi::SIZE as u64 + 8 * multi::RESULTS as u64;
                    let status = read64(at) as i64;
                    let short = [error::QUOTA, error::NO_MEMORY].contains(&status);
                    let good = match element % 4 {
                        0 => status == 0 || short || status == error::OVERLAP,
                        2 => status == 0 || status == error::NOT_MAPPED,
                        1 => status == 0,
                        _ => status == error::NESTED,
                    };
                    if !good {
                        self.counts.wrong(
                            "an element of a list",
                            Answer {
                                status,
                                values: [element, 0, 0],
                            },
                        );
                    }
                }
            }
            Some(answer) => self.counts.wrong("a list", answer),
            None => {}
        }
    }

    /// Handles that never were, and some that are over.
    fn guess(&mut self) {
        let handle = match self.random.below(3) {
            0 => self.random.next(),
            1 => self.random.below(64),
            _ => self.random.pick(&self.old).unwrap_or(0),
        };
        // No tricks with this one: nobody would collect what comes of it.
        cpu::mask();
        let left = read_stat(stat::LEFT);
        let answer = call(ops::RESUME, [handle]);
        let at_once = read_stat(stat::LEFT) == left;
        cpu::unmask();
        let refused = [error::HANDLE, error::BUSY].contains(&answer.status);
        if refused && at_once {
            return;
        }
        if !refused && !self.old.contains(&handle) && handle >= 64 {
            self.counts.wrong("a guessed handle", answer);
        }
        // One that was let go of and was still there: it has been finished just now, or has got on and was then dropped
        // to make room for another, on whatever pages it was about.
        self.look(Pages::ALL);
    }

    fn look_at_memory(&mut self) {
        if let Some(page) = self.region.any(&mut self.random)
            && !self.region.intact(page)
        {
            self.counts.wrong(
                "memory changed",
                Answer {
                    status: 0,
                    values: [self.region.address(page), 0, 0],
                },
            );
        }
    }

    fn doorbells(&mut self) {
        let port = 2 * self.random.below(20) + self.number as u64;
        let peer = self.peer.vm;
        let intid = u64::from(DOORBELL) + self.number as u64;
        let answer = match self.random.below(8) {
            0..=2 => self.call(ops::EVENT_BIND, [port, peer, intid]),
            3 => self.call(ops::EVENT_UNBIND, [port]),
            4 => self.call(ops::EVENT_RESET, []),
            _ => self.call(ops::EVENT_SEND, [peer, port]),
        };
        let good = [0, error::INVALID, error::NO_PORT, error::BUSY, error::STATE];
        if let Some(answer) = answer.filter(|answer| !good.contains(&answer.status)) {
            self.counts.wrong("a doorbell", answer);
        }
    }

    /// Seldom more than a few bytes: it all goes through one console.
    fn console(&mut self) {
        let text = BUFFER + 0x4000 + self.number as u64 * 4096;
        let length = self.random.below(24);
        for byte in 0..length.div_ceil(8) {
            write64(text + byte * 8, u64::from_le_bytes(*b"stress.\n"));
        }
        if let Some(answer) = self.call(ops::CONSOLE_WRITE, [text, length])
            && !(answer.is_ok() && answer.value() == length)
        {
            self.counts.wrong("console text", answer);
        }
    }

    fn judge(&self, result: Result<(), &'static str>, answer: Answer) {
        if let Err(what) = result {
            self.counts.wrong(what, answer);
        }
    }

    fn verdict(&self, result: Result<(), &'static str>) {
        self.judge(
            result,
            Answer {
                status: 0,
                values: [0; 3],
            },
        );
    }
}
