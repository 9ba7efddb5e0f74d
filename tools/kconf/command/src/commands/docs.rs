//! `docs`: a reference manual of all symbols in Markdown, by name; the same input gives the same text.

use std::fmt::Write as _;
use std::path::Path;

use kconf::{Expr, Model, Operand, Reverse, Symbol};
use serde_json::{Value, json};

use super::{expression, operand_text, write_expression};
use crate::context::{Context, Failure, print};
use crate::{files, json};

/// Writes the manual.
pub fn run(root: &Path, output: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let text = if context.json {
        let mut symbols: Vec<&Symbol> = model.symbols().collect();
        symbols.sort_by_key(|s| s.name());
        let list: Vec<Value> = symbols.iter().map(|s| object(&model, s)).collect();
        format!("{:#}\n", json!({ "title": model.title(), "symbols": list }))
    } else {
        manual(&model)
    };
    match output {
        Some(path) => files::write(path, &text),
        None => print(&text),
    }
}

/// The manual of a tree, in Markdown.
pub fn manual(model: &Model) -> String {
    let mut symbols: Vec<&Symbol> = model.symbols().collect();
    symbols.sort_by_key(|s| s.name());
    let mut out = format!("# {}\n", escape(model.title()));
    for symbol in symbols {
        section(model, symbol, &mut out);
    }
    out
}

/// Text that Markdown must not read as markup.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if "\\`*_{}[]<>#|".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// An expression whose symbols are links to their sections.
fn links(model: &Model, expr: &Expr) -> String {
    write_expression(expr, &mut |operand| match operand {
        Operand::Symbol(id) if model.get(*id).is_defined() => link(model.get(*id).name()),
        other => escape(&operand_text(model, other)),
    })
    .replace("||", "\\|\\|")
}

fn link(name: &str) -> String {
    format!("[{}](#{})", escape(name), name.to_lowercase())
}

fn condition(model: &Model, expr: Option<&Expr>) -> String {
    expr.map_or_else(String::new, |e| format!(" if {}", links(model, e)))
}

fn section(model: &Model, symbol: &Symbol, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n## {}\n", escape(symbol.name()));
    let mut fact = |name: &str, text: String| {
        let _ = writeln!(out, "- {name}: {text}");
    };
    fact("type", symbol.kind().to_string());
    match symbol.prompts() {
        [] => fact("prompt", "none, it cannot be assigned".to_owned()),
        prompts => prompts.iter().for_each(|p| fact("prompt", escape(&p.text))),
    }
    for expr in symbol.dependencies().iter().flatten() {
        fact("depends on", links(model, expr));
    }
    for default in symbol.defaults() {
        let when = condition(model, default.condition.as_ref());
        fact("default", format!("{}{when}", links(model, &default.value)));
    }
    for range in symbol.ranges() {
        let (low, high) = (
            operand_text(model, &range.low),
            operand_text(model, &range.high),
        );
        fact(
            "range",
            format!(
                "{low} to {high}{}",
                condition(model, range.condition.as_ref())
            ),
        );
    }
    let reverse = |list: &[Reverse]| -> Vec<String> {
        list.iter()
            .map(|r| link(model.get(r.by).name()) + &condition(model, r.condition.as_ref()))
            .collect()
    };
    for by in reverse(symbol.selected_by()) {
        fact("selected by", by);
    }
    for by in reverse(symbol.implied_by()) {
        fact("implied by", by);
    }
    for (target, name) in model.symbols().flat_map(|t| targets(t, symbol)) {
        fact(name, link(target));
    }
    for span in symbol.definitions() {
        let at = span.location();
        fact("defined at", format!("`{}:{}`", at.file, at.line));
    }
    if let Some(help) = symbol.help() {
        out.push('\n');
        for line in help.trim_end().lines() {
            let _ = writeln!(out, "{}", escape(line).trim_end());
        }
    }
}

/// `target` with the word for how `symbol` switches it on.
fn targets<'t>(target: &'t Symbol, symbol: &Symbol) -> Vec<(&'t str, &'static str)> {
    let by = |list: &[Reverse]| list.iter().any(|r| r.by == symbol.id());
    let mut found = Vec::new();
    if by(target.selected_by()) {
        found.push((target.name(), "selects"));
    }
    if by(target.implied_by()) {
        found.push((target.name(), "implies"));
    }
    found
}

fn object(model: &Model, symbol: &Symbol) -> Value {
    let text = |expr: Option<&Expr>| expr.map(|e| expression(model, e));
    let reverse = |list: &[Reverse]| -> Vec<Value> {
        list.iter()
            .map(|r| json!({ "symbol": model.get(r.by).name(), "if": text(r.condition.as_ref()) }))
            .collect()
    };
    let defaults: Vec<Value> = symbol
        .defaults()
        .iter()
        .map(|d| json!({ "value": expression(model, &d.value), "if": text(d.condition.as_ref()) }))
        .collect();
    let ranges: Vec<Value> = symbol
        .ranges()
        .iter()
        .map(|r| {
            json!({
                "low": operand_text(model, &r.low),
                "high": operand_text(model, &r.high),
                "if": text(r.condition.as_ref()),
            })
        })
        .collect();
    let prompts: Vec<&str> = symbol.prompts().iter().map(|p| p.text.as_str()).collect();
    let depends: Vec<String> = symbol
        .dependencies()
        .iter()
        .flatten()
        .map(|e| expression(model, e))
        .collect();
    let places: Vec<Value> = symbol.definitions().iter().map(json::place).collect();
    json!({
        "symbol": symbol.name(),
        "type": symbol.kind().as_str(),
        "prompts": prompts,
        "help": symbol.help(),
        "depends_on": depends,
        "defaults": defaults,
        "ranges": ranges,
        "selected_by": reverse(symbol.selected_by()),
        "implied_by": reverse(symbol.implied_by()),
        "definitions": places,
    })
}
