//! The output half of [`Console`]: who may print when.
//!
//! The terminal's cursor is either at the start of a line or behind the foreground VM's unfinished line
//! (`open`). Everything else that is printed first takes the cursor ([`Console::interrupt`]), prints whole
//! lines, and then restores the foreground's line.

use core::fmt;

use crate::scan::{elements, line_local};
use crate::{Console, Sink};

/// Ends a line on the terminal.
const NEWLINE: &[u8] = b"\r\n";
/// Colours off.
const PLAIN: &[u8] = b"\x1b[m";

impl<const VMS: usize, const LINE: usize, const QUEUE: usize> Console<VMS, LINE, QUEUE> {
    /// A VM writes to its serial port. An unknown VM's bytes are ignored.
    pub fn write(&mut self, vm: usize, bytes: &[u8], now: u64, sink: &mut impl Sink) {
        if vm == self.foreground {
            for byte in bytes {
                self.write_foreground(*byte, sink);
            }
            self.show_fresh(sink);
        } else {
            for byte in bytes {
                self.write_background(vm, *byte, sink);
            }
            self.restore(sink);
        }
        if let Some(guest) = self.guests.get_mut(vm) {
            guest.line.changed = now;
        }
    }

    /// Prints lines of the hypervisor's own, each beginning with `caesura: `.
    pub fn log(&mut self, text: fmt::Arguments<'_>, sink: &mut impl Sink) {
        self.interrupt(sink);
        sink.write(b"caesura: ");
        let mut lines = Lines { sink };
        // The adapter cannot fail; a `Display` that does has printed what it could.
        let _ = fmt::write(&mut lines, text);
        sink.write(NEWLINE);
        self.restore(sink);
    }

    /// Shows unfinished lines whose time-out has passed. Call it at [`Console::deadline`], or now and then.
    pub fn tick(&mut self, now: u64, sink: &mut impl Sink) {
        for vm in 0..self.count {
            let due = self.guests.get(vm).is_some_and(|g| {
                self.is_hidden(vm) && now.wrapping_sub(g.line.changed) >= self.config.partial_after
            });
            if !due {
                continue;
            }
            if vm == self.foreground {
                // The rest of an escape sequence does not come: it was not one.
                if let Some(guest) = self.guests.get_mut(vm) {
                    guest.line.settle();
                }
                self.show_fresh(sink);
            } else {
                self.interrupt(sink);
                if let Some(guest) = self.guests.get_mut(vm) {
                    tag(guest.name, guest.line.continued, sink);
                    quote(
                        guest.line.whole(),
                        guest.name,
                        guest.line.continued,
                        true,
                        sink,
                    );
                    sink.write(NEWLINE);
                    guest.line.offered = true;
                }
            }
        }
        self.restore(sink);
    }

