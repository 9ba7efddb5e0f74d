//! Mistakes in a file, told with their place: file, line, column, the line itself with carets under what
//! is wrong, and what would be right.
//!
//! Guarantees: the rendered text of an error depends only on the file's name, its text and the error, so
//! it can stand in a snapshot test. Errors of a file come in the order of their place in it.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A text with a name, in which mistakes can be pointed at.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// How the file is named in messages.
    pub name: String,
    /// Its content.
    pub text: String,
}

impl Source {
    /// Reads a file; a file that cannot be read is the only error then reported for it.
    pub fn read(path: &Path, what: &str) -> Result<Self, Errors> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => Err(Errors::plain(format!(
                "cannot read {what} `{name}`: {}",
                describe_io(&error)
            ))),
        }
    }
}

/// An I/O error without the operating system's numbers.
pub(crate) fn describe_io(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

/// A second place in the same file that explains the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Related {
    pub span: Range<usize>,
    pub label: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub(crate) span: Range<usize>,
    pub(crate) title: String,
    pub(crate) label: String,
    pub(crate) related: Vec<Related>,
    pub(crate) notes: Vec<String>,
    pub(crate) help: Vec<String>,
}

impl Diagnostic {
    pub(crate) fn new(span: Range<usize>, title: impl Into<String>) -> Self {
        Self {
            span,
            title: title.into(),
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Says beside the carets what is there.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at another place too.
    pub(crate) fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related.push(Related {
            span,
            label: label.into(),
        });
        self
    }

    /// Adds the reason behind the rule.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what would be right.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The first line of the message.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }
}

/// The mistakes of one file with what is needed to show them.
#[derive(Clone, Debug)]
struct FileErrors {
    source: Source,
    diagnostics: Vec<Diagnostic>,
}

/// All mistakes that were found. Displayed, it is the text for the terminal, without colour.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    plain: Vec<String>,
    files: Vec<FileErrors>,
}

impl Errors {
    /// One error that has no place in a file.
    #[must_use]
    pub fn plain(message: String) -> Self {
        Self {
            plain: vec![message],
            files: Vec::new(),
        }
    }

    /// The mistakes of one file.
    pub(crate) fn of(source: &Source, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|d| (d.span.start, d.span.end));
        // Several vCPUs may share one wrong line.
        let mut once: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for diagnostic in diagnostics {
            if !once.contains(&diagnostic) {
                once.push(diagnostic);
            }
        }
        let diagnostics = once;
        if diagnostics.is_empty() {
            return Self::default();
        }
        Self {
            plain: Vec::new(),
            files: vec![FileErrors {
                source: source.clone(),
                diagnostics,
            }],
        }
    }

    /// Joins the mistakes of another file.
    pub(crate) fn join(&mut self, other: Self) {
        self.plain.extend(other.plain);
        self.files.extend(other.files);
    }

    /// How many mistakes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plain.len()
            + self
                .files
                .iter()
                .map(|file| file.diagnostics.len())
                .sum::<usize>()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text for the terminal; `colour` adds ANSI colours.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        }
        .term_width(120);
        let mut out = Vec::new();
        for message in &self.plain {
            let title = Level::ERROR.primary_title(message.as_str());
            out.push(renderer.render(&[Group::with_title(title)]));
        }
        for file in &self.files {
            for diagnostic in &file.diagnostics {
                out.push(render_one(&renderer, &file.source, diagnostic));
            }
        }
        out.push(match self.len() {
            1 => "1 error".to_owned(),
            n => format!("{n} errors"),
        });
        out.join("\n\n")
    }
}

fn render_one(renderer: &Renderer, source: &Source, diagnostic: &Diagnostic) -> String {
    let mut primary = AnnotationKind::Primary.span(clamp(&diagnostic.span, &source.text));
    if !diagnostic.label.is_empty() {
        primary = primary.label(diagnostic.label.as_str());
    }
    let mut snippet = Snippet::source(source.text.as_str())
        .path(source.name.as_str())
        .annotation(primary);
    for related in &diagnostic.related {
        snippet = snippet.annotation(
            AnnotationKind::Context
                .span(clamp(&related.span, &source.text))
                .label(related.label.as_str()),
        );
    }
    let mut group = Level::ERROR
        .primary_title(diagnostic.title.as_str())
        .element(snippet);
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// Keeps a span inside the text and at least one column wide where possible, and on one line: a table's
/// span may reach over many lines, of which the first says enough.
fn clamp(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = span.start.min(text.len());
    let mut end = span.end.clamp(start, text.len());
    if let Some(newline) = text.get(start..end).and_then(|s| s.find('\n')) {
        end = start + newline;
    }
    start..end
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Errors {}
