//! Measures how long interrupts stay masked and rescheduling stays forbidden, by call site (feature `trace_atomic`).
//!
//! [`Core`] is the hardware behind the guards with a look at the clock at both ends of a section; what begins and ends
//! without a guard (exceptions, the entry to a guest, sleep) says so with [`exception`] and [`irqs_on`].
//!
//! A section of interrupts masked begins where the mask closes (`Platform::irq_mask`, an exception's entry) and ends where
//! it opens (`irq_restore` to an open mask, the entry to a guest, waiting for an interrupt). Called with interrupts
//! masked. Takes no lock. What is recorded of a core begins with [`start`].

use core::marker::PhantomData;
use core::panic::Location;
use core::sync::atomic::{AtomicU32, Ordering};

use arch::MAX_CPUS;
use preempt::Platform;
use trace::{Open, Record, Site, Tracer};

use crate::console;
use crate::model::Model;

/// The hardware behind the guards, observed.
pub type Core = Observed<arch::cpu::Core<Model>>;

/// Call sites that are told apart.
const SITES: usize = 256;
/// Of each kind, how many are reported.
const REPORTED: usize = 8;

static IRQS_OFF: Tracer<MAX_CPUS, SITES> = Tracer::new();
static PREEMPT_OFF: Tracer<MAX_CPUS, SITES> = Tracer::new();

/// A platform whose sections are measured.
pub struct Observed<P>(PhantomData<P>);

// SAFETY: does what `P` does, in the same order; the tracer between touches nothing else, and neither masks nor waits.
unsafe impl<P: Platform> Platform for Observed<P> {
    const CPUS: usize = P::CPUS;
    /// What `P` found, and whether the mask was open.
    type Irq = (P::Irq, bool);

    #[inline(always)]
    #[track_caller]
    fn irq_mask() -> Self::Irq {
        let open = !arch::cpu::irqs_masked();
        let saved = P::irq_mask();
        if open {
            irqs_off();
        }
        (saved, open)
    }

    #[inline(always)]
    unsafe fn irq_restore((saved, open): Self::Irq) {
        if open {
            irqs_on();
        }
        // SAFETY: by the caller's promise.
        unsafe { P::irq_restore(saved) }
    }

    #[inline(always)]
    #[track_caller]
    fn hold() {
        P::hold();
        if deeper() == 0 {
            preempt_off();
        }
    }

    #[inline(always)]
    unsafe fn release() {
        if shallower() == 1 {
            preempt_on();
        }
        // SAFETY: by the caller's promise.
        unsafe { P::release() }
    }

    #[inline(always)]
    fn relax() {
        P::relax();
    }

    #[inline(always)]
    fn cpu() -> usize {
        P::cpu()
    }
}

/// How many sections that forbid rescheduling are open on a core. Whoever is in one stays on the core, so the core's count
/// is its count.
static HELD: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];

/// One more; returns how many there were.
fn deeper() -> u32 {
    HELD.get(arch::cpu::index())
        .map_or(0, |held| held.fetch_add(1, Ordering::Relaxed))
}

/// One less; returns how many there were.
fn shallower() -> u32 {
    HELD.get(arch::cpu::index())
        .map_or(1, |held| held.fetch_sub(1, Ordering::Relaxed))
}

/// This core records from now on.
pub fn start() {
    IRQS_OFF.start(arch::cpu::index());
    PREEMPT_OFF.start(arch::cpu::index());
}

/// The caller has masked interrupts, which were open; without a guard of [`Core`], which says so itself.
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
fn preempt_off() {
    let site = Site::Caller(Location::caller());
    PREEMPT_OFF.begin(arch::cpu::index(), site, arch::timer::now);
}

/// The caller allows it again.
#[inline]
fn preempt_on() {
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
