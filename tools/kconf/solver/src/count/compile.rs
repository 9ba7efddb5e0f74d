//! Compilation into decisions over the counted variables, independent parts, and yes or no.
//!
//! The same part is compiled once, however often it remains. Beyond the bound, a part that has any solution is
//! taken to have one, so the count becomes a lower bound and says so.

use std::collections::{BTreeMap, HashMap};

use num_bigint::BigUint;

use super::eliminate::{Clauses, eliminate};
use super::power_of_two;
use crate::draw::Draw;
use crate::formula::{Formula, Lit};
use crate::solver::Solver;

/// Nested decisions at most.
const MAX_DEPTH: usize = 1500;

/// What happens on one side of a decision.
#[derive(Clone, Debug)]
struct Branch {
    /// Counted literals that hold here.
    fixed: Vec<Lit>,
    /// Counted variables that may have either value here.
    free: Vec<usize>,
    /// Independent parts that remain.
    parts: Vec<usize>,
}

/// A part.
#[derive(Clone, Debug)]
struct Node {
    /// The two sides of the decision; one or none if the other is impossible.
    branches: Vec<Branch>,
    count: BigUint,
}

/// The compiled formula.
pub(crate) struct Graph {
    nodes: Vec<Node>,
    root: Branch,
    /// Whether there is any solution.
    possible: bool,
    exact: bool,
}

struct Compiler<'a> {
    counted: &'a [bool],
    nodes: Vec<Node>,
    known: HashMap<Vec<Vec<Lit>>, usize>,
    steps: usize,
    exact: bool,
}

impl Graph {
    /// Compiles, counting the variables of `counted`.
    pub fn compile(formula: &Formula, counted: &[Lit], steps: usize) -> Self {
        let mut kept = vec![false; formula.variables()];
        for lit in counted {
            kept[lit.var()] = true;
        }
        let clauses: Clauses = eliminate(formula, &kept);
        let mut compiler = Compiler {
            counted: &kept,
            nodes: Vec::new(),
            known: HashMap::new(),
            steps,
            exact: true,
        };
        let variables: Vec<usize> = counted.iter().map(|lit| lit.var()).collect();
        let root = compiler.branch(clauses.into_iter().collect(), None, &variables, 0);
        Self {
            exact: compiler.exact,
            nodes: compiler.nodes,
            possible: root.is_some(),
            root: root.unwrap_or(Branch {
                fixed: Vec::new(),
                free: Vec::new(),
                parts: Vec::new(),
            }),
        }
    }

    /// Whether the count is the number itself, not a lower bound.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The number of combinations.
    pub fn count(&self) -> BigUint {
        if self.possible {
            count(&self.root, &self.nodes)
        } else {
            BigUint::ZERO
        }
    }

    /// One of the combinations, each equally likely if the graph is exact; none if there is none.
    pub fn draw(&self, draw: &mut Draw) -> Option<Vec<Lit>> {
        if !self.possible {
            return None;
        }
        let mut out = Vec::new();
        let mut open = vec![&self.root];
        while let Some(branch) = open.pop() {
            out.extend(&branch.fixed);
            for var in &branch.free {
                let var = u32::try_from(*var).unwrap_or(0);
                out.push(Lit::of(var, draw.below(2) == 0));
            }
            for part in &branch.parts {
                let node = &self.nodes[*part];
                let mut ticket = below(draw, &node.count);
                for branch in &node.branches {
                    let count = count(branch, &self.nodes);
                    if ticket < count {
                        open.push(branch);
                        break;
                    }
                    ticket -= count;
                }
            }
        }
        Some(out)
    }
}

fn count(branch: &Branch, nodes: &[Node]) -> BigUint {
    let parts = branch.parts.iter().map(|part| &nodes[*part].count);
    power_of_two(branch.free.len()) * parts.product::<BigUint>()
}

/// A number below `bound`, each equally likely.
fn below(draw: &mut Draw, bound: &BigUint) -> BigUint {
    let bits = bound.bits();
    loop {
        let mut number = BigUint::ZERO;
        let mut left = bits;
        while left > 0 {
            let take = left.min(64);
            number = (number << take) | BigUint::from(draw.bits() >> (64 - take));
            left -= take;
        }
        if number < *bound {
            return number;
        }
    }
}

