//! Who needs whose value: detection of cycles, and the order of evaluation.
//!
//! Both walks keep their own stack, so a chain of a million dependencies is as good as one of two. The order
//! is computed once per model; evaluating a configuration is then one pass without recursion.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{Expr, ExprKind, Operand, SymbolId};
use crate::incremental::Dependents;
use crate::model::Model;
use crate::source::Span;
use crate::symbol::{Choice, ChoiceId, Symbol};
use crate::value::Tri;

/// Cycles reported per tree; more of them are usually the same mistake.
const MAX_CYCLES: usize = 20;

/// One step of the evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a symbol.
    Symbol(SymbolId),
    /// Which member of a choice is on.
    Choice(ChoiceId),
}

struct Edge {
    to: usize,
    why: &'static str,
    span: Span,
}

/// Called with the nodes of a cycle, each with its edge to the next.
type OnCycle<'a> = dyn FnMut(&[(usize, Edge)]) + 'a;

struct Graph<'m> {
    symbols: &'m [Symbol],
    choices: &'m [Choice],
    modules: Option<SymbolId>,
}

/// Reports every cycle, then returns the order of evaluation, and who reads whose value.
pub fn order(model: &Model, out: &mut Diagnostics) -> (Vec<Step>, Dependents) {
    let graph = Graph {
        symbols: &model.symbols,
        choices: &model.choices,
        modules: model.modules,
    };
    // A symbol in two cycles is usually one mistake seen twice.
    let mut known = vec![false; model.symbols.len() + model.choices.len()];
    graph.walk(false, &mut |cycle| {
        if !cycle.iter().any(|(node, _)| known[*node]) {
            out.push(graph.report(cycle));
            for (node, _) in cycle {
                known[*node] = true;
            }
        }
    });
    let order = graph.walk(true, &mut |_| {});
    let mut edges = Vec::new();
    for node in 0..order.len() {
        let needs = graph.edges(node, true);
        edges.extend(needs.iter().map(|edge| (node, edge.to)));
    }
    let dependents = Dependents::new(model, &order, &edges);
    let steps = order.into_iter().map(|node| graph.step(node)).collect();
    (steps, dependents)
}

