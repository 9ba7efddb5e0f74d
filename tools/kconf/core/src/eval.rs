//! Evaluation: the value of every symbol, from the model and the assignments.
//!
//! One pass over the model's order, without recursion over symbols. The rules are those of Linux 6.12's `conf`,
//! checked against it by the differential tests; where they surprise, a comment says so.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::expr::{ExprKind, Operand, SymbolId};
use crate::graph::Step;
use crate::model::Model;
use crate::number::parse_prefix;
use crate::symbol::{ChoiceId, Reverse, Symbol};
use crate::value::{Kind, Tri};

/// What the user wants a symbol to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// For bool and tristate.
    Tri(Tri),
    /// For the others.
    Text(String),
}

/// Why a value is what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    #[default]
    Unset,
    User,
    /// Index into the symbol's defaults.
    Default(usize),
    /// Index into `selected_by`.
    Select(usize),
    /// Index into `implied_by`.
    Imply(usize),
    Choice,
}

/// The evaluated symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub tri: Tri,
    /// The value of a symbol that is not bool or tristate.
    pub text: String,
    /// The upper bound for the user's wish.
    pub visible: Tri,
    /// The direct dependencies.
    pub direct: Tri,
    /// The lower bound by `select`.
    pub selected: Tri,
    /// The lower bound by `imply`.
    pub implied: Tri,
    /// Whether it appears in `.config`.
    pub written: bool,
    pub cause: Cause,
    /// The range that changed the value.
    pub clamped: Option<usize>,
}

/// An evaluation under way or done.
pub struct Evaluation<'a> {
    pub model: &'a Model,
    wishes: &'a [Option<Wish>],
    /// The members of each choice, the one assigned last first.
    priority: &'a [Vec<SymbolId>],
    /// Whether a choice that may be empty gets its default.
    fills_choices: bool,
    /// Owned while they are made, borrowed when a finished evaluation is looked at.
    pub states: Cow<'a, [State]>,
    pub modules: Tri,
}

impl<'a> Evaluation<'a> {
    /// Evaluates everything.
    pub fn run(
        model: &'a Model,
        wishes: &'a [Option<Wish>],
        priority: &'a [Vec<SymbolId>],
        fills_choices: bool,
    ) -> Vec<State> {
        let states = model
            .symbols
            .iter()
            .map(|symbol| initial(model.dialect, symbol))
            .collect();
        let states = Cow::Owned(states);
        let mut evaluation = Self {
            model,
            wishes,
            priority,
            fills_choices,
            states,
            modules: Tri::N,
        };
        for step in &model.order {
            match *step {
                Step::Symbol(id) => {
                    evaluation.symbol(id);
                    if model.modules == Some(id) {
                        evaluation.modules = evaluation.states[id.index()].tri;
                    }
                }
                Step::Choice(id) => {
                    evaluation.choice(id);
                }
            }
        }
        evaluation.states.into_owned()
    }

    /// Evaluates again what an assignment of `first` changes, in the finished `states` of before it; returns the
    /// new ones, and how many symbols and choices were evaluated.
    pub fn rerun(
        model: &'a Model,
        wishes: &'a [Option<Wish>],
        priority: &'a [Vec<SymbolId>],
        fills_choices: bool,
        states: Vec<State>,
        first: Step,
    ) -> (Vec<State>, usize) {
        let modules = model.modules.map_or(Tri::N, |id| states[id.index()].tri);
        let mut evaluation = Self {
            model,
            wishes,
            priority,
            fills_choices,
            states: Cow::Owned(states),
            modules,
        };
        match evaluation.update(first) {
            Some(steps) => (evaluation.states.into_owned(), steps),
            None => (
                Self::run(model, wishes, priority, fills_choices),
                model.order.len(),
            ),
        }
    }

    /// Looks at a finished evaluation again.
    pub fn resume(
        model: &'a Model,
        wishes: &'a [Option<Wish>],
        priority: &'a [Vec<SymbolId>],
        fills_choices: bool,
        states: &'a [State],
    ) -> Self {
        let modules = model.modules.map_or(Tri::N, |id| states[id.index()].tri);
        Self {
            model,
            wishes,
            priority,
            fills_choices,
            states: Cow::Borrowed(states),
            modules,
        }
    }

    /// The type a symbol behaves as: without modules a tristate is a bool.
    pub fn kind(&self, symbol: &Symbol) -> Kind {
        match symbol.kind {
            Kind::Tristate if self.modules == Tri::N => Kind::Bool,
            kind => kind,
        }
    }

    fn initial(&self, symbol: &Symbol) -> State {
        initial(self.model.dialect, symbol)
    }

