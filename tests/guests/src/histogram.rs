//! Samples of one quantity: minimum, mean, 99th percentile, maximum and a histogram, in fixed memory.
//!
//! Buckets are a quarter of a power of two wide, so that a bucket's bounds are within 25 % of each other at any size.
//! Filled by interrupt handlers, read when they are over; beyond [`KEPT`] samples only the percentile loses precision (it is
//! that of the samples kept).

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::println;

/// Samples whose exact value is kept.
pub const KEPT: usize = 1024;
/// Four for each power of two of 64 bits.
const BUCKETS: usize = 256;

/// The samples.
pub struct Histogram {
    min: AtomicU64,
    max: AtomicU64,
    /// Which sample the maximum was, counted from 0.
    max_at: AtomicUsize,
    sum: AtomicU64,
    count: AtomicUsize,
    kept: [AtomicU32; KEPT],
    buckets: [AtomicU32; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            max_at: AtomicUsize::new(0),
            sum: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            kept: [const { AtomicU32::new(0) }; KEPT],
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
        }
    }

    /// Adds one. From one vCPU at a time.
    pub fn add(&self, value: u64) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        self.min.fetch_min(value, Ordering::Relaxed);
        if self.max.fetch_max(value, Ordering::Relaxed) < value {
            self.max_at.store(number, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
        if let Some(slot) = self.kept.get(number) {
            slot.store(u32::try_from(value).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        if let Some(bucket) = self.buckets.get(bucket(value)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The largest; 0 if there is none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    /// Prints `LATENCY count min mean p99 max`, `LATEST n` (which one was the maximum), and a line
    /// `HIST from count` for each bucket that is not empty; `from` is its lower bound.
    pub fn print(&self) {
        let count = self.count();
        let mean = self.sum.load(Ordering::Relaxed).checked_div(count as u64);
        println!(
            "LATENCY {count} {} {} {} {}",
            self.min.load(Ordering::Relaxed),
            mean.unwrap_or(0),
            self.percentile(99),
            self.max()
        );
        println!("LATEST {}", self.max_at.load(Ordering::Relaxed));
        for (number, bucket) in self.buckets.iter().enumerate() {
            let count = bucket.load(Ordering::Relaxed);
            if count != 0 {
                println!("HIST {} {count}", lower_bound(number));
            }
        }
    }

    /// The smallest sample that so many percent do not exceed.
    fn percentile(&self, percent: usize) -> u32 {
        let count = self.count().min(KEPT);
        let mut sorted = [0; KEPT];
        for (slot, kept) in sorted.iter_mut().zip(&self.kept) {
            *slot = kept.load(Ordering::Relaxed);
        }
        let Some(sorted) = sorted.get_mut(..count) else {
            return 0;
        };
        sorted.sort_unstable();
        let rank = (count * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(0)
    }
}

/// Which bucket a value belongs to.
const fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let exponent = value.ilog2();
    (exponent as usize) * 4 + ((value >> (exponent - 2)) & 3) as usize
}

/// The smallest value of a bucket.
const fn lower_bound(bucket: usize) -> u64 {
    if bucket < 8 {
        return bucket as u64;
    }
    (4 + (bucket as u64 & 3)) << (bucket / 4 - 2)
}
