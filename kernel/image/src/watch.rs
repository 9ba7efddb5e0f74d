//! The watchdog over the cores (see `trace::Watchdog`): each says what it goes over to, and background work looks at all.

use core::sync::atomic::{AtomicBool, Ordering};

use arch::MAX_CPUS;
use trace::{Bounds, Verdict, Watchdog};

use crate::config::{BOARD, WATCHDOG_MS};
use crate::cores;
use crate::deadline::{self, Source};
use crate::operate::Drive;
use crate::platform::{IrqGuard, ticks_from_us};
use crate::sections;
use crate::signal::Signal;

pub use trace::Doing;

static WATCHDOG: Watchdog<MAX_CPUS> = Watchdog::new();
/// It is time to look.
static TIME: AtomicBool = AtomicBool::new(false);
static TICK: Signal = Signal::new();

/// Longer than this interrupts are not masked, in microseconds: slow emulators included.
const MASKED_US: u64 = 100_000;

/// This core goes over to something else.
#[inline]
pub fn pass(_irq: &IrqGuard, doing: Doing) {
    WATCHDOG.pass(arch::cpu::index(), doing, arch::timer::now());
}

/// The deadline that the task asked for has passed.
pub fn tick() {
    TIME.store(true, Ordering::Release);
    TICK.notify();
}

/// Looks at all cores every `WATCHDOG_MS` milliseconds.
pub async fn over_cores(mut cx: continuation::Cx<Drive>) {
    let period = ticks_from_us(WATCHDOG_MS.saturating_mul(1000));
    let bounds = Bounds {
        stay: period,
        masked: ticks_from_us(MASKED_US),
    };
    loop {
        IrqGuard::with(|irq| {
            let at = arch::timer::now().saturating_add(period);
            deadline::set(irq, Source::Watchdog, Some(at));
        });
        let time = || TIME.swap(false, Ordering::AcqRel).then_some(());
        if cx.wait(TICK.until(time)).await.is_err() {
            return;
        }
        for cpu in 0..BOARD.cpus.len() {
            look(cpu, &bounds);
            if cx.work(1).await.is_err() {
                return;
            }
        }
    }
}

fn look(cpu: usize, bounds: &Bounds) {
    match WATCHDOG.check(cpu, arch::timer::now(), bounds, sections::open(cpu)) {
        Verdict::Well => {}
        Verdict::Ask => IrqGuard::with(|irq| cores::kick(irq, cpu)),
        Verdict::Stuck { doing, ticks } => {
            log::error!("core {cpu} does not come back: {doing} for {ticks} ticks");
        }
        Verdict::Masked { open, ticks } => {
            log::error!(
                "core {cpu} masks interrupts for {ticks} ticks: {}",
                open.site
            );
        }
        Verdict::Recovered => log::warn!("core {cpu} is back"),
    }
}
