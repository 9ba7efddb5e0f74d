//! A symbol with everything said about it, and a choice with its members.
//!
//! What enclosing menus, `if` blocks and choices demand is worked into every condition already.

use crate::expr::{Expr, Operand, SymbolId};
use crate::source::{Location, Span};
use crate::value::Kind;

/// A prompt: the symbol can be set by the user while the condition holds.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The text shown.
    pub text: String,
    /// When it is visible, all surroundings included; none: always.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A default.
#[derive(Clone, Debug)]
pub struct DefaultValue {
    /// The value.
    pub value: Expr,
    /// When it holds, all surroundings included; none: always.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A `range`.
#[derive(Clone, Debug)]
pub struct Range {
    /// The lower bound, inclusive.
    pub low: Operand,
    /// The upper bound, inclusive.
    pub high: Operand,
    /// When it holds.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A `select` or `imply`, as seen from its target.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// The symbol that selects or implies.
    pub by: SymbolId,
    /// When; the value of `by` is a further bound.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// One symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub(crate) id: SymbolId,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) definitions: Vec<Span>,
    pub(crate) help: Option<String>,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) defaults: Vec<DefaultValue>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) selected_by: Vec<Reverse>,
    pub(crate) implied_by: Vec<Reverse>,
    /// One per definition: the dependencies there; none: none.
    pub(crate) dependencies: Vec<Option<Expr>>,
    pub(crate) choice: Option<ChoiceId>,
    pub(crate) transitional: bool,
    pub(crate) environment: Option<String>,
    pub(crate) stays_on: bool,
}

impl Symbol {
    /// Its index in the model.
    pub fn id(&self) -> SymbolId {
        self.id
    }

    /// Its name, without `CONFIG_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether any file defines it (and does not only mention it).
    pub fn is_defined(&self) -> bool {
        !self.definitions.is_empty()
    }

    /// Whether it is a number written without quotes, which the language treats as a symbol nobody defines.
    pub fn is_constant(&self) -> bool {
        !self.is_defined()
            && self
                .name
                .starts_with(|c: char| c.is_ascii_digit() || c == '-')
    }

    /// Where it is first defined.
    pub fn location(&self) -> Option<Location> {
        self.definitions.first().map(Span::location)
    }

    /// Where it is defined: one place per definition.
    pub fn definitions(&self) -> &[Span] {
        &self.definitions
    }

    /// Its help text, without the indentation, lines separated by line feeds.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The text of its first prompt; none: it cannot be set by the user.
    pub fn prompt(&self) -> Option<&str> {
        self.prompts.first().map(|p| p.text.as_str())
    }

    /// Its prompts.
    pub fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }

    /// Its defaults, in the order in which they are tried.
    pub fn defaults(&self) -> &[DefaultValue] {
        &self.defaults
    }

    /// Its ranges, in the order in which they are tried.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Who selects it.
    pub fn selected_by(&self) -> &[Reverse] {
        &self.selected_by
    }

    /// Who implies it.
    pub fn implied_by(&self) -> &[Reverse] {
        &self.implied_by
    }

    /// The dependencies of each of its definitions; one of them must hold.
    pub fn dependencies(&self) -> &[Option<Expr>] {
        &self.dependencies
    }

    /// The choice it is a member of.
    pub fn choice(&self) -> Option<ChoiceId> {
        self.choice
    }

    /// Whether it only passes on what an older `.config` says: it takes its value from there without a prompt, and is
    /// never written.
    pub fn is_transitional(&self) -> bool {
        self.transitional
    }

    /// The variable of the environment that it stands for (classic `option env`); it is never written.
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// Whether `--allnoconfig` leaves it on (classic `option allnoconfig_y`).
    pub fn stays_on(&self) -> bool {
        self.stays_on
    }
}

/// Index of a choice in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChoiceId(pub(crate) u32);

impl ChoiceId {
    /// The index as a number: into [`Model::choices`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A choice: exactly one of its visible members is on.
#[derive(Clone, Debug)]
pub struct Choice {
    pub(crate) members: Vec<SymbolId>,
    pub(crate) defaults: Vec<(SymbolId, Option<Expr>, Span)>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) help: Option<String>,
    pub(crate) optional: bool,
    pub(crate) kind: Kind,
    pub(crate) name: Option<String>,
    pub(crate) span: Span,
}

impl Choice {
    /// Its members, in order of definition.
    pub fn members(&self) -> &[SymbolId] {
        &self.members
    }

    /// Its prompt's text.
    pub fn prompt(&self) -> Option<&str> {
        self.prompt.as_ref().map(|p| p.text.as_str())
    }

    /// Its help text.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Its defaults, in the order in which they are tried: the member, when, and where that is written.
    pub fn defaults(&self) -> &[(SymbolId, Option<Expr>, Span)] {
        &self.defaults
    }

    /// The place of its first line.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Whether no member need be on (classic).
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Its type: bool; in the classic dialect perhaps tristate, which lets several members be `m`.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name (classic).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it starts.
    pub fn location(&self) -> Location {
        self.span.location()
    }
}
