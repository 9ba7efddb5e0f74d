//! The console multiplexer on the physical UART: everything that is printed goes through here, and what is typed is
//! handed out from here.
//!
//! Output goes to a ring, which is emptied into the UART as far as its FIFO takes it; a core never waits for a slow
//! line with interrupts masked unless the ring is full of the hypervisor's own words. Guests are held back
//! long before: their UARTs' transmit FIFOs fill up, as real ones would.
//!
//! Lock order: a VM's UART before the terminal. Nothing here logs while it holds the terminal.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use console::{Command, Config, Console, Sink};

use crate::config::{CONSOLE_PREFIX, SYSTEM, VMS as COUNT};
use crate::deadline::{self, Source};
use crate::platform::{IrqGuard, SpinLock};
use crate::vm::VMS;
use crate::{hw, power, status};

/// Bytes that may wait for the line.
const RING: usize = 8192;
/// With more than this waiting, guests are held back.
const CONGESTED: usize = RING / 2;

struct Terminal {
    console: Console<COUNT>,
    ring: Ring,
}

static TERMINAL: SpinLock<Terminal> = SpinLock::new(Terminal {
    console: Console::new(Config {
        prefix: 1,
        partial_after: u64::MAX,
        patience: u64::MAX,
    }),
    ring: Ring {
        bytes: [0; RING],
        first: 0,
        len: 0,
    },
});

/// Some VM's UART is held back.
static HOLDING: AtomicBool = AtomicBool::new(false);
/// Input is left in the UART, whose interrupt is off meanwhile.
static INPUT_WAITS: AtomicBool = AtomicBool::new(false);

/// What waits for the line.
struct Ring {
    bytes: [u8; RING],
    first: usize,
    len: usize,
}

impl Ring {
    /// Gives the UART what it takes.
    fn drain(&mut self) {
        while self.len > 0 {
            let Some(byte) = self.bytes.get(self.first) else {
                return;
            };
            if !hw::UART.try_put(*byte) {
                return;
            }
            self.first = self.first.wrapping_add(1) % RING;
            self.len = self.len.saturating_sub(1);
        }
    }
}

impl Sink for Ring {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            while self.len >= RING {
                self.drain();
                arch::cpu::relax();
            }
            let end = self.first.wrapping_add(self.len) % RING;
            if let Some(place) = self.bytes.get_mut(end) {
                *place = *byte;
                self.len = self.len.saturating_add(1);
            }
        }
    }
}

/// Makes the UART usable for output.
pub fn init() {
    hw::UART.init();
    let mut config = Config::for_counter(arch::timer::frequency());
    config.prefix = CONSOLE_PREFIX;
    TERMINAL.with(|terminal| {
        terminal.console.configure(config);
        for vm in SYSTEM.vms {
            terminal.console.add(vm.name);
        }
    });
}

/// Lets typed bytes in; on the core to which the UART's interrupt is routed.
pub fn listen() {
    hw::UART.enable_receive_interrupt();
}

/// Does something to the console and puts what it prints on the line.
fn with<R>(irq: &IrqGuard, work: impl FnOnce(&mut Console<COUNT>, &mut Ring, u64) -> R) -> R {
    let now = arch::timer::now();
    let (result, at) = {
        let mut guard = TERMINAL.lock(irq);
        let terminal = &mut *guard;
        let result = work(&mut terminal.console, &mut terminal.ring, now);
        terminal.ring.drain();
        // A UART at 115200 baud empties its FIFO in about 3 ms; look again before it has.
        // (Also for VMs that are held back: another core may have emptied the ring since.)
        let busy = terminal.ring.len > 0
            || INPUT_WAITS.load(Ordering::Relaxed)
            || HOLDING.load(Ordering::Relaxed);
        let again = busy.then(|| now.saturating_add(arch::timer::frequency() / 1000));
        (result, vtimer::earliest(terminal.console.deadline(), again))
    };
    deadline::set(irq, Source::Console, at);
    result
}

/// Prints a line of the hypervisor's own.
pub fn log(text: fmt::Arguments<'_>) {
    IrqGuard::with(|irq| with(irq, |console, ring, _| console.log(text, ring)));
}

/// A VM's UART sends a byte; `false`: hold the next one back, [`tick`] will ask for it.
pub fn write(irq: &IrqGuard, vm: usize, byte: u8) -> bool {
    let free = with(irq, |console, ring, now| {
        console.write(vm, &[byte], now, ring);
        ring.len < CONGESTED
    });
    if !free {
        HOLDING.store(true, Ordering::Release);
    }
    free
}

/// The next byte typed for a VM.
pub fn take(irq: &IrqGuard, vm: usize) -> Option<u8> {
    let now = arch::timer::now();
    TERMINAL.lock(irq).console.take(vm, now)
}

/// How many bytes typed for a VM wait.
pub fn waiting(irq: &IrqGuard, vm: usize) -> bool {
    TERMINAL.lock(irq).console.waiting(vm) > 0
}

/// A VM begins anew, or has ended: forgets what was typed for it, ends its unfinished line.
pub fn reset(irq: &IrqGuard, vm: usize) {
    with(irq, |console, ring, _| console.reset(vm, ring));
}

/// The console's deadline has passed.
pub fn tick(irq: &IrqGuard) {
    let free = with(irq, |console, ring, now| {
        console.tick(now, ring);
        ring.len < CONGESTED / 2
    });
    if free && HOLDING.swap(false, Ordering::AcqRel) {
        for vm in &VMS {
            vm.devices.line_is_free(irq, vm);
        }
    }
    if INPUT_WAITS.swap(false, Ordering::AcqRel) {
        hw::UART.enable_receive_interrupt();
        interrupt(irq);
    }
}

/// Something was typed.
pub fn interrupt(irq: &IrqGuard) {
    loop {
        let command = with(irq, |console, ring, now| {
            while console.accepts_input(now) {
                let Some(byte) = hw::UART.get() else {
                    return Ok(None);
                };
                if let Some(command) = console.input(byte, now, ring) {
                    return Ok(Some(command));
                }
            }
            Err(())
        });
        match command {
            Ok(None) => break,
            Ok(Some(Command::Switched(_))) => {}
            Ok(Some(Command::Status)) => status::print(),
            Ok(Some(Command::PowerOff)) => {
                log(format_args!("powered off by the operator"));
                power::end();
            }
            Err(()) => {
                // The VM does not read. Level-triggered, the interrupt would come again and again.
                hw::UART.disable_interrupts();
                INPUT_WAITS.store(true, Ordering::Release);
                with(irq, |_, _, _| ());
                break;
            }
        }
    }
    for vm in &VMS {
        vm.devices.typed(irq, vm);
    }
}

/// Prints everything that waits, and leaves the cursor on a new line: before power-off.
pub fn finish() {
    TERMINAL.with(|terminal| {
        terminal.console.finish(&mut terminal.ring);
        while terminal.ring.len > 0 {
            terminal.ring.drain();
            arch::cpu::relax();
        }
    });
    hw::UART.flush();
}
