//! The tree as written: one item per statement, included files spliced in where they were included.
//!
//! Nothing is inherited or checked here; names are interned to symbol indices, so that expressions need not
//! be rewritten later. The nesting of items is bounded by the parser.

use crate::expr::{Expr, Operand, SymbolId};
use crate::source::Span;
use crate::value::Kind;

/// A statement.
#[derive(Debug)]
pub enum Item {
    Config(SymbolId, Attributes),
    /// With its name, if it has one.
    Choice(Option<SymbolId>, Attributes, Vec<Item>),
    Menu(Attributes, Vec<Item>),
    If(Option<Expr>, Vec<Item>),
    Comment(Attributes),
}

/// What stands below `config`, `choice`, `menu` and `comment`, in order.
#[derive(Debug)]
pub struct Attributes {
    /// The statement's first line.
    pub span: Span,
    pub list: Vec<Attribute>,
    pub help: Option<String>,
}

/// One attribute.
#[derive(Debug)]
pub struct Attribute {
    pub span: Span,
    pub kind: AttributeKind,
    /// What stands after `if`.
    pub condition: Option<Expr>,
}

/// The kinds of attribute.
#[derive(Debug)]
pub enum AttributeKind {
    Type(Kind),
    Prompt(String),
    Default(Expr),
    Depends(Expr),
    Visible(Expr),
    Select(SymbolId),
    Imply(SymbolId),
    Range(Operand, Operand),
    Modules,
    Transitional,
    /// What only older trees say: see [`crate::dialect`].
    Classic(crate::dialect::Classic),
}
