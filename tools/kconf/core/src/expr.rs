//! Expressions over symbols, each knowing where it was written.
//!
//! `&&` and `||` hold all their operands in one list, so the depth of an expression is the depth of its
//! parentheses, which the parser bounds. Nodes are shared: a menu's dependency is stored once however many
//! symbols inherit it.

use std::sync::Arc;

use crate::source::Span;
use crate::value::Tri;

/// Index of a symbol in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub(crate) u32);

impl SymbolId {
    /// The index as a number: below [`crate::Model::name_count`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What stands on either side of a comparison, or alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// `n`, `m` or `y`, quoted or not.
    Tri(Tri),
    /// A quoted constant.
    Text(Arc<str>),
    /// A symbol, defined or not.
    Symbol(SymbolId),
}

/// A comparison of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Relation {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Relation::Equal => "=",
            Relation::Unequal => "!=",
            Relation::Less => "<",
            Relation::LessEqual => "<=",
            Relation::Greater => ">",
            Relation::GreaterEqual => ">=",
        }
    }

    /// Whether the relation holds for operands ordered so.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Unequal => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::LessEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterEqual => order.is_ge(),
        }
    }
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr(Arc<Node>);

#[derive(Debug)]
struct Node {
    kind: ExprKind,
    span: Span,
}

/// The forms of an expression.
#[derive(Debug)]
pub enum ExprKind {
    /// One operand.
    Operand(Operand),
    /// A comparison.
    Compare(Relation, Operand, Operand),
    /// `!`
    Not(Expr),
    /// `&&` of all; never empty.
    And(Vec<Expr>),
    /// `||` of all; never empty.
    Or(Vec<Expr>),
}

impl Expr {
    /// An expression written at `span`.
    pub fn new(kind: ExprKind, span: Span) -> Self {
        Self(Arc::new(Node { kind, span }))
    }

    /// Its form.
    pub fn kind(&self) -> &ExprKind {
        &self.0.kind
    }

    /// Which node this is: equal for expressions that share their node, and only for those. Two loads of the same
    /// tree give different numbers, so nothing that is shown may depend on their order.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Where it was written; for a combination of several lines, the first.
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// The conjunction of two conditions, where none means always.
    pub fn and(a: Option<Expr>, b: Option<Expr>) -> Option<Expr> {
        match (a, b) {
            (Some(a), Some(b)) => {
                let span = a.span().clone();
                Some(Expr::new(ExprKind::And(vec![a, b]), span))
            }
            (a, b) => a.or(b),
        }
    }

    /// Calls `visit` with every symbol mentioned.
    pub fn for_each_symbol(&self, visit: &mut dyn FnMut(SymbolId, &Span)) {
        let mut operand = |operand: &Operand| {
            if let Operand::Symbol(id) = operand {
                visit(*id, self.span());
            }
        };
        match self.kind() {
            ExprKind::Operand(a) => operand(a),
            ExprKind::Compare(_, a, b) => {
                operand(a);
                operand(b);
            }
            ExprKind::Not(inner) => inner.for_each_symbol(visit),
            ExprKind::And(list) | ExprKind::Or(list) => {
                for inner in list {
                    inner.for_each_symbol(visit);
                }
            }
        }
    }
}
