//! The `.config` format: lines to assignments.
//!
//! A line is `CONFIG_X=value`, `# CONFIG_X is not set` (which means `n`), any other comment, or empty. Whether the
//! value fits the symbol is decided where the symbol is known, by [`wish`].

use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::Dialect;
use crate::eval::Wish;
use crate::source::{SourceFile, Span};
use crate::symbol::Symbol;
use crate::value::{Kind, Tri};

/// One assignment as written.
#[derive(Debug)]
pub struct Assignment {
    /// Name without prefix.
    pub name: String,
    /// What stands after `=`; `n` for `is not set`.
    pub value: String,
    /// The whole line.
    pub span: Span,
}

/// The assignments of a text, in order.
pub fn parse(file: &Arc<SourceFile>, prefix: &str, out: &mut Diagnostics) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut start = 0;
    for raw in file.text().split_inclusive('\n') {
        let line = raw.strip_suffix('\n').unwrap_or(raw);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let span = Span {
            file: file.clone(),
            start,
            end: start + line.len(),
        };
        start += raw.len();
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            let name = comment
                .strip_prefix(' ')
                .and_then(|c| c.strip_prefix(prefix))
                .and_then(|c| c.strip_suffix(" is not set"))
                .filter(|name| !name.is_empty() && !name.contains(' '));
            if let Some(name) = name {
                found.push(Assignment {
                    name: name.to_owned(),
                    value: "n".to_owned(),
                    span,
                });
            }
            continue;
        }
        match line.strip_prefix(prefix).and_then(|l| l.split_once('=')) {
            Some((name, value)) => {
                found.push(Assignment {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    span,
                });
            }
            None => out.push(not_an_assignment(line, prefix, &span)),
        }
    }
    found
}

fn not_an_assignment(line: &str, prefix: &str, span: &Span) -> Diagnostic {
    let warning = Diagnostic::warning(
        Code::MalformedValue,
        "this line is not an assignment and is ignored",
    )
    .at(span, "");
    let trimmed = line.trim();
    if trimmed.starts_with(prefix) && trimmed.contains('=') {
        return warning.help("remove the white space before it");
    }
    match trimmed.split_once('=') {
        Some((name, value)) => warning.help(format!(
            "did you mean `{prefix}{}={}`?",
            name.trim(),
            value.trim()
        )),
        None => warning.help(format!(
            "write `{prefix}NAME=value`, or `# {prefix}NAME is not set`"
        )),
    }
}

/// What a value means for a symbol, and a warning if it is not exactly as it should be.
pub fn wish(
    dialect: Dialect,
    symbol: &Symbol,
    assignment: &Assignment,
) -> (Option<Wish>, Option<Diagnostic>) {
    let value = assignment.value.as_str();
    let malformed = |what: &str| {
        Diagnostic::warning(
            Code::MalformedValue,
            format!(
                "{value:?} is no value for {}, which is {}{what}",
                symbol.name, symbol.kind
            ),
        )
        .at(&assignment.span, "")
        .about(&symbol.name)
        .help(format!("write {}", symbol.kind.expects()))
    };
    match symbol.kind {
        Kind::Bool | Kind::Tristate => {
            // The reference looks at the first character only.
            let tri = match value.as_bytes().first() {
                Some(b'y') => Tri::Y,
                Some(b'm') if symbol.kind == Kind::Tristate => Tri::M,
                Some(b'n') => Tri::N,
                _ => return (None, Some(malformed("; the line is ignored"))),
            };
            let warning = (value.len() != 1).then(|| malformed(&format!("; it is taken as {tri}")));
            (Some(Wish::Tri(tri)), warning)
        }
        Kind::String => match dialect.unquote(value) {
            Some((text, "")) => (Some(Wish::Text(text)), None),
            Some((text, _)) => (
                Some(Wish::Text(text)),
                Some(malformed("; what follows the closing quote is ignored")),
            ),
            None => (None, Some(malformed("; the line is ignored"))),
        },
        Kind::Int | Kind::Hex if symbol.kind.accepts(value) => {
            (Some(Wish::Text(value.to_owned())), None)
        }
        _ => (None, Some(malformed("; the line is ignored"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_other_than_is_not_set_are_skipped() {
        let file = SourceFile::new(
            "f",
            "# CONFIG_A is not set\r\n#CONFIG_B is not set\n# CONFIG_C is not set.\n\n# x\nCONFIG_D=1",
        );
        let mut out = Diagnostics::new();
        let names: Vec<String> = parse(&file, "CONFIG_", &mut out)
            .into_iter()
            .map(|a| a.name)
            .collect();
        assert_eq!(names, ["A", "D"]);
        assert!(out.is_empty());
    }
}
