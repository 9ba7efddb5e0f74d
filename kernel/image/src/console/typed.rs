//! What is typed, from the UART to whom it is for.
//!
//! The UART's interrupt only empties the FIFO, before that overruns; a few bytes in each section, [`work`] looks at what they are
//! and hands them out. If more comes than there is time or room for, the interrupt, which is level-triggered and would come
//! again at once, is off until `work` has taken the rest.

use core::sync::atomic::{AtomicBool, Ordering};

use console::Ring;

use super::{SERVED, TERMINAL, ready};
use crate::deadline::{self, Source};
use crate::hw;
use crate::platform::{IrqGuard, SpinLock};
use crate::vm::VMS;

/// Bytes that one section takes from the UART: half a FIFO is what it interrupts for (Arm DDI 0183, UARTIFLS).
const TAKEN: usize = 16;
/// Bytes that one section looks at.
const LOOKED_AT: usize = 8;
/// Bytes that wait to be looked at.
const ROOM: usize = 64;

static RECEIVED: SpinLock<Received> = SpinLock::new(Received {
    bytes: Ring::new(),
    left: false,
});

/// What has been received has yet to be looked at. Changed with [`RECEIVED`] held.
static WAITS: AtomicBool = AtomicBool::new(false);

struct Received {
    bytes: Ring<ROOM>,
    /// The UART may have more, and its interrupt is off meanwhile.
    left: bool,
}

impl Received {
    /// Takes from the UART what there is time and room for.
    fn take(&mut self) {
        for _ in 0..TAKEN {
            if self.bytes.is_full() {
                break;
            }
            let Some(byte) = hw::UART.get() else { break };
            // There is room, so it is not refused.
            let _ = self.bytes.push(byte);
        }
        let left = hw::UART.has_received();
        if left && !self.left {
            hw::UART.disable_interrupts();
        } else if self.left && !left {
            hw::UART.enable_receive_interrupt();
        }
        self.left = left;
        WAITS.store(left || !self.bytes.is_empty(), Ordering::Release);
    }
}

/// Lets typed bytes in; on the core to which the UART's interrupt is routed.
pub fn listen() {
    hw::UART.enable_receive_interrupt();
}

/// Something was typed.
pub fn interrupt(irq: &IrqGuard) {
    RECEIVED.lock(irq).take();
    if SERVED.load(Ordering::Acquire) {
        ready();
    } else {
        deadline::set(irq, Source::Console, Some(arch::timer::now()));
    }
}

/// Whether something waits to be looked at, be it that nobody wants it now.
pub fn waits() -> bool {
    WAITS.load(Ordering::Acquire)
}

/// Looks at a few bytes. `false`: there are no more, or they are not wanted now, because the VM does not read, or a command is not
/// done yet.
pub fn work() -> bool {
    if !waits() {
        return false;
    }
    let now = arch::timer::now();
    let looked = IrqGuard::with(|irq| {
        let mut terminal = TERMINAL.lock(irq);
        let mut looked = false;
        for _ in 0..LOOKED_AT {
            if !terminal.accepts_input(now) {
                break;
            }
            // Not held meanwhile: the UART's interrupt, on another core, would wait for all of this.
            let Some(byte) = RECEIVED.lock(irq).bytes.pop() else {
                break;
            };
            terminal.input(byte, now);
            looked = true;
        }
        looked
    });
    IrqGuard::with(|irq| RECEIVED.lock(irq).take());
    if looked {
        for vm in &VMS {
            IrqGuard::with(|irq| vm.devices.typed(irq, vm));
        }
    }
    looked && waits()
}

/// Takes the next bytes typed for a VM, as many as there are and `bytes` holds; returns how many.
pub fn take(irq: &IrqGuard, vm: usize, bytes: &mut [u8]) -> usize {
    let now = arch::timer::now();
    let mut terminal = TERMINAL.lock(irq);
    let mut count = 0usize;
    for place in bytes {
        let Some(byte) = terminal.take(vm, now) else {
            break;
        };
        *place = byte;
        count = count.saturating_add(1);
    }
    count
}

/// Whether bytes typed for a VM wait.
pub fn waiting(irq: &IrqGuard, vm: usize) -> bool {
    TERMINAL.lock(irq).waiting(vm) > 0
}
