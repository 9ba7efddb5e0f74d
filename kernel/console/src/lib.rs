//! The console multiplexer: one serial line, shared by the hypervisor and all VMs.
//!
//! For: reading what every VM writes without one line getting into another, and typing into one VM (the
//! *foreground*) or to the hypervisor. `docs/console.md` describes it from the operator's side.
//!
//! Guarantees:
//! - A finished line of a VM appears once, whole, as `[name] text`, in the order in which that VM wrote its
//!   lines. A line longer than the buffer appears in pieces, all but the first as `[name]+ text`.
//! - The foreground VM's characters appear as they come. When another line has to be printed in between, it
//!   stands on a line of its own, and the unfinished foreground line is printed again below it.
//! - An unfinished line of another VM appears after a time-out, and again, whole, when it is finished.
//! - No escape sequence and no UTF-8 character is cut. Of a line that is not written directly (background, or
//!   printed again) only text, colours and movement within the line are shown: nothing of it can overwrite
//!   another line or make the terminal send an answer, which would be typed into the foreground VM.
//! - Typed bytes reach the foreground VM in order; a VM that does not read holds the line back
//!   ([`Console::accepts_input`]), but cannot keep the operator from giving commands for good.
//!
//! Does not: touch hardware, lock, wait, or buffer for a slow UART. Time is whatever monotonic tick the caller
//! passes as `now`.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod input;
mod line;
mod output;
mod scan;
#[cfg(test)]
mod tests;

use core::fmt;

pub use input::Command;
use input::{Key, Queue, Typing};
use line::Line;

/// Where the bytes for the terminal go: the UART driver, or a ring before it.
pub trait Sink {
    /// Takes all of `bytes`. Must not drop any: a slow UART is waited for, or a ring buffers them.
    fn write(&mut self, bytes: &[u8]);
}

/// What can be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The byte that begins a command; typed twice it is sent to the VM once. 1 is Ctrl-A.
    pub prefix: u8,
    /// After this many ticks without a further byte an unfinished line is shown.
    pub partial_after: u64,
    /// When the foreground VM's input queue is full and it has read nothing for this many ticks, typed bytes
    /// are read and thrown away (with a bell), so that commands get through. `u64::MAX`: never.
    pub patience: u64,
}

impl Config {
    /// Ctrl-A, unfinished lines after 0.2 s, two seconds' patience, for a counter of `hertz` ticks a second.
    #[must_use]
    pub const fn for_counter(hertz: u64) -> Self {
        Self {
            prefix: 1,
            partial_after: hertz.wrapping_div(5),
            patience: hertz.saturating_mul(2),
        }
    }
}

/// The multiplexer for up to `VMS` VMs, lines of up to `LINE` bytes, and `QUEUE` typed bytes per VM.
#[derive(Debug)]
pub struct Console<const VMS: usize, const LINE: usize = 512, const QUEUE: usize = 256> {
    config: Config,
    guests: [Guest<LINE, QUEUE>; VMS],
    count: usize,
    foreground: usize,
    /// The foreground's unfinished line stands at the cursor; else the cursor is at the start of a line.
    open: bool,
    typing: Typing,
}

/// One VM's side.
#[derive(Debug)]
struct Guest<const LINE: usize, const QUEUE: usize> {
    name: &'static str,
    line: Line<LINE>,
    typed: Queue<QUEUE>,
}

