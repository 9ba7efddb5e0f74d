//! The console multiplexer on the physical UART: everything that is printed goes through here, and what is [`typed`] is
//! handed out from here.
//!
//! What VMs write and the hypervisor logs is queued in brief sections; [`work`] prints it, a few bytes at a time, with
//! interrupts enabled in between. So nobody has interrupts masked for longer than a step takes, some thousand instructions, however
//! long a line is and however slow the UART. Whoever drives `work` waits with [`until_work`]. Before [`serve`]
//! (while the machine boots), and after [`take_over`] (while it is switched off), everything is printed at once.
//!
//! When too much waits: guests are held back, as a real UART would; a message of the hypervisor's own is printed by
//! its writer as long as the UART takes it, or else lost, and the loss is reported.
//!
//! Lock order: a VM's UART before the terminal, which is before what was received. Nothing here logs while it holds the terminal.

pub mod typed;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use console::{Command, Config, Console, Progress, Sink, Text};

use crate::config::{CONSOLE_PREFIX, SYSTEM, VMS as COUNT};
use crate::deadline::{self, Source};
use crate::machine::ROOM;
use crate::platform::{IrqGuard, SpinLock};
use crate::signal::Signal;
use crate::vm::VMS;
use crate::{hw, power, status};

/// With less room than this a VM's UART is held back, and hypercalls write nothing: a byte that is under way fits.
const RESERVE: usize = 64;
/// Bytes that one section takes from a caller.
const CHUNK: usize = 32;
/// Steps that are made at once by those who log or write while nobody else prints.
const AT_ONCE: usize = 4096;

/// Steps that are made when EL2 has failed: several times what all that can wait takes on a UART that is never full.
const LAST_STEPS: usize = 100_000;

static TERMINAL: SpinLock<Console<COUNT>> = SpinLock::new(Console::new(Config {
    prefix: 1,
    partial_after: u64::MAX,
    patience: u64::MAX,
}));

/// The hypervisor's own lines.
static TEXT: Text = Text::new();

/// There is something to do.
static WAITS: AtomicBool = AtomicBool::new(false);
/// Who does it.
static WORKER: Signal = Signal::new();
/// Somebody does it.
static SERVED: AtomicBool = AtomicBool::new(false);
/// Some VM's UART is held back, or a hypercall waits for room.
static HOLDING: AtomicBool = AtomicBool::new(false);
/// The line of the state report that is printed next, counted from 1; 0: none was asked for.
static REPORT: AtomicUsize = AtomicUsize::new(0);

/// The UART's transmit FIFO.
struct Line;

impl Sink for Line {
    fn put(&mut self, byte: u8) -> bool {
        hw::UART.try_put(byte)
    }

    fn wanted(&self) -> bool {
        arch::cpu::irq_waits()
    }
}

/// Makes the UART usable for output.
pub fn init() {
    hw::UART.init();
    let mut config = Config::for_counter(arch::timer::frequency());
    config.prefix = CONSOLE_PREFIX;
    TERMINAL.with(|terminal| {
        terminal.configure(config);
        for vm in SYSTEM.vms {
            terminal.add(vm.name);
        }
    });
}

/// Prints a line of the hypervisor's own. Formats in the caller's time: long messages do not belong into sections.
pub fn log(text: fmt::Arguments<'_>) {
    log_and(text, |terminal, line| terminal.publish(line));
}

fn log_and(text: fmt::Arguments<'_>, publish: impl Fn(&mut Console<COUNT>, console::Written)) {
    let wait = || {
        let alone = !SERVED.load(Ordering::Acquire);
        // Masked, there is no time to wait for the line; otherwise there is while it takes something.
        alone && step() != Progress::Idle || !arch::cpu::irqs_masked() && step() == Progress::More
    };
    TEXT.format(text, wait, |line| {
        TERMINAL.with(|terminal| publish(terminal, line));
    });
    ready();
}

/// A VM's UART sends a byte; `false`: hold the next one back, [`work`] will ask for it.
pub fn write(irq: &IrqGuard, vm: usize, byte: u8) -> bool {
    let free = {
        let mut terminal = TERMINAL.lock(irq);
        // The reserve sees to it that it fits.
        let _ = terminal.offer(vm, &[byte]);
        terminal.room(vm) >= RESERVE
    };
    if !free {
        HOLDING.store(true, Ordering::Release);
    }
    ready();
    free
}

/// A VM writes by hypercall; returns how many of `bytes` were taken, the first ones. Takes them in small portions, so
/// the length is the caller's to bound only for its own sake. If not all were taken, `machine::ROOM` tells when
/// [`has_room`] says yes again.
pub fn push(vm: usize, bytes: &[u8]) -> usize {
    let mut taken = 0usize;
    for chunk in bytes.chunks(CHUNK) {
        let some = TERMINAL.with(|terminal| {
            let room = terminal.room(vm).saturating_sub(RESERVE);
            match chunk.get(..room.min(chunk.len())) {
                Some(fits) => terminal.offer(vm, fits),
                None => 0,
            }
        });
        taken = taken.saturating_add(some);
        if some < chunk.len() {
            HOLDING.store(true, Ordering::Release);
            break;
        }
    }
    ready();
    taken
}