    fn promote(&self, symbol: &Symbol, value: Tri) -> Tri {
        if value == Tri::M && self.kind(symbol) == Kind::Bool {
            Tri::Y
        } else {
            value
        }
    }

    fn visibility(&self, symbol: &Symbol) -> Tri {
        let visible = symbol
            .prompts
            .iter()
            .map(|p| self.condition(p.condition.as_ref()))
            .max()
            .unwrap_or_default();
        // Also for numbers and strings: there is no visibility `m` for them.
        if visible == Tri::M && self.kind(symbol) != Kind::Tristate {
            Tri::Y
        } else {
            visible
        }
    }

    /// Makes the state of a symbol from those it needs; members of choices are made with their choice.
    pub fn symbol(&mut self, id: SymbolId) {
        let symbol = self.model.get(id);
        if symbol.kind == Kind::Unknown || symbol.choice.is_some() {
            return;
        }
        let mut state = State {
            visible: self.visibility(symbol),
            ..self.initial(symbol)
        };
        // A definition without dependencies does not outweigh another one's: the reference combines only those
        // that there are.
        let mut direct = symbol
            .dependencies
            .iter()
            .flatten()
            .map(|e| self.condition(Some(e)));
        let direct = direct
            .next()
            .map_or(Tri::Y, |first| direct.fold(first, Tri::max));
        state.direct = self.promote(symbol, direct);
        let (selected, selector) = self.strongest(&symbol.selected_by);
        state.selected = self.promote(symbol, selected);
        let (implied, implier) = self.strongest(&symbol.implied_by);
        state.implied = self.promote(symbol, implied);
        state.written = state.visible != Tri::N;
        if symbol.transitional {
            self.passed_on(symbol, &mut state);
        } else if symbol.kind.is_logic() {
            self.logic(symbol, &mut state, selector, implier);
        } else {
            self.textual(symbol, &mut state);
        }
        if symbol.transitional || symbol.environment.is_some() {
            state.written = false;
        }
        self.states.to_mut()[id.index()] = state;
    }

    /// A transitional symbol is what an older `.config` says, whether or not anybody could say so today.
    fn passed_on(&self, symbol: &Symbol, state: &mut State) {
        match &self.wishes[symbol.id.index()] {
            Some(Wish::Tri(tri)) => state.tri = self.promote(symbol, *tri),
            Some(Wish::Text(text)) => state.text.clone_from(text),
            None => return,
        }
        state.cause = Cause::User;
    }

    fn logic(&self, symbol: &Symbol, state: &mut State, selector: usize, implier: usize) {
        let wish = match &self.wishes[symbol.id.index()] {
            Some(Wish::Tri(wish)) if state.visible != Tri::N => Some(*wish),
            _ => None,
        };
        let mut value = Tri::N;
        if let Some(wish) = wish {
            value = wish.min(state.visible);
            state.cause = Cause::User;
        } else {
            state.written |= state.selected != Tri::N;
            if let Some((index, condition)) = self.default(symbol) {
                value = self.plain(&symbol.defaults[index].value).min(condition);
                state.written |= value != Tri::N;
                state.cause = Cause::Default(index);
            }
            if state.implied != Tri::N {
                // An implied symbol is written even if its dependencies do not hold; not so in older trees.
                state.written |= self.model.dialect == Dialect::Linux || state.direct != Tri::N;
                if state.implied > value {
                    state.cause = Cause::Imply(implier);
                }
                value = value.max(state.implied).min(state.direct);
            }
        }
        if state.selected > value {
            value = state.selected;
            state.cause = Cause::Select(selector);
        }
        state.tri = self.promote(symbol, value);
    }

    fn textual(&self, symbol: &Symbol, state: &mut State) {
        match &self.wishes[symbol.id.index()] {
            Some(Wish::Text(text)) if state.visible != Tri::N => {
                state.text.clone_from(text);
                state.cause = Cause::User;
            }
            _ => {
                if let Some((index, _)) = self.default(symbol)
                    && let ExprKind::Operand(operand) = symbol.defaults[index].value.kind()
                {
                    state.written = true;
                    state.text = self.raw(operand);
                    state.cause = Cause::Default(index);
                }
            }
        }
        self.clamp(symbol, state);
    }

    fn clamp(&self, symbol: &Symbol, state: &mut State) {
        if !symbol.kind.is_number() {
            return;
        }
        let Some((index, low, high)) = self.range(symbol) else {
            return;
        };
        let base = if symbol.kind == Kind::Int { 10 } else { 16 };
        let value = parse_prefix(&state.text, base).value;
        let bound = match (value < low, value > high) {
            (true, _) => &symbol.ranges[index].low,
            (false, true) => &symbol.ranges[index].high,
            (false, false) => return,
        };
        // The bound as it is written, `0X5` or `012`, not as a number.
        state.text = self.raw(bound);
        state.clamped = Some(index);
    }

