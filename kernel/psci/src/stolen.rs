//! Stolen time as a guest reads it (Arm DEN0057): the records in its memory, and what is written to them when.
//!
//! A vCPU's stolen time is published from the moment it first asks for it, counted from 0 there, brought up to date each
//! time a core takes the vCPU up, and never falls until the VM starts anew, which forgets that anybody asked. Guarantees:
//! each field changes in one single-copy atomic 64-bit store (Arm ARM B2.2.1), so that no read sees half of a value;
//! what is published differs from the ticks given by less than a nanosecond and 2⁻³² of itself. Does not: measure
//! time, or say where in the guest's address space a record is.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::pv_time::structure;

/// One vCPU's record. All zeros is what DEN0057 wants to see before anything was stolen: revision 1.0, no attributes.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Record {
    revision: u32,
    attributes: u32,
    stolen: AtomicU64,
    reserved: [u64; 6],
}

const _: () = {
    assert!(size_of::<Record>() == structure::SIZE && align_of::<Record>() == structure::SIZE);
    assert!(core::mem::offset_of!(Record, revision) == structure::REVISION);
    assert!(core::mem::offset_of!(Record, attributes) == structure::ATTRIBUTES);
    assert!(core::mem::offset_of!(Record, stolen) == structure::STOLEN);
    assert!(size_of::<Page>() == Page::SIZE && align_of::<Page>() == Page::SIZE);
};

impl Record {
    const fn new() -> Self {
        Self {
            revision: 0,
            attributes: 0,
            stolen: AtomicU64::new(0),
            reserved: [0; 6],
        }
    }

    /// Nanoseconds that it shows.
    #[must_use]
    pub fn nanoseconds(&self) -> u64 {
        u64::from_le(self.stolen.load(Ordering::Relaxed))
    }

    /// Relaxed: it stands alone, and the vCPU that reads it is entered by the core that writes it.
    fn show(&self, nanoseconds: u64) {
        self.stolen.store(nanoseconds.to_le(), Ordering::Relaxed);
    }
}

/// One VM's records, vCPU n's at n × 64 bytes. A page of its own, with nothing else in it, because a guest reads all
/// of what is mapped.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Page {
    records: [Record; Self::RECORDS],
}

impl Page {
    /// Bytes.
    pub const SIZE: usize = 4096;
    /// How many records there are.
    pub const RECORDS: usize = Self::SIZE / structure::SIZE;

    /// Nothing has been stolen.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            records: [const { Record::new() }; Self::RECORDS],
        }
    }

    /// The record of vCPU `index`.
    #[must_use]
    pub fn record(&self, index: usize) -> Option<&Record> {
        self.records.get(index)
    }

    /// How far into the page the record of vCPU `index` is, in bytes.
    #[must_use]
    pub fn offset(index: usize) -> Option<u64> {
        let offset = index.checked_mul(structure::SIZE)?;
        (index < Self::RECORDS).then_some(offset as u64)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

/// What a tick of the counter is in nanoseconds, as a fixed-point number with 32 fractional bits: the conversion is one
/// multiplication, on the way to each entry of a vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nanoseconds {
    per_tick: u64,
}

impl Nanoseconds {
    /// For a counter of `hertz` ticks per second. A counter that stands still measures nothing: 0 ns.
    #[must_use]
    pub const fn at(hertz: u64) -> Self {
        let per_tick = (1_000_000_000u64 << 32).checked_div(hertz);
        Self {
            per_tick: match per_tick {
                Some(per_tick) => per_tick,
                None => 0,
            },
        }
    }

    /// `ticks` in nanoseconds, rounded down; modulo 2⁶⁴, which is in 584 years.
    #[must_use]
    pub const fn of(self, ticks: u64) -> u64 {
        ((ticks as u128).wrapping_mul(self.per_tick as u128) >> 32) as u64
    }
}

/// What is published of one vCPU's stolen time. Whoever calls holds the vCPU: the core that runs it, or, for
/// [`reset`](Self::reset), whoever restarts its VM while no core has it.
#[derive(Debug)]
pub struct Stolen {
    /// Ticks stolen before it first asked; [`NEVER`] while it has not.
    before: AtomicU64,
}

/// More ticks than a counter ever shows.
const NEVER: u64 = u64::MAX;

