//! Whether something can happen, asked many thousand times: most questions are answered by models found before.

use kconf::{Config, Model, Symbol, Tri};

use crate::encode::Encoding;
use crate::formula::{Lit, TriLit};
use crate::minimum::{Minimum, Outcome};
use crate::solver::{Found, Solver};

/// Models kept to look into before the solver is asked.
const KEPT: usize = 96;

/// Assignments that a smallest witness may have; beyond, any will do.
const MAX_WITNESS: usize = 24;

/// The constraints of a tree with the models found so far.
pub(super) struct Reach<'m> {
    pub encoding: Encoding<'m>,
    solver: Solver,
    /// What holds while nothing is assigned.
    unset: Vec<Lit>,
    /// How many of the models known stay.
    primed: usize,
    known: Vec<Found>,
    /// When each `select` of each symbol exceeds the symbol's dependencies.
    violations: Vec<Vec<Lit>>,
}

impl<'m> Reach<'m> {
    pub fn new(model: &'m Model) -> Self {
        let mut encoding = Encoding::new(model);
        let violations = violations(&mut encoding);
        let mut solver = Solver::new(&encoding.formula);
        let known = known(model, &encoding, &mut solver);
        let wishes = encoding.symbols.iter();
        let unset = wishes
            .filter_map(|s| s.wish.as_ref().map(|w| !w.set))
            .collect();
        Self {
            primed: known.len(),
            encoding,
            solver,
            known,
            unset,
            violations,
        }
    }

    /// When `select` number `index` of the symbol exceeds its dependencies.
    pub fn violation(&self, symbol: &Symbol, index: usize) -> Lit {
        let list = self.violations.get(symbol.id().index());
        list.and_then(|l| l.get(index))
            .copied()
            .unwrap_or(Lit::FALSE)
    }

    /// Whether some configuration makes `lit` true.
    pub fn is_possible(&mut self, lit: Lit) -> bool {
        if lit.is_constant() {
            return lit == Lit::TRUE;
        }
        if self.known.iter().any(|found| found.value(lit)) {
            return true;
        }
        let possible = self.search(lit);
        if possible {
            if self.known.len() == KEPT {
                self.known.remove(self.primed);
            }
            self.known.push(self.solver.found().clone());
        }
        possible
    }

    /// Searches a configuration with few assignments: in a large tree that is quicker than any.
    fn search(&mut self, lit: Lit) -> bool {
        let mut minimum = Minimum::new(vec![lit], self.unset.clone());
        match minimum.search(&mut self.solver, MAX_WITNESS) {
            Outcome::Found => true,
            Outcome::Impossible => false,
            Outcome::TooMany => self.solver.solve(&[lit]),
        }
    }

    /// Assignments that make `lit` true, as few as possible.
    pub fn witness(&mut self, lit: Lit) -> Option<String> {
        if lit == Lit::FALSE || !self.search(lit) {
            return None;
        }
        Some(self.encoding.dotconfig(self.solver.found()))
    }
}

/// What is on by default, and with everything on or a module that can be: these answer most questions.
fn known(model: &Model, encoding: &Encoding<'_>, solver: &mut Solver) -> Vec<Found> {
    let mut out = Vec::new();
    for wish in [None, Some(Tri::Y), Some(Tri::M)] {
        let mut config = Config::new(model);
        if let Some(wish) = wish {
            config.set_unassigned(wish);
        }
        let logic = model.symbols().filter(|s| s.kind().is_logic());
        let lits: Vec<Lit> = logic
            .map(|s| encoding.has(s.id(), &config.value_of(s).text))
            .collect();
        if solver.solve(&lits) {
            out.push(solver.found().clone());
        }
    }
    out
}

fn violations(encoding: &mut Encoding<'_>) -> Vec<Vec<Lit>> {
    let mut out = Vec::with_capacity(encoding.symbols.len());
    for index in 0..encoding.symbols.len() {
        let lits = &encoding.symbols[index];
        let direct = lits.direct;
        // A dependency of `m` suffices for what is `y` only because there are no modules.
        let flat = direct.on == direct.yes;
        let list = lits
            .selects
            .clone()
            .into_iter()
            .map(|select| match flat {
                true => encoding.formula.above(TriLit::flat(select.on), direct),
                false => encoding.formula.above(select, direct),
            })
            .collect();
        out.push(list);
    }
    out
}
