//! Results as JSON. Field names are part of the interface and documented in `docs/kconf-command.md`.

use kconf::{Diagnostic, Diagnostics, Location, Severity, Span};
use serde_json::{Value, json};

use crate::context::{Failure, print};

/// Prints a value, indented, with a line feed at the end.
pub fn show(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// A place: `file`, `line`, `column`, from 1.
pub fn location(at: &Location) -> Value {
    json!({ "file": at.file, "line": at.line, "column": at.column })
}

/// As [`location`], of where a span starts.
pub fn place(span: &Span) -> Value {
    location(&span.location())
}

/// One finding.
pub fn diagnostic(found: &Diagnostic) -> Value {
    let labels: Vec<Value> = found
        .labels
        .iter()
        .map(|label| json!({ "place": place(&label.span), "source": label.span.text(), "text": label.text }))
        .collect();
    json!({
        "severity": match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": found.code.as_str(),
        "message": found.message,
        "symbol": found.symbol,
        "labels": labels,
        "notes": found.notes,
        "helps": found.helps,
    })
}

/// A list of findings.
pub fn list(found: &Diagnostics) -> Value {
    Value::Array(found.iter().map(diagnostic).collect())
}

/// What goes to standard error with `--json`: `{"diagnostics": […]}` on one line.
pub fn diagnostics(found: &Diagnostics) -> String {
    format!("{}\n", json!({ "diagnostics": list(found) }))
}
