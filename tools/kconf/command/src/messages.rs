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
///
/// `conf` names files below `srctree` relative to it.
pub fn render(found: &Diagnostics, style: Style, srctree: Option<&Path>) -> String {
    match style {
        Style::Full => found.to_string(),
        Style::Conf => found
            .iter()
            .filter(|d| !is_part_of_another(d, found))
            .map(|d| conf(d, srctree))
            .collect(),
    }
}

/// Whether a cycle is only the condition of a `select` that is on another cycle, which `conf` does not tell apart.
fn is_part_of_another(cycle: &Diagnostic, all: &Diagnostics) -> bool {
    let [label] = cycle.labels.as_slice() else {
        return false;
    };
    let Some((name, _)) = label.text.split_once(" is selected or implied if ") else {
        return false;
    };
    let selected = [
        format!("{name} is selected by "),
        format!("{name} is implied by "),
    ];
    let mut labels = all.iter().flat_map(|d| &d.labels);
    labels.any(|l| selected.iter().any(|text| l.text.starts_with(text)))
}

/// A file name relative to `srctree`, if it is below.
fn relative(file: &str, srctree: Option<&Path>) -> String {
    let short = srctree.and_then(|folder| Path::new(file).strip_prefix(folder).ok());
    short.map_or_else(|| file.to_owned(), |p| p.display().to_string())
}

/// One finding as `conf` says it. What `conf` does not report is left out.
fn conf(found: &Diagnostic, srctree: Option<&Path>) -> String {
    match found.code {
        Code::RecursiveDependency => cycle(found),
        Code::RecursiveSource => inclusion(found, srctree),
        // `conf` is silent about what did not take.
        Code::DidNotTake | Code::OutOfRange if found.severity == Severity::Warning => String::new(),
        Code::UnmetDependency => unmet(found, srctree),
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
                Code::RecursiveMacro => {
                    let name = found.message.split_whitespace().nth(2).unwrap_or_default();
                    format!("Recursive variable '{name}' references itself (eventually)")
                }
                _ => found.message.clone(),
            };
            let level = match (found.severity, code) {
                // What a tree says itself stands alone, as all errors do.
                (Severity::Error, _) | (_, Code::Message) => " ",
                (Severity::Warning, _) => "warning: ",
            };
            match found.location() {
                Some(at) => {
                    let file = relative(&at.file, srctree);
                    format!("{file}:{}:{level}{message}\n", at.line)
                }
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

fn inclusion(found: &Diagnostic, srctree: Option<&Path>) -> String {
    let mut out = String::from("Recursive inclusion detected.\nInclusion path:\n");
    if let Some(label) = found.labels.first() {
        let statement = label.span.text().trim().trim_start_matches("source").trim();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  current file : {}",
            statement.trim_matches(['"', '\''])
        );
    }
    for label in &found.labels {
        let at = label.span.location();
        let _ = writeln!(
            out,
            "  included from: {}:{}",
            relative(&at.file, srctree),
            at.line
        );
    }
    out
}

fn unmet(found: &Diagnostic, srctree: Option<&Path>) -> String {
    let symbol = found.symbol.as_deref().unwrap_or_default();
    let mut out = format!("\nWARNING: unmet direct dependencies detected for {symbol}\n");
    for label in &found.labels {
        let at = label.span.location();
        let _ = writeln!(
            out,
            "  {}:{}: {}",
            relative(&at.file, srctree),
            at.line,
            label.text
        );
    }
    out
}
