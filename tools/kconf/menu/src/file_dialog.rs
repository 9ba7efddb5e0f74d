//! Saving, loading and leaving: what will be written is shown before it is written, and an error stays on the
//! screen until it is read.

use std::path::{Path, PathBuf};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use kconf::{Config, Layer, Saved, save};

use crate::app::{App, Effect};
use crate::changes;
use crate::dialog::{Dialog, columns, rows};
use crate::input::Line;
use crate::layout::Window;
use crate::view::Reader;

/// What happens to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The whole configuration is written.
    Save,
    /// The minimal configuration is written.
    Minimal,
    /// It is read.
    Load,
}

/// A file name being typed.
pub(crate) struct FileDialog {
    pub purpose: Purpose,
    pub line: Line,
    pub error: Option<String>,
    /// What will be written.
    pub review: Reader,
    /// Leave when it is done.
    pub then_leave: bool,
}

/// Leaving with something unsaved.
pub(crate) struct Leaving {
    pub review: Reader,
}

impl<'m> App<'m> {
    fn review_lines(&self) -> Vec<String> {
        let changes = changes::since(&self.baseline, &self.config);
        let mut lines = changes::lines(&self.config, &changes);
        if changes.is_empty() && self.unsaved {
            let path = self.options.path.display();
            lines.push(match self.on_disk {
                Some(_) => format!("{path} is not up to date with the Kconfig files."),
                None => format!("{path} does not exist yet."),
            });
        }
        lines
    }

    pub(crate) fn review(&mut self) {
        let lines = self.review_lines();
        let reader = Reader::new("Changes since the start or the last save", lines);
        self.dialogs.push(Dialog::Read(reader));
    }

    pub(crate) fn ask_save(&mut self, then_leave: bool) {
        let path = self.options.path.display().to_string();
        let review = Reader::new("", self.review_lines());
        self.ask(Purpose::Save, path, review, then_leave);
    }

    pub(crate) fn ask_minimal(&mut self) {
        let path = self.options.minimal_path.display().to_string();
        let text = self.config.savedefconfig();
        let lines = match text.is_empty() {
            true => vec!["Nothing differs from the defaults: the file will be empty.".to_owned()],
            false => text.lines().map(str::to_owned).collect(),
        };
        self.ask(Purpose::Minimal, path, Reader::new("", lines), false);
    }

    pub(crate) fn ask_load(&mut self) {
        let path = self.options.path.display().to_string();
        let lines = vec![
            "Every value comes from the file, or is a default if it is not there.".to_owned(),
            "Undo (u) brings back what is there now.".to_owned(),
        ];
        self.ask(Purpose::Load, path, Reader::new("", lines), false);
    }

    fn ask(&mut self, purpose: Purpose, path: String, review: Reader, then_leave: bool) {
        self.dialogs.push(Dialog::File(FileDialog {
            purpose,
            line: Line::new(path),
            error: None,
            review,
            then_leave,
        }));
    }

    pub(crate) fn file_window(&self, file: &FileDialog) -> Window {
        self.fitting(4, &file.review)
    }

    pub(crate) fn leave_window(&self, leaving: &Leaving) -> Window {
        self.fitting(2, &leaving.review)
    }

    pub(crate) fn file_key(&mut self, mut file: FileDialog, key: KeyEvent) -> Effect {
        let body = self.file_window(&file).body;
        match key.code {
            KeyCode::Esc | KeyCode::F(5) => return Effect::Continue,
            KeyCode::Enter => {
                let name = file.line.text().trim().to_owned();
                let done = match (name.is_empty(), file.purpose) {
                    (true, _) => Err("type the name of a file".to_owned()),
                    (_, Purpose::Load) => self.load(Path::new(&name)),
                    (_, purpose) => self.write(Path::new(&name), purpose),
                };
                match done {
                    Ok(()) if file.then_leave && !self.differs_from_disk() => return Effect::Quit,
                    Ok(()) => return Effect::Continue,
                    Err(error) => file.error = Some(error),
                }
            }
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => {
                file.review.key(key, columns(body), rows(body));
            }
            _ => {
                if file.line.key(key) == Some(true) {
                    file.error = None;
                }
            }
        }
        self.dialogs.push(Dialog::File(file));
        Effect::Continue
    }

    fn write(&mut self, path: &Path, purpose: Purpose) -> Result<(), String> {
        let minimal = purpose == Purpose::Minimal;
        let text = match minimal {
            true => self.config.savedefconfig(),
            false => self.config.write(),
        };
        let done = save(path, &text, !minimal, self.options.link)?;
        let shown = path.display();
        self.notice = Some(match done {
            Saved::Written => format!("Written to {shown}"),
            Saved::Unchanged => format!("{shown} is up to date"),
        });
        if !self.saved.iter().any(|known| known == path) {
            self.saved.push(PathBuf::from(path));
        }
        if !minimal && path == self.options.path {
            self.on_disk = Some(text);
            self.baseline = self.config.clone();
            self.stale = false;
            self.unsaved = false;
        }
        Ok(())
    }

    fn load(&mut self, path: &Path) -> Result<(), String> {
        let mut config = Config::new(self.model);
        config.read(path, Layer::Config).map_err(|found| {
            let first = found.iter().next();
            first.map_or_else(|| found.to_string(), |d| d.message.clone())
        })?;
        let found = config.diagnostics();
        let before = std::mem::replace(&mut self.config, config);
        let shown = path.display();
        let changed = changes::since(&before, &self.config).len();
        self.history.push(format!("load {shown}"), before);
        self.changed();
        self.notice = Some(format!("Loaded {shown}: {changed} values changed"));
        if !found.is_empty() {
            let title = format!("Remarks about {shown}");
            self.message(&title, &found.to_string());
        }
        Ok(())
    }

    /// The user wants to leave: asks if something would be lost.
    pub(crate) fn leave(&mut self) -> Effect {
        self.unsaved = self.differs_from_disk();
        if !self.unsaved {
            return Effect::Quit;
        }
        let review = Reader::new("", self.review_lines());
        self.dialogs.push(Dialog::Leave(Leaving { review }));
        Effect::Continue
    }

    pub(crate) fn leave_key(&mut self, mut leaving: Leaving, key: KeyEvent) -> Effect {
        let body = self.leave_window(&leaving).body;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return Effect::Quit,
            KeyCode::Char('n' | 'N' | 'd' | 'D') => return Effect::Quit,
            KeyCode::Esc | KeyCode::Left | KeyCode::Char('c' | 'C') | KeyCode::F(5) => {
                return Effect::Continue;
            }
            KeyCode::Enter | KeyCode::Char('y' | 'Y' | 's' | 'S') | KeyCode::F(6) => {
                let path = self.options.path.clone();
                match self.write(&path, Purpose::Save) {
                    Ok(()) => return Effect::Quit,
                    Err(error) => {
                        // Another name may help.
                        self.ask_save(true);
                        if let Some(Dialog::File(file)) = self.dialogs.last_mut() {
                            file.error = Some(error);
                        }
                        return Effect::Continue;
                    }
                }
            }
            _ => {
                leaving.review.key(key, columns(body), rows(body));
            }
        }
        self.dialogs.push(Dialog::Leave(leaving));
        Effect::Continue
    }
}
