//! The windows over the list and their keys, apart from those for files.
//!
//! A window is taken off the stack while it handles a key, and puts itself back unless it is done.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use kconf::{ChoiceId, SymbolId, Tri};
use kconf_solver::ChangeSet;
use ratatui::layout::Rect;

use crate::app::{App, Effect};
use crate::facts;
use crate::file_dialog::{FileDialog, Leaving};
use crate::input::Line;
use crate::layout::{self, Window};
use crate::search::Search;
use crate::text;
use crate::view::{Reader, moved, scrolled};

/// A window.
pub(crate) enum Dialog {
    /// Something to read: help, keys, a message, the review.
    Read(Reader),
    /// A number or text being edited.
    Edit(Edit),
    /// The members of a choice.
    Choose(Choose),
    /// The search.
    Search(Search),
    /// A file to save to or load from.
    File(FileDialog),
    /// Leaving with something unsaved.
    Leave(Leaving),
    /// Changes that make a blocked value possible.
    Advice(Advice),
}

/// A number or text being edited.
pub(crate) struct Edit {
    pub symbol: SymbolId,
    pub line: Line,
    /// What is wrong with what was typed.
    pub error: Option<String>,
}

/// The members of a choice.
pub(crate) struct Choose {
    pub choice: ChoiceId,
    pub members: Vec<SymbolId>,
    pub cursor: usize,
    pub top: usize,
}

/// Sets of changes to pick one from.
pub(crate) struct Advice {
    pub symbol: SymbolId,
    pub value: String,
    pub title: String,
    pub why: Vec<String>,
    pub sets: Vec<ChangeSet>,
    /// Whether there are no other smallest sets.
    pub complete: bool,
    pub cursor: usize,
    pub top: usize,
}

/// The lines of one set, and which set each belongs to.
pub(crate) fn advice_lines(advice: &Advice, prefix: &str, columns: usize) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (at, set) in advice.sets.iter().enumerate() {
        let mut lines: Vec<String> = set
            .changes
            .iter()
            .map(|c| format!("{prefix}{}: {} -> {}", c.symbol, c.from, c.to))
            .collect();
        let target = |name: &str| set.changes.iter().any(|c| c.symbol == name);
        let followed: Vec<String> = set
            .consequences
            .iter()
            .filter(|c| !target(&c.symbol))
            .map(|c| format!("{}: {} -> {}", c.symbol, c.from, c.to))
            .collect();
        if !followed.is_empty() {
            lines.push(format!("  follows: {}", followed.join(", ")));
        }
        for (number, line) in lines.iter().enumerate() {
            let lead = match number {
                0 => format!("{}. ", at + 1),
                _ => "   ".to_owned(),
            };
            for (part, line) in text::wrap(line, columns.saturating_sub(4))
                .iter()
                .enumerate()
            {
                let lead = if part == 0 { &lead } else { "     " };
                out.push((at, format!("{lead}{line}")));
            }
        }
    }
    out
}

impl<'m> App<'m> {
    pub(crate) fn dialog_key(&mut self, dialog: Dialog, key: KeyEvent) -> Effect {
        let interrupt =
            key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if interrupt && !matches!(dialog, Dialog::Leave(_)) {
            // As in the list: whatever is open is given up.
            self.dialogs.clear();
            return self.leave();
        }
        match dialog {
            Dialog::Read(reader) => self.read_key(reader, key),
            Dialog::Edit(edit) => self.edit_key(edit, key),
            Dialog::Choose(choose) => self.choose_key(choose, key),
            Dialog::Search(search) => self.search_key(search, key),
            Dialog::File(file) => return self.file_key(file, key),
            Dialog::Leave(leaving) => return self.leave_key(leaving, key),
            Dialog::Advice(advice) => self.advice_key(advice, key),
        }
        Effect::Continue
    }

    /// A window as high as its text needs, below `head` lines.
    pub(crate) fn fitting(&self, head: usize, reader: &Reader) -> Window {
        let columns = columns(layout::window(self.area, head, usize::MAX).body);
        layout::window(self.area, head, reader.wrapped(columns).len())
    }

