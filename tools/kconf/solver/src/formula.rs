//! Clauses over numbered variables, built as a circuit: every gate is folded if it is constant and shared if it
//! was built before, so that equal parts of a tree cost nothing twice.

use std::collections::HashMap;

/// A variable or its negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lit(u32);

impl Lit {
    /// Always true.
    pub const TRUE: Lit = Lit(0);
    /// Never true.
    pub const FALSE: Lit = Lit(1);

    /// The variable's number.
    pub fn var(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether it is the negation of its variable.
    pub fn is_negative(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether it is [`Lit::TRUE`] or [`Lit::FALSE`].
    pub fn is_constant(self) -> bool {
        self.0 < 2
    }

    pub(crate) fn of(var: u32, negative: bool) -> Self {
        Lit(var << 1 | u32::from(negative))
    }

    pub(crate) fn constant(value: bool) -> Self {
        if value { Lit::TRUE } else { Lit::FALSE }
    }
}

impl std::ops::Not for Lit {
    type Output = Lit;

    fn not(self) -> Lit {
        Lit(self.0 ^ 1)
    }
}

/// Variables and clauses. Variable 0 is the constant.
#[derive(Clone, Debug)]
pub struct Formula {
    variables: u32,
    literals: Vec<Lit>,
    ends: Vec<usize>,
    gates: HashMap<Box<[Lit]>, Lit>,
    pairs: HashMap<(Lit, Lit), Lit>,
}

impl Formula {
    pub(crate) fn new() -> Self {
        Self {
            variables: 1,
            literals: vec![Lit::TRUE],
            ends: vec![1],
            gates: HashMap::new(),
            pairs: HashMap::new(),
        }
    }

    /// How many variables there are, the constant included.
    pub fn variables(&self) -> usize {
        self.variables as usize
    }

    /// The clauses: in each, one literal holds.
    pub fn clauses(&self) -> impl Iterator<Item = &[Lit]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.literals[start..*end])
    }

    /// How many clauses there are.
    pub fn clause_count(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn fresh(&mut self) -> Lit {
        let lit = Lit::of(self.variables, false);
        self.variables += 1;
        lit
    }

    /// One of these holds.
    pub(crate) fn clause(&mut self, list: &[Lit]) {
        if list.contains(&Lit::TRUE) {
            return;
        }
        self.literals
            .extend(list.iter().filter(|l| **l != Lit::FALSE));
        self.ends.push(self.literals.len());
    }

    pub(crate) fn and(&mut self, a: Lit, b: Lit) -> Lit {
        let (a, b) = (a.min(b), a.max(b));
        if a == Lit::FALSE || a == !b {
            return Lit::FALSE;
        }
        if a == Lit::TRUE || a == b {
            return b;
        }
        if let Some(known) = self.pairs.get(&(a, b)) {
            return *known;
        }
        let out = self.fresh();
        self.pairs.insert((a, b), out);
        self.clause(&[!out, a]);
        self.clause(&[!out, b]);
        self.clause(&[out, !a, !b]);
        out
    }

    pub(crate) fn or(&mut self, a: Lit, b: Lit) -> Lit {
        !self.and(!a, !b)
    }

    pub(crate) fn all(&mut self, list: impl IntoIterator<Item = Lit>) -> Lit {
        let mut list: Vec<Lit> = list.into_iter().filter(|l| *l != Lit::TRUE).collect();
        list.sort_unstable();
        list.dedup();
        // A literal and its negation are neighbours.
        if list.contains(&Lit::FALSE) || list.windows(2).any(|w| w[0] == !w[1]) {
            return Lit::FALSE;
        }
        match list[..] {
            [] => return Lit::TRUE,
            [one] => return one,
            [a, b] => return self.and(a, b),
            _ => {}
        }
        if let Some(known) = self.gates.get(list.as_slice()) {
            return *known;
        }
        let out = self.fresh();
        for lit in &list {
            self.clause(&[!out, *lit]);
        }
        let mut back: Vec<Lit> = list.iter().map(|l| !*l).collect();
        back.push(out);
        self.clause(&back);
        self.gates.insert(list.into_boxed_slice(), out);
        out
    }

    pub(crate) fn any(&mut self, list: impl IntoIterator<Item = Lit>) -> Lit {
        !self.all(list.into_iter().map(|l| !l))
    }

    pub(crate) fn choose(&mut self, condition: Lit, yes: Lit, no: Lit) -> Lit {
        if yes == no {
            return yes;
        }
        let (a, b) = (self.and(condition, yes), self.and(!condition, no));
        self.or(a, b)
    }

    pub(crate) fn exactly_one(&mut self, list: &[Lit]) {
        self.clause(list);
        // A chain: `before` holds if any of the earlier ones does.
        let mut before = Lit::FALSE;
        for lit in list {
            self.clause(&[!before, !*lit]);
            before = self.or(before, *lit);
        }
    }
}

/// A value of three as two literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriLit {
    /// `m` or `y`.
    pub on: Lit,
    /// `y`.
    pub yes: Lit,
}

impl TriLit {
    /// Always `n`.
    pub const N: TriLit = TriLit {
        on: Lit::FALSE,
        yes: Lit::FALSE,
    };
    /// Always `y`.
    pub const Y: TriLit = TriLit {
        on: Lit::TRUE,
        yes: Lit::TRUE,
    };

    pub(crate) fn flat(lit: Lit) -> Self {
        Self { on: lit, yes: lit }
    }

    pub(crate) fn negate(self) -> Self {
        Self {
            on: !self.yes,
            yes: !self.on,
        }
    }
}

impl Formula {
    pub(crate) fn min(&mut self, a: TriLit, b: TriLit) -> TriLit {
        self.least(vec![a, b])
    }

    pub(crate) fn max(&mut self, a: TriLit, b: TriLit) -> TriLit {
        self.least(vec![a.negate(), b.negate()]).negate()
    }

    pub(crate) fn least(&mut self, list: Vec<TriLit>) -> TriLit {
        TriLit {
            on: self.all(list.iter().map(|t| t.on)),
            yes: self.all(list.iter().map(|t| t.yes)),
        }
    }

    pub(crate) fn most(&mut self, list: Vec<TriLit>) -> TriLit {
        self.least(list.into_iter().map(TriLit::negate).collect())
            .negate()
    }

    pub(crate) fn choose_tri(&mut self, condition: Lit, yes: TriLit, no: TriLit) -> TriLit {
        TriLit {
            on: self.choose(condition, yes.on, no.on),
            yes: self.choose(condition, yes.yes, no.yes),
        }
    }

    /// Whether `a > b`.
    pub(crate) fn above(&mut self, a: TriLit, b: TriLit) -> Lit {
        let (on, yes) = (self.and(a.on, !b.on), self.and(a.yes, !b.yes));
        self.or(on, yes)
    }

    /// Whether it is exactly `m`.
    pub(crate) fn is_module(&mut self, a: TriLit) -> Lit {
        self.and(a.on, !a.yes)
    }
}
