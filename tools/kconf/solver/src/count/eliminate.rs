//! Elimination of what is not counted: a variable is replaced by all resolvents of its clauses, as long as that
//! does not make the formula larger. The combinations of the other variables stay exactly the same.

use std::collections::BTreeSet;

use crate::formula::{Formula, Lit};

/// Clauses in a fixed order.
pub(super) type Clauses = BTreeSet<Vec<Lit>>;

/// How many clauses more an elimination may leave than it removes.
const GROWTH: usize = 4;

/// Longer resolvents are not made.
const MAX_LENGTH: usize = 24;

/// Clauses by literal, with removal.
struct Table {
    clauses: Vec<Option<Vec<Lit>>>,
    by_literal: Vec<BTreeSet<usize>>,
    known: std::collections::HashMap<Vec<Lit>, usize>,
    /// Literals that stand alone.
    units: Vec<Lit>,
    contradiction: bool,
}

/// The formula without the variables that are not `kept`, as far as that makes it no larger.
pub(super) fn eliminate(formula: &Formula, kept: &[bool]) -> Clauses {
    let mut table = Table {
        clauses: Vec::new(),
        by_literal: vec![BTreeSet::new(); formula.variables() * 2],
        known: std::collections::HashMap::new(),
        units: Vec::new(),
        contradiction: false,
    };
    for clause in formula.clauses() {
        table.add(clause.to_vec());
    }
    table.settle(kept);
    loop {
        let mut changed = false;
        let mut candidates: Vec<(usize, usize)> = (1..formula.variables())
            .filter(|var| !kept[*var])
            .map(|var| (table.occurrences(var), var))
            .filter(|(count, _)| *count > 0)
            .collect();
        candidates.sort_unstable();
        for (_, var) in candidates {
            changed |= table.try_variable(var);
            table.settle(kept);
        }
        if !changed || table.contradiction {
            break;
        }
    }
    if table.contradiction {
        return BTreeSet::from([Vec::new()]);
    }
    table.clauses.into_iter().flatten().collect()
}

impl Table {
    fn occurrences(&self, var: usize) -> usize {
        let lit = Lit::of(u32::try_from(var).unwrap_or(0), false);
        self.by_literal[lit.code()].len() + self.by_literal[(!lit).code()].len()
    }

    /// Adds a clause in normal form, unless it always holds.
    fn add(&mut self, mut clause: Vec<Lit>) {
        clause.sort_unstable();
        clause.dedup();
        if clause.contains(&Lit::TRUE) || clause.windows(2).any(|w| w[0] == !w[1]) {
            return;
        }
        clause.retain(|lit| *lit != Lit::FALSE);
        if self.known.contains_key(&clause) {
            return;
        }
        match clause[..] {
            [] => self.contradiction = true,
            [unit] => self.units.push(unit),
            _ => {}
        }
        let index = self.clauses.len();
        for lit in &clause {
            self.by_literal[lit.code()].insert(index);
        }
        self.known.insert(clause.clone(), index);
        self.clauses.push(Some(clause));
    }

    fn remove(&mut self, index: usize) -> Option<Vec<Lit>> {
        let clause = self.clauses[index].take()?;
        for lit in &clause {
            self.by_literal[lit.code()].remove(&index);
        }
        self.known.remove(&clause);
        Some(clause)
    }

    /// Works in literals that stand alone; of kept variables they stay as clauses.
    fn settle(&mut self, kept: &[bool]) {
        while let Some(unit) = self.units.pop() {
            for index in std::mem::take(&mut self.by_literal[unit.code()]) {
                self.remove(index);
            }
            for index in std::mem::take(&mut self.by_literal[(!unit).code()]) {
                if let Some(mut clause) = self.remove(index) {
                    clause.retain(|lit| *lit != !unit);
                    self.add(clause);
                }
            }
            if kept[unit.var()] {
                let index = self.clauses.len();
                self.by_literal[unit.code()].insert(index);
                self.known.insert(vec![unit], index);
                self.clauses.push(Some(vec![unit]));
            }
        }
    }

    fn try_variable(&mut self, var: usize) -> bool {
        let lit = Lit::of(u32::try_from(var).unwrap_or(0), false);
        let positive: Vec<usize> = self.by_literal[lit.code()].iter().copied().collect();
        let negative: Vec<usize> = self.by_literal[(!lit).code()].iter().copied().collect();
        let before = positive.len() + negative.len();
        if before == 0 || positive.len() * negative.len() > 4 * before + 64 {
            return false;
        }
        let mut resolvents = BTreeSet::new();
        for a in &positive {
            for b in &negative {
                let (Some(a), Some(b)) = (&self.clauses[*a], &self.clauses[*b]) else {
                    continue;
                };
                if let Some(clause) = resolve(a, b, lit) {
                    if clause.len() > MAX_LENGTH {
                        return false;
                    }
                    resolvents.insert(clause);
                }
            }
        }
        if resolvents.len() > before + GROWTH {
            return false;
        }
        for index in positive.into_iter().chain(negative) {
            self.remove(index);
        }
        for clause in resolvents {
            self.add(clause);
        }
        true
    }
}

/// What follows from two clauses without `lit`; none if it always holds.
fn resolve(a: &[Lit], b: &[Lit], lit: Lit) -> Option<Vec<Lit>> {
    let mut out: Vec<Lit> = a
        .iter()
        .chain(b)
        .copied()
        .filter(|l| l.var() != lit.var())
        .collect();
    out.sort_unstable();
    out.dedup();
    (!out.windows(2).any(|w| w[0] == !w[1])).then_some(out)
}
