//! Changing values: one assignment at a time, each a step that can be undone, and what to do when one is blocked.

use kconf::{Config, Kind, Symbol, SymbolId, Tri};
use kconf_solver::{Answer, ChangeSet};

use crate::app::App;
use crate::changes;
use crate::dialog::{Advice, Dialog, Edit};
use crate::facts;
use crate::help;
use crate::input::Line;
use crate::view::Reader;

/// Symbols named in the line that says what followed.
const MAX_NAMED: usize = 3;

impl<'m> App<'m> {
    /// Gives a symbol the next value it can have.
    pub(crate) fn toggle(&mut self, id: SymbolId) {
        let symbol = self.model.get(id);
        if !symbol.kind().is_logic() {
            return self.edit(id);
        }
        let now = facts::tri(&self.config, symbol);
        if symbol.choice().is_some() {
            return self.set_tri(id, Tri::Y);
        }
        let allowed = facts::allowed(&self.config, symbol);
        let next = allowed
            .iter()
            .copied()
            .find(|tri| *tri > now)
            .or(allowed.first().copied())
            .filter(|_| allowed.len() > 1);
        match next {
            Some(next) => self.assign(id, next.as_str()),
            None => self.advise(id, if now == Tri::Y { "n" } else { "y" }),
        }
    }

    /// Gives a bool or tristate symbol this value, or says what would make it possible.
    pub(crate) fn set_tri(&mut self, id: SymbolId, value: Tri) {
        let symbol = self.model.get(id);
        if !symbol.kind().is_logic() {
            self.notice = Some(format!(
                "{} is {}: Enter edits it",
                symbol.name(),
                symbol.kind()
            ));
            return;
        }
        if value == Tri::M && symbol.kind() == Kind::Bool {
            self.notice = Some(format!("{} is a bool, it cannot be m", symbol.name()));
            return;
        }
        if value == Tri::N && symbol.choice().is_some() {
            self.notice = Some("One member is always on: switch another one on instead".to_owned());
            return;
        }
        if facts::allowed(&self.config, symbol).contains(&value) {
            self.assign(id, value.as_str());
        } else if facts::tri(&self.config, symbol) == value {
            self.notice = Some(format!("{} is {value} already", symbol.name()));
        } else {
            self.advise(id, value.as_str());
        }
    }

    /// Opens the field for a number or text.
    pub(crate) fn edit(&mut self, id: SymbolId) {
        let value = self.config.value_of(self.model.get(id));
        self.dialogs.push(Dialog::Edit(Edit {
            symbol: id,
            line: Line::new(value.text),
            error: None,
        }));
    }

    /// Assigns a value that can be assigned.
    pub(crate) fn assign(&mut self, id: SymbolId, text: &str) {
        let symbol = self.model.get(id);
        let before = self.config.clone();
        if let Err(found) = self
            .config
            .set(symbol.name(), &literal(symbol.kind(), text))
        {
            self.message("Not possible", &found.to_string());
            return;
        }
        self.done(format!("{}={text}", symbol.name()), before, &[id]);
    }

    /// Applies a set of changes as one step.
    pub(crate) fn apply(&mut self, target: SymbolId, value: &str, set: &ChangeSet) {
        let before = self.config.clone();
        let mut ids = vec![target];
        for change in &set.changes {
            let Some(symbol) = self.model.symbol(&change.symbol) else {
                continue;
            };
            ids.push(symbol.id());
            let text = literal(symbol.kind(), &change.to);
            if let Err(found) = self.config.set(&change.symbol, &text) {
                self.config = before;
                self.message("Not possible", &found.to_string());
                return;
            }
        }
        let symbol = self.model.get(target);
        if self.config.value_of(symbol).text != value {
            let name = symbol.name();
            self.config = before;
            let text = format!("{name} did not become {value}; nothing was changed.");
            self.message("Not possible", &text);
            return;
        }
        self.done(format!("{}={value}", symbol.name()), before, &ids);
    }

