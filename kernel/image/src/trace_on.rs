//! Measures how long interrupts stay masked and rescheduling stays forbidden, by call site (feature `trace_atomic`).
//!
//! A section of interrupts masked begins where the mask closes (`Platform::irq_mask`, an exception's entry) and ends where
//! it opens (`irq_restore` to an open mask, the entry to a guest, waiting for an interrupt). Called with interrupts
//! masked. Takes no lock. What is recorded of a core begins with [`start`].

use core::panic::Location;

use arch::MAX_CPUS;
use trace::{Open, Record, Site, Tracer};

use crate::console;

/// Call sites that are told apart.
const SITES: usize = 256;
/// Of each kind, how many are reported.
const REPORTED: usize = 8;

static IRQS_OFF: Tracer<MAX_CPUS, SITES> = Tracer::new();
static PREEMPT_OFF: Tracer<MAX_CPUS, SITES> = Tracer::new();

/// This core records from now on.
pub fn start() {
    IRQS_OFF.start(arch::cpu::index());
    PREEMPT_OFF.start(arch::cpu::index());
}

/// The caller has masked interrupts, which were open.
#[inline]
#[track_caller]
pub fn irqs_off() {
    let site = Site::Caller(Location::caller());
    IRQS_OFF.begin(arch::cpu::index(), site, arch::timer::now);
}

/// An exception has masked them: which one (without blanks).
#[inline]
pub fn exception(name: &'static str) {
    IRQS_OFF.begin(arch::cpu::index(), Site::Name(name), arch::timer::now);
}

/// The caller is about to open the mask, by itself or by entering or waiting for something.
#[inline]
pub fn irqs_on() {
    IRQS_OFF.end(arch::cpu::index(), arch::timer::now());
}

/// The caller has forbidden rescheduling, which was allowed.
#[inline]
#[track_caller]
pub fn preempt_off() {
    let site = Site::Caller(Location::caller());
    PREEMPT_OFF.begin(arch::cpu::index(), site, arch::timer::now);
}

/// The caller allows it again.
#[inline]
pub fn preempt_on() {
    PREEMPT_OFF.end(arch::cpu::index(), arch::timer::now());
}

/// The section with interrupts masked that is open on a core.
pub fn open(cpu: usize) -> Option<Open> {
    IRQS_OFF.open(cpu)
}

/// Prints line `number` of the report, counted from 0, longest sections first; `false`: there is none.
/// `TRACE <kind> max=<ticks> at=<place> count=<sections> total=<ticks> cpu=<core of the longest>`.
pub fn line(number: usize) -> bool {
    let (kind, tracer, place) = match number.checked_sub(REPORTED) {
        None => ("irqs-off", &IRQS_OFF, number),
        Some(place) if place < REPORTED => ("preempt-off", &PREEMPT_OFF, place),
        Some(_) => return false,
    };
    let records: [Option<Record>; REPORTED] = tracer.longest();
    if let Some(Some(record)) = records.get(place) {
        console::log(format_args!("TRACE {kind} {record}"));
    }
    true
}

/// Prints the whole report: at power-off, when time does not matter any more.
pub fn report() {
    let mut number = 0usize;
    while line(number) {
        number = number.saturating_add(1);
    }
}
