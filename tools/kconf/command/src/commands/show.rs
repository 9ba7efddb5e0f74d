//! `get`, `search` and `stats`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use kconf::{Config, Symbol, Tri};
use serde_json::{Value, json};

use crate::context::{Context, Failure, print};
use crate::json;

/// Values, one a line; as JSON an object of all.
pub fn get(root: &Path, names: &[String], context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let config = context.current(&model)?;
    let mut values = serde_json::Map::new();
    let mut out = String::new();
    for name in names {
        let symbol = context.symbol(&model, name)?;
        let value = config.value_of(symbol).text;
        out.push_str(&value);
        out.push('\n');
        values.insert(symbol.name().to_owned(), Value::String(value));
    }
    match context.json {
        true => json::show(&json!({ "values": values })),
        false => print(&out),
    }
}

/// Symbols whose name, prompt or help has the text, with what hides them.
pub fn search(root: &Path, text: &str, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let config = context.current(&model)?;
    let wanted = text
        .strip_prefix(model.prefix())
        .unwrap_or(text)
        .to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let mut found: Vec<(usize, &Symbol)> = model
        .symbols()
        .filter_map(|symbol| {
            let place = if symbol.name().to_lowercase() == wanted {
                0
            } else if has(symbol.name()) {
                1
            } else if symbol.prompts().iter().any(|p| has(&p.text)) {
                2
            } else if symbol.help().is_some_and(has) {
                3
            } else {
                return None;
            };
            Some((place, symbol))
        })
        .collect();
    found.sort_by_key(|(place, symbol)| (*place, symbol.name()));
    if context.json {
        let list: Vec<Value> = found.iter().map(|(_, s)| hit(&config, s)).collect();
        return json::show(&json!({ "symbols": list }));
    }
    if found.is_empty() {
        return Err(Failure::Other(format!("no symbol mentions {text:?}")));
    }
    let mut out = String::new();
    for (_, symbol) in found {
        let value = config.value_of(symbol).text;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}{}={value}  {}",
            model.prefix(),
            symbol.name(),
            symbol
                .prompt()
                .map_or_else(|| "(no prompt)".to_owned(), |p| format!("{p:?}"))
        );
        if let Some(at) = symbol.location() {
            let _ = writeln!(out, "    defined at {at}");
        }
        if config.visibility(symbol) == Tri::N {
            for blocker in kconf::explain(&config, symbol).blockers {
                let span = blocker.expr.span();
                let _ = writeln!(
                    out,
                    "    needs first: {} ({}) {}",
                    super::expression(&model, &blocker.expr),
                    blocker.text,
                    span.location()
                );
            }
        }
    }
    print(&out)
}

fn hit(config: &Config<'_>, symbol: &Symbol) -> Value {
    let visible = config.visibility(symbol) != Tri::N;
    let blockers: Vec<Value> = match visible {
        true => Vec::new(),
        false => kconf::explain(config, symbol)
            .blockers
            .iter()
            .map(|b| {
                json!({
                    "source": super::expression(config.model(), &b.expr),
                    "text": b.text,
                    "place": json::place(b.expr.span()),
                })
            })
            .collect(),
    };
    json!({
        "symbol": symbol.name(),
        "type": symbol.kind().as_str(),
        "value": config.value_of(symbol).text,
        "prompt": symbol.prompt(),
        "visible": visible,
        "needs_first": blockers,
        "place": symbol.location().as_ref().map(json::location),
    })
}

/// Numbers about the tree and the configuration.
pub fn stats(root: &Path, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let config = context.current(&model)?;
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for symbol in model.symbols() {
        *types.entry(symbol.kind().as_str()).or_default() += 1;
    }
    let count = |test: &dyn Fn(&Symbol) -> bool| model.symbols().filter(|s| test(s)).count();
    let value = |symbol: &Symbol| config.value_of(symbol).text;
    let logic = |symbol: &Symbol, wanted: &str| symbol.kind().is_logic() && value(symbol) == wanted;
    let numbers = [
        ("files", model.files().len()),
        ("symbols", count(&|_| true)),
        ("choices", model.choices().len()),
        ("with_prompt", count(&|s| !s.prompts().is_empty())),
        ("with_help", count(&|s| s.help().is_some())),
        (
            "selects",
            model.symbols().map(|s| s.selected_by().len()).sum(),
        ),
        (
            "implies",
            model.symbols().map(|s| s.implied_by().len()).sum(),
        ),
        ("visible", count(&|s| config.visibility(s) != Tri::N)),
        ("assigned", count(&|s| config.is_assigned(s))),
        ("on", count(&|s| logic(s, "y"))),
        ("modules", count(&|s| logic(s, "m"))),
        ("off", count(&|s| logic(s, "n"))),
    ];
    if context.json {
        let mut object: serde_json::Map<String, Value> = numbers
            .iter()
            .map(|(name, n)| ((*name).to_owned(), json!(n)))
            .collect();
        object.insert("types".to_owned(), json!(types));
        return json::show(&Value::Object(object));
    }
    let mut out = String::new();
    for (name, number) in numbers {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:<12} {number:>8}", name.replace('_', " "));
    }
    for (name, number) in types {
        let _ = writeln!(out, "type {name:<7} {number:>8}");
    }
    print(&out)
}
