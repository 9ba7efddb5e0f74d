//! Finds the elements of terminal output: characters and escape sequences that must not be cut.
//!
//! For: knowing where another line may be put between two bytes of a guest (never inside a UTF-8 character
//! or an escape sequence), and which elements may be shown a second time or from a VM in the background.
//!
//! The grammar is ECMA-48 §5.3 to §5.6 (escape, control and string sequences) with UTF-8 (RFC 3629) as the
//! coding of characters. It does not interpret parameters beyond what [`line_local`] needs.

/// Where in an element the scan stands. [`Scan::Ground`]: between two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// Between elements.
    Ground,
    /// After ESC and any intermediate bytes.
    Escape,
    /// In a control sequence, after `ESC [`.
    Control,
    /// In an operating system command or another string: up to BEL or `ESC \`.
    Text,
    /// After an ESC in such a string.
    TextEscape,
    /// This many continuation bytes of a UTF-8 character are missing.
    Utf8(u8),
}

impl Scan {
    /// The state after `byte`. The element is complete when that is [`Scan::Ground`].
    pub(crate) const fn step(self, byte: u8) -> Scan {
        match (self, byte) {
            (Scan::Utf8(missing), 0x80..=0xbf) if missing > 1 => {
                Scan::Utf8(missing.wrapping_sub(1))
            }
            (Scan::Utf8(_), 0x80..=0xbf) => Scan::Ground,
            (Scan::Escape, b'[') => Scan::Control,
            (Scan::Escape, b']' | b'P' | b'X' | b'^' | b'_') => Scan::Text,
            (Scan::Escape, 0x20..=0x2f | 0x1b) => Scan::Escape,
            (Scan::Escape, _) => Scan::Ground,
            (Scan::Control, 0x20..=0x3f) => Scan::Control,
            (Scan::Control, 0x1b) => Scan::Escape,
            (Scan::Control, _) => Scan::Ground,
            // BEL, CAN and SUB end a string.
            (Scan::Text, 0x07 | 0x18 | 0x1a) | (Scan::TextEscape, b'\\') => Scan::Ground,
            (Scan::Text | Scan::TextEscape, 0x1b) => Scan::TextEscape,
            (Scan::Text | Scan::TextEscape, _) => Scan::Text,
            // A broken character ends where the next element begins.
            (Scan::Ground | Scan::Utf8(_), 0x1b) => Scan::Escape,
            (Scan::Ground | Scan::Utf8(_), 0xc2..=0xdf) => Scan::Utf8(1),
            (Scan::Ground | Scan::Utf8(_), 0xe0..=0xef) => Scan::Utf8(2),
            (Scan::Ground | Scan::Utf8(_), 0xf0..=0xf4) => Scan::Utf8(3),
            (Scan::Ground | Scan::Utf8(_), _) => Scan::Ground,
        }
    }
}

/// Whether an element only changes its own line on the screen: text, colours, erasing and moving within the
/// line. Everything else (moving to other lines, clearing the screen, making the terminal *answer*) is not:
/// shown from a VM in the background it would spoil other lines, or type into the foreground VM's input.
pub(crate) fn line_local(element: &[u8]) -> bool {
    match element {
        [0x1b, b'[', parameters @ .., last] => {
            let plain = parameters
                .iter()
                .all(|b| matches!(b, b'0'..=b'9' | b';' | b':'));
            match last {
                b'm' | b'K' | b'C' | b'D' | b'P' | b'@' => plain,
                b'J' => parameters.iter().all(|b| *b == b'0'),
                _ => false,
            }
        }
        [0x1b, ..] => false,
        [byte] => matches!(byte, b'\t' | 0x08 | b'\r' | 0x20..=0x7e | 0xa0..=0xff),
        // U+0080 to U+009F are the C1 controls: U+009B begins a control sequence.
        [0xc2, 0x80..=0x9f] => false,
        _ => true,
    }
}

#[cfg(test)]
/// Cuts `bytes` into elements; an incomplete last one is given out too.
pub(crate) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let mut scan = Scan::Ground;
        let mut length = 0usize;
        for byte in bytes {
            // A byte that does not continue a UTF-8 character begins the next element.
            if matches!(scan, Scan::Utf8(_)) && !matches!(byte, 0x80..=0xbf) {
                break;
            }
            scan = scan.step(*byte);
            length = length.saturating_add(1);
            if scan == Scan::Ground {
                break;
            }
        }
        let (element, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        (!element.is_empty()).then_some(element)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn sequences_and_characters_are_one_element_each() {
        let bytes = b"a\x1b[1;31m\xc3\xa4\x1b]0;title\x07\x1b]2;x\x1b\\\xe2\x82\xac\xe2z";
        let found: Vec<&[u8]> = elements(bytes).collect();
        let expected: [&[u8]; 8] = [
            b"a",
            b"\x1b[1;31m",
            b"\xc3\xa4",
            b"\x1b]0;title\x07",
            b"\x1b]2;x\x1b\\",
            b"\xe2\x82\xac",
            b"\xe2",
            b"z",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_leaves_the_line_or_asks_the_terminal_is_told_apart() {
        for local in [
            "a",
            "\t",
            "\u{8}",
            "\x1b[m",
            "\x1b[1;31m",
            "\x1b[K",
            "\x1b[J",
            "\x1b[3D",
            "é",
        ] {
            assert!(line_local(local.as_bytes()), "{local:?}");
        }
        for not in [
            "\x1b[6n",
            "\x1b[c",
            "\x1b[2J",
            "\x1b[H",
            "\x1b[A",
            "\x1bc",
            "\x07",
            "\x05",
            "\u{9b}",
            "\x1b]0;t\x07",
            "\x1b[?6n",
        ] {
            assert!(!line_local(not.as_bytes()), "{not:?}");
        }
    }
}
