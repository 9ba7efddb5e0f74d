//! Keys whose escape sequence came in pieces.
//!
//! On a slow serial line the bytes of one key can arrive in several reads, and the first of them, an escape
//! character alone, looks like the key Esc. What follows within a moment is put together with it again.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// How long to wait for the rest of a sequence, in milliseconds; a character at 1200 baud takes 8.
pub const PATIENCE_MS: u64 = 60;

/// Longest sequence that is waited for.
const MAX_LENGTH: usize = 8;

/// What came since an escape character.
#[derive(Clone, Debug, Default)]
pub struct Escape {
    keys: Vec<KeyEvent>,
}

impl Escape {
    /// Takes a key; returns those that are complete.
    pub fn key(&mut self, key: KeyEvent) -> Vec<KeyEvent> {
        if self.keys.is_empty() {
            if key.code == KeyCode::Esc && key.modifiers.is_empty() {
                self.keys.push(key);
                return Vec::new();
            }
            return vec![key];
        }
        let KeyCode::Char(character) = key.code else {
            if key.code == KeyCode::Esc && self.keys.len() == 1 {
                // Esc Esc means what Esc does.
                self.keys.clear();
                return vec![key];
            }
            self.keys.push(key);
            return self.flush();
        };
        let first = self.keys.len() == 1;
        self.keys.push(key);
        if first {
            return match character {
                '[' | 'O' => Vec::new(),
                _ => self.flush(),
            };
        }
        if character.is_ascii_digit() || character == ';' || character == '[' {
            return match self.keys.len() < MAX_LENGTH {
                true => Vec::new(),
                false => self.flush(),
            };
        }
        match self.meaning() {
            Some(code) => {
                self.keys.clear();
                vec![KeyEvent::new(code, KeyModifiers::NONE)]
            }
            None => self.flush(),
        }
    }

    /// Whether a sequence is under way.
    pub fn waits(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Nothing more came: the keys are what they seemed to be.
    pub fn flush(&mut self) -> Vec<KeyEvent> {
        std::mem::take(&mut self.keys)
    }

    fn meaning(&self) -> Option<KeyCode> {
        let text: String = self
            .keys
            .iter()
            .filter_map(|key| match key.code {
                KeyCode::Char(c) => Some(c),
                _ => None,
            })
            .collect();
        Some(match text.as_str() {
            "[A" | "OA" => KeyCode::Up,
            "[B" | "OB" => KeyCode::Down,
            "[C" | "OC" => KeyCode::Right,
            "[D" | "OD" => KeyCode::Left,
            "[H" | "OH" | "[1~" | "[7~" => KeyCode::Home,
            "[F" | "OF" | "[4~" | "[8~" => KeyCode::End,
            "[3~" => KeyCode::Delete,
            "[5~" => KeyCode::PageUp,
            "[6~" => KeyCode::PageDown,
            "OP" | "[11~" | "[[A" => KeyCode::F(1),
            "OQ" | "[12~" | "[[B" => KeyCode::F(2),
            "OR" | "[13~" | "[[C" => KeyCode::F(3),
            "OS" | "[14~" | "[[D" => KeyCode::F(4),
            "[15~" | "[[E" => KeyCode::F(5),
            "[17~" => KeyCode::F(6),
            "[18~" => KeyCode::F(7),
            "[19~" => KeyCode::F(8),
            "[20~" => KeyCode::F(9),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(text: &str) -> Vec<KeyCode> {
        let mut escape = Escape::default();
        let mut out = Vec::new();
        for character in text.chars() {
            let code = match character {
                '\u{1b}' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            out.extend(escape.key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
        out.extend(escape.flush());
        out.into_iter().map(|key| key.code).collect()
    }

    #[test]
    fn pieces_of_a_sequence_become_one_key() {
        assert_eq!(type_in("\u{1b}[A"), [KeyCode::Up]);
        assert_eq!(type_in("\u{1b}OPx"), [KeyCode::F(1), KeyCode::Char('x')]);
        assert_eq!(type_in("\u{1b}[19~"), [KeyCode::F(8)]);
    }

    #[test]
    fn what_is_no_sequence_stays_as_typed() {
        assert_eq!(type_in("\u{1b}"), [KeyCode::Esc]);
        assert_eq!(type_in("\u{1b}\u{1b}"), [KeyCode::Esc]);
        assert_eq!(type_in("\u{1b}y"), [KeyCode::Esc, KeyCode::Char('y')]);
        assert_eq!(type_in("\u{1b}[").len(), 2);
        assert_eq!(type_in("\u{1b}[123456789").len(), 11);
    }
}
