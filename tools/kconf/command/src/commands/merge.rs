//! `merge` and `set`: assignments over a configuration, with a report of what did not take and why.

use std::path::{Path, PathBuf};

use kconf::{Code, Config, Layer};
use serde_json::json;

use crate::context::{Context, Failure};
use crate::{files, json};

/// Fragments over a configuration, in order.
pub fn merge(
    root: &Path,
    base: &Path,
    fragments: &[PathBuf],
    context: &Context,
) -> Result<(), Failure> {
    let model = context.load(root)?;
    let mut config = Config::new(&model);
    config.read(base, Layer::Config)?;
    for path in fragments {
        config.read(path, Layer::Fragment)?;
    }
    finish(&config, context)
}

/// Assignments over `.config`. One that does not take is an error, and nothing is written.
pub fn set(root: &Path, assignments: &[String], context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let mut config = context.current(&model)?;
    let mut symbols = Vec::new();
    for assignment in assignments {
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(Failure::Usage(format!(
                "{assignment} is no assignment, write {assignment}=VALUE"
            )));
        };
        let symbol = context.symbol(&model, name)?;
        config.set(symbol.name(), value)?;
        symbols.push(symbol.name());
    }
    let mut refused = kconf::Diagnostics::new();
    for found in config.diagnostics().into_vec() {
        let ours = found
            .symbol
            .as_deref()
            .is_some_and(|s| symbols.contains(&s));
        if ours && matches!(found.code, Code::DidNotTake | Code::OutOfRange) {
            refused.push(found);
        }
    }
    if !refused.is_empty() {
        return Err(refused.into_errors().into());
    }
    finish(&config, context)
}

fn finish(config: &Config<'_>, context: &Context) -> Result<(), Failure> {
    let found = config.diagnostics();
    let path = context.config_path();
    if context.json && !context.strict {
        files::write_config(&path, &config.write(), context)?;
        return json::show(&json!({ "written": path, "diagnostics": json::list(&found) }));
    }
    context.warn(found)?;
    files::write_config(&path, &config.write(), context)?;
    match context.json {
        true => json::show(&json!({ "written": path, "diagnostics": [] })),
        false => Ok(()),
    }
}
