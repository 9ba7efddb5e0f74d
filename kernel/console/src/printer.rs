//! What has been decided to be printed, piece by piece, and how far it is.
//!
//! Nothing else happens on the console until all pieces are out, so they may refer to the VMs' lines, which
//! stand still meanwhile. A step prints a bounded number of bytes and returns, whatever the line's length.

use crate::line::Line;
use crate::scan::{Scan, line_local};
use crate::text::{Text, Written};
use crate::{Guest, Sink};

/// Pieces that one event can lead to: interrupting (2), a line (3), what follows (1), the foreground again (2).
const PIECES: usize = 12;

/// Longer elements are never quoted: nobody needs them for colours, and judging one takes a look at each byte.
const LONGEST: usize = 32;

/// Something to print, or to do when everything before it has been printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece {
    /// Fixed text.
    Text(&'static [u8]),
    /// What stands before a VM's text.
    Tag { vm: usize, continued: bool },
    /// Bytes of a VM's line, as they are.
    Raw { vm: usize, from: usize, to: usize },
    /// The beginning of a VM's line as far as it stays on its line; see [`line_local`]. With `plain`,
    /// colours are switched off at the end if there may have been any.
    Quote { vm: usize, to: usize, plain: bool },
    /// The text of a log line, whose slot is then free.
    Log { slot: u8, len: u8 },
    /// The VM's line is forgotten.
    Clear { vm: usize },
    /// So it is, but it remains the continuation of the one before, if it was.
    Rewind { vm: usize },
    /// The VM's line has been printed as far as it consists of whole elements; the rest goes on.
    BreakOff { vm: usize },
}

/// Colours off.
const PLAIN: &[u8] = b"\x1b[m";

/// The pieces, and the place in the first of them.
#[derive(Debug)]
pub(crate) struct Printer {
    pieces: [Piece; PIECES],
    first: usize,
    count: usize,
    /// Bytes of the first piece that are out (of a quote: scanned).
    done: usize,
    quote: Quote,
}

/// The place in a quote.
#[derive(Clone, Copy, Debug)]
struct Quote {
    /// The element that is being scanned begins here.
    begin: usize,
    scan: Scan,
    /// Of the element that is printed: the next byte, and its end.
    out: usize,
    end: usize,
    /// How much of a tag has been printed, if one is being.
    tag: Option<usize>,
}

impl Quote {
    const START: Self = Self {
        begin: 0,
        scan: Scan::Ground,
        out: 0,
        end: 0,
        tag: None,
    };
}

/// What became of a byte.
enum Put {
    /// It is out, or nothing needed to be.
    Went,
    /// It was looked at, to know what to do with it and those before.
    Looked,
    /// The piece is finished.
    Finished,
    /// The line is full.
    Refused,
}

