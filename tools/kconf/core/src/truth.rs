//! The truth of conditions and the order of values.
//!
//! Comparisons go by number where both sides are numbers, otherwise by the bytes of their texts; what counts as a
//! number follows from the types of the two sides.

use crate::eval::Evaluation;
use crate::expr::{Expr, ExprKind, Operand, Relation};
use crate::number::{parse_prefix, parse_prefix_unsigned};
use crate::value::{Kind, Tri};

impl Evaluation<'_> {
    /// The value of a condition; none always holds. A bare `m` is `m` only with modules.
    pub fn condition(&self, expr: Option<&Expr>) -> Tri {
        expr.map_or(Tri::Y, |expr| self.evaluate(expr, true))
    }

    /// The value of a default, where `m` is `m`.
    pub fn plain(&self, expr: &Expr) -> Tri {
        self.evaluate(expr, false)
    }

    fn evaluate(&self, expr: &Expr, condition: bool) -> Tri {
        match expr.kind() {
            ExprKind::Operand(Operand::Tri(Tri::M)) if condition => Tri::M.min(self.modules),
            ExprKind::Operand(Operand::Tri(tri)) => *tri,
            ExprKind::Operand(Operand::Text(_)) => Tri::N,
            ExprKind::Operand(Operand::Symbol(id)) => self.states[id.index()].tri,
            ExprKind::Compare(relation, a, b) => match self.compare(*relation, a, b) {
                true => Tri::Y,
                false => Tri::N,
            },
            ExprKind::Not(inner) => self.evaluate(inner, condition).negate(),
            ExprKind::And(list) => list
                .iter()
                .map(|e| self.evaluate(e, condition))
                .min()
                .unwrap_or(Tri::Y),
            ExprKind::Or(list) => list
                .iter()
                .map(|e| self.evaluate(e, condition))
                .max()
                .unwrap_or(Tri::N),
        }
    }

    fn operand_kind(&self, operand: &Operand) -> Kind {
        match operand {
            Operand::Tri(_) => Kind::Tristate,
            Operand::Text(_) => Kind::Unknown,
            Operand::Symbol(id) => self.model.get(*id).kind,
        }
    }

    /// The value as text, as comparisons see it.
    pub fn string(&self, operand: &Operand) -> String {
        let tri = match operand {
            Operand::Tri(tri) => *tri,
            Operand::Symbol(id) if self.model.get(*id).kind.is_logic() => {
                self.states[id.index()].tri
            }
            _ => return self.raw(operand),
        };
        tri.as_str().to_owned()
    }

    /// The value as text, as a default of a number or string sees it: of a bool or tristate symbol always `n`.
    pub fn raw(&self, operand: &Operand) -> String {
        match operand {
            Operand::Tri(tri) => tri.as_str().to_owned(),
            Operand::Text(text) => text.to_string(),
            Operand::Symbol(id) => {
                let symbol = self.model.get(*id);
                match symbol.kind {
                    Kind::Unknown => symbol.name.clone(),
                    kind if kind.is_logic() => "n".to_owned(),
                    _ => self.states[id.index()].text.clone(),
                }
            }
        }
    }

    fn compare(&self, relation: Relation, a: &Operand, b: &Operand) -> bool {
        let (left, right) = (self.string(a), self.string(b));
        compare(
            relation,
            (&left, self.operand_kind(a)),
            (&right, self.operand_kind(b)),
        )
    }
}

/// Whether a relation holds between two values, each a text with the type of where it comes from (a constant has
/// none): by number where both are numbers, otherwise by their bytes.
pub fn compare(relation: Relation, left: (&str, Kind), right: (&str, Kind)) -> bool {
    let order = if left.1 == Kind::String && right.1 == Kind::String {
        left.0.cmp(right.0)
    } else {
        match (scalar(left.0, left.1), scalar(right.0, right.1)) {
            (Some(Scalar::Signed(x)), Some(Scalar::Signed(y))) => x.cmp(&y),
            (Some(x), Some(y)) => x.bits().cmp(&y.bits()),
            _ => left.0.as_bytes().cmp(right.0.as_bytes()),
        }
    };
    relation.holds(order)
}

enum Scalar {
    Signed(i64),
    Unsigned(u64),
}

impl Scalar {
    /// As the unsigned number with the same bits.
    fn bits(&self) -> u64 {
        match self {
            Scalar::Signed(value) => value.cast_unsigned(),
            Scalar::Unsigned(value) => *value,
        }
    }
}

/// The number that `text` is for an operand of type `kind`; none if it is compared as text.
fn scalar(text: &str, kind: Kind) -> Option<Scalar> {
    match kind {
        Kind::Bool | Kind::Tristate => Some(Scalar::Signed(match text {
            "n" => 0,
            "m" => 1,
            "y" => 2,
            _ => -1,
        })),
        Kind::Hex => {
            let found = parse_prefix_unsigned(text, 16);
            found.whole.then_some(Scalar::Unsigned(found.value))
        }
        _ => {
            let found = parse_prefix(text, if kind == Kind::Int { 10 } else { 0 });
            found.whole.then_some(Scalar::Signed(found.value))
        }
    }
}