    pub(crate) fn reader_window(&self, reader: &Reader) -> Window {
        self.fitting(0, reader)
    }

    fn read_key(&mut self, mut reader: Reader, key: KeyEvent) {
        let body = self.reader_window(&reader).body;
        if !reader.key(key, columns(body), rows(body)) && closes(key) {
            return;
        }
        self.dialogs.push(Dialog::Read(reader));
    }

    fn edit_key(&mut self, mut edit: Edit, key: KeyEvent) {
        let symbol = self.model.get(edit.symbol);
        match key.code {
            KeyCode::Esc | KeyCode::F(5) => return,
            KeyCode::F(1 | 2) => {
                self.dialogs.push(Dialog::Edit(edit));
                return self.explain(symbol.id());
            }
            KeyCode::Enter => {
                let text = edit.line.text().to_owned();
                edit.error = facts::fault(&self.config, symbol, &text);
                if edit.error.is_none() {
                    if self.config.visibility(symbol) == Tri::N {
                        self.advise(symbol.id(), &text);
                    } else {
                        self.assign(symbol.id(), &text);
                    }
                    return;
                }
            }
            _ => {
                if edit.line.key(key) == Some(true) {
                    edit.error = facts::fault(&self.config, symbol, edit.line.text());
                }
            }
        }
        self.dialogs.push(Dialog::Edit(edit));
    }

    /// Opens the members of a choice, the cursor on `at` or on the one that is on.
    pub(crate) fn choose(&mut self, choice: ChoiceId, at: Option<SymbolId>) {
        let visible =
            |id: &SymbolId| self.show_all || self.config.visibility(self.model.get(*id)) != Tri::N;
        let members: Vec<SymbolId> = self
            .model
            .choice(choice)
            .members()
            .iter()
            .copied()
            .filter(|id| visible(id) || Some(*id) == at)
            .collect();
        let wanted = at.or(self.lister().picked(choice));
        let cursor = members.iter().position(|id| Some(*id) == wanted);
        let cursor = cursor.unwrap_or(0);
        let body = self.choose_window(members.len()).body;
        self.dialogs.push(Dialog::Choose(Choose {
            choice,
            top: scrolled(0, cursor, rows(body)),
            members,
            cursor,
        }));
    }

    pub(crate) fn choose_window(&self, members: usize) -> Window {
        layout::window(self.area, 0, members.max(1))
    }

    fn choose_key(&mut self, mut choose: Choose, key: KeyEvent) {
        let page = rows(self.choose_window(choose.members.len()).body);
        if let Some(cursor) = moved(key, choose.cursor, choose.members.len(), page) {
            choose.cursor = cursor;
            choose.top = scrolled(choose.top, cursor, page);
            self.dialogs.push(Dialog::Choose(choose));
            return;
        }
        let member = choose.members.get(choose.cursor).copied();
        match (key.code, member) {
            (KeyCode::Enter | KeyCode::Char(' ' | 'y' | 'Y') | KeyCode::Right, Some(id)) => {
                self.set_tri(id, Tri::Y);
            }
            (KeyCode::Char('n' | 'N'), Some(id)) => {
                self.set_tri(id, Tri::N);
                self.dialogs.push(Dialog::Choose(choose));
            }
            (KeyCode::Char('?' | 'h' | 'H') | KeyCode::F(1 | 2), Some(id)) => {
                self.dialogs.push(Dialog::Choose(choose));
                self.explain(id);
            }
            (KeyCode::Char('z' | 'Z') | KeyCode::F(4), _) => {
                self.show_all = !self.show_all;
                self.changed();
                self.choose(choose.choice, member.filter(|_| self.show_all));
            }
            _ if closes(key) || key.code == KeyCode::Left => {}
            _ => self.dialogs.push(Dialog::Choose(choose)),
        }
    }

    pub(crate) fn search_window(&self) -> Window {
        layout::window(self.area, 2, usize::MAX)
    }

