//! The `.config` and the minimal configuration as text, byte for byte as the reference writes them.
//!
//! A symbol is written where it is first defined in the menu tree. Menus and comments that are visible appear as
//! comments, and a visible menu's end is marked.

use std::fmt::Write;

use crate::dialect::Dialect;
use crate::entry::{Entry, EntryKind};
use crate::eval::{Evaluation, State};
use crate::expr::{ExprKind, Operand, SymbolId};
use crate::model::Model;
use crate::symbol::Symbol;
use crate::value::{Kind, Tri};

/// The complete `.config`.
pub fn dotconfig(model: &Model, evaluation: &Evaluation<'_>) -> String {
    let mut out = format!(
        "#\n# Automatically generated file; DO NOT EDIT.\n# {}\n#\n",
        model.title
    );
    let mut writer = Writer {
        model,
        evaluation,
        out: &mut out,
        written: vec![false; model.symbols.len()],
        gap: false,
    };
    writer.entries(&model.root);
    out
}

struct Writer<'a> {
    model: &'a Model,
    evaluation: &'a Evaluation<'a>,
    out: &'a mut String,
    written: Vec<bool>,
    /// An empty line is due before the next symbol: a menu has just ended.
    gap: bool,
}

impl Writer<'_> {
    fn entries(&mut self, entries: &[Entry]) {
        for entry in entries {
            let title = entry
                .text
                .as_deref()
                .filter(|_| entry.is_shown(self.evaluation));
            match (entry.kind, title) {
                (EntryKind::Symbol(id), _) => self.symbol(id),
                (EntryKind::Choice(_), _) | (_, None) => {}
                (EntryKind::Menu | EntryKind::Comment, Some(title)) => {
                    let _ = write!(self.out, "\n#\n# {title}\n#\n");
                    self.gap = false;
                }
            }
            self.entries(&entry.children);
            // Older trees' menus have no end in the text.
            let ends = self.model.dialect == Dialect::Linux;
            if let (EntryKind::Menu, Some(title), true) = (entry.kind, title, ends) {
                let _ = writeln!(self.out, "# end of {title}");
                self.gap = true;
            }
        }
    }

    fn symbol(&mut self, id: SymbolId) {
        let state = &self.evaluation.states[id.index()];
        let symbol = self.model.get(id);
        let all = self.model.dialect == Dialect::Busybox
            && symbol.kind != Kind::Unknown
            && symbol.environment.is_none();
        if self.written[id.index()] || !(state.written || all) {
            return;
        }
        self.written[id.index()] = true;
        if std::mem::take(&mut self.gap) {
            self.out.push('\n');
        }
        self.out
            .push_str(&line(self.model, symbol, &text(self.evaluation, symbol)));
    }
}

impl Entry {
    /// Whether its title or prompt is visible. Its own `visible if` is taken as written: a bare `m` holds there.
    pub(crate) fn is_shown(&self, evaluation: &Evaluation<'_>) -> bool {
        self.text.is_some()
            && evaluation.condition(self.condition.as_ref()) != Tri::N
            && self
                .visible_if
                .as_ref()
                .is_none_or(|e| evaluation.plain(e) != Tri::N)
    }
}

/// A symbol's value as text, `m` only if modules are possible.
pub fn text(evaluation: &Evaluation<'_>, symbol: &Symbol) -> String {
    let text = evaluation.string(&Operand::Symbol(symbol.id));
    match symbol.kind {
        Kind::Int if text.is_empty() && evaluation.model.dialect == Dialect::Busybox => {
            "0".to_owned()
        }
        _ => text,
    }
}

/// One line of a `.config`.
pub fn line(model: &Model, symbol: &Symbol, text: &str) -> String {
    let (prefix, name) = (&model.prefix, &symbol.name);
    match symbol.kind {
        Kind::String => format!("{prefix}{name}={}\n", model.dialect.quote(text)),
        kind if kind.is_logic() && text == "n" => format!("# {prefix}{name} is not set\n"),
        _ => format!("{prefix}{name}={text}\n"),
    }
}

/// The minimal configuration: what a user must assign to get this one.
pub fn defconfig(model: &Model, evaluation: &Evaluation<'_>) -> String {
    let mut out = String::new();
    let mut seen = vec![false; model.symbols.len()];
    minimal(model, evaluation, &model.root, &mut seen, &mut out);
    out
}

fn minimal(
    model: &Model,
    evaluation: &Evaluation<'_>,
    entries: &[Entry],
    seen: &mut [bool],
    out: &mut String,
) {
    for entry in entries {
        if let EntryKind::Symbol(id) = entry.kind {
            let state = &evaluation.states[id.index()];
            let symbol = model.get(id);
            if state.written
                && !std::mem::replace(&mut seen[id.index()], true)
                && is_changed(evaluation, symbol, state)
            {
                out.push_str(&line(model, symbol, &text(evaluation, symbol)));
            }
        }
        minimal(model, evaluation, &entry.children, seen, out);
    }
}

fn is_changed(evaluation: &Evaluation<'_>, symbol: &Symbol, state: &State) -> bool {
    let changeable = state.visible > state.selected;
    if !changeable || text(evaluation, symbol) == default_text(evaluation, symbol, state) {
        return false;
    }
    let picked_by_default = symbol.choice.is_some_and(|choice| {
        // Of a choice that may be empty, the default is no more than the first to be proposed.
        let optional = evaluation.model.choice(choice).optional;
        state.tri == Tri::Y && !optional && evaluation.choice_default(choice) == Some(symbol.id)
    });
    !picked_by_default
}

/// What the symbol would be if nobody assigned it. The range is not considered, as in the reference, so a default
/// that its range changes is written out.
fn default_text(evaluation: &Evaluation<'_>, symbol: &Symbol, state: &State) -> String {
    let default = evaluation
        .default(symbol)
        .map(|(index, condition)| (&symbol.defaults[index].value, condition));
    if symbol.kind.is_logic() {
        let value = default.map_or(Tri::N, |(value, condition)| {
            evaluation.plain(value).min(condition)
        });
        let mut value = value.max(state.selected);
        if value == Tri::M && evaluation.kind(symbol) == Kind::Bool {
            value = Tri::Y;
        }
        return value.max(state.implied).as_str().to_owned();
    }
    let text = match default.map(|(value, _)| value.kind()) {
        Some(ExprKind::Operand(operand)) => evaluation.raw(operand),
        _ => String::new(),
    };
    match symbol.kind {
        _ if evaluation.model.dialect.is_classic() => text,
        Kind::Int if text.is_empty() => "0".to_owned(),
        Kind::Hex if text.is_empty() => "0x0".to_owned(),
        _ => text,
    }
}
