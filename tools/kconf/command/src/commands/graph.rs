//! `graph`: what a symbol needs and who switches it on, as nodes and edges.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::path::Path;

use kconf::{Model, Symbol, SymbolId};
use serde_json::{Value, json};

use crate::context::{Context, Failure, print};
use crate::json;

/// Follows a symbol's dependencies and reverse dependencies for some steps.
pub fn run(root: &Path, name: &str, depth: usize, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let start = context.symbol(&model, name)?;
    let mut seen = BTreeSet::from([start.id()]);
    let mut edges = BTreeSet::new();
    let mut queue = VecDeque::from([(start.id(), 0)]);
    while let Some((id, steps)) = queue.pop_front() {
        if steps == depth {
            continue;
        }
        for (to, why) in needs(&model, model.get(id)) {
            edges.insert((id, to, why));
            if seen.insert(to) {
                queue.push_back((to, steps + 1));
            }
        }
    }
    if context.json {
        let nodes: Vec<Value> = seen.iter().map(|id| node(model.get(*id))).collect();
        let edges: Vec<Value> = edges
            .iter()
            .map(|(from, to, why)| {
                json!({ "from": model.get(*from).name(), "to": model.get(*to).name(), "why": why })
            })
            .collect();
        return json::show(&json!({ "symbol": start.name(), "nodes": nodes, "edges": edges }));
    }
    let mut out = format!("digraph \"{}\" {{\n", start.name());
    for id in &seen {
        let symbol = model.get(*id);
        let shape = match symbol.prompts().is_empty() {
            true => "ellipse",
            false => "box",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  \"{}\" [shape={shape}];", symbol.name());
    }
    for (from, to, why) in edges {
        let style = match why {
            "selected by" => " style=bold",
            "implied by" => " style=dotted",
            "default" => " style=dashed",
            _ => "",
        };
        let (from, to) = (model.get(from).name(), model.get(to).name());
        let _ = writeln!(out, "  \"{from}\" -> \"{to}\" [label=\"{why}\"{style}];");
    }
    out.push_str("}\n");
    print(&out)
}

fn node(symbol: &Symbol) -> Value {
    json!({
        "symbol": symbol.name(),
        "type": symbol.kind().as_str(),
        "prompt": symbol.prompt(),
        "place": symbol.location().as_ref().map(json::location),
    })
}

fn needs(model: &Model, symbol: &Symbol) -> Vec<(SymbolId, &'static str)> {
    let mut found = Vec::new();
    let mut add = |expr: Option<&kconf::Expr>, why| {
        if let Some(expr) = expr {
            expr.for_each_symbol(&mut |id, _| {
                if !model.get(id).is_constant() {
                    found.push((id, why));
                }
            });
        }
    };
    for condition in symbol.dependencies() {
        add(condition.as_ref(), "depends on");
    }
    for prompt in symbol.prompts() {
        add(prompt.condition.as_ref(), "depends on");
    }
    for default in symbol.defaults() {
        add(Some(&default.value), "default");
    }
    for reverse in symbol.selected_by() {
        found.push((reverse.by, "selected by"));
    }
    for reverse in symbol.implied_by() {
        found.push((reverse.by, "implied by"));
    }
    found
}