/// Whether a VM's hypercalls can write something worth the trouble.
pub fn has_room(vm: usize) -> bool {
    TERMINAL.with(|terminal| terminal.room(vm)) >= RESERVE.saturating_add(CHUNK)
}

/// A VM begins anew, or has ended: forgets what was typed for it, ends its unfinished line.
pub fn reset(irq: &IrqGuard, vm: usize) {
    TERMINAL.lock(irq).reset(vm);
    ready();
}

/// There is something to do: does it, if nobody else will.
fn ready() {
    if !SERVED.load(Ordering::Acquire) {
        for _ in 0..AT_ONCE {
            if step() != Progress::More {
                break;
            }
        }
    } else if !WAITS.swap(true, Ordering::AcqRel) {
        WORKER.notify();
    }
}

/// Prints a few bytes, or looks at a few. Sees to it that somebody looks again when there is reason to.
fn step() -> Progress {
    let now = arch::timer::now();
    IrqGuard::with(|irq| {
        let (progress, partial) = {
            let mut terminal = TERMINAL.lock(irq);
            let progress = terminal.step(now, &TEXT, &mut Line);
            if progress == Progress::More {
                return progress;
            }
            (progress, terminal.deadline())
        };
        // A UART at 115200 baud empties its FIFO in about 3 ms; look again before it has.
        let busy =
            progress == Progress::Blocked || typed::waits() || HOLDING.load(Ordering::Relaxed);
        let again = busy.then(|| now.saturating_add(arch::timer::frequency() / 1000));
        deadline::set(irq, Source::Console, vtimer::earliest(partial, again));
        progress
    })
}

/// A bounded piece of the console's work, interrupts enabled: looks at what is typed, prints, does what the operator asked for,
/// lets those who were held back go on. `false`: there is nothing more to do until [`until_work`] says so.
pub fn work() -> bool {
    let typed = typed::work();
    let progress = step();
    if let Some(command) = TERMINAL.with(Console::take_command) {
        carry_out(command);
        return true;
    }
    if progress == Progress::More {
        return true;
    }
    let more = HOLDING.swap(false, Ordering::AcqRel) && let_go();
    report() || more || typed
}

/// Lets a portion through of what was held back; says whether there is more and room for it.
fn let_go() -> bool {
    let mut more = false;
    for vm in &VMS {
        if !has_room(vm.number) {
            HOLDING.store(true, Ordering::Release);
            continue;
        }
        more |= IrqGuard::with(|irq| vm.devices.line_is_free(irq, vm));
    }
    ROOM.notify();
    if more {
        HOLDING.store(true, Ordering::Release);
    }
    more
}

/// What has been lost, and the next line of the state that the operator asked to see, once the lines before are out.
fn report() -> bool {
    let lost = TEXT.take_lost();
    if lost > 0 {
        log(format_args!(
            "{lost} messages were lost, because the console is slow"
        ));
    }
    let line = REPORT.load(Ordering::Relaxed);
    if line == 0 || TEXT.waiting() > 0 {
        return lost > 0;
    }
    let more = status::line(line.saturating_sub(1));
    REPORT.store(
        if more { line.saturating_add(1) } else { 0 },
        Ordering::Relaxed,
    );
    true
}

/// Somebody does the [`work`] from now on.
pub fn serve() {
    SERVED.store(true, Ordering::Release);
}

/// Completes when there is [`work`] again.
pub fn until_work() -> impl Future<Output = ()> + Send {
    WORKER.until(|| WAITS.swap(false, Ordering::AcqRel).then_some(()))
}

/// The console's deadline has passed.
pub fn tick(_irq: &IrqGuard) {
    if SERVED.load(Ordering::Acquire) {
        ready();
    } else {
        for _ in 0..AT_ONCE {
            if !work() {
                break;
            }
        }
    }
}

/// Does what the operator has asked for.
fn carry_out(command: Command) {
    let message = TERMINAL.with(|terminal| terminal.message(command));
    match command {
        Command::Switched(vm) => log_and(format_args!("{message}"), |terminal, line| {
            terminal.publish_switch(vm, line);
        }),
        Command::Status => REPORT.store(1, Ordering::Relaxed),
        Command::PowerOff => {
            log(format_args!("{message}"));
            power::end();
        }
        _ => log(format_args!("{message}")),
    }
    ready();
}

/// From now on everything is printed at once, by whoever writes it: the machine is about to be switched off.
pub fn take_over() {
    SERVED.store(false, Ordering::Release);
    ready();
}

/// Prints everything that waits, and leaves the cursor on a new line: before power-off.
pub fn finish() {
    take_over();
    TERMINAL.with(Console::close);
    while step() != Progress::Idle {
        arch::cpu::relax();
    }
    hw::UART.flush();
}

/// EL2 has failed: prints what waits, if nobody is in the middle of printing. Takes a bounded time.
pub fn last_words() {
    IrqGuard::with(|irq| {
        let Some(mut terminal) = TERMINAL.try_lock(irq) else {
            return;
        };
        let now = arch::timer::now();
        for _ in 0..LAST_STEPS {
            match terminal.step(now, &TEXT, &mut Line) {
                Progress::More => {}
                Progress::Blocked => arch::cpu::relax(),
                Progress::Idle => break,
            }
        }
    });
}
