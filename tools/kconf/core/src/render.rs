//! Diagnostics as text: `severity[code]: message`, then each place as `file:line:column` with its line and a
//! caret, then reasons and advice.
//!
//! Plain ASCII, no colour, one line feed at the end; the text depends on nothing but the diagnostic. Tabs are
//! widened to eight columns, control characters are shown as `?` and over-long lines are clipped, so a
//! hostile file cannot disturb the terminal.

use std::fmt::Write;

use crate::diag::{Diagnostic, Label, Severity};

const CLIP: usize = 140;

/// The diagnostic as several lines of text.
pub fn render(diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    push_line(
        &mut out,
        format_args!(
            "{severity}[{}]: {}",
            diagnostic.code.as_str(),
            diagnostic.message
        ),
    );
    let width = diagnostic
        .labels
        .iter()
        .map(|l| l.span.location().line.to_string().len())
        .max()
        .unwrap_or(1);
    for (index, label) in diagnostic.labels.iter().enumerate() {
        let arrow = if index == 0 { "-->" } else { ":::" };
        push_line(
            &mut out,
            format_args!("{:width$} {arrow} {}", "", label.span.location()),
        );
        snippet(&mut out, label, width);
    }
    let remarks = diagnostic.notes.len() + diagnostic.helps.len();
    if !diagnostic.labels.is_empty() && remarks > 0 {
        push_line(&mut out, format_args!("{:width$} |", ""));
    }
    for (kind, texts) in [("note", &diagnostic.notes), ("help", &diagnostic.helps)] {
        for text in texts {
            let mut lines = text.lines();
            push_line(
                &mut out,
                format_args!("{:width$} = {kind}: {}", "", lines.next().unwrap_or("")),
            );
            for line in lines {
                push_line(&mut out, format_args!("{:width$}         {line}", ""));
            }
        }
    }
    out
}

fn snippet(out: &mut String, label: &Label, width: usize) {
    let file = &label.span.file;
    let (line, _) = file.position(label.span.start);
    let text = file.line(line);
    let start = label.span.start.saturating_sub(file.line_start(line));
    let end = label.span.end.saturating_sub(file.line_start(line));
    let (shown, from, to) = layout(text, start, end);
    push_line(out, format_args!("{:width$} |", ""));
    push_line(out, format_args!("{line:width$} | {shown}"));
    let carets = "^".repeat(to.saturating_sub(from).max(1));
    push_line(
        out,
        format_args!("{:width$} | {:from$}{carets} {}", "", "", label.text),
    );
}

/// The line as shown, and the columns of the marked part in it.
fn layout(text: &str, start: usize, end: usize) -> (String, usize, usize) {
    let mut cells: Vec<char> = Vec::new();
    let (mut from, mut to) = (None, None);
    for (offset, character) in text.char_indices() {
        if offset >= start && from.is_none() {
            from = Some(cells.len());
        }
        if offset >= end && to.is_none() {
            to = Some(cells.len());
        }
        match character {
            '\t' => cells.resize(cells.len() / 8 * 8 + 8, ' '),
            c if c.is_control() => cells.push('?'),
            c => cells.push(c),
        }
    }
    let from = from.unwrap_or(cells.len());
    let to = to.unwrap_or(cells.len()).max(from);
    if cells.len() <= CLIP {
        return (cells.into_iter().collect(), from, to);
    }
    let skip = if from > CLIP / 2 { from - CLIP / 4 } else { 0 };
    let shown: String = cells.into_iter().skip(skip).take(CLIP).collect();
    (shown, from - skip, to.saturating_sub(skip).min(CLIP))
}

fn push_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    let before = out.len();
    // Writing to a String cannot fail.
    let _ = write!(out, "{line}");
    out.truncate(before + out[before..].trim_end().len());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;
    use crate::source::{SourceFile, Span};

    #[test]
    fn carets_stand_under_the_marked_text_after_tabs() {
        let file = SourceFile::new("Kconfig", "\tdefault maybe\n");
        let span = Span {
            file,
            start: 9,
            end: 14,
        };
        let text = Diagnostic::error(Code::Syntax, "no")
            .at(&span, "here")
            .help("try y")
            .to_string();
        let expected = "error[syntax]: no\n  --> Kconfig:1:10\n  |\n1 |         default maybe\n  |                 ^^^^^ here\n  |\n  = help: try y\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn long_and_hostile_lines_are_clipped_and_cleaned() {
        let line = format!("{}\u{1b}[2J{}", "x".repeat(5000), "y".repeat(5000));
        let file = SourceFile::new("f", line);
        let text = Diagnostic::error(Code::Syntax, "m")
            .at(
                &Span {
                    file,
                    start: 5000,
                    end: 5001,
                },
                "",
            )
            .to_string();
        assert!(text.lines().all(|l| l.chars().count() < 160), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
