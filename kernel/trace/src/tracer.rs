//! The longest sections of one kind, by core and call site.
//!
//! A core's section is open or it is not; [`Tracer::begin`] on an open one and [`Tracer::end`] on a closed one do
//! nothing. So nested sections count once, as their outermost, and a section that one thread begins and
//! another ends (a switch happens with interrupts masked) needs no counter that would have to move with it.
//!
//! Sites are entered into one table at their first section and stay there: finding one again takes a hash and, as a
//! rule, one compare. When the table is full, further sites share its last line, named `elsewhere`.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

use spin::once::Once;

use crate::Site;

/// The core does not record yet.
const OFF: u32 = u32::MAX;
/// No section is open.
const CLOSED: u32 = u32::MAX - 1;

/// How many places of the table are looked at before a site counts as `elsewhere`.
const PROBES: usize = 8;

/// What all sections share that found no room in the table.
const ELSEWHERE: Site = Site::Name("elsewhere");

/// The sections of up to `CPUS` cores, from up to `SITES` call sites (a power of two).
pub struct Tracer<const CPUS: usize, const SITES: usize> {
    /// The sites' keys; 0: free.
    keys: [AtomicUsize; SITES],
    sites: [Once<Site>; SITES],
    cores: [Core<SITES>; CPUS],
}

/// What one core writes, and others read.
struct Core<const SITES: usize> {
    /// The open section's site, [`CLOSED`] or [`OFF`].
    open: AtomicU32,
    /// When it began.
    since: AtomicU64,
    sums: [Sum; SITES],
    elsewhere: Sum,
}

/// A site's sections on one core.
struct Sum {
    count: AtomicU64,
    total: AtomicU64,
    max: AtomicU64,
}

/// A section that is open.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Where it began.
    pub site: Site,
    /// When, in ticks.
    pub since: u64,
}

/// All sections that began at one site, on all cores.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Where they began.
    pub site: Site,
    /// How many have ended.
    pub count: u64,
    /// Ticks of all together.
    pub total: u64,
    /// Ticks of the longest.
    pub max: u64,
    /// The core that had the longest.
    pub cpu: usize,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "max={} at={} count={} total={} cpu={}",
            self.max, self.site, self.count, self.total, self.cpu
        )
    }
}

impl Sum {
    const fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            total: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    /// Only one core writes, so loads and stores do instead of read-modify-writes.
    fn add(&self, ticks: u64) {
        self.count
            .store(self.count.load(Relaxed).wrapping_add(1), Relaxed);
        self.total
            .store(self.total.load(Relaxed).wrapping_add(ticks), Relaxed);
        if ticks > self.max.load(Relaxed) {
            self.max.store(ticks, Relaxed);
        }
    }
}

impl<const SITES: usize> Core<SITES> {
    const fn new() -> Self {
        Self {
            open: AtomicU32::new(OFF),
            since: AtomicU64::new(0),
            sums: [const { Sum::new() }; SITES],
            elsewhere: Sum::new(),
        }
    }

    fn sum(&self, index: usize) -> &Sum {
        self.sums.get(index).unwrap_or(&self.elsewhere)
    }
}

