//! One line of text being edited: a cursor, insertion, deletion, and the keys for them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::text;

/// Longest text that can be typed.
const MAX_LENGTH: usize = 4096;

/// A line and where the cursor is in it.
#[derive(Clone, Debug, Default)]
pub struct Line {
    text: String,
    /// A byte offset at a character's start.
    cursor: usize,
}

impl Line {
    /// Starts with a text, the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            cursor: text.len(),
            text,
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Handles a key; whether the text changed, none if the key means nothing here.
    pub fn key(&mut self, key: KeyEvent) -> Option<bool> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('u') if control => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
                return Some(true);
            }
            KeyCode::Char('k') if control => {
                self.text.truncate(self.cursor);
                return Some(true);
            }
            KeyCode::Char('w') if control => {
                let kept = self.text[..self.cursor].trim_end();
                let start = kept.rfind(' ').map_or(0, |at| at + 1);
                self.text.drain(start..self.cursor);
                self.cursor = start;
                return Some(true);
            }
            KeyCode::Char('h') if control => return Some(self.backspace()),
            KeyCode::Char(c) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                if self.text.len() < MAX_LENGTH && !c.is_control() {
                    self.text.insert(self.cursor, c);
                    self.cursor += c.len_utf8();
                }
                return Some(true);
            }
            KeyCode::Backspace => return Some(self.backspace()),
            KeyCode::Delete => {
                if self.cursor < self.text.len() {
                    self.text.remove(self.cursor);
                }
                return Some(true);
            }
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => {
                self.cursor += self.text[self.cursor..]
                    .chars()
                    .next()
                    .map_or(0, char::len_utf8);
            }
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return None,
        }
        Some(false)
    }

    fn before(&self) -> usize {
        let last = self.text[..self.cursor].chars().next_back();
        self.cursor - last.map_or(0, char::len_utf8)
    }

    fn backspace(&mut self) -> bool {
        let start = self.before();
        self.text.drain(start..self.cursor);
        self.cursor = start;
        true
    }

    /// The part that fits into `columns`, and the column of the cursor in it.
    pub fn view(&self, columns: usize) -> (String, usize) {
        let columns = columns.max(1);
        let mut start = 0;
        while text::width(&self.text[start..self.cursor]) >= columns {
            start += self.text[start..].chars().next().map_or(1, char::len_utf8);
        }
        let mut shown = String::new();
        for c in self.text[start..].chars() {
            if text::width(&shown) + text::width(c.encode_utf8(&mut [0; 4])) > columns {
                break;
            }
            shown.push(c);
        }
        (shown, text::width(&self.text[start..self.cursor]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(line: &mut Line, codes: &[KeyCode]) {
        for code in codes {
            line.key(KeyEvent::new(*code, KeyModifiers::NONE));
        }
    }

    #[test]
    fn editing_works_on_whole_characters() {
        let mut line = Line::new("aé漢");
        press(
            &mut line,
            &[KeyCode::Backspace, KeyCode::Left, KeyCode::Char('x')],
        );
        assert_eq!(line.text(), "axé");
        press(
            &mut line,
            &[KeyCode::Home, KeyCode::Delete, KeyCode::Delete],
        );
        assert_eq!(line.text(), "é");
        press(&mut line, &[KeyCode::End, KeyCode::Right, KeyCode::Delete]);
        assert_eq!(line.text(), "é");
    }

    #[test]
    fn a_long_line_scrolls_so_that_the_cursor_is_seen() {
        let line = Line::new("abcdefghij");
        assert_eq!(line.view(5), ("ghij".to_owned(), 4));
        assert_eq!(line.view(20), ("abcdefghij".to_owned(), 10));
    }
}