impl Graph<'_> {
    fn step(&self, node: usize) -> Step {
        match self.symbols.get(node) {
            Some(symbol) => Step::Symbol(symbol.id),
            None => Step::Choice(ChoiceId(
                u32::try_from(node - self.symbols.len()).unwrap_or(u32::MAX),
            )),
        }
    }

    fn choice_node(&self, choice: ChoiceId) -> usize {
        self.symbols.len() + choice.0 as usize
    }

    /// The value of a condition that no symbol can change; the reference drops what stands beside it, and so
    /// sees no cycle there.
    fn constant(&self, expr: &Expr) -> Option<Tri> {
        match expr.kind() {
            ExprKind::Operand(Operand::Tri(Tri::M)) if self.modules.is_none() => Some(Tri::N),
            ExprKind::Operand(Operand::Tri(Tri::M)) => None,
            ExprKind::Operand(Operand::Tri(tri)) => Some(*tri),
            ExprKind::Operand(_) | ExprKind::Compare(..) => None,
            ExprKind::Not(inner) => self.constant(inner).map(Tri::negate),
            ExprKind::And(list) => self.absorbed(list, Tri::N),
            ExprKind::Or(list) => self.absorbed(list, Tri::Y),
        }
    }

    fn absorbed(&self, list: &[Expr], by: Tri) -> Option<Tri> {
        let mut all = true;
        for inner in list {
            match self.constant(inner) {
                Some(value) if value == by => return Some(by),
                found => all &= found.is_some(),
            }
        }
        all.then(|| by.negate())
    }

    /// Adds an edge to every symbol that a condition mentions.
    fn mentioned(&self, edges: &mut Vec<Edge>, expr: &Option<Expr>, why: &'static str) {
        if let Some(expr) = expr
            && self.constant(expr).is_none()
        {
            expr.for_each_symbol(&mut |id, span| {
                edges.push(Edge {
                    to: id.index(),
                    why,
                    span: span.clone(),
                });
            });
        }
    }

    /// What `node` needs. With `all`, also the bounds of ranges, which the reference does not count; a cycle through
    /// those is broken by using the value from before.
    fn edges(&self, node: usize, all: bool) -> Vec<Edge> {
        let mut edges = Vec::new();
        let Some(symbol) = self.symbols.get(node) else {
            let choice = &self.choices[node - self.symbols.len()];
            let mut reverses = Vec::new();
            if let Some(prompt) = &choice.prompt {
                self.mentioned(&mut edges, &prompt.condition, "depends on");
            }
            for (_, condition, _) in &choice.defaults {
                self.mentioned(&mut edges, condition, "has a default that depends on");
            }
            for member in &choice.members {
                for prompt in &self.symbols[member.index()].prompts {
                    self.mentioned(
                        &mut edges,
                        &prompt.condition,
                        "has a member that depends on",
                    );
                }
                // A select of a member does nothing, but the reference calls it a cycle if it leads back.
                let symbol = &self.symbols[member.index()];
                for reverse in symbol.selected_by.iter().chain(&symbol.implied_by) {
                    self.mentioned(
                        &mut edges,
                        &reverse.condition,
                        "has a member that is selected or implied if",
                    );
                    reverses.push(reverse);
                }
            }
            for reverse in reverses {
                let (to, span) = (reverse.by.index(), reverse.span.clone());
                edges.push(Edge {
                    to,
                    why: "has a member that is selected or implied by",
                    span,
                });
            }
            return edges;
        };
        for prompt in &symbol.prompts {
            self.mentioned(&mut edges, &prompt.condition, "depends on");
        }
        for default in &symbol.defaults {
            self.mentioned(
                &mut edges,
                &default.condition,
                "has a default that depends on",
            );
            self.mentioned(
                &mut edges,
                &Some(default.value.clone()),
                "has a default with the value of",
            );
        }
        for range in &symbol.ranges {
            self.mentioned(&mut edges, &range.condition, "has a range that depends on");
        }
        for dependency in &symbol.dependencies {
            self.mentioned(&mut edges, dependency, "depends on");
        }
        // Who selects before under which condition: that condition holds the selecting symbol's own dependencies, and
        // the cycle through both says more than the one through them.
        for (list, why) in [
            (&symbol.selected_by, "is selected by"),
            (&symbol.implied_by, "is implied by"),
        ] {
            for reverse in list {
                edges.push(Edge {
                    to: reverse.by.index(),
                    why,
                    span: reverse.span.clone(),
                });
            }
        }
        for reverse in symbol.selected_by.iter().chain(&symbol.implied_by) {
            self.mentioned(&mut edges, &reverse.condition, "is selected or implied if");
        }
        if let Some(choice) = symbol.choice {
            let span = self.choices[choice.0 as usize].span.clone();
            edges.push(Edge {
                to: self.choice_node(choice),
                why: "is a member of",
                span,
            });
        }
        if all {
            for range in &symbol.ranges {
                for operand in [&range.low, &range.high] {
                    if let Operand::Symbol(id) = operand {
                        edges.push(Edge {
                            to: id.index(),
                            why: "has a range up to",
                            span: range.span.clone(),
                        });
                    }
                }
            }
        }
        edges
    }

    /// Depth-first through all nodes; returns them in the order in which they were finished, and calls `cycle`
    /// with the edges of each cycle found.
    fn walk(&self, all: bool, cycle: &mut OnCycle<'_>) -> Vec<usize> {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let count = self.symbols.len() + self.choices.len();
        let mut state = vec![NEW; count];
        let mut order = Vec::with_capacity(count);
        let mut cycles = 0;
        // The modules symbol first: every tristate looks at it.
        for start in self
            .modules
            .map(SymbolId::index)
            .into_iter()
            .chain(0..count)
        {
            if state[start] != NEW {
                continue;
            }
            state[start] = OPEN;
            let mut stack = vec![(start, self.edges(start, all), 0usize)];
            while let Some((node, edges, next)) = stack.last_mut() {
                let Some(edge) = edges.get(*next) else {
                    state[*node] = DONE;
                    order.push(*node);
                    stack.pop();
                    continue;
                };
                *next += 1;
                let to = edge.to;
                match state[to] {
                    NEW => {
                        state[to] = OPEN;
                        stack.push((to, self.edges(to, all), 0));
                    }
                    OPEN if cycles < MAX_CYCLES => {
                        cycles += 1;
                        let first = stack.iter().position(|(n, _, _)| *n == to).unwrap_or(0);
                        let chain: Vec<(usize, Edge)> = stack[first..]
                            .iter()
                            .filter_map(|(n, edges, next)| {
                                let edge = edges.get(next.checked_sub(1)?)?;
                                Some((
                                    *n,
                                    Edge {
                                        to: edge.to,
                                        why: edge.why,
                                        span: edge.span.clone(),
                                    },
                                ))
                            })
                            .collect();
                        cycle(&chain);
                    }
                    _ => {}
                }
            }
        }
        order
    }

    fn name(&self, node: usize) -> String {
        match self.symbols.get(node) {
            Some(symbol) => symbol.name.clone(),
            None => {
                let choice = &self.choices[node - self.symbols.len()];
                format!("the choice {:?}", choice.prompt().unwrap_or(""))
            }
        }
    }

    fn report(&self, cycle: &[(usize, Edge)]) -> Diagnostic {
        let names: Vec<String> = cycle
            .iter()
            .map(|(node, _)| self.name(*node))
            .chain(cycle.first().map(|(n, _)| self.name(*n)))
            .collect();
        let mut error = Diagnostic::error(
            Code::RecursiveDependency,
            format!(
                "the value of {} depends on itself: {}",
                names[0],
                shorten(&names)
            ),
        );
        for (node, edge) in cycle.iter().take(12) {
            error = error.at(
                &edge.span,
                format!("{} {} {}", self.name(*node), edge.why, self.name(edge.to)),
            );
        }
        error.help("remove one of these; often a `select` should be a `depends on`, or the other way round")
    }
}

fn shorten(names: &[String]) -> String {
    if names.len() <= 13 {
        return names.join(" -> ");
    }
    let head = names[..6].join(" -> ");
    let tail = names[names.len() - 6..].join(" -> ");
    format!("{head} -> ... ({} more) -> {tail}", names.len() - 12)
}
