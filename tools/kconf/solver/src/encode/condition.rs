//! Conditions and comparisons as literals.

use std::sync::Arc;

use kconf::{Expr, ExprKind, Kind, Operand, Relation, Tri};

use super::{Encoding, Part, TextLits, ValueLits};
use crate::formula::{Lit, TriLit};

impl Encoding<'_> {
    /// A condition; none always holds. Where parts can be ignored, each of its lines can.
    pub(super) fn condition(&mut self, expr: Option<&Expr>) -> TriLit {
        let Some(expr) = expr else {
            return TriLit::Y;
        };
        if self.relaxation.is_none() {
            return self.evaluate(expr, true);
        }
        if let ExprKind::And(list) = expr.kind() {
            let parts = list.iter().map(|e| self.condition(Some(e))).collect();
            return self.formula.least(parts);
        }
        let value = self.evaluate(expr, true);
        let Some(ignored) = self.line(expr) else {
            return value;
        };
        self.formula.max(value, TriLit::flat(ignored))
    }

    /// The literal by which the line of `expr` is ignored.
    fn line(&mut self, expr: &Expr) -> Option<Lit> {
        let known = self.relaxation.as_ref()?.by_node.get(&expr.identity());
        if let Some(known) = known {
            return Some(*known);
        }
        let lit = self.relax(Part::Line(expr.clone()))?;
        if let Some(relaxation) = &mut self.relaxation {
            relaxation.by_node.insert(expr.identity(), lit);
        }
        Some(lit)
    }

    /// The value of a default, where `m` is `m`.
    pub(super) fn plain(&mut self, expr: &Expr) -> TriLit {
        self.evaluate(expr, false)
    }

    fn evaluate(&mut self, expr: &Expr, condition: bool) -> TriLit {
        let key = (expr.identity(), condition);
        if let Some(known) = self.memo.get(&key) {
            return *known;
        }
        let value = match expr.kind() {
            ExprKind::Operand(Operand::Tri(Tri::M)) if condition => TriLit {
                on: self.modules,
                yes: Lit::FALSE,
            },
            ExprKind::Operand(Operand::Tri(tri)) => TriLit {
                on: Lit::constant(*tri != Tri::N),
                yes: Lit::constant(*tri == Tri::Y),
            },
            ExprKind::Operand(Operand::Text(_)) => TriLit::N,
            ExprKind::Operand(Operand::Symbol(id)) => self.tri(*id),
            ExprKind::Compare(relation, a, b) => TriLit::flat(self.compare(*relation, a, b)),
            ExprKind::Not(inner) => self.evaluate(inner, condition).negate(),
            ExprKind::And(list) => {
                let parts = list.iter().map(|e| self.evaluate(e, condition)).collect();
                self.formula.least(parts)
            }
            ExprKind::Or(list) => {
                let parts = list.iter().map(|e| self.evaluate(e, condition)).collect();
                self.formula.most(parts)
            }
        };
        self.memo.insert(key, value);
        value
    }

    fn compare(&mut self, relation: Relation, a: &Operand, b: &Operand) -> Lit {
        let (left, right) = (self.texts(a), self.texts(b));
        let (kind_a, kind_b) = (self.kind(a), self.kind(b));
        let holds = |x: &str, y: &str| kconf::compare(relation, (x, kind_a), (y, kind_b));
        // One side constant: whichever of the two sets of values is smaller.
        let (list, constant, swapped) = match (&left[..], &right[..]) {
            (_, [(text, Lit::TRUE)]) => (&left, text, false),
            ([(text, Lit::TRUE)], _) => (&right, text, true),
            _ => {
                let mut pairs = Vec::new();
                for (x, when_x) in &left {
                    for (y, when_y) in &right {
                        if holds(x, y) {
                            pairs.push(self.formula.and(*when_x, *when_y));
                        }
                    }
                }
                return self.formula.any(pairs);
            }
        };
        let (yes, no): (Vec<_>, Vec<_>) = list.iter().partition(|(text, _)| match swapped {
            false => holds(text, constant),
            true => holds(constant, text),
        });
        if yes.len() <= no.len() {
            self.formula.any(yes.iter().map(|(_, lit)| *lit))
        } else {
            !self.formula.any(no.iter().map(|(_, lit)| *lit))
        }
    }

    fn kind(&self, operand: &Operand) -> Kind {
        match operand {
            Operand::Tri(_) => Kind::Tristate,
            Operand::Text(_) => Kind::Unknown,
            Operand::Symbol(id) => self.model.get(*id).kind(),
        }
    }

    /// The values as comparisons see them.
    fn texts(&mut self, operand: &Operand) -> TextLits {
        if let Operand::Symbol(id) = operand {
            let lits = &self.symbols[id.index()];
            let module = lits.module;
            if let ValueLits::Tri(tri) = lits.value
                && self.model.get(*id).kind().is_logic()
            {
                let list = [("n", !tri.on), ("m", module), ("y", tri.yes)];
                return list
                    .into_iter()
                    .filter(|(_, lit)| *lit != Lit::FALSE)
                    .map(|(text, lit)| (Arc::from(text), lit))
                    .collect();
            }
        }
        self.raw(operand)
    }

    /// The values as defaults and ranges of numbers and strings see them.
    pub(super) fn raw(&self, operand: &Operand) -> TextLits {
        let constant = |text: &str| vec![(Arc::from(text), Lit::TRUE)];
        match operand {
            Operand::Tri(tri) => constant(tri.as_str()),
            Operand::Text(text) => vec![(text.clone(), Lit::TRUE)],
            Operand::Symbol(id) => {
                let symbol = self.model.get(*id);
                match (&self.symbols[id.index()].value, symbol.kind()) {
                    (_, Kind::Unknown) => constant(symbol.name()),
                    (ValueLits::Text(list), _) => list.clone(),
                    (ValueLits::Tri(_), kind) if kind.is_logic() => constant("n"),
                    // Not evaluated yet: what it starts as.
                    (ValueLits::Tri(_), kind) => constant(super::text::initial(kind)),
                }
            }
        }
    }
}
