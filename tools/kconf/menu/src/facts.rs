//! What is the case: values, what can be chosen, and what stands in the way, as the screens say it.
//!
//! Everything here only reads; the texts are the same wherever they appear (list, search, help, advice).

use kconf::{Config, Expr, ExprKind, Kind, Layer, Model, Operand, Origin, Relation, Symbol, Tri};

/// How far "which needs" is followed.
const MAX_CHAIN: usize = 3;

/// The type a symbol behaves as: without modules a tristate is a bool.
pub fn kind(config: &Config<'_>, symbol: &Symbol) -> Kind {
    let modules = config
        .model()
        .modules()
        .is_some_and(|m| config.value_of(m).is_on());
    match symbol.kind() {
        Kind::Tristate if !modules => Kind::Bool,
        kind => kind,
    }
}

/// The value of a bool or tristate symbol.
pub fn tri(config: &Config<'_>, symbol: &Symbol) -> Tri {
    Tri::parse(&config.value_of(symbol).text).unwrap_or_default()
}

/// The values that can be assigned to a bool or tristate symbol now, ascending.
pub fn allowed(config: &Config<'_>, symbol: &Symbol) -> Vec<Tri> {
    let (low, high) = (config.selected(symbol), config.visibility(symbol));
    if high == Tri::N || !symbol.kind().is_logic() {
        return Vec::new();
    }
    if symbol.choice().is_some() {
        return vec![Tri::Y];
    }
    let tristate = kind(config, symbol) == Kind::Tristate;
    [Tri::N, Tri::M, Tri::Y]
        .into_iter()
        .filter(|tri| *tri >= low && *tri <= high && (*tri != Tri::M || tristate))
        .collect()
}

/// The mark before a symbol in the list: `[*]`, `<M>`, `{M}`, `-*-`, `(42)`.
pub fn mark(config: &Config<'_>, symbol: &Symbol) -> String {
    if !symbol.kind().is_logic() {
        return format!("({})", config.value_of(symbol).text);
    }
    let value = match tri(config, symbol) {
        Tri::N => ' ',
        Tri::M => 'M',
        Tri::Y => '*',
    };
    let (open, close) = if allowed(config, symbol).len() < 2 {
        ('-', '-')
    } else if kind(config, symbol) == Kind::Bool {
        ('[', ']')
    } else if config.selected(symbol) == Tri::M {
        ('{', '}')
    } else {
        ('<', '>')
    };
    format!("{open}{value}{close}")
}

/// An operand as written.
fn operand(model: &Model, operand: &Operand) -> String {
    match operand {
        Operand::Tri(tri) => tri.to_string(),
        Operand::Text(text) => format!("\"{text}\""),
        Operand::Symbol(id) => model.get(*id).name().to_owned(),
    }
}

/// An operand with its value, `NAME [=y]`.
fn valued(config: &Config<'_>, what: &Operand) -> String {
    let text = operand(config.model(), what);
    match what {
        Operand::Symbol(id) if config.model().get(*id).is_defined() => {
            format!("{text} [={}]", config.value_of(config.model().get(*id)))
        }
        Operand::Symbol(id) if !config.model().get(*id).is_constant() => {
            format!("{text} [defined nowhere]")
        }
        _ => text,
    }
}

/// An expression with the value of every symbol in it, `A [=y] && !B [=n]`.
pub fn expression(config: &Config<'_>, expr: &Expr) -> String {
    let inner = |e: &Expr| match e.kind() {
        ExprKind::And(list) | ExprKind::Or(list) if list.len() > 1 => {
            format!("({})", expression(config, e))
        }
        _ => expression(config, e),
    };
    match expr.kind() {
        ExprKind::Operand(a) => valued(config, a),
        ExprKind::Compare(relation, a, b) => format!(
            "{} {} {}",
            valued(config, a),
            relation.as_str(),
            valued(config, b)
        ),
        ExprKind::Not(e) => format!("!{}", inner(e)),
        ExprKind::And(list) => {
            let mut flat = Vec::new();
            flatten(list, &mut flat);
            let parts: Vec<String> = flat.into_iter().map(inner).collect();
            parts.join(" && ")
        }
        ExprKind::Or(list) => list.iter().map(inner).collect::<Vec<_>>().join(" || "),
    }
}

fn flatten<'e>(list: &'e [Expr], out: &mut Vec<&'e Expr>) {
    for expr in list {
        match expr.kind() {
            ExprKind::And(inner) => flatten(inner, out),
            _ => out.push(expr),
        }
    }
}

/// What must change before the symbol's prompt can be seen, one requirement each; empty if it can be seen, or if
/// it has no prompt.
pub fn requirements(config: &Config<'_>, symbol: &Symbol) -> Vec<String> {
    chain(config, symbol, Tri::M, MAX_CHAIN)
}

/// As [`requirements`], for the symbol to become `y`.
pub fn requirements_for(config: &Config<'_>, symbol: &Symbol, wanted: Tri) -> Vec<String> {
    chain(config, symbol, wanted, MAX_CHAIN)
}

