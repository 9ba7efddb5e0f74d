//! The model as constraints: the models of the formula are the evaluated configurations that some `.config`
//! leads to.
//!
//! What the user assigns are free variables; every value is a circuit over them that says what the evaluator
//! computes: visibility, the chain of defaults, `imply`, `select`, the member of a choice, ranges. A number or
//! string has finitely many values here; where that loses something, [`Encoding::approximations`] says so.

mod choice;
mod condition;
mod domain;
mod logic;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use kconf::{Kind, Model, Step, Symbol, SymbolId, Tri};

use crate::formula::{Formula, Lit, TriLit};
use crate::place::Place;
use crate::solver::Found;

pub(crate) use choice::ChoiceLits;

/// Values of a number or string, each with when it is the value.
pub(crate) type TextLits = Vec<(Arc<str>, Lit)>;

/// When a symbol has which value.
#[derive(Clone, Debug)]
pub(crate) enum ValueLits {
    Tri(TriLit),
    Text(TextLits),
}

/// What the user assigns a symbol.
#[derive(Clone, Debug)]
pub(crate) struct WishLits {
    /// Whether it is assigned.
    pub set: Lit,
    pub value: ValueLits,
}

/// A symbol as literals.
#[derive(Clone, Debug)]
pub(crate) struct SymbolLits {
    pub value: ValueLits,
    /// When it is exactly `m`.
    pub module: Lit,
    pub wish: Option<WishLits>,
    pub visible: TriLit,
    pub direct: TriLit,
    pub selected: TriLit,
    /// When each prompt is visible.
    pub prompts: Vec<Lit>,
    /// When each default is the one that is used, if the user assigns nothing.
    pub defaults: Vec<Lit>,
    /// How strongly each `select` acts.
    pub selects: Vec<TriLit>,
}

/// What the constraints only approximate.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Approximation {
    /// The symbol.
    pub symbol: String,
    /// Where it is defined.
    pub place: Option<Place>,
    /// What is approximated and how, in one sentence.
    pub reason: String,
    /// Whether a configuration that differs may be overlooked; otherwise the values that are considered stand for
    /// all others in every condition.
    pub lossy: bool,
}

/// A part of the tree that a proof can name.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A dependency or condition.
    Line(kconf::Expr),
    /// Everything that is said about one symbol.
    Definition(SymbolId),
    /// How a choice picks.
    Choice(kconf::ChoiceId),
}

/// The parts that can be ignored, each with the literal that says so.
#[derive(Default)]
pub(crate) struct Relaxation {
    pub parts: Vec<(Lit, Part)>,
    pub by_node: HashMap<usize, Lit>,
}

/// A model as constraints.
pub struct Encoding<'m> {
    pub(crate) model: &'m Model,
    pub(crate) formula: Formula,
    pub(crate) symbols: Vec<SymbolLits>,
    pub(crate) choices: Vec<ChoiceLits>,
    pub(crate) relaxation: Option<Relaxation>,
    approximations: Vec<Approximation>,
    /// Whether `m` exists.
    modules: Lit,
    memo: HashMap<(usize, bool), TriLit>,
    domains: Vec<Vec<Arc<str>>>,
}

impl<'m> Encoding<'m> {
    /// Encodes a model.
    ///
    /// ```
    /// # use kconf::{Env, Model};
    /// # use kconf_solver::{Encoding, Solver};
    /// let text = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\n";
    /// let model = Model::load_str("Kconfig".as_ref(), text, &Env::default())?;
    /// let encoding = Encoding::new(&model);
    /// let mut solver = Solver::new(encoding.formula());
    /// let (a, b) = (encoding.is("A", "n"), encoding.is("B", "y"));
    /// assert!(!solver.solve(&[a, b]));
    /// # Ok::<(), kconf::Diagnostics>(())
    /// ```
    pub fn new(model: &'m Model) -> Self {
        Self::with_values(model, &[])
    }

    /// As [`Encoding::new`], with further values that numbers and strings can be assigned.
    pub fn with_values(model: &'m Model, values: &[(SymbolId, String)]) -> Self {
        Self::build(model, values, false)
    }

    /// As [`Encoding::with_values`], with every part of the tree open to be ignored.
    pub(crate) fn relaxed(model: &'m Model, values: &[(SymbolId, String)]) -> Self {
        Self::build(model, values, true)
    }

    fn build(model: &'m Model, values: &[(SymbolId, String)], relaxed: bool) -> Self {
        let domains = domain::domains(model, values);
        let mut encoding = Self {
            model,
            formula: Formula::new(),
            symbols: (0..model.name_count())
                .map(|_| SymbolLits::none())
                .collect(),
            choices: vec![ChoiceLits::default(); model.choices().len()],
            relaxation: relaxed.then(Relaxation::default),
            approximations: domains.approximations,
            modules: Lit::FALSE,
            memo: HashMap::new(),
            domains: domains.values,
        };
        let modules = model.modules().map(Symbol::id);
        for step in model.order() {
            match *step {
                Step::Symbol(id) => {
                    encoding.symbol(model.get(id));
                    if modules == Some(id) {
                        encoding.modules = encoding.tri(id).on;
                        // What the modules symbol needs was evaluated without modules.
                        encoding.memo.clear();
                    }
                }
                Step::Choice(id) => encoding.choice(id),
            }
        }
        encoding
    }

    /// The model.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// The constraints.
    pub fn formula(&self) -> &Formula {
        &self.formula
    }

    /// What the constraints do not say exactly, in order of first mention of the symbols.
    pub fn approximations(&self) -> &[Approximation] {
        &self.approximations
    }

