//! What is typed: prefix commands for the hypervisor, everything else for the foreground VM.
//!
//! Guarantees: bytes reach the VM in order; the prefix and its command never reach it. Does not act on
//! commands: it names them, and knows what to say about them.

use core::fmt;

use crate::ring::Ring;

/// What the operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Input goes to that VM. Its output gets the foreground with the message that says so
    /// ([`Console::publish_switch`](crate::Console::publish_switch)).
    Switched(usize),
    /// There is no such VM.
    NoSuchVm(usize),
    /// List the commands.
    Help,
    /// Show the state of VMs and cores.
    Status,
    /// Asks whether to power off: nothing to do yet.
    AskPowerOff,
    /// Power the machine off; the operator has confirmed it.
    PowerOff,
    /// The operator has not confirmed it.
    StayOn,
    /// Not a command.
    Unknown(u8),
}

/// What is printed when a command is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub(crate) command: Command,
    pub(crate) vm: usize,
    pub(crate) name: &'static str,
    pub(crate) last: usize,
    pub(crate) prefix: u8,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vm, name, last, .. } = self;
        let prefix = Caret(self.prefix);
        match self.command {
            Command::Switched(_) => write!(f, "input goes to VM {vm}, {name}"),
            Command::NoSuchVm(vm) => write!(f, "no VM {vm}: there are 0 to {last}"),
            Command::Help => write!(
                f,
                "{prefix} 0 … {prefix} {last}: input to that VM (now {vm}, {name}); {prefix} n: to the next\n\
                 {prefix} s: state; {prefix} h: this list; {prefix} q: power off; {prefix} {prefix}: send {prefix}"
            ),
            Command::Status => f.write_str("the state of all VMs:"),
            Command::AskPowerOff => f.write_str("power the machine off? y: yes, other keys: no"),
            Command::PowerOff => f.write_str("powered off by the operator"),
            Command::StayOn => f.write_str("the machine stays on"),
            Command::Unknown(byte) => {
                write!(
                    f,
                    "no command '{}'; {prefix} h lists them",
                    byte.escape_ascii()
                )
            }
        }
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

/// What a typed byte turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Part of an unfinished command.
    Nothing,
    /// For the foreground VM.
    Guest(u8),
    /// Switch to this VM.
    Switch(usize),
    /// Switch to the next VM.
    Next,
    /// List the commands.
    Help,
    /// Show the state.
    Status,
    /// Ask whether to power off.
    AskPowerOff,
    /// Yes, power off.
    PowerOff,
    /// No, stay on.
    StayOn,
    /// Not a command.
    Unknown(u8),
}

/// Where in a command the operator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    Text,
    Prefixed,
    Confirming,
}

impl Typing {
    /// Judges one byte.
    pub(crate) const fn key(&mut self, byte: u8, prefix: u8) -> Key {
        let before = *self;
        *self = Typing::Text;
        match before {
            Typing::Text if byte == prefix => {
                *self = Typing::Prefixed;
                Key::Nothing
            }
            Typing::Text => Key::Guest(byte),
            Typing::Confirming if matches!(byte, b'y' | b'Y') => Key::PowerOff,
            Typing::Confirming => Key::StayOn,
            Typing::Prefixed if byte == prefix => Key::Guest(prefix),
            Typing::Prefixed => match byte {
                b'0'..=b'9' => Key::Switch(byte.wrapping_sub(b'0') as usize),
                b'n' => Key::Next,
                b'h' | b'?' => Key::Help,
                b's' => Key::Status,
                b'q' => {
                    *self = Typing::Confirming;
                    Key::AskPowerOff
                }
                other => Key::Unknown(other),
            },
        }
    }
}

/// Bytes typed for one VM that it has not read yet.
#[derive(Debug)]
pub(crate) struct Queue<const N: usize> {
    bytes: Ring<N>,
    /// When the guest last took a byte, or the first one was queued.
    pub(crate) moved: u64,
}

impl<const N: usize> Queue<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: Ring::new(),
            moved: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.bytes.is_full()
    }

    /// Appends a byte; `false` when there is no room.
    pub(crate) fn push(&mut self, byte: u8, now: u64) -> bool {
        if self.bytes.is_empty() {
            self.moved = now;
        }
        self.bytes.push(byte)
    }

    /// Removes the oldest byte.
    pub(crate) fn pop(&mut self, now: u64) -> Option<u8> {
        let byte = self.bytes.pop()?;
        self.moved = now;
        Some(byte)
    }

    pub(crate) const fn clear(&mut self) {
        self.bytes.clear();
    }
}
