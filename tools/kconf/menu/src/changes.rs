//! What differs between two states of the configuration: old and new values, and which of them the user asked for.

use kconf::{Config, SymbolId};

use crate::facts;

/// One symbol that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub symbol: SymbolId,
    /// Its value before, as in a `.config`.
    pub old: String,
    /// Its value now.
    pub new: String,
    /// Whether the user assigned the new value; otherwise it followed by itself.
    pub asked: bool,
}

/// What changed since `before`, in order of first mention.
pub fn since(before: &Config<'_>, now: &Config<'_>) -> Vec<Change> {
    now.model()
        .symbols()
        .filter_map(|symbol| {
            let (old, new) = (before.value_of(symbol), now.value_of(symbol));
            if old == new {
                return None;
            }
            let wish = now.assignment(symbol);
            Some(Change {
                symbol: symbol.id(),
                asked: wish == Some(new.text.as_str()) && wish != before.assignment(symbol),
                old: old.literal(),
                new: new.literal(),
            })
        })
        .collect()
}

/// Whether any value changed since `before`.
pub fn any(before: &Config<'_>, now: &Config<'_>) -> bool {
    now.model()
        .symbols()
        .any(|symbol| before.value_of(symbol) != now.value_of(symbol))
}

/// The changes as lines: those the user asked for, then those that followed.
pub fn lines(now: &Config<'_>, changes: &[Change]) -> Vec<String> {
    let model = now.model();
    let mut out = Vec::new();
    if changes.is_empty() {
        out.push("No value has changed.".to_owned());
        return out;
    }
    let prefix = model.prefix();
    let longest = changes
        .iter()
        .map(|c| model.get(c.symbol).name().len())
        .max()
        .unwrap_or(0)
        .min(32);
    for (asked, title) in [(true, "You changed"), (false, "Followed by itself")] {
        let mut titled = false;
        for change in changes.iter().filter(|c| c.asked == asked) {
            if !std::mem::replace(&mut titled, true) {
                if !out.is_empty() {
                    out.push(String::new());
                }
                out.push(format!("{title}:"));
            }
            let symbol = model.get(change.symbol);
            let (name, old, new) = (symbol.name(), &change.old, &change.new);
            let mut line = format!("  {prefix}{name:longest$}  {old} -> {new}");
            if !asked && let Some(origin) = facts::origin(now, symbol) {
                line.push_str(&format!("  ({origin})"));
            }
            out.push(line);
        }
    }
    out
}

/// The lines of a `.config` that say something: without remarks, so that a heading that changed is no change.
pub fn significant(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .filter(|line| !line.starts_with('#') || line.ends_with(" is not set"))
        .collect()
}
