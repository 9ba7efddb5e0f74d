//! The solver: a formula loaded once, asked many times under assumptions. Deterministic.

use std::collections::HashSet;

use batsat::{BasicSolver, SolverInterface, lbool};

use crate::formula::{Formula, Lit};

/// The values of all variables in a model of the formula.
#[derive(Clone, Debug, Default)]
pub struct Found(Vec<bool>);

impl Found {
    /// The value of a literal.
    pub fn value(&self, lit: Lit) -> bool {
        self.0.get(lit.var()).copied().unwrap_or(false) != lit.is_negative()
    }
}

/// A loaded formula.
pub struct Solver {
    inner: BasicSolver,
    variables: u32,
    buffer: Vec<batsat::Lit>,
    assumptions: Vec<batsat::Lit>,
    found: Found,
}

impl Solver {
    /// Loads all clauses.
    pub fn new(formula: &Formula) -> Self {
        let mut solver = Self {
            inner: BasicSolver::default(),
            variables: 0,
            buffer: Vec::new(),
            assumptions: Vec::new(),
            found: Found::default(),
        };
        for _ in 0..formula.variables() {
            let _ = solver.fresh();
        }
        for clause in formula.clauses() {
            solver.clause(clause);
        }
        solver.inner.simplify();
        solver
    }

    /// A further variable.
    pub fn fresh(&mut self) -> Lit {
        // The solver tries false first: an assignment that nobody needs is not made.
        self.inner.new_var(lbool::UNDEF, true);
        self.variables += 1;
        Lit::of(self.variables - 1, false)
    }

    /// Adds a clause for good.
    pub fn clause(&mut self, list: &[Lit]) {
        self.buffer.clear();
        self.buffer.extend(list.iter().map(|l| translate(*l)));
        self.inner.add_clause_reuse(&mut self.buffer);
    }

    /// Whether the clauses can hold together with the assumptions.
    pub fn solve(&mut self, assumptions: &[Lit]) -> bool {
        self.assumptions.clear();
        self.assumptions
            .extend(assumptions.iter().map(|l| translate(*l)));
        let found = self.inner.solve_limited(&self.assumptions) == lbool::TRUE;
        if found {
            self.found.0.clear();
            self.found
                .0
                .extend(self.inner.get_model().iter().map(|v| *v == lbool::TRUE));
        }
        found
    }

    /// The value in the model found last.
    pub fn value(&self, lit: Lit) -> bool {
        self.found.value(lit)
    }

    /// Those of the assumptions that could not hold together, after a search that found none.
    pub fn core(&self, assumptions: &[Lit]) -> Vec<Lit> {
        let core = self.inner.unsat_core();
        let core: HashSet<u32> = core.iter().map(|l| l.var().idx()).collect();
        let mut seen = HashSet::new();
        assumptions
            .iter()
            .copied()
            .filter(|l| core.contains(&translate(*l).var().idx()) && seen.insert(*l))
            .collect()
    }

    /// The model found last.
    pub fn found(&self) -> &Found {
        &self.found
    }
}

fn translate(lit: Lit) -> batsat::Lit {
    let var = batsat::Var::unsafe_from_idx(u32::try_from(lit.var()).unwrap_or(0));
    batsat::Lit::new(var, !lit.is_negative())
}
