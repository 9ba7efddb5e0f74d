//! Which values of a number or string count: what it is compared with, its defaults and bounds, and the numbers
//! beside them. Between two neighbours of that list every condition has the same value, so they stand for all.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use kconf::{Expr, ExprKind, Kind, Model, Operand, Relation, SymbolId, number_at_start};

use super::{Approximation, text::initial};

/// Values per symbol beyond which no more are added.
const MAX_VALUES: usize = 48;

/// What was found.
pub struct Domains {
    /// By index of the symbol.
    pub values: Vec<Vec<Arc<str>>>,
    pub approximations: Vec<Approximation>,
}

struct Search<'m> {
    model: &'m Model,
    values: Vec<BTreeSet<Arc<str>>>,
    seen: HashSet<usize>,
    /// Numbers and strings that are compared with each other.
    pairs: Vec<(SymbolId, SymbolId)>,
    /// Strings that are compared by order.
    ordered: BTreeSet<SymbolId>,
}

/// The values of every symbol that is a number or string; `more` are added as they are.
pub fn domains(model: &Model, more: &[(SymbolId, String)]) -> Domains {
    let mut search = Search {
        model,
        values: vec![BTreeSet::new(); model.name_count()],
        seen: HashSet::new(),
        pairs: Vec::new(),
        ordered: BTreeSet::new(),
    };
    search.run();
    let mut lossy: BTreeSet<SymbolId> = std::mem::take(&mut search.ordered);
    // Twice: enough for a chain of two; longer ones are said to be approximated like all of these.
    for _ in 0..2 {
        for (a, b) in search.pairs.clone() {
            let both: BTreeSet<_> = search.values[a.index()]
                .union(&search.values[b.index()])
                .cloned()
                .collect();
            for id in [a, b] {
                search.values[id.index()].clone_from(&both);
                lossy.insert(id);
            }
        }
    }
    let mut approximations = Vec::new();
    for symbol in model.symbols() {
        let values = &mut search.values[symbol.id().index()];
        if symbol.kind().is_logic() || symbol.kind() == Kind::Unknown || symbol.prompts().is_empty()
        {
            continue;
        }
        let cut = values.len() > MAX_VALUES;
        if cut {
            *values = std::mem::take(values)
                .into_iter()
                .take(MAX_VALUES)
                .collect();
        }
        let bound_by_symbol = symbol.ranges().iter().any(|r| {
            [&r.low, &r.high]
                .into_iter()
                .any(|b| matches!(b, Operand::Symbol(id) if model.get(*id).is_defined()))
        });
        let lossy = cut || bound_by_symbol || lossy.contains(&symbol.id());
        let reason = if cut {
            format!(
                "only the first {MAX_VALUES} of the values that conditions tell apart are considered"
            )
        } else if lossy {
            format!(
                "it is compared with what is no constant; only {} of its values are considered",
                values.len()
            )
        } else {
            format!(
                "{} of its values stand for all others: conditions and ranges cannot tell more apart",
                values.len()
            )
        };
        approximations.push(Approximation {
            symbol: symbol.name().to_owned(),
            place: symbol.location().map(Into::into),
            reason,
            lossy,
        });
    }
    for (id, text) in more {
        if let Some(values) = search.values.get_mut(id.index()) {
            values.insert(Arc::from(text.as_str()));
        }
    }
    Domains {
        values: search
            .values
            .into_iter()
            .map(|set| set.into_iter().collect())
            .collect(),
        approximations,
    }
}

impl Search<'_> {
    fn run(&mut self) {
        let model = self.model;
        for symbol in model.symbols() {
            let id = symbol.id();
            if !symbol.kind().is_logic() && symbol.kind() != Kind::Unknown {
                self.add(id, initial(symbol.kind()), false);
                if symbol.kind() == Kind::String {
                    // Stands for every text that nothing mentions.
                    self.add(id, "other", false);
                }
            }
            for default in symbol.defaults() {
                self.optional(default.condition.as_ref());
                match default.value.kind() {
                    ExprKind::Operand(operand) if !symbol.kind().is_logic() => {
                        self.operand(id, operand, false);
                    }
                    _ => self.expr(&default.value),
                }
            }
            for range in symbol.ranges() {
                self.optional(range.condition.as_ref());
                self.operand(id, &range.low, true);
                self.operand(id, &range.high, true);
            }
            for prompt in symbol.prompts() {
                self.optional(prompt.condition.as_ref());
            }
            for reverse in symbol.selected_by().iter().chain(symbol.implied_by()) {
                self.optional(reverse.condition.as_ref());
            }
            for dependency in symbol.dependencies() {
                self.optional(dependency.as_ref());
            }
        }
        for choice in model.choices() {
            for (_, condition, _) in choice.defaults() {
                self.optional(condition.as_ref());
            }
        }
    }

    fn optional(&mut self, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        if !self.seen.insert(expr.identity()) {
            return;
        }
        match expr.kind() {
            ExprKind::Operand(_) => {}
            ExprKind::Compare(relation, a, b) => self.compare(*relation, a, b),
            ExprKind::Not(inner) => self.expr(inner),
            ExprKind::And(list) | ExprKind::Or(list) => list.iter().for_each(|e| self.expr(e)),
        }
    }

    fn compare(&mut self, relation: Relation, a: &Operand, b: &Operand) {
        let textual = |operand: &Operand| match operand {
            Operand::Symbol(id) => {
                let kind = self.model.get(*id).kind();
                (kind.is_number() || kind == Kind::String).then_some(*id)
            }
            _ => None,
        };
        match (textual(a), textual(b)) {
            (Some(x), Some(y)) => self.pairs.push((x, y)),
            (Some(x), None) => self.compared(x, relation, b),
            (None, Some(y)) => self.compared(y, relation, a),
            (None, None) => {}
        }
    }

    fn compared(&mut self, id: SymbolId, relation: Relation, with: &Operand) {
        self.operand(id, with, true);
        let equality = matches!(relation, Relation::Equal | Relation::Unequal);
        if self.model.get(id).kind() == Kind::String && !equality {
            self.ordered.insert(id);
        }
    }

    fn operand(&mut self, id: SymbolId, operand: &Operand, neighbours: bool) {
        match operand {
            Operand::Tri(tri) => self.add(id, tri.as_str(), false),
            Operand::Text(text) => self.add(id, text, neighbours),
            Operand::Symbol(other) => {
                let other = self.model.get(*other);
                if other.kind() == Kind::Unknown {
                    self.add(id, other.name(), neighbours);
                }
            }
        }
    }

    fn add(&mut self, id: SymbolId, text: &str, neighbours: bool) {
        let kind = self.model.get(id).kind();
        let values = &mut self.values[id.index()];
        values.insert(Arc::from(text));
        if !neighbours || !kind.is_number() {
            return;
        }
        // A constant is read in its own base, the symbol's value in the symbol's.
        for base in [0, if kind == Kind::Int { 10 } else { 16 }] {
            let number = number_at_start(text, base);
            for beside in [number.saturating_sub(1), number, number.saturating_add(1)] {
                let text = match kind {
                    Kind::Hex if beside < 0 => continue,
                    Kind::Hex => format!("{beside:#x}"),
                    _ => beside.to_string(),
                };
                values.insert(Arc::from(text));
            }
        }
    }
}
