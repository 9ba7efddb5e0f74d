//! A VM's emulated devices apart from its interrupt controller, and their ties to console, clock and interrupts.
//!
//! Lock order: UART, then terminal or interrupt controller.

use core::sync::atomic::{AtomicBool, Ordering};

use tables::Device;
use vdev::{Pl011, Pl031};

use crate::console::{self, typed};
use crate::deadline::{self, Source};
use crate::platform::{IrqGuard, Once, SpinLock};
use crate::vm::{self, Vm};

/// Bytes of either device's window.
pub const WINDOW: u64 = 0x1000;

/// The clock's interrupt mask, and the register that clears its interrupt (PL031, DDI 0224, §3.3).
const RTCIMSC: u64 = 0x10;
const RTCICR: u64 = 0x1c;

/// Bytes moved between a UART and the console in one section.
const PORTION: usize = 8;

/// Where a device is, and its interrupt.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Guest physical address.
    pub ipa: u64,
    /// INTID, level-triggered.
    pub intid: u32,
}

/// The devices of a VM.
pub struct Devices {
    uart_at: Once<Place>,
    clock_at: Once<Place>,
    uart: SpinLock<Pl011>,
    clock: SpinLock<Pl031>,
    /// Something was typed for it that its UART had no room for.
    typed: AtomicBool,
}

impl Devices {
    /// No devices.
    pub const fn new() -> Self {
        Self {
            uart_at: Once::new(),
            clock_at: Once::new(),
            uart: SpinLock::new(Pl011::new()),
            clock: SpinLock::new(Pl031::new()),
            typed: AtomicBool::new(false),
        }
    }

    /// The devices that the VM's table lists. The clock begins at the epoch: no board's clock is read.
    pub fn configure(&self, table: &tables::Vm) {
        for device in table.devices {
            match *device {
                Device::Pl011 { ipa, intid } => self.uart_at.get_or_init(|| Place { ipa, intid }),
                Device::Pl031 { ipa, intid } => self.clock_at.get_or_init(|| Place { ipa, intid }),
            };
        }
        let hertz = arch::timer::frequency();
        self.clock
            .with(|clock| clock.start(hertz, arch::timer::now(), 0));
    }

    /// The UART, if the VM has one.
    pub fn uart_at(&self) -> Option<&Place> {
        self.uart_at.get()
    }

    /// The clock, if the VM has one.
    pub fn clock_at(&self) -> Option<&Place> {
        self.clock_at.get()
    }

    /// As after power-on; the clock keeps the time, but not its alarm.
    pub fn reset(&self, irq: &IrqGuard, vm: &'static Vm) {
        self.clock_event(irq, vm, |clock, now| {
            clock.write(RTCIMSC, 4, 0, now);
            clock.write(RTCICR, 4, 1, now);
        });
        *self.uart.lock(irq) = Pl011::new();
        self.typed.store(false, Ordering::Release);
        console::reset(irq, vm.number);
    }

    /// The guest reads its UART.
    pub fn uart_read(&self, irq: &IrqGuard, vm: &'static Vm, offset: u64, size: u8) -> u64 {
        let mut uart = self.uart.lock(irq);
        let value = uart.read(offset, size);
        if self.typed.load(Ordering::Acquire) {
            self.feed(irq, vm, &mut uart);
        }
        let kick = self.uart_level(irq, vm, &uart);
        drop(uart);
        vm::deliver(irq, vm, kick);
        value
    }

    /// The guest writes to its UART.
    pub fn uart_write(&self, irq: &IrqGuard, vm: &'static Vm, offset: u64, size: u8, value: u64) {
        let mut uart = self.uart.lock(irq);
        if let Some(byte) = uart.write(offset, size, value)
            && !console::write(irq, vm.number, byte)
        {
            uart.hold_tx(true);
        }
        // It may just have begun to listen.
        if self.typed.load(Ordering::Acquire) {
            self.feed(irq, vm, &mut uart);
        }
        let kick = self.uart_level(irq, vm, &uart);
        drop(uart);
        vm::deliver(irq, vm, kick);
    }

    /// Something may have been typed for this VM.
    pub fn typed(&self, irq: &IrqGuard, vm: &'static Vm) {
        if !typed::waiting(irq, vm.number) {
            return;
        }
        let mut uart = self.uart.lock(irq);
        self.feed(irq, vm, &mut uart);
        let kick = self.uart_level(irq, vm, &uart);
        drop(uart);
        vm::deliver(irq, vm, kick);
    }

    /// The physical line has room again: sends a portion of what was held back; says whether there is more.
    pub fn line_is_free(&self, irq: &IrqGuard, vm: &'static Vm) -> bool {
        let mut uart = self.uart.lock(irq);
        let mut more = true;
        for _ in 0..PORTION {
            let Some(byte) = uart.take_tx() else {
                // All that waited is out: what the guest writes now goes out at once.
                uart.hold_tx(false);
                more = false;
                break;
            };
            if !console::write(irq, vm.number, byte) {
                more = false;
                break;
            }
        }
        let kick = self.uart_level(irq, vm, &uart);
        drop(uart);
        vm::deliver(irq, vm, kick);
        more
    }

    /// Moves a portion of what was typed into the UART, as far as there is room.
    fn feed(&self, irq: &IrqGuard, vm: &Vm, uart: &mut Pl011) {
        // A guest that does not listen has no room: what was typed waits until it does, and looks at its UART again.
        let mut bytes = [0; PORTION];
        let room = uart.room().min(PORTION);
        let Some(places) = bytes.get_mut(..room) else {
            return;
        };
        let count = typed::take(irq, vm.number, places);
        for byte in places.iter().take(count) {
            // There is room, so it is not refused.
            let _ = uart.receive(*byte);
        }
        self.typed.store(count == room, Ordering::Release);
    }

    fn uart_level(&self, irq: &IrqGuard, vm: &Vm, uart: &Pl011) -> vgic::Kick {
        match self.uart_at.get() {
            Some(place) => vm.gic.lock(irq).set_level(0, place.intid, uart.irq()),
            None => vgic::Kick::NONE,
        }
    }

    /// The guest reads its clock.
    pub fn clock_read(&self, irq: &IrqGuard, vm: &'static Vm, offset: u64, size: u8) -> u64 {
        let mut value = 0;
        // Reading looks at the time, which may be the alarm's.
        self.clock_event(irq, vm, |clock, now| value = clock.read(offset, size, now));
        value
    }

    /// The guest writes to its clock.
    pub fn clock_write(&self, irq: &IrqGuard, vm: &'static Vm, offset: u64, size: u8, value: u64) {
        self.clock_event(irq, vm, |clock, now| clock.write(offset, size, value, now));
    }

    /// The clock's alarm is due.
    pub fn clock_due(&self, irq: &IrqGuard, vm: &'static Vm) {
        self.clock_event(irq, vm, Pl031::poll);
    }

    fn clock_event(&self, irq: &IrqGuard, vm: &'static Vm, event: impl FnOnce(&mut Pl031, u64)) {
        let Some(place) = self.clock_at.get() else {
            return;
        };
        let mut clock = self.clock.lock(irq);
        event(&mut clock, arch::timer::now());
        let kick = vm.gic.lock(irq).set_level(0, place.intid, clock.irq());
        let deadline = clock.deadline();
        drop(clock);
        deadline::set(irq, Source::Clock(vm), deadline);
        vm::deliver(irq, vm, kick);
    }
}
