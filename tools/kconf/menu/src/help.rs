//! What there is to say about one entry, as lines: help text, value and origin, dependencies with their values,
//! who selects it, where it is defined.

use kconf::{Choice, Config, Entry, Expr, Model, Reverse, Symbol, Tri};

use crate::facts;

/// The keys, as the overview shows them.
pub const KEYS: &[&str] = &[
    "Moving",
    "  Up Down PgUp PgDn Home End   move in the list",
    "  Enter, Right                 open a menu or choice, change a value",
    "  Esc, Left, F5                back; at the top: leave",
    "  a letter                     next entry that starts with it",
    "",
    "Changing",
    "  y  m  n                      on, as a module, off",
    "  Space                        next possible value",
    "  u, Ctrl-Z                    undo",
    "  U, Ctrl-Y, Ctrl-R            redo",
    "",
    "Looking",
    "  ?  h  F1  F2                 help: dependencies, origin, place",
    "  /  F8                        search every symbol by name or prompt",
    "  Z  F4                        show entries that are not visible, too",
    "  R                            review what has changed",
    "  F3                           this list",
    "",
    "Files",
    "  S  F6                        save",
    "  L  F7                        load",
    "  D                            save the minimal configuration (defconfig)",
    "  Q  F9  Ctrl-C                leave",
    "",
    "Marks",
    "  [*] [ ]    a bool, on or off          <M> <*> < >  a tristate",
    "  {M} {*}    selected: m or y only      -*-          fixed by other symbols",
    "  (value)    a number, text or choice   --->         opens; ---- is empty",
    "  (NEW)      has no assigned value yet  (hidden)     cannot be set now",
    "",
    "A value that is blocked can still be asked for: with y, m, n or Space on it,",
    "the smallest sets of changes that make it possible are offered.",
];

/// The help of a symbol.
pub fn symbol(config: &Config<'_>, symbol: &Symbol, path: &[String]) -> Vec<String> {
    let model = config.model();
    let mut out = Vec::new();
    match symbol.help() {
        Some(help) => out.extend(help.trim_end().lines().map(str::to_owned)),
        None => out.push("There is no help text for this symbol.".to_owned()),
    }
    out.push(String::new());
    out.push(format!("Symbol: {}{}", model.prefix(), symbol.name()));
    out.push(format!("Type:   {}", symbol.kind()));
    let origin = match facts::origin(config, symbol) {
        Some(origin) => format!("  ({origin})"),
        None => String::new(),
    };
    out.push(format!("Value:  {}{origin}", config.value_of(symbol)));
    if let Some(asked) = config.assignment(symbol)
        && asked != config.value_of(symbol).text
    {
        out.push(format!("        {asked} was assigned and did not take"));
    }
    if let Some(range) = facts::range_text(config, symbol) {
        out.push(format!("Range:  {range}"));
    }
    for prompt in symbol.prompts() {
        let state = if config.condition(prompt.condition.as_ref()) == Tri::N {
            "  (not visible)"
        } else {
            ""
        };
        out.push(format!("Prompt: {}{state}", prompt.text));
    }
    if symbol.prompts().is_empty() {
        out.push("Prompt: none, so it cannot be set by hand".to_owned());
    }
    if !path.is_empty() {
        out.push(format!("In:     {}", path.join(" > ")));
    }
    for span in symbol.definitions() {
        out.push(format!("At:     {}", span.location()));
    }
    let needs = facts::requirements(config, symbol);
    if !needs.is_empty() {
        out.push(String::new());
        out.push("To see it, first switch on:".to_owned());
        out.extend(needs.into_iter().map(|need| format!("  {need}")));
    }
    let dependencies: Vec<String> = symbol
        .dependencies()
        .iter()
        .flatten()
        .map(|e| format!("  {}", facts::expression(config, e)))
        .collect();
    section(&mut out, "Depends on:", dependencies);
    let defaults = symbol.defaults().iter().map(|default| {
        let value = facts::expression(config, &default.value);
        format!("  {value}{}", condition(config, default.condition.as_ref()))
    });
    section(&mut out, "Defaults:", defaults.collect());
    let (title, lines) = reverses(config, symbol.selected_by());
    section(&mut out, &format!("Selected by{title}:"), lines);
    let (title, lines) = reverses(config, symbol.implied_by());
    section(&mut out, &format!("Implied by{title}:"), lines);
    let of = |list: fn(&Symbol) -> &[Reverse]| forward(config, model, symbol, list);
    section(&mut out, "Selects:", of(Symbol::selected_by));
    section(&mut out, "Implies:", of(Symbol::implied_by));
    out
}