    /// When [`Console::tick`] should be called, if at all.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.guests
            .iter()
            .enumerate()
            .filter(|(vm, _)| self.is_hidden(*vm))
            .map(|(_, guest)| guest.line.changed.wrapping_add(self.config.partial_after))
            .min()
    }

    /// Ends every VM's unfinished line and leaves the cursor at the start of a line: before power-off, or
    /// before something else (a panic's dump) writes to the UART.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        for vm in 0..self.count {
            self.end_line(vm, sink);
        }
    }

    /// Ends a VM's unfinished line, if there is one, as if it had written a newline.
    pub(crate) fn end_line(&mut self, vm: usize, sink: &mut impl Sink) {
        let empty = self.guests.get(vm).is_none_or(|g| g.line.is_empty());
        if vm == self.foreground && (self.open || !empty) {
            self.write_foreground(b'\n', sink);
        } else if !empty {
            self.write_background(vm, b'\n', sink);
            self.restore(sink);
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
    fn show_fresh(&mut self, sink: &mut impl Sink) {
        let Some(guest) = self.guests.get_mut(self.foreground) else {
            return;
        };
        let fresh = guest.line.fresh();
        if fresh.is_empty() {
            return;
        }
        if !self.open {
            tag(guest.name, guest.line.continued, sink);
            self.open = true;
        }
        sink.write(fresh);
        guest.line.mark_shown();
    }

    fn write_foreground(&mut self, byte: u8, sink: &mut impl Sink) {
        let Some(guest) = self.guests.get_mut(self.foreground) else {
            return;
        };
        if !guest.line.returned && byte >= b' ' && !guest.line.is_full() {
            guest.line.push(byte);
            return;
        }
        if byte == b'\n' {
            guest.line.settle();
            self.show_fresh(sink);
            let Some(guest) = self.guests.get_mut(self.foreground) else {
                return;
            };
            if !self.open {
                tag(guest.name, guest.line.continued, sink);
            }
            sink.write(NEWLINE);
            self.open = false;
            guest.line.clear();
            return;
        }
        if guest.line.returned {
            // Back to the start of the line: the tag again, so that it is not written over. What stood
            // there has been shown, and need not be shown again.
            guest.line.settle();
            self.show_fresh(sink);
            let Some(guest) = self.guests.get_mut(self.foreground) else {
                return;
            };
            let continued = guest.line.continued;
            guest.line.clear();
            guest.line.continued = continued;
            if self.open {
                sink.write(b"\r");
                tag(guest.name, continued, sink);
            }
        }
        let Some(guest) = self.guests.get_mut(self.foreground) else {
            return;
        };
        if byte == b'\r' {
            guest.line.returned = true;
            return;
        }
        if guest.line.is_full() {
            if guest.line.whole().is_empty() {
                guest.line.settle();
            }
            self.show_fresh(sink);
            sink.write(NEWLINE);
            self.open = false;
            if let Some(guest) = self.guests.get_mut(self.foreground) {
                guest.line.break_off();
            }
        }
        if let Some(guest) = self.guests.get_mut(self.foreground) {
            guest.line.push(byte);
        }
    }

    fn write_background(&mut self, vm: usize, byte: u8, sink: &mut impl Sink) {
        let Some(guest) = self.guests.get_mut(vm) else {
            return;
        };
        if byte == b'\n' {
            self.print_line(vm, sink);
            if let Some(guest) = self.guests.get_mut(vm) {
                guest.line.clear();
            }
            return;
        }
        let returned = core::mem::replace(&mut guest.line.returned, byte == b'\r');
        if returned {
            self.keep(vm, b'\r', sink);
        }
        if byte != b'\r' {
            self.keep(vm, byte, sink);
        }
    }

    /// Appends a byte to a background VM's line, printing the line's beginning if there is no room.
    fn keep(&mut self, vm: usize, byte: u8, sink: &mut impl Sink) {
        let Some(guest) = self.guests.get_mut(vm) else {
            return;
        };
        if guest.line.is_full() {
            if guest.line.whole().is_empty() {
                guest.line.settle();
            }
            self.print_line(vm, sink);
            if let Some(guest) = self.guests.get_mut(vm) {
                guest.line.break_off();
            }
        }
        if let Some(guest) = self.guests.get_mut(vm) {
            guest.line.push(byte);
        }
    }

    /// Prints a background VM's line so far as a line of its own.
    fn print_line(&mut self, vm: usize, sink: &mut impl Sink) {
        self.interrupt(sink);
        let Some(guest) = self.guests.get(vm) else {
            return;
        };
        let text = if guest.line.is_full() {
            guest.line.whole()
        } else {
            guest.line.all()
        };
        tag(guest.name, guest.line.continued, sink);
        quote(text, guest.name, guest.line.continued, true, sink);
        sink.write(NEWLINE);
    }

    /// Brings the cursor to the start of a line.
    pub(crate) fn interrupt(&mut self, sink: &mut impl Sink) {
        if core::mem::replace(&mut self.open, false) {
            if self
                .guests
                .get(self.foreground)
                .is_some_and(|g| g.line.whole().contains(&0x1b))
            {
                sink.write(PLAIN);
            }
            sink.write(NEWLINE);
        }
    }

    /// Prints the foreground's unfinished line again, if it was interrupted.
    pub(crate) fn restore(&mut self, sink: &mut impl Sink) {
        let Some(guest) = self.guests.get_mut(self.foreground) else {
            return;
        };
        if self.open || guest.line.whole().is_empty() {
            return;
        }
        tag(guest.name, guest.line.continued, sink);
        quote(
            guest.line.whole(),
            guest.name,
            guest.line.continued,
            false,
            sink,
        );
        guest.line.mark_shown();
        self.open = true;
    }
}

/// Prints what stands before a VM's text.
fn tag(name: &str, continued: bool, sink: &mut impl Sink) {
    sink.write(b"[");
    sink.write(name.as_bytes());
    sink.write(if continued { b"]+ " } else { b"] " });
}

/// Prints the elements of `text` that stay on their line; see [`line_local`]. With `plain`, colours are
/// switched off at the end if there may have been any.
fn quote(text: &[u8], name: &str, continued: bool, plain: bool, sink: &mut impl Sink) {
    // The usual line has no control characters and is printed in one piece.
    if text.iter().all(|b| matches!(b, 0x20..=0x7e)) {
        sink.write(text);
        return;
    }
    for element in elements(text) {
        if element == b"\r" {
            sink.write(b"\r");
            tag(name, continued, sink);
        } else if line_local(element) {
            sink.write(element);
        }
    }
    if plain && text.contains(&0x1b) {
        sink.write(PLAIN);
    }
}

/// Formats into a sink, beginning every further line like the first.
struct Lines<'a, S: Sink> {
    sink: &'a mut S,
}

impl<S: Sink> fmt::Write for Lines<'_, S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut first = true;
        for line in text.split('\n') {
            if !first {
                self.sink.write(b"\r\ncaesura: ");
            }
            first = false;
            self.sink.write(line.as_bytes());
        }
        Ok(())
    }
}
