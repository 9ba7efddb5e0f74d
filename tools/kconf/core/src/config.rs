//! A configuration: a model plus assignments, evaluated.
//!
//! Assignments come from `.config` texts, fragments and calls of [`Config::set`]; a later one wins. After each
//! change what depends on it is evaluated, so that reading a value costs nothing. Nothing is ever refused: what did
//! not take is reported by [`Config::diagnostics`], and [`Config::strict`] makes an error of it.

use std::path::Path;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dotconfig::{self, Assignment};
use crate::entry::Entry;
use crate::eval::{Cause, Evaluation, State, Wish};
use crate::expr::SymbolId;
use crate::graph::Step;
use crate::model::Model;
use crate::origin::{Layer, Origin};
use crate::source::{SourceFile, Span, decode};
use crate::symbol::{ChoiceId, Symbol};
use crate::value::{Tri, Value};

/// An assignment that a symbol got last.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    pub span: Span,
    pub layer: Layer,
    /// Which call of `read` or `set` it came with.
    pub batch: usize,
}

/// A configuration of a model.
#[derive(Clone, Debug)]
pub struct Config<'m> {
    pub(crate) model: &'m Model,
    pub(crate) wishes: Vec<Option<Wish>>,
    pub(crate) assigned: Vec<Option<Assigned>>,
    pub(crate) priority: Vec<Vec<SymbolId>>,
    pub(crate) states: Vec<State>,
    pub(crate) batch: usize,
    /// Whether choices that may be empty are not to be: `--allyesconfig` wishes them on like any symbol.
    fills_choices: bool,
    steps: usize,
    reading: Diagnostics,
}

impl<'m> Config<'m> {
    /// Everything at its default.
    pub fn new(model: &'m Model) -> Self {
        let count = model.symbols.len();
        let mut config = Self {
            model,
            wishes: vec![None; count],
            assigned: vec![None; count],
            priority: model.choices.iter().map(|c| c.members.clone()).collect(),
            states: Vec::new(),
            batch: 0,
            fills_choices: false,
            steps: 0,
            reading: Diagnostics::new(),
        };
        config.evaluate();
        config
    }