    /// When the symbol called `name` has exactly the value `text` (as [`kconf::Value::text`]). A value that the
    /// constraints do not know, like one of a symbol that does not exist, is never had.
    pub fn is(&self, name: &str, text: &str) -> Lit {
        match self.model.symbol(name) {
            Some(symbol) => self.has(symbol.id(), text),
            None => Lit::FALSE,
        }
    }

    pub(crate) fn has(&self, id: SymbolId, text: &str) -> Lit {
        let lits = &self.symbols[id.index()];
        match &lits.value {
            ValueLits::Tri(tri) => match Tri::parse(text) {
                Some(Tri::N) => !tri.on,
                Some(Tri::M) => lits.module,
                Some(Tri::Y) => tri.yes,
                None => Lit::FALSE,
            },
            ValueLits::Text(list) => find(list, text),
        }
    }

    /// The values that the symbol called `name` can have here.
    pub fn values(&self, name: &str) -> Vec<String> {
        let Some(symbol) = self.model.symbol(name) else {
            return Vec::new();
        };
        match &self.symbols[symbol.id().index()].value {
            ValueLits::Tri(_)
                if symbol.kind() == Kind::Tristate && self.model.modules().is_some() =>
            {
                ["n", "m", "y"].map(str::to_owned).to_vec()
            }
            ValueLits::Tri(_) => ["n", "y"].map(str::to_owned).to_vec(),
            ValueLits::Text(list) => list.iter().map(|(text, _)| text.to_string()).collect(),
        }
    }
}

impl Encoding<'_> {
    /// The assignments of a model, as lines of a `.config`: reading them gives that
    /// configuration.
    pub fn dotconfig(&self, found: &Found) -> String {
        let mut ids: Vec<SymbolId> = self.assigned(found);
        self.order_for_choices(found, &mut ids);
        let mut out = String::new();
        for id in ids {
            if let Some(text) = self.wished(found, id) {
                out.push_str(&assignment(self.model, self.model.get(id), &text));
            }
        }
        out
    }

    /// The symbols that are assigned in the model, and visible, by index.
    fn assigned(&self, found: &Found) -> Vec<SymbolId> {
        self.model
            .symbols()
            .map(Symbol::id)
            .filter(|id| {
                let lits = &self.symbols[id.index()];
                let set = lits.wish.as_ref().map_or(Lit::FALSE, |w| w.set);
                found.value(set) && found.value(lits.visible.on)
            })
            .collect()
    }

    /// What a symbol is assigned in the model.
    pub(crate) fn wished(&self, found: &Found, id: SymbolId) -> Option<String> {
        let wish = self.symbols[id.index()].wish.as_ref()?;
        if !found.value(wish.set) {
            return None;
        }
        match &wish.value {
            ValueLits::Tri(tri) => {
                let tri = match (found.value(tri.on), found.value(tri.yes)) {
                    (_, true) => Tri::Y,
                    (true, false) => Tri::M,
                    (false, false) => Tri::N,
                };
                Some(tri.as_str().to_owned())
            }
            ValueLits::Text(list) => list
                .iter()
                .find(|(_, lit)| found.value(*lit))
                .map(|(text, _)| text.to_string()),
        }
    }

    /// The value of a symbol in the model.
    pub fn value(&self, found: &Found, symbol: &Symbol) -> String {
        match &self.symbols[symbol.id().index()].value {
            ValueLits::Tri(tri) => match (found.value(tri.on), found.value(tri.yes)) {
                (_, true) => "y".to_owned(),
                (true, false) => "m".to_owned(),
                (false, false) => "n".to_owned(),
            },
            ValueLits::Text(list) => list
                .iter()
                .find(|(_, lit)| found.value(*lit))
                .map(|(text, _)| text.to_string())
                .unwrap_or_default(),
        }
    }

    fn tri(&self, id: SymbolId) -> TriLit {
        match &self.symbols[id.index()].value {
            ValueLits::Tri(tri) => *tri,
            ValueLits::Text(_) => TriLit::N,
        }
    }

    /// The value as the symbol's type has it: without modules a tristate is a bool.
    fn promote(&mut self, kind: Kind, value: TriLit) -> TriLit {
        if kind != Kind::Tristate {
            return TriLit::flat(value.on);
        }
        let raised = self.formula.and(value.on, !self.modules);
        TriLit {
            on: value.on,
            yes: self.formula.or(value.yes, raised),
        }
    }

    /// A literal that lets a part be ignored, if parts can be.
    fn relax(&mut self, part: Part) -> Option<Lit> {
        let relaxation = self.relaxation.as_mut()?;
        let lit = self.formula.fresh();
        relaxation.parts.push((lit, part));
        Some(lit)
    }
}

impl SymbolLits {
    fn none() -> Self {
        Self {
            value: ValueLits::Tri(TriLit::N),
            module: Lit::FALSE,
            wish: None,
            visible: TriLit::N,
            direct: TriLit::N,
            selected: TriLit::N,
            prompts: Vec::new(),
            defaults: Vec::new(),
            selects: Vec::new(),
        }
    }
}

/// When the text is the value.
pub(crate) fn find(list: &TextLits, text: &str) -> Lit {
    list.iter()
        .find(|(known, _)| known.as_ref() == text)
        .map_or(Lit::FALSE, |(_, lit)| *lit)
}

/// The line of a `.config` that assigns `text` to a symbol.
pub(crate) fn assignment(model: &Model, symbol: &Symbol, text: &str) -> String {
    let (prefix, name) = (model.prefix(), symbol.name());
    match symbol.kind() {
        Kind::String => format!("{prefix}{name}={}\n", kconf::quote(text)),
        kind if kind.is_logic() && text == "n" => format!("# {prefix}{name} is not set\n"),
        _ => format!("{prefix}{name}={text}\n"),
    }
}
