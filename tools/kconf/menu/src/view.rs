//! A text to read in a window: lines, and how far it is scrolled.

use crossterm::event::{KeyCode, KeyEvent};

use crate::text;

/// A text that can be scrolled.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// What stands above it.
    pub title: String,
    /// The lines, before wrapping.
    pub lines: Vec<String>,
    /// Wrapped lines above the window.
    pub scroll: usize,
}

impl Reader {
    /// A text from its start.
    pub fn new(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self {
            title: title.into(),
            lines,
            scroll: 0,
        }
    }

    /// The lines as they are shown in this many columns.
    pub fn wrapped(&self, columns: usize) -> Vec<String> {
        self.lines
            .iter()
            .flat_map(|line| text::wrap(line, columns))
            .collect()
    }

    /// Scrolls; whether the key means that here.
    pub fn key(&mut self, key: KeyEvent, columns: usize, rows: usize) -> bool {
        let last = self.wrapped(columns).len().saturating_sub(rows);
        self.scroll = match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.scroll + 1,
            KeyCode::Up | KeyCode::Char('k') => self.scroll.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll + rows.max(1),
            KeyCode::PageUp => self.scroll.saturating_sub(rows.max(1)),
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return false,
        }
        .min(last);
        true
    }
}

/// Moves a cursor in a list of `count` by a key, `page` rows at a time; none if the key means something else.
pub fn moved(key: KeyEvent, cursor: usize, count: usize, page: usize) -> Option<usize> {
    let last = count.saturating_sub(1);
    let page = page.saturating_sub(1).max(1);
    Some(match key.code {
        KeyCode::Down => (cursor + 1).min(last),
        KeyCode::Up => cursor.saturating_sub(1),
        KeyCode::PageDown => (cursor + page).min(last),
        KeyCode::PageUp => cursor.saturating_sub(page),
        KeyCode::Home => 0,
        KeyCode::End => last,
        _ => return None,
    })
}

/// The first row to show so that the cursor is seen in a window of `rows`.
pub fn scrolled(top: usize, cursor: usize, rows: usize) -> usize {
    let rows = rows.max(1);
    if cursor < top {
        cursor
    } else if cursor >= top + rows {
        cursor + 1 - rows
    } else {
        top
    }
}
