//! Why a value is not what was asked for: which dependency failed, where it stands, and what would help.
//!
//! The conditions are walked down to the smallest part that is responsible, so a message points at the one
//! symbol in a long `&&` that is off, and says how that symbol could be switched on.

use crate::config::{Assigned, Config};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::eval::{Evaluation, Wish};
use crate::expr::{Expr, ExprKind, Operand};
use crate::origin::Layer;
use crate::symbol::{Prompt, Symbol};
use crate::value::Tri;

/// Places shown per message.
const MAX_PLACES: usize = 6;
/// How far "which in turn needs" is followed.
const MAX_CHAIN: usize = 4;

/// Adds what evaluation brought to light.
pub fn findings(config: &Config<'_>, out: &mut Diagnostics) {
    let evaluation = config.evaluation();
    let explainer = Explainer {
        config,
        evaluation: &evaluation,
    };
    for symbol in config.model.symbols() {
        if let Some(diagnostic) = explainer.not_taken(symbol) {
            out.push(diagnostic);
        }
        if let Some(diagnostic) = explainer.unmet(symbol) {
            out.push(diagnostic);
        }
    }
}

/// What stands between a symbol and the value `y`, as structures.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The bounds of the range that holds.
    pub bounds: Option<(i64, i64)>,
    /// The smallest parts of the prompts' conditions that fail.
    pub blockers: Vec<Blocker>,
    /// The finding, if an assignment did not take.
    pub not_taken: Option<Diagnostic>,
}

/// A part of a condition that fails.
#[derive(Clone, Debug)]
pub struct Blocker {
    /// The part.
    pub expr: Expr,
    /// The values of what it mentions.
    pub text: String,
}

/// What [`why`] says, for programs.
pub fn explain(config: &Config<'_>, symbol: &Symbol) -> Explanation {
    let evaluation = config.evaluation();
    let explainer = Explainer {
        config,
        evaluation: &evaluation,
    };
    let blockers = explainer.blockers(symbol, Tri::Y).into_iter();
    Explanation {
        bounds: config.bounds(symbol),
        blockers: blockers
            .map(|(expr, text)| Blocker { expr, text })
            .collect(),
        not_taken: explainer.not_taken(symbol),
    }
}

/// Everything there is to say about the value of one symbol, as text.
pub fn why(config: &Config<'_>, symbol: &Symbol) -> String {
    let evaluation = config.evaluation();
    let explainer = Explainer {
        config,
        evaluation: &evaluation,
    };
    let mut lines = vec![format!(
        "{}{} = {}",
        config.model.prefix,
        symbol.name,
        explainer.value(symbol)
    )];
    lines.push(format!("  because of: {}", config.origin_of(symbol)));
    lines.push(format!("  type: {}", symbol.kind));
    for span in &symbol.definitions {
        lines.push(format!("  defined: {}", span.location()));
    }
    for prompt in &symbol.prompts {
        let state = if evaluation.condition(prompt.condition.as_ref()) == Tri::N {
            "hidden"
        } else {
            "visible"
        };
        lines.push(format!("  prompt: {:?}, {state}", prompt.text));
    }
    if symbol.prompts.is_empty() {
        lines.push("  prompt: none, it cannot be assigned".to_owned());
    }
    if let Some((index, low, high)) = evaluation.range(symbol) {
        let at = symbol.ranges[index].span.location();
        let range = if symbol.kind == crate::value::Kind::Hex {
            format!("{low:#x} to {high:#x}")
        } else {
            format!("{low} to {high}")
        };
        lines.push(format!("  range: {range}, {at}"));
    }
    for (expr, text) in explainer.blockers(symbol, Tri::Y) {
        lines.push(format!(
            "  blocked: `{}` at {}: {text}",
            expr.span().text(),
            expr.span().location()
        ));
    }
    if let Some(diagnostic) = explainer.not_taken(symbol) {
        lines.push(String::new());
        lines.push(diagnostic.to_string());
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}

struct Explainer<'a> {
    config: &'a Config<'a>,
    evaluation: &'a Evaluation<'a>,
}

