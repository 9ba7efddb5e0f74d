//! Why a symbol does not have a value, and the smallest sets of assignments that give it that value.
//!
//! The configuration's assignments are wishes of the solver; the fewest of them that must be given up are the
//! changes. Whatever the solver proposes is assigned on a copy of the configuration and evaluated before it is
//! answered, so an answer is never only as good as the constraints.

use std::collections::HashMap;

use kconf::{Code, Config, Diagnostic, Diagnostics, Layer, Symbol, SymbolId, Tri};

use crate::answer::{Answer, Change, ChangeSet, Consequence};
use crate::encode::{Encoding, ValueLits, assignment};
use crate::formula::Lit;
use crate::minimum::{Minimum, Outcome};
use crate::proof;
use crate::solver::Solver;

/// Bounds of a search.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sets shown at most; with more, the answer says that it is not complete.
    pub sets: usize,
    /// Assignments per set at most.
    pub changes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sets: 16,
            changes: 40,
        }
    }
}

/// Answers for one configuration; loading it costs more than asking.
pub struct WhyNot<'m> {
    config: Config<'m>,
    encoding: Encoding<'m>,
    solver: Solver,
    /// Holds while every symbol that is assigned stays assigned something.
    assigned: Lit,
    /// Per symbol that the user could assign: what holds while its assignment stays as it is.
    keep: Vec<(SymbolId, Lit)>,
    limits: Limits,
}

/// Asks one question; [`WhyNot`] is for several about the same configuration.
///
/// ```
/// # use kconf::{Config, Env, Model};
/// # use kconf_solver::{Answer, why_not};
/// let text = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\n";
/// let model = Model::load_str("Kconfig".as_ref(), text, &Env::default())?;
/// let Answer::Possible { sets, complete } = why_not(&Config::new(&model), "B", "y")? else { panic!() };
/// assert!(complete);
/// assert_eq!(sets.len(), 1);
/// let changes: Vec<_> = sets[0].changes.iter().map(|c| (c.symbol.as_str(), c.to.as_str())).collect();
/// assert_eq!(changes, [("A", "y"), ("B", "y")]);
/// # Ok::<(), kconf::Diagnostics>(())
/// ```
///
/// # Errors
/// The symbol is unknown, or the value is not of its type.
pub fn why_not(config: &Config<'_>, symbol: &str, value: &str) -> Result<Answer, Diagnostics> {
    let known = check(config, symbol, value)?;
    let more = [(known.id(), value.to_owned())];
    WhyNot::with_values(config, &more).ask(symbol, value)
}

fn check<'m>(config: &Config<'m>, name: &str, value: &str) -> Result<&'m Symbol, Diagnostics> {
    let Some(symbol) = config.model().symbol(name) else {
        return Err(Diagnostic::error(
            Code::UnknownSymbol,
            format!("{name} is defined in no Kconfig file"),
        )
        .about(name)
        .help("look the name up with `search`")
        .into());
    };
    if symbol.kind().accepts(value) {
        return Ok(symbol);
    }
    let mut error = Diagnostic::error(
        Code::MalformedValue,
        format!(
            "{value:?} is no value for {name}, which is {}",
            symbol.kind()
        ),
    )
    .about(name)
    .help(format!("ask for {}", symbol.kind().expects()));
    if let Some(span) = symbol.definitions().first() {
        error = error.at(span, "");
    }
    Err(error.into())
}

impl<'m> WhyNot<'m> {
    /// Loads a configuration.
    pub fn new(config: &Config<'m>) -> Self {
        Self::with_values(config, &[])
    }

    /// As [`WhyNot::new`], for questions about values of numbers and strings that the tree does not mention.
    pub fn with_values(config: &Config<'m>, values: &[(SymbolId, String)]) -> Self {
        let model = config.model();
        let mut values = values.to_vec();
        for symbol in model.symbols().filter(|s| !s.kind().is_logic()) {
            if let Some(text) = config.assignment(symbol) {
                values.push((symbol.id(), text.to_owned()));
            }
        }
        let mut encoding = Encoding::with_values(model, &values);
        let assigned = encoding.formula.fresh();
        let mut keep = Vec::new();
        for symbol in model.symbols() {
            if let Some(lit) = kept(&mut encoding, config, symbol, assigned) {
                keep.push((symbol.id(), lit));
            }
        }
        preferences(&mut encoding, config, &keep);
        let solver = Solver::new(&encoding.formula);
        Self {
            config: config.clone(),
            encoding,
            solver,
            assigned,
            keep,
            limits: Limits::default(),
        }
    }

