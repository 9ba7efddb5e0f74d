//! Whether something can happen, asked many thousand times: most questions are answered by models found before.

use kconf::{Model, Symbol};

use crate::encode::{Encoding, ValueLits};
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
    /// Tries to switch everything on.
    eager: Solver,
    known: Vec<Found>,
    /// When each `select` of each symbol exceeds the symbol's dependencies.
    violations: Vec<Vec<Lit>>,
}

impl<'m> Reach<'m> {
    pub fn new(model: &'m Model) -> Self {
        let mut encoding = Encoding::new(model);
        let violations = violations(&mut encoding);
        let mut solver = Solver::new(&encoding.formula);
        let wishes = encoding.symbols.iter().filter_map(|s| s.wish.as_ref());
        let on: Vec<Lit> = wishes
            .flat_map(|wish| match wish.value {
                ValueLits::Tri(tri) => [wish.set, tri.on, tri.yes],
                ValueLits::Text(_) => [Lit::FALSE; 3],
            })
            .filter(|lit| !lit.is_constant())
            .collect();
        let mut eager = Solver::preferring(&encoding.formula, &on);
        // One model with nearly nothing on, one with nearly everything: they answer most questions.
        let known = [&mut solver, &mut eager]
            .into_iter()
            .filter_map(|solver| solver.solve(&[]).then(|| solver.found().clone()))
            .collect();
        Self {
            encoding,
            solver,
            eager,
            known,
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
        let possible = self.eager.solve(&[lit]);
        if possible {
            if self.known.len() == KEPT {
                self.known.remove(2);
            }
            self.known.push(self.eager.found().clone());
        }
        possible
    }

    /// Assignments that make `lit` true, as few as possible.
    pub fn witness(&mut self, lit: Lit) -> Option<String> {
        if !self.is_possible(lit) {
            return None;
        }
        let wishes = self.encoding.symbols.iter();
        let unset = wishes
            .filter_map(|s| s.wish.as_ref().map(|w| !w.set))
            .collect();
        let mut minimum = Minimum::new(vec![lit], unset);
        if minimum.search(&mut self.solver, MAX_WITNESS) != Outcome::Found {
            let _ = self.solver.solve(&[lit]);
        }
        Some(self.encoding.dotconfig(self.solver.found()))
    }
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
