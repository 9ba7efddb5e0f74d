//! Lines of the hypervisor's own, between being formatted and being printed.
//!
//! A line is formatted straight into a slot that its writer has claimed: by nobody else seen until it is handed to
//! [`Console::publish`](crate::Console::publish), so formatting takes no lock and may be interrupted anywhere, also by
//! somebody who logs. A writer that is not run for long delays nobody else's lines.
//!
//! Guarantees: lines are not mixed; one that is longer than a slot goes on in another, marked. When no slot is free
//! the caller decides whether to try again; what is lost is counted.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::*};

/// Lines that can wait.
pub const SLOTS: usize = 32;
/// Bytes of a line, without what stands before it.
pub const LENGTH: usize = 240;

/// What a further line within one message begins with.
const FURTHER: &[u8] = b"\r\ncaesura: ";

/// The slots.
pub struct Text {
    /// A bit for each slot that is in use.
    used: AtomicU32,
    lost: AtomicU32,
    slots: [[AtomicU8; LENGTH]; SLOTS],
}

/// A line that has been written and waits to be published. Its slot is free again when it has been printed.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub(crate) slot: u8,
    pub(crate) len: u8,
    pub(crate) continued: bool,
}

const _: () = assert!(SLOTS == 32 && LENGTH <= 255);

impl Text {
    /// No lines.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            used: AtomicU32::new(0),
            lost: AtomicU32::new(0),
            slots: [const { [const { AtomicU8::new(0) }; LENGTH] }; SLOTS],
        }
    }

    /// Formats a message, and gives it out in one piece if it fits a slot (newlines included). When no slot
    /// is free, `wait` is asked whether to try again; if not, the rest of the message is lost.
    pub fn format(
        &self,
        message: fmt::Arguments<'_>,
        wait: impl FnMut() -> bool,
        publish: impl FnMut(Written),
    ) {
        let mut draft = Draft {
            text: self,
            wait,
            publish,
            slot: None,
            len: 0,
            continued: false,
        };
        // A `Display` that fails has printed what it could. The draft itself fails when its slots have run out.
        if draft.write_fmt(message).is_ok() && draft.slot.is_none() && !draft.continued {
            // An empty message is a line, too.
            let _ = draft.claim();
        }
        draft.pass_on();
    }

    /// How many messages have been lost, in whole or in part, since the last call.
    pub fn take_lost(&self) -> u32 {
        if self.lost.load(Relaxed) == 0 {
            return 0;
        }
        self.lost.swap(0, Relaxed)
    }

    /// How many lines wait or are being written.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.used.load(Relaxed).count_ones()
    }

    pub(crate) fn byte(&self, slot: u8, at: usize) -> Option<u8> {
        let byte = self.slots.get(usize::from(slot))?.get(at)?;
        Some(byte.load(Relaxed))
    }

    /// The line has been printed.
    pub(crate) fn release(&self, slot: u8) {
        self.used
            .fetch_and(!1u32.wrapping_shl(u32::from(slot)), Release);
    }

    fn claim(&self) -> Option<u8> {
        loop {
            let used = self.used.load(Relaxed);
            let slot = used.trailing_ones();
            if slot >= u32::BITS {
                return None;
            }
            let bit = 1u32.wrapping_shl(slot);
            if self.used.fetch_or(bit, Acquire) & bit == 0 {
                return Some(slot as u8);
            }
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} lines wait)", self.waiting())
    }
}

/// A message being written.
struct Draft<'a, W, P> {
    text: &'a Text,
    wait: W,
    publish: P,
    slot: Option<u8>,
    len: usize,
    continued: bool,
}

impl<W: FnMut() -> bool, P: FnMut(Written)> Draft<'_, W, P> {
    fn claim(&mut self) -> Result<u8, fmt::Error> {
        loop {
            if let Some(slot) = self.slot {
                return Ok(slot);
            }
            self.slot = self.text.claim();
            if self.slot.is_none() && !(self.wait)() {
                self.text.lost.fetch_add(1, Relaxed);
                return Err(fmt::Error);
            }
        }
    }

    fn pass_on(&mut self) {
        if let Some(slot) = self.slot.take() {
            (self.publish)(Written {
                slot,
                len: self.len as u8,
                continued: self.continued,
            });
            self.len = 0;
            self.continued = true;
        }
    }

    fn put(&mut self, bytes: &[u8]) -> fmt::Result {
        let slot = self.claim()?;
        let places = self.text.slots.get(usize::from(slot));
        let places = places.and_then(|slot| slot.get(self.len..));
        for (place, byte) in places.unwrap_or_default().iter().zip(bytes) {
            place.store(*byte, Relaxed);
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }

    fn room(&self) -> usize {
        LENGTH.saturating_sub(self.len)
    }
}

impl<W: FnMut() -> bool, P: FnMut(Written)> Write for Draft<'_, W, P> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (number, mut line) in text.split('\n').enumerate() {
            if number > 0 {
                if self.room() < FURTHER.len() {
                    self.pass_on();
                    self.continued = false;
                } else {
                    self.put(FURTHER)?;
                }
            }
            while line.len() > self.room() {
                // Not inside a character, which has at most four bytes.
                let whole = |at: &usize| line.is_char_boundary(*at);
                let at = (0..=self.room()).rev().find(whole).unwrap_or(0);
                let (now, later) = line.split_at(at);
                self.put(now.as_bytes())?;
                self.pass_on();
                line = later;
            }
            self.put(line.as_bytes())?;
        }
        Ok(())
    }
}
