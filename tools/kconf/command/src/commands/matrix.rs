//! `matrix`: a sample of configurations with its certificate, and the check of one.

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
    symbols
        .iter()
        .map(|s| context.symbol(model, s).map(kconf::Symbol::name))
        .collect()
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

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::Other(format!("cannot read {}: {e}", path.display())))
}
