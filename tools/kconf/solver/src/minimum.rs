//! The fewest wishes that must be given up: minimum cardinality by unsatisfiable cores.
//!
//! All wishes are assumed at first. Each core (wishes that cannot hold together) must lose at least one of its
//! members; how many it loses in all is counted by a totalizer, whose further outputs become wishes in turn.
//! When the assumptions hold, the number of cores is the minimum, and every minimum satisfies the assumptions.

use std::collections::HashMap;

use crate::formula::Lit;
use crate::solver::Solver;

/// Cores longer than this are not minimised member by member.
const MINIMISE_UP_TO: usize = 24;

/// A search under way.
pub(crate) struct Minimum {
    /// What always holds.
    fixed: Vec<Lit>,
    /// What is still wished for.
    active: Vec<Lit>,
    /// For a negated output of a totalizer: the outputs after it.
    rest: HashMap<Lit, Vec<Lit>>,
    /// How many wishes must be given up at least.
    pub cost: usize,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The solver's model gives up [`Minimum::cost`] wishes, and fewer will not do.
    Found,
    /// Not even without any wish.
    Impossible,
    /// More than the bound.
    TooMany,
}

impl Minimum {
    pub fn new(fixed: Vec<Lit>, wishes: Vec<Lit>) -> Self {
        Self {
            fixed,
            active: wishes,
            rest: HashMap::new(),
            cost: 0,
        }
    }

    /// A further literal that must hold from now on.
    pub fn fix(&mut self, lit: Lit) {
        self.fixed.push(lit);
    }

    fn assumptions(&self) -> Vec<Lit> {
        self.fixed.iter().chain(&self.active).copied().collect()
    }

    /// Whether there is another model of the same cost.
    pub fn again(&self, solver: &mut Solver) -> bool {
        solver.solve(&self.assumptions())
    }

    /// Searches, giving up no more than `bound` wishes.
    pub fn search(&mut self, solver: &mut Solver, bound: usize) -> Outcome {
        loop {
            let assumptions = self.assumptions();
            if solver.solve(&assumptions) {
                return Outcome::Found;
            }
            let core = self.core(solver, &assumptions);
            if core.is_empty() {
                return Outcome::Impossible;
            }
            self.cost += 1;
            if self.cost > bound {
                return Outcome::TooMany;
            }
            self.active.retain(|lit| !core.contains(lit));
            for lit in &core {
                if let Some(mut rest) = self.rest.remove(lit)
                    && !rest.is_empty()
                {
                    let next = rest.remove(0);
                    self.wish(next, rest);
                }
            }
            let lost: Vec<Lit> = core.iter().map(|lit| !*lit).collect();
            let mut outputs = totalizer(solver, &lost);
            // One is lost for certain.
            outputs.remove(0);
            if !outputs.is_empty() {
                let mut wishes: Vec<Lit> = outputs.iter().map(|lit| !*lit).collect();
                let next = wishes.remove(0);
                self.wish(next, wishes);
            }
        }
    }

    fn wish(&mut self, next: Lit, rest: Vec<Lit>) {
        self.active.push(next);
        self.rest.insert(next, rest);
    }

    /// Wishes that cannot hold together, as few as can be had cheaply.
    fn core(&self, solver: &mut Solver, assumptions: &[Lit]) -> Vec<Lit> {
        let fixed = self.fixed.len();
        let mut core = solver.core(&assumptions[fixed..]);
        loop {
            let mut smaller = self.fixed.clone();
            smaller.extend(&core);
            if solver.solve(&smaller) {
                // Cannot be: a core has no model.
                return core;
            }
            let next = solver.core(&core);
            if next.len() >= core.len() {
                break;
            }
            core = next;
        }
        if core.len() <= MINIMISE_UP_TO {
            core = minimal(solver, &self.fixed, core);
        }
        core
    }
}

/// A core from which nothing can be left out, by trying.
pub(crate) fn minimal(solver: &mut Solver, fixed: &[Lit], mut core: Vec<Lit>) -> Vec<Lit> {
    let mut index = 0;
    while index < core.len() {
        let without = fixed.iter().copied().chain(
            core.iter()
                .enumerate()
                .filter(|(i, _)| *i != index)
                .map(|(_, lit)| *lit),
        );
        let without: Vec<Lit> = without.collect();
        if solver.solve(&without) {
            index += 1;
        } else {
            core = solver.core(&without[fixed.len()..]);
            // What stood before `index` is needed, so it is in every core.
            index = index.min(core.len());
        }
    }
    core
}

/// Outputs of which the k-th (from 1) holds if at least k of the inputs do.
fn totalizer(solver: &mut Solver, inputs: &[Lit]) -> Vec<Lit> {
    if inputs.len() <= 1 {
        return inputs.to_vec();
    }
    let (left, right) = inputs.split_at(inputs.len() / 2);
    let (left, right) = (totalizer(solver, left), totalizer(solver, right));
    let outputs: Vec<Lit> = inputs.iter().map(|_| solver.fresh()).collect();
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            let mut clause = Vec::with_capacity(3);
            if i > 0 {
                clause.push(!left[i - 1]);
            }
            if j > 0 {
                clause.push(!right[j - 1]);
            }
            if i + j > 0 {
                clause.push(outputs[i + j - 1]);
                solver.clause(&clause);
            }
        }
    }
    outputs
}