impl<const VMS: usize, const LINE: usize, const QUEUE: usize> Console<VMS, LINE, QUEUE> {
    /// A console without VMs. The first one added gets the foreground.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            guests: [const {
                Guest {
                    name: "",
                    line: Line::new(),
                    typed: Queue::new(),
                }
            }; VMS],
            count: 0,
            foreground: 0,
            open: false,
            typing: Typing::Text,
        }
    }

    /// Replaces the configuration, for example once the counter's frequency is known.
    pub const fn configure(&mut self, config: Config) {
        self.config = config;
    }

    /// Adds a VM and returns its number, counted from 0; `None` when there are `VMS` already.
    pub fn add(&mut self, name: &'static str) -> Option<usize> {
        let number = self.count;
        self.guests.get_mut(number)?.name = name;
        self.count = number.saturating_add(1);
        Some(number)
    }

    /// The VM that typed bytes go to.
    #[must_use]
    pub const fn foreground(&self) -> usize {
        self.foreground
    }

    /// Gives input, and direct output, to another VM, and says so. An unknown number changes nothing (`false`).
    pub fn switch(&mut self, vm: usize, sink: &mut impl Sink) -> bool {
        let Some(name) = self
            .guests
            .get(vm)
            .map(|g| g.name)
            .filter(|_| vm < self.count)
        else {
            let last = self.count.saturating_sub(1);
            self.log(format_args!("no VM {vm}: there are 0 to {last}"), sink);
            return false;
        };
        self.interrupt(sink);
        if let Some(old) = self.guests.get_mut(self.foreground) {
            old.line.offered = true;
        }
        self.foreground = vm;
        self.log(format_args!("input goes to VM {vm}, {name}"), sink);
        true
    }

    /// Takes a typed byte. `Some` asks the caller to act; everything else has been dealt with.
    pub fn input(&mut self, byte: u8, now: u64, sink: &mut impl Sink) -> Option<Command> {
        match self.typing.key(byte, self.config.prefix) {
            Key::Nothing => {}
            Key::Guest(byte) => {
                let guest = self
                    .guests
                    .get_mut(self.foreground)
                    .filter(|_| self.count > 0);
                if !guest.is_some_and(|g| g.typed.push(byte, now)) {
                    sink.write(b"\x07");
                }
            }
            Key::Switch(vm) => {
                return self.switch(vm, sink).then_some(Command::Switched(vm));
            }
            Key::Next => {
                let next = self
                    .foreground
                    .saturating_add(1)
                    .checked_rem(self.count)
                    .unwrap_or(0);
                return self.switch(next, sink).then_some(Command::Switched(next));
            }
            Key::Help => self.help(sink),
            Key::Status => return Some(Command::Status),
            Key::AskPowerOff => self.log(
                format_args!("power the machine off? y: yes, other keys: no"),
                sink,
            ),
            Key::PowerOff => return Some(Command::PowerOff),
            Key::StayOn => self.log(format_args!("the machine stays on"), sink),
            Key::Unknown(byte) => {
                let prefix = Caret(self.config.prefix);
                self.log(
                    format_args!(
                        "no command '{}'; {prefix} h lists them",
                        byte.escape_ascii()
                    ),
                    sink,
                );
            }
        }
        None
    }

    /// Whether the caller should read another byte from the physical UART. `false` is back-pressure: leave
    /// it there and ask again after [`Console::take`] or time has passed.
    #[must_use]
    pub fn accepts_input(&self, now: u64) -> bool {
        match self.guests.get(self.foreground) {
            Some(guest) if guest.typed.is_full() => {
                // In the middle of a command nothing goes to the queue.
                self.typing != Typing::Text
                    || now.wrapping_sub(guest.typed.moved) >= self.config.patience
            }
            _ => true,
        }
    }

    /// The next typed byte for a VM, when its UART has room.
    pub fn take(&mut self, vm: usize, now: u64) -> Option<u8> {
        self.guests.get_mut(vm)?.typed.pop(now)
    }

    /// How many typed bytes wait for a VM.
    #[must_use]
    pub fn waiting(&self, vm: usize) -> usize {
        self.guests.get(vm).map_or(0, |g| g.typed.len())
    }

    /// Forgets what was typed for a VM and ends its unfinished line: for when it restarts or stops.
    pub fn reset(&mut self, vm: usize, sink: &mut impl Sink) {
        self.end_line(vm, sink);
        if let Some(guest) = self.guests.get_mut(vm) {
            guest.typed.clear();
        }
    }

    fn help(&mut self, sink: &mut impl Sink) {
        let prefix = Caret(self.config.prefix);
        let last = self.count.saturating_sub(1);
        let vm = self.foreground;
        let name = self.guests.get(vm).map_or("", |g| g.name);
        self.log(
            format_args!(
                "{prefix} 0 … {prefix} {last}: input to that VM (now {vm}, {name}); {prefix} n: to the next\n\
                 {prefix} s: state; {prefix} h: this list; {prefix} q: power off; {prefix} {prefix}: send {prefix}"
            ),
            sink,
        );
    }
}

/// Writes a control character as it is typed: `Ctrl-A`.
struct Caret(u8);

impl fmt::Display for Caret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            control @ 0..=0x1f => write!(f, "Ctrl-{}", char::from(control | 0x40)),
            other => write!(f, "'{}'", other.escape_ascii()),
        }
    }
}
