//! `diff`: what two configurations assign differently, in the lines people know from the kernel's `diffconfig`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use kconf::{Config, Layer, Model};
use serde_json::{Value, json};

use crate::context::{Context, Failure, print};
use crate::json;

/// Compares two files; with the Kconfig files both are completed first, and each value's origin is told.
pub fn diff(a: &Path, b: &Path, root: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let prefix = context
        .env
        .variables
        .get("CONFIG_")
        .map_or("CONFIG_", String::as_str);
    let Some(root) = root else {
        let (old, new) = (assignments(a, prefix)?, assignments(b, prefix)?);
        return show(&old, &new, &|_| (None, None), context);
    };
    let model = context.load(root)?;
    let (old, new) = (complete(&model, a)?, complete(&model, b)?);
    let origin = |config: &Config<'_>, name: &str| config.origin(name).map(|o| o.to_string());
    show(
        &parse(&old.write(), prefix),
        &parse(&new.write(), prefix),
        &|name| (origin(&old, name), origin(&new, name)),
        context,
    )
}

fn complete<'m>(model: &'m Model, path: &Path) -> Result<Config<'m>, Failure> {
    let mut config = Config::new(model);
    config.read(path, Layer::Config)?;
    Ok(config)
}

fn assignments(path: &Path, prefix: &str) -> Result<BTreeMap<String, String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::Other(format!("cannot read {}: {e}", path.display())))?;
    Ok(parse(&text, prefix))
}

fn parse(text: &str, prefix: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let off = line
            .strip_prefix("# ")
            .and_then(|l| l.strip_suffix(" is not set"))
            .map(|name| (name, "n"));
        let Some((name, value)) = off.or_else(|| line.split_once('=')) else {
            continue;
        };
        if let Some(name) = name.strip_prefix(prefix) {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

type Origins = (Option<String>, Option<String>);

fn show(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    origins: &dyn Fn(&str) -> Origins,
    context: &Context,
) -> Result<(), Failure> {
    // As diffconfig does: what went, what changed, what came, each by name.
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let changed = old
        .iter()
        .filter(|(name, value)| new.get(*name).is_some_and(|other| other != *value));
    let come = new.keys().filter(|name| !old.contains_key(*name));
    let names: Vec<&String> = gone
        .chain(changed.map(|(name, _)| name))
        .chain(come)
        .collect();
    if context.json {
        let list: Vec<Value> = names
            .iter()
            .map(|name| {
                let (from, to) = origins(name);
                json!({
                    "symbol": name,
                    "old": old.get(*name),
                    "new": new.get(*name),
                    "old_origin": from,
                    "new_origin": to,
                })
            })
            .collect();
        return json::show(&json!({ "differences": list }));
    }
    let mut out = String::new();
    for name in names {
        // Writing to a String cannot fail.
        let _ = match (old.get(name), new.get(name)) {
            (Some(a), None) => writeln!(out, "-{name} {a}"),
            (None, Some(b)) => writeln!(out, "+{name} {b}"),
            (a, b) => {
                let value = |v: Option<&String>| v.cloned().unwrap_or_default();
                writeln!(out, " {name} {} -> {}", value(a), value(b))
            }
        };
        let (from, to) = origins(name);
        for (word, origin) in [("was", from), ("is", to)] {
            if let Some(origin) = origin.filter(|o| o != "unset") {
                let _ = writeln!(out, "    {word}: {origin}");
            }
        }
    }
    print(&out)
}
