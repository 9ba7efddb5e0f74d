//! The output half of [`Console`]: who may print when.
//!
//! The terminal's cursor is either at the start of a line or behind the foreground VM's unfinished line
//! (`open`). Everything else that is printed first takes the cursor ([`Console::interrupt`]), prints whole
//! lines, and then restores the foreground's line. What is printed is put down as pieces for the
//! [printer](crate::printer); the next event is looked at when they are out.

use crate::printer::Piece;
use crate::text::{Text, Written};
use crate::{Console, Progress, Sink};

/// Ends a line on the terminal.
const NEWLINE: Piece = Piece::Text(b"\r\n");
/// Colours off.
const PLAIN: Piece = Piece::Text(b"\x1b[m");

/// Bytes that a step prints at most.
const PRINT: usize = 16;
/// Bytes of a VM's that a step looks at.
const LOOK: usize = 8;

/// A line of the hypervisor's own, in its turn.
#[derive(Debug)]
pub(crate) struct Entry<const VMS: usize> {
    line: Written,
    /// Another VM gets the foreground first.
    switch: Option<u8>,
    /// How much each VM had written before: that comes first.
    marks: [u32; VMS],
}

impl<const VMS: usize, const LINE: usize, const QUEUE: usize, const FIFO: usize>
    Console<VMS, LINE, QUEUE, FIFO>
{
    /// A VM writes to its serial port; returns how many bytes were taken, the first ones. They are
    /// copied, so the caller chooses the length. An unknown VM's bytes are ignored.
    pub fn offer(&mut self, vm: usize, bytes: &[u8]) -> usize {
        let Some(guest) = self.guests.get_mut(vm).filter(|_| !self.closed) else {
            return bytes.len();
        };
        guest.source.push(bytes)
    }

    /// How many bytes [`Console::offer`] would take.
    #[must_use]
    pub fn room(&self, vm: usize) -> usize {
        self.guests.get(vm).map_or(0, |guest| guest.source.room())
    }

    /// A line of the hypervisor's own is complete. It appears after all that the VMs have written before.
    pub fn publish(&mut self, line: Written) {
        self.enter(line, None);
    }

    /// Like [`Console::publish`], and `vm` has the foreground from then on.
    pub fn publish_switch(&mut self, vm: usize, line: Written) {
        self.enter(line, u8::try_from(vm).ok());
    }

    fn enter(&mut self, line: Written, switch: Option<u8>) {
        let mut marks = [0; VMS];
        for (mark, guest) in marks.iter_mut().zip(&self.guests) {
            *mark = guest.source.given();
        }
        let end = self.first.wrapping_add(self.entries) % crate::text::SLOTS;
        // There is a place for each slot.
        if let Some(place) = self.log.get_mut(end) {
            *place = Some(Entry {
                line,
                switch,
                marks,
            });
            self.entries = self.entries.saturating_add(1);
        }
    }

    /// Does a bounded piece of what there is to do: prints up to 16 bytes, or looks at up to 8 that a VM has
    /// written. Call it while it answers [`Progress::More`]; after [`Progress::Blocked`], when the sink may have room;
    /// after [`Progress::Idle`], when something was written, or at [`Console::deadline`].
    pub fn step(&mut self, now: u64, text: &Text, sink: &mut impl Sink) -> Progress {
        if !self.printer.is_idle() {
            let room = self.printer.step(&mut self.guests, text, sink, PRINT);
            return if room {
                Progress::More
            } else {
                Progress::Blocked
            };
        }
        if core::mem::replace(&mut self.bell, false) {
            self.printer.add(Piece::Text(b"\x07"));
            return Progress::More;
        }
        if self.step_log() || self.step_guests(now, sink) || self.step_timeouts(now) {
            return Progress::More;
        }
        Progress::Idle
    }

    /// The next line of the hypervisor's own, if there is one whose turn it is.
    fn step_log(&mut self) -> bool {
        let Some(Some(entry)) = self.log.get(self.first) else {
            return false;
        };
        let mut behind = self.guests.iter().zip(&entry.marks);
        if behind.any(|(guest, mark)| guest.source.is_behind(*mark)) {
            return false;
        }
        let entry = self.log.get_mut(self.first).and_then(Option::take);
        self.first = self.first.wrapping_add(1) % crate::text::SLOTS;
        self.entries = self.entries.saturating_sub(1);
        if let Some(entry) = entry {
            self.interrupt();
            if let Some(vm) = entry.switch {
                if let Some(old) = self.guests.get_mut(self.foreground) {
                    old.line.offered = true;
                }
                self.foreground = usize::from(vm);
            }
            self.printer.add_log(&entry.line);
            self.restore();
        }
        true
    }

    /// Some of what one VM has written; the VMs take turns, but those that a log line waits for come first.
    fn step_guests(&mut self, now: u64, sink: &impl Sink) -> bool {
        let entry = self.log.get(self.first).and_then(Option::as_ref);
        let mut chosen = None;
        for turn in 1..=self.count {
            let vm = self
                .turn
                .wrapping_add(turn)
                .checked_rem(self.count)
                .unwrap_or(0);
            let Some(guest) = self.guests.get(vm).filter(|g| !g.source.is_idle()) else {
                continue;
            };
            let mark = entry.and_then(|entry| entry.marks.get(vm));
            if mark.is_none_or(|mark| guest.source.is_behind(*mark)) {
                chosen = Some(vm);
                break;
            }
        }
        let Some(vm) = chosen else { return false };
        let mark = entry.and_then(|entry| entry.marks.get(vm).copied());
        self.turn = vm;
        for _ in 0..LOOK {
            let Some(guest) = self.guests.get_mut(vm) else {
                break;
            };
            // What was written after the log line comes after it.
            let past = mark.is_some_and(|mark| !guest.source.is_behind(mark));
            if past || !self.printer.is_idle() {
                break;
            }
            guest.line.changed = now;
            match guest.source.peek() {
                Some(byte) => {
                    if self.write(vm, byte)
                        && let Some(guest) = self.guests.get_mut(vm)
                    {
                        guest.source.skip();
                    }
                }
                None if guest.source.ends_now() => {
                    guest.source.ended();
                    self.end_line(vm);
                }
                None => break,
            }
            if sink.wanted() {
                break;
            }
        }
        if vm == self.foreground && self.printer.is_idle() {
            self.show_fresh();
        }
        true
    }

    /// Shows one unfinished line whose time-out has passed.
    fn step_timeouts(&mut self, now: u64) -> bool {
        let after = self.config.partial_after;
        let due = (0..self.count).find(|vm| {
            let changed = self.guests.get(*vm).map_or(now, |g| g.line.changed);
            self.is_hidden(*vm) && now.wrapping_sub(changed) >= after
        });
        let Some(vm) = due else { return false };
        if vm == self.foreground {
            // The rest of an escape sequence does not come: it was not one.
            if let Some(guest) = self.guests.get_mut(vm) {
                guest.line.settle();
            }
            self.show_fresh();
        } else if let Some(guest) = self.guests.get_mut(vm) {
            guest.line.offered = true;
            let (_, whole) = guest.line.lengths();
            self.print_line(vm, whole);
            self.restore();
        }
        true
    }

    /// When [`Console::step`] should be called for the sake of unfinished lines, if at all.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.guests
            .iter()
            .enumerate()
            .filter(|(vm, _)| self.is_hidden(*vm))
            .map(|(_, guest)| guest.line.changed.wrapping_add(self.config.partial_after))
            .min()
    }

    /// Nothing is taken from VMs any more, and their unfinished lines end: before power-off, or before something else
    /// writes to the UART. What waits still comes out with [`Console::step`], which then leaves the cursor at
    /// the start of a line.
    pub fn close(&mut self) {
        self.closed = true;
        for guest in &mut self.guests {
            guest.source.end();
        }
    }

    /// Ends a VM's unfinished line, if there is one, as if it had written a newline.
    fn end_line(&mut self, vm: usize) {
        let empty = self.guests.get(vm).is_none_or(|g| g.line.is_empty());
        if !empty || (vm == self.foreground && self.open) {
            self.write(vm, b'\n');
        }
    }

    /// Whether a VM has bytes that the operator has not seen.
    fn is_hidden(&self, vm: usize) -> bool {
        self.guests.get(vm).is_some_and(|guest| {
            if vm == self.foreground {
                guest.line.is_mid_element()
            } else {
                !guest.line.is_empty() && !guest.line.offered
            }
        })
    }

    /// Prints what the foreground VM has written since the last time.
    fn show_fresh(&mut self) {
        let vm = self.foreground;
        let Some(guest) = self.guests.get_mut(vm) else {
            return;
        };
        let Some((from, to)) = guest.line.fresh() else {
            return;
        };
        if !self.open {
            let continued = guest.line.continued;
            self.printer.add(Piece::Tag { vm, continued });
            self.open = true;
        }
        self.printer.add(Piece::Raw { vm, from, to });
        guest.line.mark_shown();
    }

    /// A VM's byte; `false`: something must be printed first, the byte is not taken yet.
    fn write(&mut self, vm: usize, byte: u8) -> bool {
        if vm == self.foreground {
            self.write_foreground(byte)
        } else {
            self.write_background(vm, byte)
        }
    }

    fn write_foreground(&mut self, byte: u8) -> bool {
        let vm = self.foreground;
        let Some(guest) = self.guests.get_mut(vm) else {
            return true;
        };
        let continued = guest.line.continued;
        if byte == b'\n' {
            guest.line.settle();
            self.show_fresh();
            if !self.open {
                self.printer.add(Piece::Tag { vm, continued });
            }
            self.printer.add(NEWLINE);
            self.open = false;
            self.printer.add(Piece::Clear { vm });
            return true;
        }
        if guest.line.returned {
            // Back to the start of the line: the tag again, so that it is not written over. What stood
            // there has been shown, and need not be shown again.
            guest.line.settle();
            self.show_fresh();
            self.printer.add(Piece::Rewind { vm });
            if self.open {
                self.printer.add(Piece::Text(b"\r"));
                self.printer.add(Piece::Tag { vm, continued });
            }
            return false;
        }
        if byte == b'\r' {
            guest.line.returned = true;
            return true;
        }
        if guest.line.is_full() {
            if guest.line.lengths().1 == 0 {
                guest.line.settle();
            }
            self.show_fresh();
            self.printer.add(NEWLINE);
            self.open = false;
            self.printer.add(Piece::BreakOff { vm });
            return false;
        }
        guest.line.push(byte);
        true
    }

    fn write_background(&mut self, vm: usize, byte: u8) -> bool {
        let Some(guest) = self.guests.get_mut(vm) else {
            return true;
        };
        if byte == b'\n' {
            let (all, whole) = guest.line.lengths();
            let to = if guest.line.is_full() { whole } else { all };
            self.print_line(vm, to);
            self.printer.add(Piece::Clear { vm });
            self.restore();
            return true;
        }
        // A return is kept only if no newline follows it.
        let keeps = guest.line.returned || byte != b'\r';
        if keeps && guest.line.is_full() {
            if guest.line.lengths().1 == 0 {
                guest.line.settle();
            }
            let (_, whole) = guest.line.lengths();
            self.print_line(vm, whole);
            self.printer.add(Piece::BreakOff { vm });
            self.restore();
            return false;
        }
        if guest.line.returned {
            guest.line.returned = false;
            guest.line.push(b'\r');
            return false;
        }
        if byte == b'\r' {
            guest.line.returned = true;
        } else {
            guest.line.push(byte);
        }
        true
    }

    /// Prints a background VM's line up to `to` as a line of its own.
    fn print_line(&mut self, vm: usize, to: usize) {
        self.interrupt();
        let continued = self.guests.get(vm).is_some_and(|g| g.line.continued);
        self.printer.add(Piece::Tag { vm, continued });
        self.printer.add(Piece::Quote {
            vm,
            to,
            plain: true,
        });
        self.printer.add(NEWLINE);
    }

    /// Brings the cursor to the start of a line.
    fn interrupt(&mut self) {
        if core::mem::replace(&mut self.open, false) {
            let colours = self
                .guests
                .get(self.foreground)
                .is_some_and(|g| g.line.has_escape(g.line.lengths().1));
            if colours {
                self.printer.add(PLAIN);
            }
            self.printer.add(NEWLINE);
        }
    }

    /// Prints the foreground's unfinished line again, if it was interrupted.
    fn restore(&mut self) {
        let vm = self.foreground;
        let Some(guest) = self.guests.get_mut(vm) else {
            return;
        };
        let (_, to) = guest.line.lengths();
        if self.open || to == 0 {
            return;
        }
        let continued = guest.line.continued;
        self.printer.add(Piece::Tag { vm, continued });
        self.printer.add(Piece::Quote {
            vm,
            to,
            plain: false,
        });
        guest.line.mark_shown();
        self.open = true;
    }
}