impl Printer {
    pub(crate) const fn new() -> Self {
        Self {
            pieces: [Piece::Text(b""); PIECES],
            first: 0,
            count: 0,
            done: 0,
            quote: Quote::START,
        }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn add(&mut self, piece: Piece) {
        let end = self.first.wrapping_add(self.count) % PIECES;
        if let Some(place) = self.pieces.get_mut(end)
            && self.count < PIECES
        {
            *place = piece;
            self.count = self.count.saturating_add(1);
        }
    }

    /// A log line: its prefix and its text, and the line's end.
    pub(crate) fn add_log(&mut self, line: &Written) {
        self.add(Piece::Text(if line.continued {
            b"caesura:+ "
        } else {
            b"caesura: "
        }));
        self.add(Piece::Log {
            slot: line.slot,
            len: line.len,
        });
        self.add(Piece::Text(b"\r\n"));
    }

    /// Prints up to `budget` bytes, one less for each that is looked at; `false` if the sink has no room.
    pub(crate) fn step<const LINE: usize, const QUEUE: usize, const FIFO: usize>(
        &mut self,
        guests: &mut [Guest<LINE, QUEUE, FIFO>],
        text: &Text,
        sink: &mut impl Sink,
        budget: usize,
    ) -> bool {
        let mut spent = 0usize;
        while spent < budget {
            let Some(piece) = self.pieces.get(self.first).filter(|_| self.count > 0) else {
                return true;
            };
            spent = spent.saturating_add(1);
            match self.put(*piece, guests, text, sink) {
                Put::Went => {}
                // It takes twice as long.
                Put::Looked => spent = spent.saturating_add(1),
                Put::Refused => return false,
                Put::Finished => {
                    self.first = self.first.wrapping_add(1) % PIECES;
                    self.count = self.count.saturating_sub(1);
                    self.done = 0;
                    self.quote = Quote::START;
                }
            }
            if sink.wanted() {
                break;
            }
        }
        true
    }

    fn put<const LINE: usize, const QUEUE: usize, const FIFO: usize>(
        &mut self,
        piece: Piece,
        guests: &mut [Guest<LINE, QUEUE, FIFO>],
        text: &Text,
        sink: &mut impl Sink,
    ) -> Put {
        let next = match piece {
            Piece::Text(text) => text.get(self.done).copied(),
            Piece::Tag { vm, continued } => guests
                .get(vm)
                .and_then(|guest| tag(guest.name, continued, self.done)),
            Piece::Raw { vm, from, to } => {
                let at = from.saturating_add(self.done);
                guests
                    .get(vm)
                    .filter(|_| at < to)
                    .and_then(|guest| guest.line.get(at))
            }
            Piece::Quote { vm, to, plain } => {
                return match guests.get(vm) {
                    Some(guest) => self.put_quote(guest.name, &guest.line, to, plain, sink),
                    None => Put::Finished,
                };
            }
            Piece::Log { slot, len } => {
                if self.done < usize::from(len) {
                    text.byte(slot, self.done)
                } else {
                    text.release(slot);
                    None
                }
            }
            Piece::Clear { vm } => {
                if let Some(guest) = guests.get_mut(vm) {
                    guest.line.clear();
                }
                None
            }
            Piece::Rewind { vm } => {
                if let Some(guest) = guests.get_mut(vm) {
                    let continued = guest.line.continued;
                    guest.line.clear();
                    guest.line.continued = continued;
                }
                None
            }
            Piece::BreakOff { vm } => {
                if let Some(guest) = guests.get_mut(vm) {
                    guest.line.break_off();
                }
                None
            }
        };
        match next {
            None => Put::Finished,
            Some(byte) if sink.put(byte) => {
                self.done = self.done.saturating_add(1);
                Put::Went
            }
            Some(_) => Put::Refused,
        }
    }

    /// One byte of a quote: printed, or looked at.
    fn put_quote<const LINE: usize>(
        &mut self,
        name: &str,
        line: &Line<LINE>,
        to: usize,
        plain: bool,
        sink: &mut impl Sink,
    ) -> Put {
        let quote = &mut self.quote;
        if line.is_simple(to) && self.done == 0 {
            // The usual line has no control characters: one element, so to speak.
            (self.done, quote.begin) = (to, to);
            (quote.out, quote.end) = (0, to);
        }
        if quote.out < quote.end {
            return match line.get(quote.out) {
                Some(byte) if !sink.put(byte) => Put::Refused,
                _ => {
                    quote.out = quote.out.saturating_add(1);
                    Put::Went
                }
            };
        }
        if let Some(at) = quote.tag {
            match tag(name, line.continued, at) {
                Some(byte) if !sink.put(byte) => return Put::Refused,
                Some(_) => quote.tag = Some(at.saturating_add(1)),
                None => quote.tag = None,
            }
            return Put::Went;
        }
        let next = line.get(self.done).filter(|_| self.done < to);
        let Some(byte) = next else {
            if quote.begin < self.done {
                // An element without its end.
                self.judge(line);
                return Put::Looked;
            }
            // All that is left are colours; they are counted behind the end.
            let at = self.done.saturating_sub(to);
            return match PLAIN.get(at) {
                Some(byte) if plain && line.has_escape(to) => {
                    if !sink.put(*byte) {
                        return Put::Refused;
                    }
                    self.done = self.done.saturating_add(1);
                    quote.begin = self.done;
                    Put::Went
                }
                _ => Put::Finished,
            };
        };
        // A byte that does not continue a UTF-8 character begins the next element.
        if matches!(quote.scan, Scan::Utf8(_)) && !matches!(byte, 0x80..=0xbf) {
            self.judge(line);
            return Put::Looked;
        }
        quote.scan = quote.scan.step(byte);
        self.done = self.done.saturating_add(1);
        if quote.scan == Scan::Ground {
            self.judge(line);
        }
        Put::Looked
    }

    /// The element that ends here is printed, or not.
    fn judge<const LINE: usize>(&mut self, line: &Line<LINE>) {
        let quote = &mut self.quote;
        let (begin, end) = (quote.begin, self.done);
        if end.saturating_sub(begin) <= LONGEST {
            let element = line.part(begin, end);
            if line_local(element) {
                (quote.out, quote.end) = (begin, end);
            }
            if element == b"\r" {
                quote.tag = Some(0);
            }
        }
        quote.begin = end;
        quote.scan = Scan::Ground;
    }
}

/// Byte `at` of what stands before a VM's text.
fn tag(name: &str, continued: bool, at: usize) -> Option<u8> {
    let Some(at) = at.checked_sub(1) else {
        return Some(b'[');
    };
    match at.checked_sub(name.len()) {
        None => name.as_bytes().get(at).copied(),
        Some(at) => {
            let end: &[u8] = if continued { b"]+ " } else { b"] " };
            end.get(at).copied()
        }
    }
}
