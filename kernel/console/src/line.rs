//! The line that a VM is writing: its bytes so far, and how many of them the terminal has.
//!
//! Guarantees: bytes stay in order; `safe` never points into a character or an escape sequence unless that
//! is longer than the whole buffer. Does not print anything.

use crate::scan::Scan;

/// The unfinished line of one VM. `shown <= safe <= len <= N`.
#[derive(Debug)]
pub(crate) struct Line<const N: usize> {
    bytes: [u8; N],
    len: usize,
    /// Up to here the bytes consist of whole elements.
    safe: usize,
    /// Up to here the terminal has them, at the cursor (foreground only).
    shown: usize,
    scan: Scan,
    /// Where the first byte stands that is not printable ASCII, and the first escape; `usize::MAX`: nowhere.
    odd: usize,
    escape: usize,
    /// A carriage return whose meaning the next byte decides.
    pub(crate) returned: bool,
    /// The beginning of the line was longer than the buffer and has been printed as a line of its own.
    pub(crate) continued: bool,
    /// The unfinished line as it is has been printed once.
    pub(crate) offered: bool,
    /// When the last byte came, in the caller's ticks.
    pub(crate) changed: u64,
}

impl<const N: usize> Line<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
            safe: 0,
            shown: 0,
            scan: Scan::Ground,
            odd: usize::MAX,
            escape: usize::MAX,
            returned: false,
            continued: false,
            offered: false,
            changed: 0,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.len >= N
    }

    /// Whether bytes wait for the rest of their character or sequence.
    pub(crate) const fn is_mid_element(&self) -> bool {
        self.safe < self.len
    }

    /// Appends a byte; a full line ignores it (the caller breaks full lines first).
    pub(crate) fn push(&mut self, byte: u8) {
        let broken_character = matches!(self.scan, Scan::Utf8(_)) && !matches!(byte, 0x80..=0xbf);
        if broken_character {
            self.safe = self.len;
        }
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            if !matches!(byte, 0x20..=0x7e) {
                self.odd = self.odd.min(self.len);
            }
            if byte == 0x1b {
                self.escape = self.escape.min(self.len);
            }
            self.len = self.len.saturating_add(1);
            self.scan = self.scan.step(byte);
            if self.scan == Scan::Ground {
                self.safe = self.len;
            }
            self.offered = false;
        }
    }

    /// How many bytes there are, and how many of them form whole elements.
    pub(crate) const fn lengths(&self) -> (usize, usize) {
        (self.len, self.safe)
    }

    /// A byte.
    pub(crate) fn get(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// An element, or what there is of it.
    pub(crate) fn part(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Whole elements that the terminal does not have yet, as positions from and to.
    pub(crate) fn fresh(&self) -> Option<(usize, usize)> {
        (self.shown < self.safe).then_some((self.shown, self.safe))
    }

    /// Whether the bytes before `to` are all printable ASCII.
    pub(crate) const fn is_simple(&self, to: usize) -> bool {
        self.odd >= to
    }

    /// Whether there is an escape sequence before `to`.
    pub(crate) const fn has_escape(&self, to: usize) -> bool {
        self.escape < to
    }

    /// Notes that the terminal has all whole elements.
    pub(crate) const fn mark_shown(&mut self) {
        self.shown = self.safe;
    }

    /// Gives up waiting for the rest of an element.
    pub(crate) const fn settle(&mut self) {
        self.safe = self.len;
        self.scan = Scan::Ground;
    }

    /// Forgets the line.
    pub(crate) const fn clear(&mut self) {
        self.len = 0;
        self.safe = 0;
        self.shown = 0;
        self.scan = Scan::Ground;
        self.odd = usize::MAX;
        self.escape = usize::MAX;
        self.returned = false;
        self.continued = false;
        self.offered = false;
    }

    /// Forgets the whole elements, keeps the rest as the beginning of the line's continuation.
    pub(crate) fn break_off(&mut self) {
        let kept = self.len.saturating_sub(self.safe);
        self.bytes.copy_within(self.safe..self.len, 0);
        self.len = kept;
        // What is kept is part of one element: an escape sequence or a character, so its first byte is the odd one.
        let odd = if kept == 0 { usize::MAX } else { 0 };
        self.odd = odd;
        self.escape = match self.bytes.first() {
            Some(0x1b) => odd,
            _ => usize::MAX,
        };
        self.safe = 0;
        self.shown = 0;
        self.continued = true;
        self.offered = false;
    }
}
