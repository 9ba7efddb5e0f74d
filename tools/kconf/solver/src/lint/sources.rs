//! Who uses a symbol: other definitions, and the words of source files.

use std::collections::HashSet;

use kconf::{Expr, Model, Operand, SymbolId};

/// The words of the files that use a configuration.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    words: HashSet<String>,
}

impl Sources {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the words of a file.
    pub fn add(&mut self, text: &str) {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-') {
            if !word.is_empty() && !self.words.contains(word) {
                self.words.insert(word.to_owned());
            }
        }
    }

    /// Whether a symbol is mentioned: with prefix, without, or in lower case as a Cargo feature is.
    pub fn mention(&self, prefix: &str, name: &str) -> bool {
        self.words.contains(&format!("{prefix}{name}"))
            || self.words.contains(name)
            || self.words.contains(&name.to_ascii_lowercase())
    }
}

/// By index: whether the tree itself uses the symbol.
pub(super) fn used(model: &Model) -> Vec<bool> {
    let mut used = vec![false; model.name_count()];
    let mut seen = HashSet::new();
    let mut expr = |expr: &Expr, used: &mut Vec<bool>| {
        if seen.insert(expr.identity()) {
            expr.for_each_symbol(&mut |id, _| used[id.index()] = true);
        }
    };
    for symbol in model.symbols() {
        let conditions = symbol
            .prompts()
            .iter()
            .map(|p| &p.condition)
            .chain(symbol.defaults().iter().map(|d| &d.condition))
            .chain(symbol.ranges().iter().map(|r| &r.condition))
            .chain(symbol.dependencies());
        for condition in conditions.flatten() {
            expr(condition, &mut used);
        }
        for default in symbol.defaults() {
            expr(&default.value, &mut used);
        }
        for range in symbol.ranges() {
            for bound in [&range.low, &range.high] {
                if let Operand::Symbol(id) = bound {
                    used[id.index()] = true;
                }
            }
        }
        for reverse in symbol.selected_by().iter().chain(symbol.implied_by()) {
            used[reverse.by.index()] = true;
            if let Some(condition) = &reverse.condition {
                expr(condition, &mut used);
            }
        }
    }
    for choice in model.choices() {
        let defaults: Vec<SymbolId> = choice.defaults().iter().map(|(id, _, _)| *id).collect();
        for id in defaults {
            used[id.index()] = true;
        }
        for (_, condition, _) in choice.defaults() {
            if let Some(condition) = condition {
                expr(condition, &mut used);
            }
        }
    }
    used
}