fn chain(config: &Config<'_>, symbol: &Symbol, wanted: Tri, depth: usize) -> Vec<String> {
    if symbol.prompts().is_empty() || config.visibility(symbol) >= wanted.max(Tri::M) {
        return Vec::new();
    }
    let mut ways: Vec<Vec<String>> = Vec::new();
    for prompt in symbol.prompts() {
        if let Some(condition) = &prompt.condition {
            let mut needs = Vec::new();
            failing(config, condition, wanted, depth, &mut needs);
            if !needs.is_empty() && !ways.contains(&needs) {
                ways.push(needs);
            }
        }
    }
    match ways.len() {
        0 | 1 => ways.pop().unwrap_or_default(),
        _ => {
            let parts: Vec<String> = ways.iter().map(|way| way.join(" and ")).collect();
            vec![parts.join(", or ")]
        }
    }
}

/// Adds what in `expr` keeps it below `wanted`.
fn failing(config: &Config<'_>, expr: &Expr, wanted: Tri, depth: usize, out: &mut Vec<String>) {
    if config.condition(Some(expr)) >= wanted {
        return;
    }
    let text = match expr.kind() {
        ExprKind::And(list) => {
            for inner in list {
                failing(config, inner, wanted, depth, out);
            }
            return;
        }
        ExprKind::Or(list) => {
            let mut ways = Vec::new();
            for inner in list {
                let mut way = Vec::new();
                failing(config, inner, wanted, depth, &mut way);
                if !way.is_empty() {
                    ways.push(way.join(" and "));
                }
            }
            ways.join(" or ")
        }
        ExprKind::Not(inner) => match inner.kind() {
            ExprKind::Operand(Operand::Symbol(id)) => {
                let symbol = config.model().get(*id);
                format!("{} off (it is {})", symbol.name(), config.value_of(symbol))
            }
            _ => expression(config, expr),
        },
        ExprKind::Operand(Operand::Symbol(id)) => {
            let symbol = config.model().get(*id);
            on(config, symbol, wanted, depth)
        }
        ExprKind::Operand(Operand::Tri(_) | Operand::Text(_)) => {
            "something that never holds".to_owned()
        }
        ExprKind::Compare(relation, Operand::Symbol(id), other)
            if config.model().get(*id).is_defined() =>
        {
            let symbol = config.model().get(*id);
            let relation = match relation {
                Relation::Equal => "=",
                other => other.as_str(),
            };
            format!(
                "{} {relation} {} (it is {})",
                symbol.name(),
                operand(config.model(), other),
                config.value_of(symbol)
            )
        }
        ExprKind::Compare(..) => expression(config, expr),
    };
    if !out.contains(&text) {
        out.push(text);
    }
}

fn on(config: &Config<'_>, symbol: &Symbol, wanted: Tri, depth: usize) -> String {
    let name = symbol.name();
    if !symbol.is_defined() {
        return format!("{name} (defined nowhere)");
    }
    let is = config.value_of(symbol);
    if symbol.prompts().is_empty() {
        return format!("{name} (it is {is}, and has no prompt)");
    }
    let more = match depth {
        0 => Vec::new(),
        _ => chain(config, symbol, wanted, depth - 1),
    };
    if more.is_empty() {
        format!("{name} (it is {is})")
    } else {
        format!("{name} (it is {is}, and needs {})", more.join(", "))
    }
}

/// Where a value comes from, as people read it; none: nothing says anything.
pub fn origin(config: &Config<'_>, symbol: &Symbol) -> Option<String> {
    match config.origin(symbol.name())? {
        Origin::Assigned(Layer::User, _) => Some("set in this menu".to_owned()),
        Origin::Assigned(_, at) => Some(format!("assigned at {at}")),
        Origin::Default(at) => Some(format!("default at {at}")),
        Origin::Select(by, at) => Some(format!("selected by {by} at {at}")),
        Origin::Imply(by, at) => Some(format!("implied by {by} at {at}")),
        Origin::Choice(at) => Some(format!("the choice at {at}")),
        Origin::Unset => None,
    }
}

/// The range that holds, as text.
pub fn range_text(config: &Config<'_>, symbol: &Symbol) -> Option<String> {
    let (low, high) = config.bounds(symbol)?;
    Some(match symbol.kind() {
        Kind::Hex => format!("{low:#x} to {high:#x}"),
        _ => format!("{low} to {high}"),
    })
}

/// What is wrong with `text` as a value of the symbol, in one sentence; none: nothing.
pub fn fault(config: &Config<'_>, symbol: &Symbol, text: &str) -> Option<String> {
    let kind = symbol.kind();
    if kind == Kind::String {
        return text
            .chars()
            .any(char::is_control)
            .then(|| "text must not contain control characters".to_owned());
    }
    if text.is_empty() {
        return Some(format!("expected {}", kind.expects()));
    }
    if !kind.accepts(text) {
        return Some(format!("`{text}` is not {}", kind.expects()));
    }
    let value = kconf::Value {
        kind,
        text: text.to_owned(),
    };
    let Some((low, high)) = config.bounds(symbol) else {
        let fits = value.as_i64().is_some() || value.as_u64().is_some();
        return (!fits).then(|| format!("{text} does not fit into 64 bits"));
    };
    match value.as_i64() {
        Some(number) if number >= low && number <= high => None,
        _ => Some(format!(
            "{text} is out of range, choose from {}",
            range_text(config, symbol).unwrap_or_default()
        )),
    }
}
