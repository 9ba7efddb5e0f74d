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
//! - Everything that is called does a bounded amount of work, whatever the length of lines ([`Console::step`]); what
//!   a VM had written before a line of the hypervisor's appears before it.
//!
//! Does not: touch hardware, lock, wait, or format ([`Text`] does, outside the lock). Time is whatever monotonic tick
//! the caller passes as `now`.
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
mod printer;
mod ring;
mod scan;
mod source;
#[cfg(test)]
mod tests;
mod text;

pub use input::{Command, Message};
use input::{Key, Queue, Typing};
use line::Line;
use output::Entry;
use printer::Printer;
pub use ring::Ring;
use source::Source;
pub use text::{LENGTH, SLOTS, Text, Written};

/// Where the bytes for the terminal go: the UART driver.
pub trait Sink {
    /// Takes a byte, or says that there is no room now.
    fn put(&mut self, byte: u8) -> bool;
    /// Whether somebody waits for the present [`Console::step`] to end: then it does soon.
    fn wanted(&self) -> bool {
        false
    }
}

/// What [`Console::step`] has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// There is more to do when the sink has room.
    Blocked,
    /// All is out.
    Idle,
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

/// The multiplexer for up to `VMS` VMs, lines of up to `LINE` bytes, and per VM `QUEUE` typed bytes and `FIFO` (a
/// power of two) written ones.
#[derive(Debug)]
pub struct Console<
    const VMS: usize,
    const LINE: usize = 512,
    const QUEUE: usize = 256,
    const FIFO: usize = 1024,
> {
    config: Config,
    guests: [Guest<LINE, QUEUE, FIFO>; VMS],
    count: usize,
    /// The VM that typed bytes go to.
    typing_to: usize,
    typing: Typing,
    /// What the operator has asked for, until somebody does it.
    command: Option<Command>,
    bell: bool,
    /// The VM whose bytes appear directly: `typing_to` as soon as the message that says so is out.
    foreground: usize,
    /// The foreground's unfinished line stands at the cursor; else the cursor is at the start of a line.
    open: bool,
    /// The VM whose bytes were looked at last.
    turn: usize,
    printer: Printer,
    /// The hypervisor's own lines: `entries` from `first` on, in a ring.
    log: [Option<Entry<VMS>>; SLOTS],
    first: usize,
    entries: usize,
    closed: bool,
}

/// One VM's side.
#[derive(Debug)]
pub(crate) struct Guest<const LINE: usize, const QUEUE: usize, const FIFO: usize> {
    name: &'static str,
    source: Source<FIFO>,
    line: Line<LINE>,
    typed: Queue<QUEUE>,
}

impl<const VMS: usize, const LINE: usize, const QUEUE: usize, const FIFO: usize>
    Console<VMS, LINE, QUEUE, FIFO>
{
    /// A console without VMs. The first one added gets the foreground.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            guests: [const {
                Guest {
                    name: "",
                    source: Source::new(),
                    line: Line::new(),
                    typed: Queue::new(),
                }
            }; VMS],
            count: 0,
            typing_to: 0,
            typing: Typing::Text,
            command: None,
            bell: false,
            foreground: 0,
            open: false,
            turn: 0,
            printer: Printer::new(),
            log: [const { None }; SLOTS],
            first: 0,
            entries: 0,
            closed: false,
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
    pub const fn input_goes_to(&self) -> usize {
        self.typing_to
    }

    /// Takes a typed byte. A command is kept until [`Console::take_command`].
    pub fn input(&mut self, byte: u8, now: u64) {
        let last = self.count.saturating_sub(1);
        let command = match self.typing.key(byte, self.config.prefix) {
            Key::Nothing => return,
            Key::Guest(byte) => {
                let guest = self
                    .guests
                    .get_mut(self.typing_to)
                    .filter(|_| self.count > 0);
                if !guest.is_some_and(|g| g.typed.push(byte, now)) {
                    self.bell = true;
                }
                return;
            }
            Key::Switch(vm) => self.switch(vm),
            Key::Next if self.typing_to >= last => self.switch(0),
            Key::Next => self.switch(self.typing_to.saturating_add(1)),
            Key::Help => Command::Help,
            Key::Status => Command::Status,
            Key::AskPowerOff => Command::AskPowerOff,
            Key::PowerOff => Command::PowerOff,
            Key::StayOn => Command::StayOn,
            Key::Unknown(byte) => Command::Unknown(byte),
        };
        self.command = Some(command);
    }

    /// What is typed goes to another VM from now on.
    fn switch(&mut self, vm: usize) -> Command {
        if vm >= self.count {
            return Command::NoSuchVm(vm);
        }
        self.typing_to = vm;
        Command::Switched(vm)
    }

    /// What the operator has asked for, once. The caller does it, and prints [`Console::message`].
    pub const fn take_command(&mut self) -> Option<Command> {
        self.command.take()
    }

    /// What to print when a command is carried out. To be taken under the lock and formatted outside.
    #[must_use]
    pub fn message(&self, command: Command) -> Message {
        let vm = match command {
            Command::Switched(vm) => vm,
            _ => self.typing_to,
        };
        Message {
            command,
            vm,
            name: self.guests.get(vm).map_or("", |guest| guest.name),
            last: self.count.saturating_sub(1),
            prefix: self.config.prefix,
        }
    }

    /// Whether the caller should read another byte from the physical UART. `false` is back-pressure: leave
    /// it there and ask again after [`Console::take`] or time has passed.
    #[must_use]
    pub fn accepts_input(&self, now: u64) -> bool {
        match self.guests.get(self.typing_to) {
            // One command at a time.
            _ if self.command.is_some() => false,
            Some(guest) if guest.typed.is_full() => {
                // In the middle of a command nothing goes to the queue.
                self.typing != Typing::Text
                    // Whoever moved it may have looked at the clock later, on another core.
                    || now.saturating_sub(guest.typed.moved) >= self.config.patience
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
    pub fn reset(&mut self, vm: usize) {
        if let Some(guest) = self.guests.get_mut(vm) {
            guest.source.end();
            guest.typed.clear();
        }
    }
}