    /// A change was made: keeps what was before, and says what followed by itself.
    pub(crate) fn done(&mut self, what: String, before: Config<'m>, asked: &[SymbolId]) {
        let followed: Vec<String> = changes::since(&before, &self.config)
            .into_iter()
            .filter(|change| !asked.contains(&change.symbol))
            .map(|change| format!("{}={}", self.model.get(change.symbol).name(), change.new))
            .collect();
        let mut notice = what.clone();
        if !followed.is_empty() {
            let named = followed.iter().take(MAX_NAMED).cloned();
            notice.push_str(", so also ");
            notice.push_str(&named.collect::<Vec<_>>().join(", "));
            if followed.len() > MAX_NAMED {
                notice.push_str(&format!(" and {} more", followed.len() - MAX_NAMED));
            }
        }
        self.notice = Some(notice);
        self.history.push(what, before);
        self.changed();
    }

    /// Asks for changes that make a blocked value possible.
    pub(crate) fn advise(&mut self, id: SymbolId, value: &str) {
        let symbol = self.model.get(id);
        let answer = self.advisor.advise(&self.config, symbol, value);
        let mut why = vec![format!(
            "{} is {} and cannot be set to {value} now.",
            symbol.name(),
            self.config.value_of(symbol)
        )];
        why.extend(self.reasons(symbol, value));
        let title = format!("{}={value}", symbol.name());
        match answer {
            Answer::Already => {
                self.notice = Some(format!("{} is {value} already", symbol.name()));
            }
            Answer::Possible { sets, complete } if !sets.is_empty() => {
                self.dialogs.push(Dialog::Advice(Advice {
                    symbol: id,
                    value: value.to_owned(),
                    title,
                    why,
                    sets,
                    complete,
                    cursor: 0,
                    top: 0,
                }));
            }
            Answer::Possible { .. } => {
                why.push("No changes were found that make it possible.".to_owned());
                self.dialogs.push(Dialog::Read(Reader::new(title, why)));
            }
            Answer::Impossible { proof } => {
                why.push(String::new());
                why.push("No assignments whatever make it possible, because of:".to_owned());
                for line in proof.lines {
                    why.push(format!("  {}  ({})", line.text, line.place));
                }
                self.dialogs.push(Dialog::Read(Reader::new(title, why)));
            }
            Answer::Undecided { reason } => {
                why.push(String::new());
                why.push(reason);
                self.dialogs.push(Dialog::Read(Reader::new(title, why)));
            }
        }
    }

    /// What stands in the way, one line each.
    fn reasons(&self, symbol: &Symbol, value: &str) -> Vec<String> {
        let mut out = Vec::new();
        if symbol.prompts().is_empty() {
            out.push("It has no prompt: its value follows from other symbols.".to_owned());
        }
        let wanted = Tri::parse(value).unwrap_or(Tri::Y);
        for need in facts::requirements_for(&self.config, symbol, wanted) {
            out.push(format!("It needs {need}."));
        }
        if symbol.kind().is_logic() && self.config.selected(symbol) > wanted {
            for reverse in symbol.selected_by() {
                let by = self.model.get(reverse.by);
                let strength = facts::tri(&self.config, by)
                    .min(self.config.condition(reverse.condition.as_ref()));
                if strength > wanted {
                    let at = reverse.span.location();
                    out.push(format!(
                        "{} is {strength} and selects it ({at}).",
                        by.name()
                    ));
                }
            }
        }
        out
    }

    /// Shows the help of a symbol.
    pub(crate) fn explain(&mut self, id: SymbolId) {
        let symbol = self.model.get(id);
        let title = match symbol.prompt() {
            Some(prompt) => format!("{} - {prompt}", symbol.name()),
            None => symbol.name().to_owned(),
        };
        let lines = help::symbol(&self.config, symbol, &self.path_of(id));
        self.dialogs.push(Dialog::Read(Reader::new(title, lines)));
    }

    pub(crate) fn undo(&mut self) {
        let what = self.history.undo(&mut self.config);
        self.turned("Undone", what, "Nothing to undo");
    }

    pub(crate) fn redo(&mut self) {
        let what = self.history.redo(&mut self.config);
        self.turned("Done again", what, "Nothing to do again");
    }

    fn turned(&mut self, done: &str, what: Option<String>, nothing: &str) {
        match what {
            Some(what) => {
                self.changed();
                self.notice = Some(format!("{done}: {what}"));
            }
            None => self.notice = Some(nothing.to_owned()),
        }
    }
}

fn literal(kind: Kind, text: &str) -> String {
    if kind == Kind::String {
        kconf::quote(text)
    } else {
        text.to_owned()
    }
}