impl Stolen {
    /// Of a vCPU that has not asked.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            before: AtomicU64::new(NEVER),
        }
    }

    /// The vCPU asks (`PV_TIME_ST`); `ticks` have been stolen from it since whenever. What is published counts from here; no
    /// effect if it asked before: a guest that takes a vCPU off and on again, and then asks, must not see time fall.
    pub fn ask(&self, ticks: u64) {
        if self.before.load(Ordering::Relaxed) == NEVER {
            self.before.store(ticks, Ordering::Relaxed);
        }
    }

    /// Whether it has asked, so that there is something to [`publish`](Self::publish).
    #[inline]
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.before.load(Ordering::Relaxed) != NEVER
    }

    /// Writes to `record` what has been stolen by now: `ticks`, of the same count as in [`ask`](Self::ask). No effect
    /// while it has not asked.
    pub fn publish(&self, record: &Record, ticks: u64, unit: Nanoseconds) {
        let before = self.before.load(Ordering::Relaxed);
        if before != NEVER {
            record.show(unit.of(ticks.saturating_sub(before)));
        }
    }

    /// The VM starts anew: its guest has not asked yet.
    pub fn reset(&self, record: &Record) {
        self.before.store(NEVER, Ordering::Relaxed);
        record.show(0);
    }
}

impl Default for Stolen {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEGAHERTZ: Nanoseconds = Nanoseconds::at(1_000_000);

    /// The bytes that a guest reads.
    fn bytes(record: &Record) -> [u64; 2] {
        [
            u64::from(record.revision) | u64::from(record.attributes) << 32,
            u64::from_le(record.stolen.load(Ordering::Relaxed)),
        ]
    }

    #[test]
    fn a_record_begins_as_version_1_0_with_nothing_stolen() {
        let page = Page::new();
        for index in 0..Page::RECORDS {
            assert_eq!(bytes(page.record(index).expect("there")), [0, 0]);
        }
        assert!(page.record(Page::RECORDS).is_none());
    }

    #[test]
    fn records_are_a_cache_line_each() {
        let page = Page::new();
        let start = core::ptr::from_ref(&page).addr();
        assert_eq!(start % 4096, 0);
        for index in 0..Page::RECORDS {
            let record = core::ptr::from_ref(page.record(index).expect("there")).addr();
            assert_eq!(Page::offset(index), Some((record - start) as u64));
            assert_eq!(record % 64, 0);
        }
        assert_eq!(Page::offset(Page::RECORDS), None);
        assert_eq!(Page::offset(usize::MAX), None);
    }

    #[test]
    fn nothing_is_published_before_the_guest_asks() {
        let (page, stolen) = (Page::new(), Stolen::new());
        let record = page.record(0).expect("there");
        stolen.publish(record, 500, MEGAHERTZ);
        assert!(!stolen.is_wanted());
        assert_eq!(record.nanoseconds(), 0);
    }

    #[test]
    fn it_counts_from_the_first_question_and_goes_on_at_the_second() {
        let (page, stolen) = (Page::new(), Stolen::new());
        let record = page.record(3).expect("there");
        stolen.ask(500);
        stolen.publish(record, 500, MEGAHERTZ);
        assert_eq!(bytes(record), [0, 0]);
        stolen.publish(record, 507, MEGAHERTZ);
        assert_eq!(bytes(record), [0, 7000]);
        stolen.ask(600);
        stolen.publish(record, 600, MEGAHERTZ);
        assert_eq!(bytes(record), [0, 100_000]);
    }

    #[test]
    fn a_restarted_guest_has_to_ask_again_and_begins_at_zero() {
        let (page, stolen) = (Page::new(), Stolen::new());
        let record = page.record(0).expect("there");
        stolen.ask(0);
        stolen.publish(record, 9, MEGAHERTZ);
        stolen.reset(record);
        assert_eq!(record.nanoseconds(), 0);
        stolen.publish(record, 20, MEGAHERTZ);
        assert_eq!(record.nanoseconds(), 0);
        stolen.ask(20);
        stolen.publish(record, 21, MEGAHERTZ);
        assert_eq!(record.nanoseconds(), 1000);
    }

    #[test]
    fn usual_counters_convert_exactly() {
        assert_eq!(Nanoseconds::at(1_000_000_000).of(u64::MAX), u64::MAX);
        assert_eq!(Nanoseconds::at(62_500_000).of(62_500_000), 1_000_000_000);
        assert_eq!(Nanoseconds::at(1_000_000).of(1), 1000);
        assert_eq!(Nanoseconds::at(0).of(1 << 40), 0);
    }

    proptest! {
        #[test]
        fn what_is_shown_never_falls_and_is_true_to_two_to_the_minus_32(
            hertz in 1_000_000u64..=1_000_000_000,
            steps in prop::collection::vec(0u64..1 << 40, 1..50),
        ) {
            let (page, stolen, unit) = (Page::new(), Stolen::new(), Nanoseconds::at(hertz));
            let record = page.record(0).expect("there");
            let (mut ticks, mut last) = (77, 0);
            stolen.ask(ticks);
            for step in steps {
                ticks += step;
                stolen.publish(record, ticks, unit);
                let shown = record.nanoseconds();
                prop_assert!(shown >= last);
                let exact = u128::from(ticks - 77) * 1_000_000_000 / u128::from(hertz);
                prop_assert!(u128::from(shown) <= exact);
                prop_assert!(exact - u128::from(shown) <= 1 + (u128::from(ticks) >> 32));
                last = shown;
            }
        }
    }
}