impl Explainer<'_> {
    fn value(&self, symbol: &Symbol) -> String {
        if symbol.kind == crate::value::Kind::String {
            return crate::value::quote(&self.config.states[symbol.id.index()].text);
        }
        self.evaluation.string(&Operand::Symbol(symbol.id))
    }

    /// An assignment whose value is not the symbol's.
    fn not_taken(&self, symbol: &Symbol) -> Option<Diagnostic> {
        let wish = self.config.wishes[symbol.id.index()].as_ref()?;
        let assigned = self.config.assigned[symbol.id.index()].as_ref()?;
        let state = &self.config.states[symbol.id.index()];
        let taken = match wish {
            Wish::Tri(tri) => {
                *tri == state.tri
                    || (*tri == Tri::M
                        && state.tri == Tri::Y
                        && self.config.model.modules.is_none())
            }
            Wish::Text(text) => *text == state.text,
        };
        let overlaid = assigned.layer == Layer::Config && assigned.batch < self.config.batch;
        if taken || overlaid || self.superseded(symbol, assigned) {
            return None;
        }
        let prefix = &self.config.model.prefix;
        let asked = match wish {
            Wish::Tri(tri) => tri.as_str().to_owned(),
            Wish::Text(text) if symbol.kind == crate::value::Kind::String => {
                crate::value::quote(text)
            }
            Wish::Text(text) => text.clone(),
        };
        let is = self.value(symbol);
        if state.visible != Tri::N
            && let Some(index) = state.clamped
        {
            return Some(self.out_of_range(symbol, assigned, index, &asked));
        }
        let base = Diagnostic::warning(
            Code::DidNotTake,
            format!(
                "{prefix}{}={asked} did not take, its value is {is}",
                symbol.name
            ),
        )
        .at(&assigned.span, "")
        .about(&symbol.name);
        Some(self.reasons(symbol, wish, base))
    }

    /// Whether another member of the same choice was switched on by a later layer.
    fn superseded(&self, symbol: &Symbol, assigned: &Assigned) -> bool {
        let Some(choice) = symbol.choice else {
            return false;
        };
        self.config
            .model
            .choice(choice)
            .members
            .iter()
            .any(|member| {
                self.config.wishes[member.index()] == Some(Wish::Tri(Tri::Y))
                    && self.config.assigned[member.index()]
                        .as_ref()
                        .is_some_and(|a| a.batch > assigned.batch)
            })
    }

    fn out_of_range(
        &self,
        symbol: &Symbol,
        assigned: &Assigned,
        index: usize,
        asked: &str,
    ) -> Diagnostic {
        let is = self.value(symbol);
        let range = &symbol.ranges[index];
        let (_, low, high) = self.evaluation.range(symbol).unwrap_or((index, 0, 0));
        let bounds = match symbol.kind {
            crate::value::Kind::Hex => format!("{low:#x} to {high:#x}"),
            _ => format!("{low} to {high}"),
        };
        Diagnostic::warning(
            Code::OutOfRange,
            format!(
                "{}{}={asked} is out of range, its value is {is}",
                self.config.model.prefix, symbol.name
            ),
        )
        .at(&assigned.span, "")
        .at(&range.span, "the range that holds")
        .about(&symbol.name)
        .help(format!("choose a value from {bounds}"))
    }

    fn reasons(&self, symbol: &Symbol, wish: &Wish, mut out: Diagnostic) -> Diagnostic {
        let prefix = &self.config.model.prefix;
        let state = &self.config.states[symbol.id.index()];
        let picked = self.picked(symbol);
        if symbol.prompts.is_empty() {
            out = out.at(
                &symbol.definitions[0],
                format!("{} has no prompt, so it cannot be assigned", symbol.name),
            );
            out = out.note(format!(
                "its value comes from: {}",
                self.config.origin_of(symbol)
            ));
            return self
                .with_help_text(symbol, out)
                .help("assign the symbols that select it or that its defaults depend on");
        }
        let wanted = match wish {
            Wish::Tri(tri) => *tri,
            Wish::Text(_) => Tri::Y,
        };
        if state.visible == Tri::N || state.visible < wanted {
            let blockers = self.blockers(
                symbol,
                if state.visible == Tri::N {
                    Tri::M
                } else {
                    wanted
                },
            );
            let mut mentioned = Vec::new();
            for (expr, text) in blockers.iter().take(MAX_PLACES) {
                out = out.at(expr.span(), text.clone());
                expr.for_each_symbol(&mut |id, _| {
                    if !mentioned.contains(&id) && !self.config.model.get(id).is_constant() {
                        mentioned.push(id);
                    }
                });
            }
            for id in mentioned.into_iter().take(MAX_PLACES) {
                let text = self.how_to_change(self.config.model.get(id), MAX_CHAIN);
                out = out.note(text);
            }
        } else if state.selected != Tri::N {
            for reverse in &symbol.selected_by {
                let by = self.config.model.get(reverse.by);
                if self.config.states[by.id.index()].tri != Tri::N {
                    out = out.at(
                        &reverse.span,
                        format!("{} is {} and selects it", by.name, self.value(by)),
                    );
                }
            }
            out = out.help("switch off what selects it");
        }
        match picked {
            Some(other) if other.id != symbol.id => {
                if let Some(assigned) = &self.config.assigned[other.id.index()] {
                    out = out.at(
                        &assigned.span,
                        format!("{prefix}{} is set here", other.name),
                    );
                }
                out.help(format!(
                    "use {prefix}{}=y, the member of this choice that is on instead",
                    other.name
                ))
            }
            Some(_) => {
                out.help("one member of a choice is always on; switch another one on instead")
            }
            None => out,
        }
    }

    /// The member that is on in the symbol's choice.
    fn picked(&self, symbol: &Symbol) -> Option<&Symbol> {
        let choice = self.config.model.choice(symbol.choice?);
        let on = choice
            .members
            .iter()
            .find(|id| self.config.states[id.index()].tri == Tri::Y)?;
        Some(self.config.model.get(*on))
    }

    /// The smallest parts of the prompts' conditions that keep the symbol below `wanted`.
    fn blockers(&self, symbol: &Symbol, wanted: Tri) -> Vec<(Expr, String)> {
        let mut out = Vec::new();
        for Prompt { condition, .. } in &symbol.prompts {
            if let Some(expr) = condition {
                self.failing(expr, wanted, &mut out);
            }
        }
        out
    }

    fn failing(&self, expr: &Expr, wanted: Tri, out: &mut Vec<(Expr, String)>) {
        if self.evaluation.condition(Some(expr)) >= wanted {
            return;
        }
        match expr.kind() {
            ExprKind::And(list) | ExprKind::Or(list) => {
                for inner in list {
                    self.failing(inner, wanted, out);
                }
            }
            _ => {
                if !out.iter().any(|(known, _)| {
                    known.span().start == expr.span().start
                        && known.span().location() == expr.span().location()
                }) {
                    out.push((expr.clone(), self.values(expr)));
                }
            }
        }
    }

    /// The values of what an expression mentions.
    fn values(&self, expr: &Expr) -> String {
        let mut parts: Vec<String> = Vec::new();
        expr.for_each_symbol(&mut |id, _| {
            let symbol = self.config.model.get(id);
            let part = match symbol.is_defined() {
                true => format!("{} is {}", symbol.name, self.value(symbol)),
                false if symbol.is_constant() => return,
                false => format!("{} is defined nowhere", symbol.name),
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        });
        if parts.is_empty() {
            "never holds".to_owned()
        } else {
            parts.join(", ")
        }
    }

    /// How a symbol that stands in the way could be changed.
    fn how_to_change(&self, symbol: &Symbol, depth: usize) -> String {
        let name = &symbol.name;
        let Some(location) = symbol.location() else {
            return format!("{name} is defined in no Kconfig file");
        };
        if symbol.prompts.is_empty() {
            let text = format!("{name} ({location}) has no prompt and cannot be assigned");
            return match first_paragraph(symbol) {
                Some(help) => format!("{text}:\n{help}"),
                None => text,
            };
        }
        if self.config.states[symbol.id.index()].visible != Tri::N {
            return format!("{name} ({location}) can be assigned");
        }
        let blockers = self.blockers(symbol, Tri::M);
        let parts: Vec<&str> = blockers
            .iter()
            .take(MAX_PLACES)
            .map(|(_, text)| text.as_str())
            .collect();
        let text = format!("{name} ({location}) is hidden itself: {}", parts.join("; "));
        let mut next = None;
        if let Some((expr, _)) = blockers.first() {
            expr.for_each_symbol(&mut |id, _| {
                next.get_or_insert(id);
            });
        }
        match next {
            Some(id) if depth > 0 && id != symbol.id => {
                format!(
                    "{text}\n{}",
                    self.how_to_change(self.config.model.get(id), depth - 1)
                )
            }
            _ => text,
        }
    }

    fn with_help_text(&self, symbol: &Symbol, out: Diagnostic) -> Diagnostic {
        match first_paragraph(symbol) {
            Some(text) => out.note(format!("{}: {text}", symbol.name)),
            None => out,
        }
    }

    /// A symbol that is selected although its dependencies do not hold.
    fn unmet(&self, symbol: &Symbol) -> Option<Diagnostic> {
        let state = &self.config.states[symbol.id.index()];
        if symbol.choice.is_some() || !symbol.kind.is_logic() || state.selected <= state.direct {
            return None;
        }
        let mut out = Diagnostic::warning(
            Code::UnmetDependency,
            format!(
                "{} is selected to {} although its dependencies do not hold",
                symbol.name, state.selected
            ),
        )
        .about(&symbol.name);
        for reverse in &symbol.selected_by {
            let by = self.config.model.get(reverse.by);
            if self.config.states[by.id.index()]
                .tri
                .min(self.evaluation.condition(reverse.condition.as_ref()))
                > state.direct
            {
                out = out.at(&reverse.span, format!("{} is {}", by.name, self.value(by)));
            }
        }
        let mut failing = Vec::new();
        for expr in symbol.dependencies.iter().flatten() {
            self.failing(expr, state.selected, &mut failing);
        }
        for (expr, text) in failing.into_iter().take(MAX_PLACES) {
            out = out.at(expr.span(), text);
        }
        Some(out.help("select what it depends on too, or make the selecting symbol depend on it"))
    }
}

fn first_paragraph(symbol: &Symbol) -> Option<String> {
    let help = symbol.help.as_deref()?;
    let text = help.split("\n\n").next().unwrap_or(help);
    (!text.is_empty()).then(|| text.to_owned())
}
