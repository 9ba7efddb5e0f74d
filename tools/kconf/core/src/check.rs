//! Checks of finished definitions: what the reference warns of when it has read everything.
//!
//! Most findings are warnings: the value of such a definition is still defined, though hardly meant.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{ExprKind, Operand};
use crate::symbol::{Choice, Symbol};
use crate::value::Kind;

/// Looks at every symbol.
pub fn definitions(symbols: &[Symbol], out: &mut Diagnostics) {
    for symbol in symbols.iter().filter(|s| s.is_defined()) {
        if symbol.kind == Kind::Unknown {
            out.push(
                Diagnostic::warning(Code::Definition, format!("{} has no type", symbol.name))
                    .at(&symbol.definitions[0], "")
                    .help("add `bool`, `tristate`, `int`, `hex` or `string`"),
            );
            continue;
        }
        if symbol.transitional {
            transitional(symbol, out);
        }
        defaults(symbol, symbols, out);
        ranges(symbol, symbols, out);
        reverse(symbol, symbols, out);
    }
}

/// Looks at every choice.
pub fn choices(choices: &[Choice], out: &mut Diagnostics) {
    for choice in choices.iter().filter(|c| c.kind == Kind::Tristate) {
        out.push(
            Diagnostic::error(
                Code::Unsupported,
                "a choice of type tristate is not implemented",
            )
            .at(&choice.span, "several of its members could be m")
            .help("write `bool`, or bool symbols that exclude each other with `depends on`"),
        );
    }
}

/// A transitional symbol only passes a value on; the reference refuses anything else it has.
fn transitional(symbol: &Symbol, out: &mut Diagnostics) {
    let prompts = symbol.prompts.iter().map(|p| ("a prompt", &p.span));
    let defaults = symbol.defaults.iter().map(|d| ("a default", &d.span));
    let ranges = symbol.ranges.iter().map(|r| ("a range", &r.span));
    let selects = symbol.selected_by.iter().map(|r| ("a select", &r.span));
    let implies = symbol.implied_by.iter().map(|r| ("an imply", &r.span));
    for (what, span) in prompts
        .chain(defaults)
        .chain(ranges)
        .chain(selects)
        .chain(implies)
    {
        out.push(
            Diagnostic::error(
                Code::Definition,
                format!("{} is transitional and cannot have {what}", symbol.name),
            )
            .at(span, "")
            .help("a transitional symbol has a type and a help text only"),
        );
    }
}

fn defaults(symbol: &Symbol, symbols: &[Symbol], out: &mut Diagnostics) {
    if symbol.choice.is_some() {
        for default in &symbol.defaults {
            out.push(
                Diagnostic::error(
                    Code::Definition,
                    format!(
                        "{} is a member of a choice and cannot have a default",
                        symbol.name
                    ),
                )
                .at(&default.span, "")
                .help("write `default NAME` below the `choice`"),
            );
        }
    }
    if symbol.kind.is_logic() {
        return;
    }
    for default in &symbol.defaults {
        let ExprKind::Operand(operand) = default.value.kind() else {
            out.push(
                Diagnostic::warning(
                    Code::Definition,
                    format!(
                        "the default of {} must be one constant or symbol, as it is {}",
                        symbol.name, symbol.kind
                    ),
                )
                .at(default.value.span(), "this has no effect")
                .help("write several defaults with conditions"),
            );
            continue;
        };
        if symbol.kind.is_number() && !is_number(operand, symbol, symbols) {
            out.push(
                Diagnostic::warning(
                    Code::Definition,
                    format!("this default of {} is no number", symbol.name),
                )
                .at(&default.span, "")
                .help(format!("write {}", symbol.kind.expects())),
            );
        }
    }
}

fn ranges(symbol: &Symbol, symbols: &[Symbol], out: &mut Diagnostics) {
    for range in &symbol.ranges {
        let message = if !symbol.kind.is_number() {
            format!("{} is {} and cannot have a range", symbol.name, symbol.kind)
        } else if !is_number(&range.low, symbol, symbols)
            || !is_number(&range.high, symbol, symbols)
        {
            format!(
                "the bounds of {} are no numbers of type {}",
                symbol.name, symbol.kind
            )
        } else {
            continue;
        };
        out.push(
            Diagnostic::warning(Code::Definition, message)
                .at(&range.span, "")
                .help("a range is for int and hex symbols, with bounds of the same type"),
        );
    }
}

fn reverse(symbol: &Symbol, symbols: &[Symbol], out: &mut Diagnostics) {
    for (word, list) in [
        ("selected", &symbol.selected_by),
        ("implied", &symbol.implied_by),
    ] {
        for reverse in list {
            let by = &symbols[reverse.by.index()];
            if by.transitional {
                out.push(
                    Diagnostic::error(
                        Code::Definition,
                        format!(
                            "{} is transitional, so {} cannot be {word} by it",
                            by.name, symbol.name
                        ),
                    )
                    .at(&reverse.span, "")
                    .help("a transitional symbol has a type and a help text only"),
                );
            }
            let wrong = [symbol, by].into_iter().find(|s| !s.kind.is_logic());
            if let Some(wrong) = wrong {
                out.push(
                    Diagnostic::warning(
                        Code::Definition,
                        format!(
                            "{} is {word} by {}, but {} is {}",
                            symbol.name, by.name, wrong.name, wrong.kind
                        ),
                    )
                    .at(&reverse.span, "")
                    .help("only bool and tristate symbols can take part"),
                );
            }
        }
    }
}

fn is_number(operand: &Operand, symbol: &Symbol, symbols: &[Symbol]) -> bool {
    match operand {
        Operand::Tri(_) => false,
        Operand::Text(text) => symbol.kind.accepts(text),
        Operand::Symbol(id) => {
            let other = &symbols[id.index()];
            match other.is_defined() {
                true => other.kind.is_number(),
                false => symbol.kind.accepts(&other.name),
            }
        }
    }
}
