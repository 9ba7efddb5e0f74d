//! Messages in two wordings: ours, with the lines concerned and advice, and that of the kernel's `conf`, which scripts
//! compare with.

use std::fmt::Write as _;
use std::path::Path;

use kconf::{Code, Diagnostic, Diagnostics, Severity};

/// Which wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Full,
    Conf,
}

/// Everything that was found, as text.
pub fn render(found: &Diagnostics, style: Style) -> String {
    match style {
        Style::Full => found.to_string(),
        Style::Conf => found.iter().map(conf).collect(),
    }
}

/// One finding as `conf` says it. What `conf` does not report is left out.
fn conf(found: &Diagnostic) -> String {
    match found.code {
        Code::RecursiveDependency => cycle(found),
        Code::RecursiveSource => inclusion(found),
        // `conf` is silent about what did not take.
        Code::DidNotTake | Code::OutOfRange if found.severity == Severity::Warning => String::new(),
        Code::UnmetDependency => unmet(found),
        code => {
            let symbol = found.symbol.as_deref().unwrap_or_default();
            let line = found.labels.first().map(|l| l.span.text()).unwrap_or("");
            let message = match code {
                Code::UnknownSymbol => format!("unknown symbol: {symbol}"),
                Code::Reassigned => format!("override: reassigning to symbol {symbol}"),
                Code::MalformedValue if symbol.is_empty() => format!("unexpected data: {line}"),
                Code::MalformedValue => {
                    let value = line.split_once('=').map_or(line, |(_, value)| value);
                    format!("symbol value '{value}' invalid for {symbol}")
                }
                _ => found.message.clone(),
            };
            let level = match found.severity {
                Severity::Warning => "warning: ",
                Severity::Error => "",
            };
            match found.location() {
                Some(at) => format!("{}:{}:{level}{message}\n", at.file, at.line),
                None => format!("{message}\n"),
            }
        }
    }
}

fn cycle(found: &Diagnostic) -> String {
    let mut out = String::from("error: recursive dependency detected!\n");
    for label in &found.labels {
        let text = label
            .text
            .replace("has a default with the value of", "default value contains")
            .replace(
                "has a default that depends on",
                "default is visible depending on",
            );
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\tsymbol {text}");
    }
    out.push_str(
        "For a resolution refer to Documentation/kbuild/kconfig-language.rst\n\
         subsection \"Kconfig recursive dependency limitations\"\n\n",
    );
    out
}

fn inclusion(found: &Diagnostic) -> String {
    let name = |file: &str| {
        let path = Path::new(file);
        path.file_name()
            .map_or(file.to_owned(), |n| n.to_string_lossy().into_owned())
    };
    let mut out = String::from("Recursive inclusion detected.\nInclusion path:\n");
    if let Some(label) = found.labels.last() {
        let included = label.span.text().trim().trim_start_matches("source").trim();
        let _ = writeln!(
            out,
            "  current file : {}",
            included.trim_matches(['"', '\''])
        );
    }
    for label in &found.labels {
        let at = label.span.location();
        let _ = writeln!(out, "  included from: {}:{}", name(&at.file), at.line);
    }
    out
}

fn unmet(found: &Diagnostic) -> String {
    let symbol = found.symbol.as_deref().unwrap_or_default();
    let mut out = format!("\nWARNING: unmet direct dependencies detected for {symbol}\n");
    for label in &found.labels {
        let _ = writeln!(out, "  {}: {}", label.span.location(), label.text);
    }
    out
}
