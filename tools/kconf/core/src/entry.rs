//! The menu tree: what stands where, and when it is shown.

use crate::expr::{Expr, SymbolId};
use crate::source::Span;
use crate::symbol::ChoiceId;

/// What an entry of the menu tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// `menu`, which has an end.
    Menu,
    /// `comment`
    Comment,
    /// One definition of a symbol.
    Symbol(SymbolId),
    /// `choice`
    Choice(ChoiceId),
}

/// An entry of the menu tree.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) kind: EntryKind,
    /// The title of a menu or comment, the prompt of this definition.
    pub(crate) text: Option<String>,
    /// When the title is shown.
    pub(crate) condition: Option<Expr>,
    /// The menu's own `visible if`.
    pub(crate) visible_if: Option<Expr>,
    pub(crate) children: Vec<Entry>,
    /// The statement's first line.
    pub(crate) span: Span,
}

impl Entry {
    /// What it is.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Its title or prompt.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The entries in it.
    pub fn children(&self) -> &[Entry] {
        &self.children
    }

    /// When its title or prompt is shown, all surroundings included; none: always.
    pub fn condition(&self) -> Option<&Expr> {
        self.condition.as_ref()
    }

    /// The statement's first line.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Whether it was written as `menuconfig`: what depends on it is a menu of its own.
    pub fn is_menuconfig(&self) -> bool {
        self.span.text().trim_start().starts_with("menuconfig")
    }
}