fn section(out: &mut Vec<String>, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        out.push(String::new());
        out.push(title.to_owned());
        out.extend(lines);
    }
}

fn condition(config: &Config<'_>, condition: Option<&Expr>) -> String {
    match condition {
        Some(expr) => format!("  if {}", facts::expression(config, expr)),
        None => String::new(),
    }
}

/// Who selects or implies, those that do so now first.
fn reverses(config: &Config<'_>, list: &[Reverse]) -> (String, Vec<String>) {
    let line = |reverse: &Reverse| {
        let by = config.model().get(reverse.by);
        let strength = facts::tri(config, by).min(config.condition(reverse.condition.as_ref()));
        let text = format!(
            "{} [={}]{}  ({})",
            by.name(),
            config.value_of(by),
            condition(config, reverse.condition.as_ref()),
            reverse.span.location()
        );
        (strength, text)
    };
    let all: Vec<(Tri, String)> = list.iter().map(line).collect();
    let now = all.iter().filter(|(strength, _)| *strength != Tri::N);
    let rest = all.iter().filter(|(strength, _)| *strength == Tri::N);
    let lines: Vec<String> = now
        .clone()
        .map(|(strength, text)| format!("  now, to {strength}: {text}"))
        .chain(rest.map(|(_, text)| format!("  {text}")))
        .collect();
    let title = match (now.count(), all.len()) {
        (_, 0) => String::new(),
        (now, all) => format!(" ({now} of {all} now)"),
    };
    (title, lines)
}

/// What the symbol selects or implies; the model keeps that at the targets.
fn forward(
    config: &Config<'_>,
    model: &Model,
    symbol: &Symbol,
    list: fn(&Symbol) -> &[Reverse],
) -> Vec<String> {
    let mut out = Vec::new();
    for target in model.symbols() {
        for reverse in list(target).iter().filter(|r| r.by == symbol.id()) {
            out.push(format!(
                "  {} [={}]{}",
                target.name(),
                config.value_of(target),
                condition(config, reverse.condition.as_ref())
            ));
        }
    }
    out
}

/// The help of a choice.
pub fn choice(config: &Config<'_>, choice: &Choice, path: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    match choice.help() {
        Some(help) => out.extend(help.trim_end().lines().map(str::to_owned)),
        None => out.push("There is no help text for this choice.".to_owned()),
    }
    section(
        &mut out,
        "Members:",
        choice
            .members()
            .iter()
            .map(|id| {
                let symbol = config.model().get(*id);
                let state = match config.visibility(symbol) {
                    Tri::N => "  (not visible)",
                    _ => "",
                };
                format!("  {} [={}]{state}", symbol.name(), config.value_of(symbol))
            })
            .collect(),
    );
    out.push(String::new());
    out.push(format!("In:     {}", path.join(" > ")));
    out.push(format!("At:     {}", choice.location()));
    out
}

/// The help of a menu or comment.
pub fn entry(config: &Config<'_>, entry: &Entry, path: &[String]) -> Vec<String> {
    let mut out = vec![
        entry.text().unwrap_or_default().to_owned(),
        String::new(),
        format!("In:     {}", path.join(" > ")),
        format!("At:     {}", entry.span().location()),
    ];
    if let Some(expr) = entry.condition() {
        let text = format!("  {}", facts::expression(config, expr));
        section(&mut out, "Depends on:", vec![text]);
    }
    out
}