impl Compiler<'_> {
    /// What remains of clauses when `decided` holds; none if nothing can. `scope` are the counted variables that
    /// must be accounted for.
    fn branch(
        &mut self,
        clauses: Vec<Vec<Lit>>,
        decided: Option<Lit>,
        scope: &[usize],
        depth: usize,
    ) -> Option<Branch> {
        let (clauses, values) = propagate(clauses, decided)?;
        let mut fixed: Vec<Lit> = Vec::new();
        let mut remaining: BTreeMap<usize, usize> = BTreeMap::new();
        for clause in &clauses {
            for lit in clause {
                *remaining.entry(lit.var()).or_default() += 1;
            }
        }
        let mut free = Vec::new();
        for var in scope {
            match values.get(var) {
                Some(value) => fixed.push(Lit::of(u32::try_from(*var).unwrap_or(0), !value)),
                None if !remaining.contains_key(var) => free.push(*var),
                None => {}
            }
        }
        let mut parts = Vec::new();
        for part in split(clauses) {
            let node = self.node(part, depth)?;
            if let Some(node) = node {
                parts.push(node);
            }
        }
        Some(Branch { fixed, free, parts })
    }

    /// Compiles a part. None outside: it is impossible; none inside: it is possible and has nothing to count.
    fn node(&mut self, part: Vec<Vec<Lit>>, depth: usize) -> Option<Option<usize>> {
        if let Some(known) = self.known.get(&part) {
            return (self.nodes[*known].count != BigUint::ZERO).then_some(Some(*known));
        }
        let mut weight: BTreeMap<usize, usize> = BTreeMap::new();
        for clause in &part {
            for lit in clause.iter().filter(|lit| self.counted[lit.var()]) {
                // Short clauses first: deciding them decides more.
                *weight.entry(lit.var()).or_default() += if clause.len() == 2 { 4 } else { 1 };
            }
        }
        let Some(var) = weight
            .iter()
            .max_by_key(|(var, weight)| (**weight, std::cmp::Reverse(**var)))
            .map(|(var, _)| *var)
        else {
            return solvable(&part).then_some(None);
        };
        let scope: Vec<usize> = weight.into_keys().collect();
        self.steps = self.steps.saturating_sub(1);
        let mut branches = Vec::new();
        if self.steps == 0 || depth >= MAX_DEPTH {
            self.exact = false;
            if let Some(fixed) = solution(&part, &scope) {
                branches.push(Branch {
                    fixed,
                    free: Vec::new(),
                    parts: Vec::new(),
                });
            }
        } else {
            for negative in [false, true] {
                let lit = Lit::of(u32::try_from(var).unwrap_or(0), negative);
                branches.extend(self.branch(part.clone(), Some(lit), &scope, depth + 1));
            }
        }
        let count = branches.iter().map(|b| count(b, &self.nodes)).sum();
        let possible = count != BigUint::ZERO;
        let index = self.nodes.len();
        self.nodes.push(Node { branches, count });
        self.known.insert(part, index);
        possible.then_some(Some(index))
    }
}

/// The values that are decided.
type Values = HashMap<usize, bool>;

/// Works in literals that stand alone. Gives the clauses that remain and the values found; none: contradiction.
fn propagate(mut clauses: Vec<Vec<Lit>>, decided: Option<Lit>) -> Option<(Vec<Vec<Lit>>, Values)> {
    let mut values = Values::new();
    let mut units: Vec<Lit> = decided.into_iter().collect();
    units.extend(clauses.iter().filter(|c| c.len() == 1).map(|c| c[0]));
    loop {
        if units.is_empty() {
            break;
        }
        for unit in units.drain(..) {
            if *values.entry(unit.var()).or_insert(!unit.is_negative()) == unit.is_negative() {
                return None;
            }
        }
        let holds = |lit: &Lit| values.get(&lit.var()).map(|v| *v != lit.is_negative());
        let mut next = Vec::with_capacity(clauses.len());
        for mut clause in clauses {
            if clause.iter().any(|lit| holds(lit) == Some(true)) {
                continue;
            }
            clause.retain(|lit| holds(lit).is_none());
            match clause[..] {
                [] => return None,
                [unit] => units.push(unit),
                _ => next.push(clause),
            }
        }
        clauses = next;
    }
    if clauses.iter().any(Vec::is_empty) {
        return None;
    }
    Some((clauses, values))
}

/// Clauses that share no variable, each group sorted.
fn split(clauses: Vec<Vec<Lit>>) -> Vec<Vec<Vec<Lit>>> {
    let mut parent: HashMap<usize, usize> = HashMap::new();
    fn root(parent: &mut HashMap<usize, usize>, var: usize) -> usize {
        let mut at = var;
        loop {
            let up = *parent.entry(at).or_insert(at);
            if up == at {
                return at;
            }
            let above = *parent.entry(up).or_insert(up);
            parent.insert(at, above);
            at = above;
        }
    }
    for clause in &clauses {
        for pair in clause.windows(2) {
            let a = root(&mut parent, pair[0].var());
            let b = root(&mut parent, pair[1].var());
            parent.insert(a.max(b), a.min(b));
        }
    }
    let mut groups: BTreeMap<usize, Vec<Vec<Lit>>> = BTreeMap::new();
    for clause in clauses {
        if let Some(first) = clause.first() {
            let group = root(&mut parent, first.var());
            groups.entry(group).or_default().push(clause);
        }
    }
    groups
        .into_values()
        .map(|mut group| {
            group.sort_unstable();
            group.dedup();
            group
        })
        .collect()
}

fn load(part: &[Vec<Lit>]) -> Solver {
    let mut small = Formula::new();
    let variables = part.iter().flatten().map(|l| l.var()).max().unwrap_or(0);
    while small.variables() <= variables {
        let _ = small.fresh();
    }
    for clause in part {
        small.clause(clause);
    }
    Solver::new(&small)
}

fn solvable(part: &[Vec<Lit>]) -> bool {
    load(part).solve(&[])
}

/// The values of some variables in a solution.
fn solution(part: &[Vec<Lit>], scope: &[usize]) -> Option<Vec<Lit>> {
    let mut solver = load(part);
    solver.solve(&[]).then(|| {
        scope
            .iter()
            .map(|var| Lit::of(u32::try_from(*var).unwrap_or(0), false))
            .map(|lit| if solver.value(lit) { lit } else { !lit })
            .collect()
    })
}
