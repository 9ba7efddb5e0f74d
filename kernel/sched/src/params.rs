//! How an entity is to be scheduled, and how a scheduler is to be set up.
//!
//! One set of parameters serves all policies, so that a vCPU can be moved from one pool to another: each policy reads
//! what concerns it and checks only that. Times are in counter ticks, except those of a cyclic table, which is
//! written before the counter's frequency is known.

use crate::policy::Cores;

/// How a vCPU or a hypervisor thread is to be scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The cores on which it may run.
    pub affinity: Cores,
    /// Its share of a contended core relative to the others': 1 to 65535, usually 256. (round robin, credit)
    pub weight: u32,
    /// The most it may use of one core, in percent: 1 to 100; 0: no such limit. (credit)
    pub cap: u8,
    /// Its urgency: the higher, the more urgent. (fixed priority)
    pub priority: u8,
    /// Ticks that it may run in each period; 0: it has no server and runs in what the servers leave. (EDF)
    pub budget: u64,
    /// The period of its server in ticks, which is also the relative deadline; 0 if `budget` is. (EDF)
    pub period: u64,
    /// Whose windows of the major frame it runs in. (cyclic)
    pub partition: u16,
    /// It runs only while nothing else that could run wants the core. For hypervisor threads that have time. (all)
    pub background: bool,
}

impl Params {
    /// The weight of one that is like most others.
    pub const UNIT_WEIGHT: u32 = 256;

    /// A share by weight: no cap, no server, priority 0, partition 0, not in the background.
    #[must_use]
    pub const fn shared(affinity: Cores, weight: u32) -> Self {
        Params {
            affinity,
            weight,
            cap: 0,
            priority: 0,
            budget: 0,
            period: 0,
            partition: 0,
            background: false,
        }
    }

    /// The same, at most `percent` of one core.
    #[must_use]
    pub const fn capped(mut self, percent: u8) -> Self {
        self.cap = percent;
        self
    }

    /// The same at that priority.
    #[must_use]
    pub const fn urgent(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// The same with a server of `budget` ticks in each `period` ticks.
    #[must_use]
    pub const fn served(mut self, budget: u64, period: u64) -> Self {
        self.budget = budget;
        self.period = period;
        self
    }

    /// The same, in that partition.
    #[must_use]
    pub const fn of_partition(mut self, partition: u16) -> Self {
        self.partition = partition;
        self
    }

    /// The same, in the background.
    #[must_use]
    pub const fn in_background(mut self) -> Self {
        self.background = true;
        self
    }
}

/// A policy. Each is a cargo feature of the same name; all type-check in each build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Weighted round robin (`round_robin`).
    RoundRobin,
    /// Weighted proportional share with caps (`credit`).
    Credit,
    /// Earliest deadline first, with constant-bandwidth servers (`edf`).
    Edf,
    /// Fixed priorities (`fixed`).
    FixedPriority,
    /// A cyclic table of windows in the manner of ARINC 653 (`cyclic`).
    Cyclic,
    /// One vCPU for each core (`null`).
    Null,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [
        Kind::RoundRobin,
        Kind::Credit,
        Kind::Edf,
        Kind::FixedPriority,
        Kind::Cyclic,
        Kind::Null,
    ];

    /// Its name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::RoundRobin => "round-robin",
            Kind::Credit => "credit",
            Kind::Edf => "edf",
            Kind::FixedPriority => "fixed-priority",
            Kind::Cyclic => "cyclic",
            Kind::Null => "null",
        }
    }

    /// Whether this build contains it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Kind::RoundRobin => cfg!(feature = "round_robin"),
            Kind::Credit => cfg!(feature = "credit"),
            Kind::Edf => cfg!(feature = "edf"),
            Kind::FixedPriority => cfg!(feature = "fixed"),
            Kind::Cyclic => cfg!(feature = "cyclic"),
            Kind::Null => cfg!(feature = "null"),
        }
    }
}

/// A window of the major frame: from `start_us` on, for `length_us`, the entities of `partition` have `cores`.
///
/// Of one core's windows each begins where the one before ends, or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where in the major frame it begins, in microseconds.
    pub start_us: u32,
    /// How long it lasts, in microseconds; not 0.
    pub length_us: u32,
    /// The cores for which it holds.
    pub cores: Cores,
    /// Whose it is ([`Params::partition`]).
    pub partition: u16,
}

/// How a pool's scheduler is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The slice in ticks, not 0: how long one of several equals runs before the next has its turn.
    pub slice: u64,
    /// Ticks of the counter per second. (cyclic)
    pub frequency: u64,
    /// The length of the major frame in microseconds. (cyclic)
    pub frame_us: u32,
    /// The windows of the major frame in the order of their beginning. (cyclic)
    pub windows: &'static [Window],
}

impl Config {
    /// A policy that needs no more than a slice.
    #[must_use]
    pub const fn sliced(slice: u64) -> Self {
        Config {
            slice,
            frequency: 0,
            frame_us: 0,
            windows: &[],
        }
    }
}