    /// Sets the bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What is approximated.
    pub fn encoding(&self) -> &Encoding<'m> {
        &self.encoding
    }

    /// Why `name` is not `value`, and what would change that.
    ///
    /// # Errors
    /// The symbol is unknown, or the value is not of its type.
    pub fn ask(&mut self, name: &str, value: &str) -> Result<Answer, Diagnostics> {
        let symbol = check(&self.config, name, value)?;
        if self.config.value_of(symbol).text == value {
            return Ok(Answer::Already);
        }
        let known = self.encoding.values(name);
        if !symbol.kind().is_logic() && !known.iter().any(|v| v == value) {
            let more = [(symbol.id(), value.to_owned())];
            let mut wider = Self::with_values(&self.config, &more).limits(self.limits);
            return Ok(wider.find(symbol, value));
        }
        Ok(self.find(symbol, value))
    }

    fn find(&mut self, symbol: &Symbol, value: &str) -> Answer {
        let target = self.encoding.has(symbol.id(), value);
        if !self.solver.solve(&[target]) {
            let proof = proof::impossible(self.encoding.model, symbol, value);
            return Answer::Impossible { proof };
        }
        let wishes = self.keep.iter().map(|(_, lit)| *lit).collect();
        let mut minimum = Minimum::new(vec![target, self.assigned], wishes);
        match minimum.search(&mut self.solver, self.limits.changes) {
            Outcome::Found => {}
            Outcome::Impossible => {
                return Answer::Undecided {
                    reason: "it takes that an assignment is removed, not only changed".to_owned(),
                };
            }
            Outcome::TooMany => {
                return Answer::Undecided {
                    reason: format!("it takes more than {} changes", self.limits.changes),
                };
            }
        }
        let guard = self.solver.fresh();
        minimum.fix(guard);
        let mut sets: Vec<ChangeSet> = Vec::new();
        let (mut refuted, mut complete) = (0, true);
        loop {
            let given_up: Vec<(SymbolId, Lit)> = self
                .keep
                .iter()
                .copied()
                .filter(|(_, lit)| !self.solver.value(*lit))
                .collect();
            match self.confirmed(symbol, value, &given_up) {
                Some(set) => sets.push(set),
                None => refuted += 1,
            }
            let mut clause: Vec<Lit> = given_up.iter().map(|(_, lit)| *lit).collect();
            clause.push(!guard);
            self.solver.clause(&clause);
            if !minimum.again(&mut self.solver) {
                break;
            }
            if sets.len() >= self.limits.sets || refuted > self.limits.sets {
                complete = false;
                break;
            }
        }
        if sets.is_empty() {
            return Answer::Undecided {
                reason: format!(
                    "{refuted} proposed sets of {} changes were not confirmed by evaluation",
                    minimum.cost
                ),
            };
        }
        // Stable: equal numbers stay in the order in which they were found, which is always the same.
        sets.sort_by_key(|set| set.consequences.len());
        Answer::Possible {
            sets,
            complete: complete && refuted == 0,
        }
    }

    /// The set of changes of the solver's model, if the evaluator agrees.
    fn confirmed(
        &self,
        symbol: &Symbol,
        value: &str,
        given_up: &[(SymbolId, Lit)],
    ) -> Option<ChangeSet> {
        let mut ids: Vec<SymbolId> = given_up.iter().map(|(id, _)| *id).collect();
        self.encoding
            .order_for_choices(self.solver.found(), &mut ids);
        let mut wishes: Vec<(SymbolId, String)> = ids
            .into_iter()
            .filter_map(|id| Some((id, self.encoding.wished(self.solver.found(), id)?)))
            .collect();
        let mut best = self.consequences(symbol, value, &wishes)?;
        // Where another value of the same symbol changes less besides, take that.
        for index in 0..wishes.len() {
            let (id, chosen) = wishes[index].clone();
            if id == symbol.id() || self.encoding.model.get(id).choice().is_some() {
                continue;
            }
            let others = self.encoding.values(self.encoding.model.get(id).name());
            for other in others.into_iter().filter(|o| *o != chosen).take(6) {
                let before = std::mem::replace(&mut wishes[index].1, other);
                match self.consequences(symbol, value, &wishes) {
                    Some(found) if found.len() < best.len() => best = found,
                    _ => wishes[index].1 = before,
                }
            }
        }
        let model = self.encoding.model;
        let changes = wishes
            .into_iter()
            .filter_map(|(id, to)| {
                let symbol = model.get(id);
                Some(Change {
                    symbol: symbol.name().to_owned(),
                    from: self.config.value_of(symbol).text,
                    assigned: self.config.assignment(symbol).map(str::to_owned),
                    to,
                    place: symbol.location()?.into(),
                })
            })
            .collect();
        Some(ChangeSet {
            changes,
            consequences: best,
        })
    }

    /// What else changes under these assignments; none if they do not give the symbol the value.
    fn consequences(
        &self,
        symbol: &Symbol,
        value: &str,
        wishes: &[(SymbolId, String)],
    ) -> Option<Vec<Consequence>> {
        let model = self.encoding.model;
        let text: String = wishes
            .iter()
            .map(|(id, text)| assignment(model, model.get(*id), text))
            .collect();
        let mut config = self.config.clone();
        config.read_str("<why-not>", &text, Layer::User);
        if config.value_of(symbol).text != value {
            return None;
        }
        let mentioned = |id: SymbolId| id == symbol.id() || wishes.iter().any(|(w, _)| *w == id);
        let mut out = Vec::new();
        for other in model.symbols().filter(|s| !mentioned(s.id())) {
            let (from, to) = (self.config.value_of(other), config.value_of(other));
            if from != to {
                out.push(Consequence {
                    symbol: other.name().to_owned(),
                    from: from.text,
                    to: to.text,
                });
            }
        }
        Some(out)
    }
}