    /// The model.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    fn evaluate(&mut self) {
        self.states = Evaluation::run(self.model, &self.wishes, &self.priority, self.fills_choices);
        self.steps = self.model.order.len();
    }

    /// As `evaluate`, when nothing but the assignment of one symbol has changed.
    fn evaluate_from(&mut self, symbol: &Symbol) {
        let first = symbol
            .choice()
            .map_or(Step::Symbol(symbol.id()), Step::Choice);
        let states = std::mem::take(&mut self.states);
        (self.states, self.steps) = Evaluation::rerun(
            self.model,
            &self.wishes,
            &self.priority,
            self.fills_choices,
            states,
            first,
        );
    }

    /// How many symbols and choices the last change evaluated.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The finished evaluation, to ask it about conditions.
    pub(crate) fn evaluation(&self) -> Evaluation<'_> {
        Evaluation::resume(
            self.model,
            &self.wishes,
            &self.priority,
            self.fills_choices,
            &self.states,
        )
    }

    /// Lays the assignments of a file over what is there; later assignments win.
    ///
    /// # Errors
    /// Only if the file cannot be read or is no text; everything else is kept for [`Config::diagnostics`].
    pub fn read(&mut self, path: &Path, layer: Layer) -> Result<(), Diagnostics> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|e| Diagnostic::error(Code::Io, format!("cannot read {name}: {e}")))?;
        self.read_bytes(&name, bytes, layer)
    }

    /// As [`Config::read`], from bytes shown as `name`.
    ///
    /// # Errors
    /// The bytes are not UTF-8.
    pub fn read_bytes(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        layer: Layer,
    ) -> Result<(), Diagnostics> {
        let file = decode(name, bytes).map_err(|e| Diagnostics::from(*e))?;
        self.apply(&file, layer);
        Ok(())
    }

    /// As [`Config::read`], from a text shown as `name`.
    pub fn read_str(&mut self, name: &str, text: &str, layer: Layer) {
        self.apply(&SourceFile::new(name, text), layer);
    }

    fn apply(&mut self, file: &std::sync::Arc<SourceFile>, layer: Layer) {
        self.batch += 1;
        for assignment in dotconfig::parse(file, &self.model.prefix, &mut self.reading) {
            let Some(symbol) = self.model.symbol(&assignment.name) else {
                let warning = self.unknown(&assignment);
                self.reading.push(warning);
                continue;
            };
            let id = symbol.id();
            if let Some(before) = &self.assigned[id.index()]
                && before.batch == self.batch
            {
                self.reading.push(
                    Diagnostic::warning(
                        Code::Reassigned,
                        format!("{} is assigned twice in this file", symbol.name()),
                    )
                    .at(&assignment.span, "this one counts")
                    .at(&before.span, "first assigned here")
                    .about(symbol.name())
                    .help("remove one of the lines"),
                );
            }
            let (wish, warning) = dotconfig::wish(self.model.dialect, symbol, &assignment);
            if let Some(warning) = warning {
                self.reading.push(warning);
            }
            if let Some(wish) = wish {
                self.assign(
                    symbol,
                    wish,
                    Assigned {
                        span: assignment.span,
                        layer,
                        batch: self.batch,
                    },
                );
            }
        }
        self.evaluate();
    }

    fn assign(&mut self, symbol: &Symbol, wish: Wish, assigned: Assigned) {
        let id = symbol.id();
        self.wishes[id.index()] = Some(wish);
        self.assigned[id.index()] = Some(assigned);
        if let Some(choice) = symbol.choice() {
            // The member spoken of last has the highest priority.
            let order = &mut self.priority[choice.0 as usize];
            order.retain(|other| *other != id);
            order.insert(0, id);
        }
    }

    fn unknown(&self, assignment: &Assignment) -> Diagnostic {
        let prefix = &self.model.prefix;
        let warning = Diagnostic::warning(
            Code::UnknownSymbol,
            format!("{prefix}{} is defined in no Kconfig file", assignment.name),
        )
        .at(&assignment.span, "")
        .about(&assignment.name);
        match self.model.nearest(&assignment.name) {
            Some(near) => warning.help(format!("did you mean {prefix}{near}?")),
            None => warning.help("remove the line, or look the name up in the menu"),
        }
    }

    /// As [`Config::read`] with [`Layer::Fragment`].
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn merge(&mut self, path: &Path) -> Result<(), Diagnostics> {
        self.read(path, Layer::Fragment)
    }

    /// Assigns one symbol, given as it stands after `=` in a `.config` (strings may stand without quotes).
    ///
    /// # Errors
    /// The symbol is unknown, or the text is not of its type. That it did not take is no error here.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Diagnostics> {
        let line = format!("{}{name}={text}", self.model.prefix);
        let file = SourceFile::new("<command line>", line.as_str());
        let span = Span {
            file,
            start: 0,
            end: line.len(),
        };
        let mut assignment = Assignment {
            name: name.to_owned(),
            value: text.to_owned(),
            span,
        };
        let Some(symbol) = self.model.symbol(name) else {
            return Err(Diagnostics::from(self.unknown(&assignment)).into_errors());
        };
        if text.contains('\n') {
            // In a `.config` the rest would be another assignment.
            let error = Diagnostic::error(
                Code::MalformedValue,
                format!("{text:?} is no value for {name}: it has a line feed"),
            );
            return Err(error.about(name).help("a value stands on one line").into());
        }
        if symbol.kind() == crate::value::Kind::String && !text.starts_with('"') {
            assignment.value = self.model.dialect.quote(text);
        }
        match dotconfig::wish(self.model.dialect, symbol, &assignment) {
            (Some(wish), None) => {
                self.batch += 1;
                let assigned = Assigned {
                    span: assignment.span,
                    layer: Layer::User,
                    batch: self.batch,
                };
                self.assign(symbol, wish, assigned);
                self.evaluate_from(symbol);
                Ok(())
            }
            (_, warning) => Err(warning
                .map(Diagnostics::from)
                .unwrap_or_default()
                .into_errors()),
        }
    }

    /// Wishes every bool and tristate symbol that nobody has assigned to be `value`, except members of choices; those
    /// with the classic `option allnoconfig_y` to be `y`. Choices that may be empty get their default unless `value` is `n`.
    pub fn set_unassigned(&mut self, value: Tri) {
        for symbol in self.model.symbols() {
            if symbol.kind().is_logic() && symbol.choice().is_none() {
                // What `--allnoconfig` is not to switch off.
                let value = if symbol.stays_on() { Tri::Y } else { value };
                self.wishes[symbol.id().index()].get_or_insert(Wish::Tri(value));
            }
        }
        self.fills_choices = value != Tri::N;
        self.evaluate();
    }

    /// The value of a symbol (name without prefix); none for an unknown symbol.
    pub fn value(&self, name: &str) -> Option<Value> {
        self.model.symbol(name).map(|symbol| self.value_of(symbol))
    }

    /// The value of a symbol of this model.
    pub fn value_of(&self, symbol: &Symbol) -> Value {
        let state = &self.states[symbol.id().index()];
        let text = if symbol.kind().is_logic() {
            state.tri.as_str().to_owned()
        } else {
            state.text.clone()
        };
        Value {
            kind: symbol.kind(),
            text,
        }
    }

    /// Whether a bool or tristate symbol is on; false for an unknown symbol.
    pub fn is_on(&self, name: &str) -> bool {
        self.value(name).is_some_and(|v| v.is_on())
    }

    /// Whether the user can change a symbol now: it has a visible prompt and is not selected to its upper bound.
    pub fn is_changeable(&self, symbol: &Symbol) -> bool {
        let state = &self.states[symbol.id().index()];
        state.visible > state.selected
    }

    /// The value of a condition now; none always holds.
    pub fn condition(&self, condition: Option<&crate::expr::Expr>) -> Tri {
        self.evaluation().condition(condition)
    }

    /// The upper bound of what the user can assign: how strongly a prompt is visible.
    pub fn visibility(&self, symbol: &Symbol) -> Tri {
        self.states[symbol.id().index()].visible
    }

    /// The lower bound of a bool or tristate symbol by `select`.
    pub fn selected(&self, symbol: &Symbol) -> Tri {
        self.states[symbol.id().index()].selected
    }

    /// The bounds of the range that holds now.
    pub fn bounds(&self, symbol: &Symbol) -> Option<(i64, i64)> {
        self.evaluation()
            .range(symbol)
            .map(|(_, low, high)| (low, high))
    }

    /// Whether an entry of the menu tree is visible now: it has a title or prompt and its condition holds.
    pub fn is_shown(&self, entry: &Entry) -> bool {
        entry.is_shown(&self.evaluation())
    }

    /// Whether somebody assigned the symbol, whether or not it took.
    pub fn is_assigned(&self, symbol: &Symbol) -> bool {
        self.wishes[symbol.id().index()].is_some()
    }

    /// What somebody assigned the symbol, as a [`Value`]'s text, whether or not it took.
    pub fn assignment(&self, symbol: &Symbol) -> Option<&str> {
        match self.wishes[symbol.id().index()].as_ref()? {
            Wish::Tri(tri) => Some(tri.as_str()),
            Wish::Text(text) => Some(text),
        }
    }

    /// The members of a choice, the one assigned last first: the order in which assigned ones are preferred.
    pub fn preference(&self, choice: ChoiceId) -> &[SymbolId] {
        &self.priority[choice.index()]
    }

    /// Where a symbol's value comes from; none for an unknown symbol.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.model.symbol(name).map(|symbol| self.origin_of(symbol))
    }

    pub(crate) fn origin_of(&self, symbol: &Symbol) -> Origin {
        match self.states[symbol.id().index()].cause {
            Cause::Unset => Origin::Unset,
            Cause::User => match &self.assigned[symbol.id().index()] {
                Some(assigned) => Origin::Assigned(assigned.layer, assigned.span.location()),
                None => Origin::Unset,
            },
            Cause::Default(index) => Origin::Default(symbol.defaults[index].span.location()),
            Cause::Select(index) => {
                let reverse = &symbol.selected_by[index];
                Origin::Select(
                    self.model.get(reverse.by).name.clone(),
                    reverse.span.location(),
                )
            }
            Cause::Imply(index) => {
                let reverse = &symbol.implied_by[index];
                Origin::Imply(
                    self.model.get(reverse.by).name.clone(),
                    reverse.span.location(),
                )
            }
            Cause::Choice => match symbol.choice {
                Some(choice) => Origin::Choice(self.model.choice(choice).location()),
                None => Origin::Unset,
            },
        }
    }

    /// Every defined symbol with its value and where that comes from, in order of first mention.
    pub fn iter(&self) -> impl Iterator<Item = (&'m Symbol, Value, Origin)> {
        self.model
            .symbols()
            .map(|s| (s, self.value_of(s), self.origin_of(s)))
    }

    /// Warnings: lines that are no assignments, malformed values, unknown symbols, values out of range, selected
    /// symbols with unmet dependencies, and assignments that did not take, each with the dependency that failed.
    ///
    /// Assignments of a [`Layer::Config`] are not reported as not taken when something was laid over it: that
    /// they change is what the other layer is for.
    pub fn diagnostics(&self) -> Diagnostics {
        let mut found = self.reading.clone();
        crate::explain::findings(self, &mut found);
        found
    }

    /// Refuses a configuration that is not exactly as written.
    ///
    /// # Errors
    /// Everything [`Config::diagnostics`] finds, as errors.
    pub fn strict(&self) -> Result<(), Diagnostics> {
        let found = self.diagnostics();
        if found.is_empty() {
            Ok(())
        } else {
            Err(found.into_errors())
        }
    }

    /// The complete `.config`.
    pub fn write(&self) -> String {
        crate::write::dotconfig(self.model, &self.evaluation())
    }

    /// The minimal configuration: only what differs from the defaults.
    pub fn savedefconfig(&self) -> String {
        crate::write::defconfig(self.model, &self.evaluation())
    }
}
