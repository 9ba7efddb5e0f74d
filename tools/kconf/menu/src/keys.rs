//! The keys of the list.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use kconf::Tri;

use crate::app::{App, Effect};
use crate::dialog::Dialog;
use crate::help;
use crate::rows::RowKind;
use crate::view::{Reader, moved};

/// What a key means in the list, apart from moving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Enter,
    Back,
    Set(Tri),
    Toggle,
    Search,
    Help,
    Keys,
    ShowAll,
    Save,
    Minimal,
    Load,
    Review,
    Undo,
    Redo,
    Leave,
    Letter(char),
}

fn command(key: KeyEvent) -> Option<Command> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    Some(match key.code {
        KeyCode::Char('c') if control => Command::Leave,
        KeyCode::Char('z') if control => Command::Undo,
        KeyCode::Char('y' | 'r') if control => Command::Redo,
        KeyCode::Char(_) if control => return None,
        KeyCode::Enter | KeyCode::Right => Command::Enter,
        KeyCode::Esc | KeyCode::Left | KeyCode::F(5) | KeyCode::Backspace => Command::Back,
        KeyCode::Char('y' | 'Y') => Command::Set(Tri::Y),
        KeyCode::Char('m' | 'M') => Command::Set(Tri::M),
        KeyCode::Char('n' | 'N') => Command::Set(Tri::N),
        KeyCode::Char(' ') => Command::Toggle,
        KeyCode::Char('/') | KeyCode::F(8) => Command::Search,
        KeyCode::Char('?' | 'h' | 'H') | KeyCode::F(1 | 2) => Command::Help,
        KeyCode::F(3) => Command::Keys,
        KeyCode::Char('z' | 'Z') | KeyCode::F(4) => Command::ShowAll,
        KeyCode::Char('S') | KeyCode::F(6) => Command::Save,
        KeyCode::Char('D') => Command::Minimal,
        KeyCode::Char('L') | KeyCode::F(7) => Command::Load,
        KeyCode::Char('R') => Command::Review,
        KeyCode::Char('u') => Command::Undo,
        KeyCode::Char('U') => Command::Redo,
        KeyCode::Char('Q') | KeyCode::F(9) => Command::Leave,
        KeyCode::Char(letter) => Command::Letter(letter),
        _ => return None,
    })
}

impl App<'_> {
    pub(crate) fn list_key(&mut self, key: KeyEvent) -> Effect {
        let page = usize::from(self.screen().list.height);
        if let Some(cursor) = moved(key, self.place().cursor, self.rows.len(), page) {
            self.set_cursor(cursor);
            return Effect::Continue;
        }
        match command(key) {
            Some(Command::Back) if self.close() => {}
            Some(Command::Back) if key.code == KeyCode::Left => {}
            Some(Command::Back | Command::Leave) => return self.leave(),
            Some(Command::Enter) => self.enter(),
            Some(Command::Set(value)) => self.set_row(value),
            Some(Command::Toggle) => self.toggle_row(),
            Some(Command::Search) => self.dialogs.push(Dialog::Search(Default::default())),
            Some(Command::Help) => self.help_row(),
            Some(Command::Keys) => {
                let lines = help::KEYS.iter().map(|line| (*line).to_owned()).collect();
                self.dialogs.push(Dialog::Read(Reader::new("Keys", lines)));
            }
            Some(Command::ShowAll) => {
                self.show_all = !self.show_all;
                self.changed();
                self.notice = Some(match self.show_all {
                    true => "Entries that are not visible are shown, too".to_owned(),
                    false => "Only visible entries are shown".to_owned(),
                });
            }
            Some(Command::Save) => self.ask_save(false),
            Some(Command::Minimal) => self.ask_minimal(),
            Some(Command::Load) => self.ask_load(),
            Some(Command::Review) => self.review(),
            Some(Command::Undo) => self.undo(),
            Some(Command::Redo) => self.redo(),
            Some(Command::Letter(letter)) => self.jump_to_letter(letter),
            None => {}
        }
        Effect::Continue
    }

    /// Enter: opens what can be opened, edits what can be edited, else the next value.
    pub(crate) fn enter(&mut self) {
        let Some(row) = self.row() else {
            return;
        };
        let (node, kind, arrow) = (row.node, row.kind, row.arrow);
        match kind {
            RowKind::Menu => self.open(node),
            RowKind::Choice(choice) => self.choose(choice, None),
            RowKind::Symbol(_) if arrow.is_some() => self.open(node),
            RowKind::Symbol(_) => self.toggle_row(),
            RowKind::Comment => {}
        }
    }

    fn toggle_row(&mut self) {
        let Some(row) = self.row() else {
            return;
        };
        match row.kind {
            RowKind::Symbol(id) => self.toggle(id),
            RowKind::Choice(choice) => self.choose(choice, None),
            RowKind::Menu => self.open(row.node),
            RowKind::Comment => {}
        }
    }

    fn set_row(&mut self, value: Tri) {
        match self.row().map(|row| row.kind) {
            Some(RowKind::Symbol(id)) => self.set_tri(id, value),
            Some(RowKind::Choice(choice)) if value == Tri::Y => self.choose(choice, None),
            _ => {}
        }
    }

    fn help_row(&mut self) {
        let Some(row) = self.row() else {
            return;
        };
        let (node, kind) = (row.node, row.kind);
        let mut path = vec![self.title().to_owned()];
        path.extend(self.titles(self.tree.menus_above(node).into_iter()));
        let entry = self.tree.node(node).entry;
        let title = entry.text().unwrap_or_default().to_owned();
        let lines = match kind {
            RowKind::Symbol(id) => return self.explain(id),
            RowKind::Choice(id) => help::choice(&self.config, self.model.choice(id), &path),
            RowKind::Menu | RowKind::Comment => help::entry(&self.config, entry, &path),
        };
        self.dialogs.push(Dialog::Read(Reader::new(title, lines)));
    }

    /// The next row after the cursor whose text starts with a letter.
    fn jump_to_letter(&mut self, letter: char) {
        let count = self.rows.len();
        let wanted = letter.to_lowercase().next();
        let from = self.place().cursor;
        let found = (1..=count).map(|step| (from + step) % count).find(|at| {
            let first = self.rows[*at].text.chars().find(|c| c.is_alphanumeric());
            first.and_then(|c| c.to_lowercase().next()) == wanted
        });
        match found {
            Some(at) => self.set_cursor(at),
            None => self.notice = Some(format!("No entry starts with {letter}")),
        }
    }
}