    /// The rows for results; below them is what is known about the selected one.
    pub(crate) fn search_parts(&self) -> (Rect, Rect) {
        let body = self.search_window().body;
        let details = match body.height {
            0..=6 => 0,
            7..=11 => 3,
            _ => 6,
        };
        let list = Rect {
            height: body.height - details,
            ..body
        };
        let details = Rect {
            y: list.bottom(),
            height: details,
            ..body
        };
        (list, details)
    }

    fn search_key(&mut self, mut search: Search, key: KeyEvent) {
        let page = rows(self.search_parts().0);
        let hit = search.hit(&self.index, search.cursor);
        match (key.code, hit) {
            (KeyCode::Esc | KeyCode::F(5), _) => return,
            (KeyCode::Enter, Some(id)) => return self.jump(id),
            (KeyCode::F(1 | 2) | KeyCode::Char('?'), Some(id)) => {
                self.dialogs.push(Dialog::Search(search));
                return self.explain(id);
            }
            (KeyCode::Home | KeyCode::End, _) => {
                search.line.key(key);
            }
            _ => {
                if let Some(cursor) = moved(key, search.cursor, search.len(), page) {
                    search.cursor = cursor;
                    search.top = scrolled(search.top, cursor, page);
                } else if search.line.key(key) == Some(true) {
                    search.update(&self.index);
                }
            }
        }
        self.dialogs.push(Dialog::Search(search));
    }

    pub(crate) fn advice_window(&self, advice: &Advice) -> Window {
        let columns = layout::window(self.area, 0, usize::MAX).body.width;
        let head: usize = advice
            .why
            .iter()
            .map(|line| text::wrap(line, usize::from(columns)).len())
            .sum();
        // The sets must be seen whatever there is to say.
        let most = usize::from(self.area.height / 2).saturating_sub(2);
        let head = (head + 2).min(most);
        let body = advice_lines(advice, self.model.prefix(), usize::from(columns)).len();
        layout::window(self.area, head, body)
    }

    fn advice_key(&mut self, mut advice: Advice, key: KeyEvent) {
        let body = self.advice_window(&advice).body;
        let last = advice.sets.len().saturating_sub(1);
        if let KeyCode::Char(digit @ '1'..='9') = key.code {
            let at = usize::from(digit as u8 - b'1');
            advice.cursor = at.min(last);
        } else if let Some(cursor) = moved(key, advice.cursor, advice.sets.len(), 5) {
            advice.cursor = cursor;
        } else if matches!(key.code, KeyCode::Enter | KeyCode::Char(' ' | 'y')) {
            if let Some(set) = advice.sets.get(advice.cursor) {
                self.apply(advice.symbol, &advice.value, set);
            }
            return;
        } else if matches!(key.code, KeyCode::Char('?' | 'h') | KeyCode::F(1 | 2)) {
            let id = advice.symbol;
            self.dialogs.push(Dialog::Advice(advice));
            return self.explain(id);
        } else if closes(key) {
            return;
        }
        let lines = advice_lines(&advice, self.model.prefix(), columns(body));
        let own = |(set, _): &(usize, String)| *set == advice.cursor;
        let first = lines.iter().position(own).unwrap_or(0);
        let end = lines.iter().rposition(own).unwrap_or(0);
        advice.top = scrolled(advice.top, end, rows(body)).min(first);
        self.dialogs.push(Dialog::Advice(advice));
    }
}

pub(crate) fn columns(area: Rect) -> usize {
    usize::from(area.width)
}

pub(crate) fn rows(area: Rect) -> usize {
    usize::from(area.height)
}

/// Whether a key closes a window in which nothing can be typed.
pub(crate) fn closes(key: KeyEvent) -> bool {
    matches!(
        key.code,
        KeyCode::Esc
            | KeyCode::Enter
            | KeyCode::Left
            | KeyCode::Backspace
            | KeyCode::F(5)
            | KeyCode::Char('q' | 'Q')
    )
}