    /// The range that holds now: its index and bounds.
    pub fn range(&self, symbol: &Symbol) -> Option<(usize, i64, i64)> {
        let base = if symbol.kind == Kind::Int { 10 } else { 16 };
        let (index, range) = symbol
            .ranges
            .iter()
            .enumerate()
            .find(|(_, r)| self.condition(r.condition.as_ref()) != Tri::N)?;
        Some((
            index,
            self.bound(&range.low, base),
            self.bound(&range.high, base),
        ))
    }

    fn bound(&self, operand: &Operand, base: u32) -> i64 {
        let base = match operand {
            Operand::Symbol(id) => match self.model.get(*id).kind {
                Kind::Int => 10,
                Kind::Hex => 16,
                _ => base,
            },
            _ => base,
        };
        parse_prefix(&self.raw(operand), base).value
    }

    /// The first default that holds, and how strongly.
    pub fn default(&self, symbol: &Symbol) -> Option<(usize, Tri)> {
        symbol
            .defaults
            .iter()
            .enumerate()
            .map(|(index, d)| (index, self.condition(d.condition.as_ref())))
            .find(|(_, condition)| *condition != Tri::N)
    }

    fn strongest(&self, list: &[Reverse]) -> (Tri, usize) {
        let mut best = (Tri::N, 0);
        for (index, reverse) in list.iter().enumerate() {
            let value = self.states[reverse.by.index()]
                .tri
                .min(self.condition(reverse.condition.as_ref()));
            if value > best.0 {
                best = (value, index);
            }
        }
        best
    }

    /// The member a choice falls to if nobody assigns anything.
    pub fn choice_default(&self, id: ChoiceId) -> Option<SymbolId> {
        let choice = self.model.choice(id);
        let visible = |id: &SymbolId| self.states[id.index()].visible != Tri::N;
        choice
            .defaults
            .iter()
            .find(|(symbol, condition, _)| {
                // A default that is no member says nothing.
                choice.members.contains(symbol)
                    && self.condition(condition.as_ref()) != Tri::N
                    && visible(symbol)
            })
            .map(|(symbol, _, _)| *symbol)
            .or_else(|| choice.members.iter().copied().find(visible))
    }

    /// Makes the states of a choice's members.
    pub fn choice(&mut self, id: ChoiceId) {
        let model = self.model;
        let choice = model.choice(id);
        for member in &choice.members {
            let symbol = model.get(*member);
            let visible = self.visibility(symbol);
            self.states.to_mut()[member.index()] = State {
                visible,
                ..self.initial(symbol)
            };
        }
        let wish = |id: &SymbolId| match self.wishes[id.index()] {
            Some(Wish::Tri(tri)) => Some(tri),
            _ => None,
        };
        let visible = |id: &SymbolId| self.states[id.index()].visible != Tri::N;
        let priority = &self.priority[id.0 as usize];
        let wanted = !choice.optional
            || self.fills_choices
            || priority.iter().any(|id| wish(id) == Some(Tri::Y));
        let picked = priority
            .iter()
            .copied()
            .find(|id| visible(id) && wish(id) == Some(Tri::Y))
            // The default, unless it is refused; then the first nobody spoke of; then the one refused first.
            .or_else(|| {
                self.choice_default(id)
                    .filter(|id| wish(id) != Some(Tri::N))
            })
            .or_else(|| {
                choice
                    .members
                    .iter()
                    .copied()
                    .find(|id| visible(id) && wish(id).is_none())
            })
            .or_else(|| priority.iter().rev().copied().find(|id| visible(id)))
            .filter(|_| wanted);
        for member in &choice.members {
            let value = if Some(*member) == picked {
                Tri::Y
            } else {
                Tri::N
            };
            let cause = if wish(member) == Some(value) {
                Cause::User
            } else {
                Cause::Choice
            };
            let state = &mut self.states.to_mut()[member.index()];
            if !wanted {
                // Nothing is chosen, so nothing can be.
                state.visible = Tri::N;
            }
            if state.visible != Tri::N {
                (state.tri, state.written, state.cause) = (value, true, cause);
            }
        }
    }
}

/// A symbol that nothing says anything about. Older trees' numbers are empty then.
fn initial(dialect: Dialect, symbol: &Symbol) -> State {
    let text = match symbol.kind {
        _ if dialect.is_classic() => "",
        Kind::Int => "0",
        Kind::Hex => "0x0",
        _ => "",
    };
    State {
        text: text.to_owned(),
        ..State::default()
    }
}
