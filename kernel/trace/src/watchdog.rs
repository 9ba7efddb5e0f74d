//! Notices a core that has stopped passing through its scheduler, or that masks interrupts for too long.
//!
//! Each core says what it goes over to ([`Watchdog::pass`]): idling, a guest, work in EL2. Somebody on any core asks about
//! every core now and then ([`Watchdog::check`]). A core that idles or runs a guest is well: an interrupt brings it
//! back. One that was in EL2 at the last look and has passed nothing since is asked to reschedule
//! ([`Verdict::Ask`]: work that can be preempted may be long, and is not wrong for it); if it has still passed nothing
//! once the bound is over, it is stuck. Each trouble is reported once, and so is its end.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};

use crate::Open;

/// What a core does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It has not started, or was switched off.
    Off,
    /// It waits for an interrupt.
    Idle,
    /// It chooses who runs next.
    Scheduling,
    /// It runs the guest of the entity with this number.
    Guest(u16),
    /// It works in EL2 for the entity with this number: an exit of a vCPU, or a hypervisor thread.
    Work(u16),
}

impl Doing {
    const fn pack(self) -> u32 {
        match self {
            Doing::Off => 0,
            Doing::Idle => 1,
            Doing::Scheduling => 2,
            Doing::Guest(entity) => 3 | (entity as u32) << 16,
            Doing::Work(entity) => 4 | (entity as u32) << 16,
        }
    }

    const fn unpack(word: u32) -> Self {
        let entity = (word >> 16) as u16;
        match word & 0xffff {
            1 => Doing::Idle,
            2 => Doing::Scheduling,
            3 => Doing::Guest(entity),
            4 => Doing::Work(entity),
            _ => Doing::Off,
        }
    }

    /// Whether an interrupt brings the core back, whoever it works for.
    const fn is_well(self) -> bool {
        matches!(self, Doing::Off | Doing::Idle | Doing::Guest(_))
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doing::Off => f.write_str("off"),
            Doing::Idle => f.write_str("idling"),
            Doing::Scheduling => f.write_str("scheduling"),
            Doing::Guest(entity) => write!(f, "in the guest of entity {entity}"),
            Doing::Work(entity) => write!(f, "working for entity {entity}"),
        }
    }
}

/// How long is too long, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From asking a core to reschedule until it has.
    pub stay: u64,
    /// Interrupts masked.
    pub masked: u64,
}

/// What a look at a core has shown.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// All is well, or is known not to be.
    Well,
    /// It has passed nothing since the last look: ask it to reschedule (a poke), and look again.
    Ask,
    /// It was asked and did not come: it has been doing this, for so many ticks.
    Stuck {
        /// What it said last that it was doing.
        doing: Doing,
        /// For how many ticks.
        ticks: u64,
    },
    /// Interrupts are masked on it, since `Open::since`.
    Masked {
        /// The section.
        open: Open,
        /// For how many ticks.
        ticks: u64,
    },
    /// It was reported, and goes on.
    Recovered,
}

/// What one core says, and what was found about it.
struct Beat {
    doing: AtomicU32,
    since: AtomicU64,
    passes: AtomicU64,
    /// `passes` at the last look.
    seen: AtomicU64,
    /// When it was asked to reschedule; [`NEVER`]: it was not.
    asked: AtomicU64,
    reported: AtomicBool,
}

const NEVER: u64 = u64::MAX;

/// The watchdog over up to `CPUS` cores.
pub struct Watchdog<const CPUS: usize> {
    beats: [Beat; CPUS],
}

impl<const CPUS: usize> Watchdog<CPUS> {
    /// All cores are off.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            beats: [const {
                Beat {
                    doing: AtomicU32::new(0),
                    since: AtomicU64::new(0),
                    passes: AtomicU64::new(0),
                    seen: AtomicU64::new(0),
                    asked: AtomicU64::new(NEVER),
                    reported: AtomicBool::new(false),
                }
            }; CPUS],
        }
    }

    /// Core `cpu`, which is the caller's, goes over to something else.
    #[inline]
    pub fn pass(&self, cpu: usize, doing: Doing, now: u64) {
        if let Some(beat) = self.beats.get(cpu) {
            beat.doing.store(doing.pack(), Relaxed);
            beat.since.store(now, Relaxed);
            // Only the core itself writes it.
            beat.passes
                .store(beat.passes.load(Relaxed).wrapping_add(1), Release);
        }
    }

    /// What a core does, and since when.
    pub fn doing(&self, cpu: usize) -> (Doing, u64) {
        self.beats.get(cpu).map_or((Doing::Off, 0), |beat| {
            (
                Doing::unpack(beat.doing.load(Relaxed)),
                beat.since.load(Relaxed),
            )
        })
    }

    /// Looks at a core. `open` is its section with interrupts masked, if a tracer knows of one
    /// ([`Tracer::open`](crate::Tracer::open)). One core asks at a time; a core that asks about itself learns nothing.
    pub fn check(&self, cpu: usize, now: u64, bounds: &Bounds, open: Option<Open>) -> Verdict {
        let Some(beat) = self.beats.get(cpu) else {
            return Verdict::Well;
        };
        if let Some(open) = open {
            let ticks = now.saturating_sub(open.since);
            if ticks > bounds.masked {
                return if beat.reported.swap(true, Relaxed) {
                    Verdict::Well
                } else {
                    Verdict::Masked { open, ticks }
                };
            }
        }
        let passes = beat.passes.load(Acquire);
        let (doing, since) = self.doing(cpu);
        if doing.is_well() || beat.seen.swap(passes, Relaxed) != passes {
            beat.asked.store(NEVER, Relaxed);
            return if beat.reported.swap(false, Relaxed) {
                Verdict::Recovered
            } else {
                Verdict::Well
            };
        }
        let asked = beat.asked.load(Relaxed);
        if asked == NEVER {
            beat.asked.store(now, Relaxed);
            Verdict::Ask
        } else if now.saturating_sub(asked) <= bounds.stay || beat.reported.swap(true, Relaxed) {
            Verdict::Well
        } else {
            Verdict::Stuck {
                doing,
                ticks: now.saturating_sub(since),
            }
        }
    }
}

impl<const CPUS: usize> Default for Watchdog<CPUS> {
    fn default() -> Self {
        Self::new()
    }
}
