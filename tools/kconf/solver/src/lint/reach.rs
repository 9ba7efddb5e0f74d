//! Whether something can happen, asked many thousand times: most questions are answered by models found before.

use kconf::{Model, Symbol};

use crate::encode::Encoding;
use crate::formula::{Lit, TriLit};
use crate::solver::{Found, Solver};

/// Models kept to look into before the solver is asked.
const KEPT: usize = 96;

/// The constraints of a tree with the models found so far.
pub(super) struct Reach<'m> {
    pub encoding: Encoding<'m>,
    solver: Solver,
    known: Vec<Found>,
    /// When each `select` of each symbol exceeds the symbol's dependencies.
    violations: Vec<Vec<Lit>>,
}

impl<'m> Reach<'m> {
    pub fn new(model: &'m Model) -> Self {
        let mut encoding = Encoding::new(model);
        let violations = violations(&mut encoding);
        let solver = Solver::new(&encoding.formula);
        Self {
            encoding,
            solver,
            known: Vec::new(),
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
        let possible = self.solver.solve(&[lit]);
        if possible {
            if self.known.len() == KEPT {
                self.known.remove(0);
            }
            self.known.push(self.solver.found().clone());
        }
        possible
    }

    /// Assignments that make `lit` true, few ones.
    pub fn witness(&mut self, lit: Lit) -> Option<String> {
        if lit == Lit::FALSE || !self.solver.solve(&[lit]) {
            return None;
        }
        // What is not needed is not assigned: each assignment is tried without.
        let set: Vec<Lit> = self
            .encoding
            .symbols
            .iter()
            .filter_map(|s| s.wish.as_ref().map(|w| w.set))
            .filter(|set| self.solver.value(*set))
            .collect();
        if set.len() <= 64 {
            let mut fixed = vec![lit];
            fixed.extend(
                self.encoding
                    .symbols
                    .iter()
                    .filter_map(|s| s.wish.as_ref().map(|w| !w.set))
                    .filter(|unset| !set.contains(&!*unset)),
            );
            for one in set {
                fixed.push(!one);
                if !self.solver.solve(&fixed) {
                    fixed.pop();
                }
            }
            let _ = self.solver.solve(&fixed);
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
