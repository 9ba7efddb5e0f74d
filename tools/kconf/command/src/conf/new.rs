//! Symbols that could be assigned and are not: `--listnewconfig`, `--helpnewconfig`.

use std::fmt::Write as _;

use kconf::{Config, Entry, EntryKind, SymbolId};
use serde_json::{Value, json};

use super::describe;

/// The new symbols in the order of the menus, once for each of their prompts as the reference lists them.
pub fn symbols(config: &Config<'_>) -> Vec<SymbolId> {
    let mut found = Vec::new();
    collect(config, config.model().entries(), &mut found);
    found
}

fn collect(config: &Config<'_>, entries: &[Entry], found: &mut Vec<SymbolId>) {
    for entry in entries {
        if let EntryKind::Symbol(id) = entry.kind() {
            let symbol = config.model().get(id);
            let shown = config.is_changeable(symbol) && config.is_shown(entry);
            if shown && !config.is_assigned(symbol) {
                found.push(id);
            }
        }
        // A choice that is not offered asks nothing, though it still has a value.
        if !matches!(entry.kind(), EntryKind::Choice(_)) || config.is_shown(entry) {
            collect(config, entry.children(), found);
        }
    }
}

/// `CONFIG_X=value` of each, or with `help` what is known about it.
pub fn text(config: &Config<'_>, found: &[SymbolId], help: bool) -> String {
    let mut out = String::new();
    for id in found {
        let symbol = config.model().get(*id);
        if help {
            out.push_str("-----\n");
            out.push_str(&describe::symbol(config, symbol));
            out.push_str("-----\n");
        } else {
            let value = config.value_of(symbol).literal();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}{}={value}", config.model().prefix(), symbol.name());
        }
    }
    out
}

/// The same as JSON.
pub fn json(config: &Config<'_>, found: &[SymbolId]) -> Value {
    let list: Vec<Value> = found
        .iter()
        .map(|id| {
            let symbol = config.model().get(*id);
            json!({
                "symbol": symbol.name(),
                "type": symbol.kind().as_str(),
                "value": config.value_of(symbol).text,
                "prompt": symbol.prompt(),
                "help": symbol.help(),
            })
        })
        .collect();
    json!({ "new": list })
}
