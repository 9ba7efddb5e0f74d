//! `why` and `why-not`.

use std::fmt::Write as _;
use std::path::Path;

use kconf_solver::Answer;
use serde_json::json;

use crate::context::{Context, Failure, print};
use crate::json;

/// The value of a symbol, where it comes from and what blocks it.
pub fn why(root: &Path, name: &str, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let config = context.current(&model)?;
    let symbol = context.symbol(&model, name)?;
    if !context.json {
        return print(&kconf::why(&config, symbol));
    }
    let facts = kconf::explain(&config, symbol);
    let blockers: Vec<_> = facts
        .blockers
        .iter()
        .map(|b| json!({ "source": b.expr.span().text(), "place": json::place(b.expr.span()), "text": b.text }))
        .collect();
    let prompts: Vec<_> = symbol
        .prompts()
        .iter()
        .map(|p| {
            let visible = config.condition(p.condition.as_ref()) != kconf::Tri::N;
            json!({ "text": p.text, "visible": visible, "place": json::place(&p.span) })
        })
        .collect();
    let definitions: Vec<_> = symbol.definitions().iter().map(json::place).collect();
    json::show(&json!({
        "symbol": symbol.name(),
        "type": symbol.kind().as_str(),
        "value": config.value_of(symbol).text,
        "origin": config.origin(symbol.name()).map(|o| o.to_string()),
        "definitions": definitions,
        "prompts": prompts,
        "range": facts.bounds.map(|(low, high)| json!({ "low": low, "high": high })),
        "blockers": blockers,
        "not_taken": facts.not_taken.as_ref().map(json::diagnostic),
    }))
}

/// The smallest sets of changes that give a symbol a value. Status 1 if there are none.
pub fn why_not(root: &Path, wanted: &str, context: &Context) -> Result<(), Failure> {
    let (name, value) = wanted.split_once('=').unwrap_or((wanted, "y"));
    let model = context.load(root)?;
    let config = context.current(&model)?;
    let symbol = context.symbol(&model, name)?;
    let answer = kconf_solver::why_not(&config, symbol.name(), value)?;
    let is = config.value_of(symbol).text;
    if context.json {
        let answered = serde_json::to_value(&answer)
            .map_err(|e| Failure::Other(format!("cannot write the answer: {e}")))?;
        json::show(&json!({
            "symbol": symbol.name(),
            "wanted": value,
            "value": is,
            "result": answered,
        }))?;
    } else {
        print(&text(model.prefix(), symbol.name(), value, &is, &answer))?;
    }
    match answer {
        Answer::Already | Answer::Possible { .. } => Ok(()),
        Answer::Impossible { .. } | Answer::Undecided { .. } => Err(Failure::Said),
    }
}

fn text(prefix: &str, name: &str, value: &str, is: &str, answer: &Answer) -> String {
    let head = format!("{prefix}{name} is {is}");
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = match answer {
        Answer::Already => writeln!(out, "{head} already"),
        Answer::Undecided { reason } => writeln!(out, "{head}, and cannot be decided: {reason}"),
        Answer::Impossible { proof } => {
            let _ = writeln!(out, "{head}, and nothing makes it {value}, because of:");
            for line in &proof.lines {
                let _ = writeln!(out, "  {}: {}", line.place, line.text);
            }
            Ok(())
        }
        Answer::Possible { sets, complete } => {
            let _ = writeln!(out, "{head}; what makes it {value}:");
            for (index, set) in sets.iter().enumerate() {
                let _ = writeln!(out, "{}.", index + 1);
                for change in &set.changes {
                    let _ = writeln!(
                        out,
                        "  {prefix}{}={} (now {}) {}",
                        change.symbol, change.to, change.from, change.place
                    );
                }
                if !set.consequences.is_empty() {
                    let follows: Vec<String> = set
                        .consequences
                        .iter()
                        .map(|c| format!("{}={}", c.symbol, c.to))
                        .collect();
                    let _ = writeln!(out, "  then also: {}", follows.join(", "));
                }
            }
            match complete {
                true => Ok(()),
                false => writeln!(out, "There are more sets of this size."),
            }
        }
    };
    out
}
