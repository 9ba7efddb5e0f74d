//! Diagnostics: what is wrong, where, why, and what would be right.
//!
//! A [`Diagnostic`] is self-contained (it holds the source text it points into), so it can be returned through
//! any number of layers and rendered at the end. [`Diagnostics`] is a collection that keeps the order of
//! discovery. Rendering is in the `render` module; nothing here prints.

use std::fmt;

use crate::source::{Location, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The result cannot be used.
    Error,
    /// The result exists, but something was not as written.
    Warning,
}

/// What kind of finding, stable for scripts and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A file cannot be read.
    Io,
    /// Text that is not UTF-8.
    Encoding,
    /// The text does not follow the grammar.
    Syntax,
    /// A part of the language that this version does not implement.
    Unsupported,
    /// A bound of this implementation (nesting, number of files) was exceeded.
    Limit,
    /// A file includes itself, directly or through others.
    RecursiveSource,
    /// A variable of the macro language refers to itself.
    RecursiveMacro,
    /// What a tree says itself, with `$(error-if)` or `$(warning-if)`.
    Message,
    /// The value of a symbol depends on itself.
    RecursiveDependency,
    /// A definition that cannot mean what it says (no type, select of a number, …).
    Definition,
    /// A line of a configuration that is no assignment, or a value not of the symbol's type.
    MalformedValue,
    /// An assignment to a symbol that no Kconfig file defines.
    UnknownSymbol,
    /// A number outside the range that holds.
    OutOfRange,
    /// An assignment whose value is not the symbol's value in the end.
    DidNotTake,
    /// A symbol was assigned twice in one file.
    Reassigned,
    /// A symbol is selected although its dependencies do not hold.
    UnmetDependency,
    /// A finding of `lint`, by its name.
    Lint(&'static str),
}

impl Code {
    /// The name shown in brackets after the severity.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Io => "io",
            Code::Encoding => "encoding",
            Code::Syntax => "syntax",
            Code::Unsupported => "unsupported",
            Code::Limit => "limit",
            Code::RecursiveSource => "recursive-source",
            Code::RecursiveMacro => "recursive-macro",
            Code::Message => "message",
            Code::RecursiveDependency => "recursive-dependency",
            Code::Definition => "definition",
            Code::MalformedValue => "malformed-value",
            Code::UnknownSymbol => "unknown-symbol",
            Code::OutOfRange => "out-of-range",
            Code::DidNotTake => "did-not-take",
            Code::Reassigned => "reassigned",
            Code::UnmetDependency => "unmet-dependency",
            Code::Lint(name) => name,
        }
    }
}

/// A marked place with a remark. The first label of a diagnostic is where the mistake stands.
#[derive(Clone, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The remark beside the caret; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// What kind.
    pub code: Code,
    /// One sentence: what is wrong.
    pub message: String,
    /// Places, the main one first.
    pub labels: Vec<Label>,
    /// Why it is so.
    pub notes: Vec<String>,
    /// What would be right.
    pub helps: Vec<String>,
    /// The symbol it is about, without prefix.
    pub symbol: Option<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            symbol: None,
        }
    }

    /// A warning without a place yet.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds a place; the first one added is the main one.
    #[must_use]
    pub fn at(mut self, span: &Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span: span.clone(),
            text: text.into(),
        });
        self
    }

    /// Adds a reason.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds what would be right.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Names the symbol it is about.
    #[must_use]
    pub fn about(mut self, symbol: &str) -> Self {
        self.symbol = Some(symbol.to_owned());
        self
    }

    /// Where the mistake stands, if it stands anywhere.
    pub fn location(&self) -> Option<Location> {
        self.labels.first().map(|label| label.span.location())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::render::render(self))
    }
}

/// Findings in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.items.push(diagnostic);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Diagnostics) {
        self.items.extend(other.items);
    }

    /// All findings.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// The findings themselves.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.items
    }

    /// How many findings.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|d| d.severity == Severity::Error)
    }

    /// The same findings with every warning turned into an error.
    #[must_use]
    pub fn into_errors(mut self) -> Self {
        for item in &mut self.items {
            item.severity = Severity::Error;
        }
        self
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            items: vec![diagnostic],
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