/// What holds while the symbol's assignment stays as it is; none if the user can never assign it.
fn kept(
    encoding: &mut Encoding<'_>,
    config: &Config<'_>,
    symbol: &Symbol,
    assigned: Lit,
) -> Option<Lit> {
    let wish = encoding.symbols[symbol.id().index()].wish.clone()?;
    let Some(text) = config.assignment(symbol) else {
        return Some(!wish.set);
    };
    encoding.formula.clause(&[!assigned, wish.set]);
    Some(match &wish.value {
        ValueLits::Tri(tri) => match Tri::parse(text)? {
            Tri::N => !tri.on,
            Tri::M if tri.on == tri.yes => tri.on,
            Tri::M => encoding.formula.is_module(*tri),
            Tri::Y => tri.yes,
        },
        ValueLits::Text(list) => crate::encode::find(list, text),
    })
}

/// Members of a choice are preferred in the order in which they were assigned; what changes is assigned last.
fn preferences(encoding: &mut Encoding<'_>, config: &Config<'_>, keep: &[(SymbolId, Lit)]) {
    let keep: HashMap<SymbolId, Lit> = keep.iter().copied().collect();
    let choices: Vec<_> = encoding.choices.clone();
    for lits in choices {
        let Some(choice) = lits
            .members
            .first()
            .and_then(|m| encoding.model.get(m.id).choice())
        else {
            continue;
        };
        let by_id: HashMap<SymbolId, _> = lits.members.iter().map(|m| (m.id, m)).collect();
        let order: Vec<_> = config
            .preference(choice)
            .iter()
            .filter_map(|id| by_id.get(id).copied())
            .collect();
        let kept = |id: SymbolId| keep.get(&id).copied().unwrap_or(Lit::TRUE);
        let formula = &mut encoding.formula;
        let changed: Vec<Lit> = order
            .iter()
            .map(|m| formula.and(m.wanted, !kept(m.id)))
            .collect();
        let changed = formula.any(changed);
        let mut before = Lit::FALSE;
        for member in &order {
            formula.clause(&[!member.picked, !kept(member.id), !changed]);
            formula.clause(&[!member.picked, !kept(member.id), !before]);
            before = formula.or(before, member.wanted);
        }
        let mut after = Lit::FALSE;
        for member in order.iter().rev() {
            formula.clause(&[!member.left_over, !kept(member.id), !after]);
            let stays = formula.and(member.visible, kept(member.id));
            after = formula.or(after, stays);
        }
        for member in &order {
            formula.clause(&[!member.left_over, kept(member.id), !after]);
        }
    }
}
