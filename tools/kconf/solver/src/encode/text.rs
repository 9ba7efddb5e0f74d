//! Numbers and strings: which of finitely many values, and the ranges that change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kconf::{Dialect, ExprKind, Kind, Operand, Symbol, number_at_start};

use super::{Encoding, Part, SymbolLits, TextLits, ValueLits, WishLits};
use crate::formula::Lit;

/// Cases of a value, merged by text when done.
type Cases = Vec<(Arc<str>, Lit)>;

impl Encoding<'_> {
    pub(super) fn textual(&mut self, symbol: &Symbol, lits: &mut SymbolLits) {
        let _ = self.defaults(symbol, lits);
        let mut cases: Cases = Vec::new();
        let active = self.text_wish(symbol, lits, &mut cases);
        let mut pending = !active;
        // A transitional symbol is only what an older `.config` says.
        let defaults = match symbol.is_transitional() {
            true => &[],
            false => symbol.defaults(),
        };
        for (default, used) in defaults.iter().zip(&lits.defaults) {
            let used = self.formula.and(!active, *used);
            pending = self.formula.and(pending, !used);
            match default.value.kind() {
                ExprKind::Operand(operand) => {
                    for (text, lit) in self.raw(operand) {
                        let lit = self.formula.and(used, lit);
                        cases.push((text, lit));
                    }
                }
                _ => cases.push((
                    Arc::from(initial(self.model.dialect(), symbol.kind())),
                    used,
                )),
            }
        }
        cases.push((
            Arc::from(initial(self.model.dialect(), symbol.kind())),
            pending,
        ));
        let mut value = self.merge(cases);
        if symbol.kind().is_number() && !symbol.is_transitional() {
            value = self.clamp(symbol, value);
        }
        if let Some(ignored) = self.relax(Part::Definition(symbol.id())) {
            value = self.freed(symbol, value, ignored);
        }
        lits.value = ValueLits::Text(value);
    }

    /// The wish: one of the domain's values. Gives when it counts.
    fn text_wish(&mut self, symbol: &Symbol, lits: &mut SymbolLits, cases: &mut Cases) -> Lit {
        let heard = match symbol.is_transitional() {
            true => Lit::TRUE,
            false => lits.visible.on,
        };
        if heard == Lit::FALSE {
            return Lit::FALSE;
        }
        let mut domain = self.domains[symbol.id().index()].clone();
        for range in symbol.ranges() {
            for bound in [&range.low, &range.high] {
                domain.extend(self.raw(bound).into_iter().map(|(text, _)| text));
            }
        }
        domain.retain(|text| symbol.kind().accepts(text));
        domain.sort();
        domain.dedup();
        let values: TextLits = domain
            .into_iter()
            .map(|text| (text, self.formula.fresh()))
            .collect();
        if values.is_empty() {
            return Lit::FALSE;
        }
        let all: Vec<Lit> = values.iter().map(|(_, lit)| *lit).collect();
        self.formula.exactly_one(&all);
        let set = self.formula.fresh();
        let active = self.formula.and(set, heard);
        for (text, lit) in &values {
            let lit = self.formula.and(active, *lit);
            cases.push((text.clone(), lit));
        }
        lits.wish = Some(WishLits {
            set,
            value: ValueLits::Text(values),
        });
        active
    }

    /// Cases of the same text become one.
    fn merge(&mut self, cases: Cases) -> TextLits {
        let mut by_text: BTreeMap<Arc<str>, Vec<Lit>> = BTreeMap::new();
        for (text, lit) in cases {
            if lit != Lit::FALSE {
                by_text.entry(text).or_default().push(lit);
            }
        }
        by_text
            .into_iter()
            .map(|(text, lits)| (text, self.formula.any(lits)))
            .filter(|(_, lit)| *lit != Lit::FALSE)
            .collect()
    }

    fn clamp(&mut self, symbol: &Symbol, value: TextLits) -> TextLits {
        let base = if symbol.kind() == Kind::Int { 10 } else { 16 };
        let mut cases: Cases = Vec::new();
        let mut pending = Lit::TRUE;
        for range in symbol.ranges() {
            let holds = self.condition(range.condition.as_ref()).on;
            let now = self.formula.and(pending, holds);
            pending = self.formula.and(pending, !holds);
            if now == Lit::FALSE {
                continue;
            }
            let (low, low_base) = (self.raw(&range.low), self.bound_base(&range.low, base));
            let (high, high_base) = (self.raw(&range.high), self.bound_base(&range.high, base));
            let mut under = Vec::new();
            let mut over = Vec::new();
            for (text, when) in &value {
                let number = number_at_start(text, base);
                let below = low
                    .iter()
                    .filter(|(bound, _)| number < number_at_start(bound, low_base))
                    .map(|(_, lit)| *lit);
                let below = self.formula.any(below.collect::<Vec<_>>());
                let above = high
                    .iter()
                    .filter(|(bound, _)| number > number_at_start(bound, high_base))
                    .map(|(_, lit)| *lit);
                let above = self.formula.any(above.collect::<Vec<_>>());
                let above = self.formula.and(!below, above);
                under.push(self.formula.and(*when, below));
                over.push(self.formula.and(*when, above));
                let inside = self.formula.all([now, *when, !below, !above]);
                cases.push((text.clone(), inside));
            }
            for (bound, outside) in [(low, under), (high, over)] {
                let outside = self.formula.any(outside);
                for (text, lit) in bound {
                    let lit = self.formula.all([now, outside, lit]);
                    cases.push((text, lit));
                }
            }
        }
        for (text, when) in value {
            let lit = self.formula.and(pending, when);
            cases.push((text, lit));
        }
        self.merge(cases)
    }

    fn bound_base(&self, operand: &Operand, base: u32) -> u32 {
        match operand {
            Operand::Symbol(id) => match self.model.get(*id).kind() {
                Kind::Int => 10,
                Kind::Hex => 16,
                _ => base,
            },
            _ => base,
        }
    }

    /// Any value of the domain where the definition is ignored.
    fn freed(&mut self, symbol: &Symbol, value: TextLits, ignored: Lit) -> TextLits {
        let mut domain = self.domains[symbol.id().index()].clone();
        domain.extend(value.iter().map(|(text, _)| text.clone()));
        domain.sort();
        domain.dedup();
        let free: TextLits = domain
            .into_iter()
            .map(|text| (text, self.formula.fresh()))
            .collect();
        let all: Vec<Lit> = free.iter().map(|(_, lit)| *lit).collect();
        self.formula.exactly_one(&all);
        let mut cases: Cases = Vec::new();
        for (list, when) in [(value, !ignored), (free, ignored)] {
            for (text, lit) in list {
                let lit = self.formula.and(when, lit);
                cases.push((text, lit));
            }
        }
        self.merge(cases)
    }
}

/// What a symbol of this type is if nothing says anything.
pub(super) fn initial(dialect: Dialect, kind: Kind) -> &'static str {
    match kind {
        _ if dialect.is_classic() => "",
        Kind::Int => "0",
        Kind::Hex => "0x0",
        _ => "",
    }
}
