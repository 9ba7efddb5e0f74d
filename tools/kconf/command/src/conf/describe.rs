//! What `?` and `--helpnewconfig` show: help, value, type, where it is defined and what it depends on.

use std::fmt::Write as _;

use kconf::{Choice, Config, Symbol};

/// About a symbol.
pub fn symbol(config: &Config<'_>, symbol: &Symbol) -> String {
    let mut out = String::from("\n");
    match symbol.help() {
        // Writing to a String cannot fail.
        Some(help) => {
            let prefix = config.model().prefix();
            let _ = writeln!(out, "{prefix}{}:\n\n{}", symbol.name(), help.trim_end());
        }
        None => out.push_str("There is no help available for this option.\n"),
    }
    let value = config.value_of(symbol).text;
    let _ = writeln!(out, "Symbol: {} [={value}]", symbol.name());
    let _ = writeln!(out, "Type  : {}", symbol.kind());
    for (index, span) in symbol.definitions().iter().enumerate() {
        let at = span.location();
        let _ = writeln!(out, "Defined at {}:{}", at.file, at.line);
        if let Some(prompt) = symbol.prompts().get(index) {
            let _ = writeln!(out, "  Prompt: {}", prompt.text);
        }
        if let Some(Some(expr)) = symbol.dependencies().get(index) {
            let _ = writeln!(
                out,
                "  Depends on: {}",
                crate::commands::expression(config.model(), expr)
            );
        }
    }
    out.push('\n');
    out
}

/// About a choice.
pub fn choice(choice: &Choice) -> String {
    let help = choice
        .help()
        .unwrap_or("There is no help available for this option.");
    let at = choice.location();
    let prompt = choice.prompt().unwrap_or_default();
    format!(
        "\n{}\nDefined at {}:{}\n  Prompt: {prompt}\n\n",
        help.trim_end(),
        at.file,
        at.line
    )
}
