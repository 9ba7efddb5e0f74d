//! `matrix`: a sample of configurations with its certificate, and the check of one; `random` and `count`.

use std::fmt::Write as _;
use std::path::Path;

use kconf::Model;
use kconf_solver::{Certificate, Named};
use serde_json::json;

use crate::context::{Context, Failure, print};
use crate::json;

/// A sample; it is verified before it is printed.
pub fn sample(
    root: &Path,
    symbols: &[String],
    (strength, seed): (usize, u64),
    configs: &[String],
    context: &Context,
) -> Result<(), Failure> {
    let model = context.load(root)?;
    let mut named = Vec::new();
    for config in configs {
        let Some((name, path)) = config.split_once('=') else {
            return Err(Failure::Usage(format!(
                "--config {config} is not NAME=FILE"
            )));
        };
        named.push(Named {
            name: name.to_owned(),
            config: read(Path::new(path))?,
        });
    }
    let chosen = chosen(&model, symbols, context)?;
    let sample = kconf_solver::matrix(&model, &chosen, strength, seed, &named)?;
    kconf_solver::verify(&model, &sample)?;
    if context.json {
        let text = serde_json::to_string_pretty(&sample)
            .map_err(|e| Failure::Other(format!("cannot write the certificate: {e}")))?;
        return print(&(text + "\n"));
    }
    let mut out = format!(
        "{} configurations for {} combinations of {} values of {} symbols; {} are impossible\n",
        sample.rows.len(),
        sample.covered.len(),
        sample.strength,
        sample.parameters.len(),
        sample.infeasible.len()
    );
    for row in &sample.rows {
        let values: Vec<String> = sample
            .parameters
            .iter()
            .zip(&row.values)
            .map(|(p, v)| format!("{}={v}", p.symbol))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {}", row.name, values.join(" "));
    }
    for note in &sample.approximations {
        let _ = writeln!(out, "approximated: {note}");
    }
    print(&out)
}

fn chosen<'m>(
    model: &'m Model,
    symbols: &[String],
    context: &Context,
) -> Result<Vec<&'m str>, Failure> {
    if symbols.is_empty() {
        let all = model.symbols();
        return Ok(all
            .filter(|s| s.kind().is_logic() && !s.prompts().is_empty())
            .map(kconf::Symbol::name)
            .collect());
    }
    named(model, symbols, context)
}

/// Checks a certificate without believing the sampler.
pub fn verify(root: &Path, path: &Path, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let certificate: Certificate = serde_json::from_str(&read(path)?)
        .map_err(|e| Failure::Other(format!("{} is no certificate: {e}", path.display())))?;
    let checked = kconf_solver::verify(&model, &certificate)?;
    match context.json {
        true => json::show(&json!({
            "rows": checked.rows,
            "tuples": checked.tuples,
            "infeasible": checked.infeasible,
        })),
        false => print(&format!(
            "{} configurations, {} combinations, {} of them impossible: all as certified\n",
            checked.rows, checked.tuples, checked.infeasible
        )),
    }
}

/// Configurations drawn at random, as lines of a `.config` each.
pub fn random(
    root: &Path,
    symbols: &[String],
    (number, seed): (usize, u64),
    context: &Context,
) -> Result<(), Failure> {
    let model = context.load(root)?;
    let symbols = named(&model, symbols, context)?;
    let sample = kconf_solver::random(&model, &symbols, number, seed, kconf_solver::DEFAULT_STEPS)?;
    if context.json {
        return json::show(&json!({
            "configs": sample.configs,
            "uniform": sample.uniform,
            "method": sample.method,
        }));
    }
    let mut out = String::new();
    for (index, config) in sample.configs.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "# {} of {number}: {}\n{config}",
            index + 1,
            sample.method
        );
    }
    print(&out)
}

/// How many combinations of values there are.
pub fn count(root: &Path, symbols: &[String], context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let symbols = named(&model, symbols, context)?;
    let count = kconf_solver::count(&model, &symbols, kconf_solver::DEFAULT_STEPS)?;
    if context.json {
        return json::show(&json!({
            "number": count.number,
            "exact": count.exact,
            "symbols": count.symbols,
            "approximated": count.approximated,
        }));
    }
    let bound = if count.exact { "" } else { "at least " };
    let mut out = format!("{bound}{}\n", count.number);
    for name in &count.approximated {
        let _ = writeln!(out, "approximated: {name}");
    }
    print(&out)
}

/// The symbols as they are called in the model.
fn named<'m>(
    model: &'m Model,
    symbols: &[String],
    context: &Context,
) -> Result<Vec<&'m str>, Failure> {
    let found = symbols.iter().map(|s| context.symbol(model, s));
    found.map(|s| s.map(kconf::Symbol::name)).collect()
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::Other(format!("cannot read {}: {e}", path.display())))
}