impl<const CPUS: usize, const SITES: usize> Tracer<CPUS, SITES> {
    /// Nothing recorded, and no core recording.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(SITES.is_power_of_two() && SITES >= PROBES && SITES < 1 << 20);
        }
        Self {
            keys: [const { AtomicUsize::new(0) }; SITES],
            sites: [const { Once::new() }; SITES],
            cores: [const { Core::new() }; CPUS],
        }
    }

    /// This core records from now on: once it is past its boot, whose sections delay nobody.
    pub fn start(&self, cpu: usize) {
        if let Some(core) = self.cores.get(cpu) {
            core.open.store(CLOSED, Relaxed);
        }
    }

    /// This core records no more, for example because the machine goes off. An open section is forgotten.
    pub fn stop(&self, cpu: usize) {
        if let Some(core) = self.cores.get(cpu) {
            core.open.store(OFF, Relaxed);
        }
    }

    /// A section begins on core `cpu`, which is the caller's; says whether it was the outermost. `clock` is read last,
    /// so that the tracer's own work is not in the figures.
    #[inline]
    pub fn begin(&self, cpu: usize, site: Site, clock: impl FnOnce() -> u64) -> bool {
        let Some(core) = self.cores.get(cpu) else {
            return false;
        };
        if core.open.load(Relaxed) != CLOSED {
            return false;
        }
        let index = self.place(site);
        // `SITES` fits, as `new` has checked.
        core.open.store(index as u32, Relaxed);
        core.since.store(clock(), Relaxed);
        true
    }

    /// The section of core `cpu`, which is the caller's, has ended at `now`; returns its length, if one was open.
    #[inline]
    pub fn end(&self, cpu: usize, now: u64) -> Option<u64> {
        let core = self.cores.get(cpu)?;
        let open = core.open.load(Relaxed);
        if open >= CLOSED {
            return None;
        }
        let ticks = now.saturating_sub(core.since.load(Relaxed));
        core.sum(open as usize).add(ticks);
        core.open.store(CLOSED, Relaxed);
        Some(ticks)
    }

    /// The section that is open on a core, if one is: for whoever watches it from another.
    pub fn open(&self, cpu: usize) -> Option<Open> {
        let core = self.cores.get(cpu)?;
        let open = core.open.load(Relaxed);
        if open >= CLOSED {
            return None;
        }
        let since = core.since.load(Relaxed);
        Some(Open {
            site: self.site(open as usize)?,
            since,
        })
    }

    /// The `N` sites with the longest sections, longest first.
    pub fn longest<const N: usize>(&self) -> [Option<Record>; N] {
        let mut best: [Option<Record>; N] = [None; N];
        for index in 0..=SITES {
            let Some(mut candidate) = self.record(index) else {
                continue;
            };
            for place in &mut best {
                match place {
                    None => {
                        *place = Some(candidate);
                        break;
                    }
                    Some(held) if held.max < candidate.max => {
                        core::mem::swap(held, &mut candidate);
                    }
                    Some(_) => {}
                }
            }
        }
        best
    }

    /// Forgets all figures: before a measurement. Other cores may be recording; of their sections that end just now,
    /// part may be kept.
    pub fn clear(&self) {
        for core in &self.cores {
            for sum in core.sums.iter().chain([&core.elsewhere]) {
                sum.count.store(0, Relaxed);
                sum.total.store(0, Relaxed);
                sum.max.store(0, Relaxed);
            }
        }
    }

    /// The sections that began at a site, or `None` if none has ended.
    fn record(&self, index: usize) -> Option<Record> {
        let site = self.site(index)?;
        let mut record = Record {
            site,
            count: 0,
            total: 0,
            max: 0,
            cpu: 0,
        };
        for (cpu, core) in self.cores.iter().enumerate() {
            let sum = core.sum(index);
            record.count = record.count.wrapping_add(sum.count.load(Relaxed));
            record.total = record.total.wrapping_add(sum.total.load(Relaxed));
            let max = sum.max.load(Relaxed);
            if max > record.max {
                (record.max, record.cpu) = (max, cpu);
            }
        }
        (record.count > 0).then_some(record)
    }

    fn site(&self, index: usize) -> Option<Site> {
        match self.sites.get(index) {
            Some(site) => site.get().copied(),
            None => Some(ELSEWHERE),
        }
    }

    /// The site's place in the table, entered if it is new; `SITES` when there is no room for it.
    #[inline]
    fn place(&self, site: Site) -> usize {
        let key = site.key();
        // Locations lie a multiple of eight bytes apart, instructions of four: mix, and take the upper bits.
        let mut index = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        for _ in 0..PROBES {
            index &= SITES.wrapping_sub(1);
            let (Some(place), Some(name)) = (self.keys.get(index), self.sites.get(index)) else {
                break;
            };
            let mut found = place.load(Relaxed);
            if found == 0 {
                found = match place.compare_exchange(0, key, Relaxed, Relaxed) {
                    Ok(_) => {
                        name.call_once(|| site);
                        key
                    }
                    Err(other) => other,
                };
            }
            if found == key {
                return index;
            }
            index = index.wrapping_add(1);
        }
        SITES
    }
}

impl<const CPUS: usize, const SITES: usize> Default for Tracer<CPUS, SITES> {
    fn default() -> Self {
        Self::new()
    }
}
