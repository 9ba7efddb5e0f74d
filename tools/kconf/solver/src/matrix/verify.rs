//! The checker of certificates. It believes nothing that is written there: rows are evaluated, combinations are
//! enumerated again, and what is called infeasible is asked of a solver with constraints of its own.

use std::collections::{HashMap, HashSet};

use kconf::{Code, Config, Diagnostic, Diagnostics, Kind, Layer, Model};

use super::certificate::{Certificate, Parameter, Setting, Tuple};
use crate::encode::Encoding;
use crate::solver::Solver;

/// Mistakes reported at most.
const MAX_MISTAKES: usize = 20;

/// What was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verified {
    /// Configurations evaluated.
    pub rows: usize,
    /// Combinations in all.
    pub tuples: usize,
    /// Those of them that were proved infeasible.
    pub infeasible: usize,
}

/// Checks a certificate.
///
/// # Errors
/// Everything in it that is not so, at most twenty findings.
pub fn verify(model: &Model, certificate: &Certificate) -> Result<Verified, Diagnostics> {
    let mut mistakes = Vec::new();
    parameters(model, certificate, &mut mistakes);
    if !(1..=3).contains(&certificate.strength) {
        mistakes.push(format!("its strength is {}", certificate.strength));
    }
    if mistakes.is_empty() {
        rows(model, certificate, &mut mistakes);
    }
    let mut tuples = 0;
    if mistakes.is_empty() {
        tuples = coverage(certificate, &mut mistakes);
        infeasible(model, certificate, &mut mistakes);
    }
    if mistakes.is_empty() {
        return Ok(Verified {
            rows: certificate.rows.len(),
            tuples,
            infeasible: certificate.infeasible.len(),
        });
    }
    let mut found = Diagnostics::new();
    for mistake in mistakes.into_iter().take(MAX_MISTAKES) {
        found.push(Diagnostic::error(
            Code::DidNotTake,
            format!("the certificate is wrong: {mistake}"),
        ));
    }
    Err(found)
}

fn parameters(model: &Model, certificate: &Certificate, mistakes: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for Parameter { symbol, values } in &certificate.parameters {
        if !seen.insert(symbol) {
            mistakes.push(format!("{symbol} is listed twice"));
        }
        let Some(known) = model.symbol(symbol) else {
            mistakes.push(format!("{symbol} is defined in no Kconfig file"));
            continue;
        };
        let all: &[&str] = match known.kind() {
            Kind::Tristate if model.modules().is_some() => &["n", "m", "y"],
            kind if kind.is_logic() => &["n", "y"],
            _ => continue,
        };
        if values != all {
            mistakes.push(format!("{symbol} has the values {all:?}, not {values:?}"));
        }
    }
}

fn rows(model: &Model, certificate: &Certificate, mistakes: &mut Vec<String>) {
    for row in &certificate.rows {
        let mut config = Config::new(model);
        config.read_str(&row.name, &row.config, Layer::Config);
        let values: Vec<String> = certificate
            .parameters
            .iter()
            .map(|p| config.value(&p.symbol).map(|v| v.text).unwrap_or_default())
            .collect();
        if values != row.values {
            mistakes.push(format!(
                "{} evaluates to {values:?}, not to {:?}",
                row.name, row.values
            ));
        }
    }
}

/// Every combination is either in a row that has it or in the list of infeasible ones. Gives their number.
fn coverage(certificate: &Certificate, mistakes: &mut Vec<String>) -> usize {
    let column: HashMap<&str, usize> = certificate
        .parameters
        .iter()
        .map(|p| p.symbol.as_str())
        .zip(0..)
        .collect();
    let mut claimed: HashMap<&Tuple, Option<usize>> = HashMap::new();
    for covered in &certificate.covered {
        if claimed.insert(&covered.tuple, Some(covered.row)).is_some() {
            mistakes.push(format!("{:?} is listed twice", covered.tuple));
        }
    }
    for tuple in &certificate.infeasible {
        if claimed.insert(tuple, None).is_some() {
            mistakes.push(format!("{tuple:?} is listed twice"));
        }
    }
    let mut total = 0;
    each(
        &certificate.parameters,
        certificate.strength,
        &mut |tuple| {
            total += 1;
            match claimed.get(tuple) {
                None => mistakes.push(format!("{tuple:?} is missing")),
                Some(None) => {}
                Some(Some(row)) => {
                    let has = certificate.rows.get(*row).is_some_and(|row| {
                        tuple.0.iter().all(|setting| {
                            let index = column.get(setting.symbol.as_str());
                            index.and_then(|i| row.values.get(*i)) == Some(&setting.value)
                        })
                    });
                    if !has {
                        mistakes.push(format!("{tuple:?} is not in row {row}"));
                    }
                }
            }
        },
    );
    if claimed.len() != total {
        mistakes.push(format!(
            "{} combinations are listed, but there are {total}",
            claimed.len()
        ));
    }
    total
}

/// Calls `visit` with every combination of values of `strength` parameters, in order.
fn each(parameters: &[Parameter], strength: usize, visit: &mut dyn FnMut(&Tuple)) {
    fn go(parameters: &[Parameter], left: usize, tuple: &mut Tuple, visit: &mut dyn FnMut(&Tuple)) {
        if left == 0 {
            visit(tuple);
            return;
        }
        for (index, parameter) in parameters.iter().enumerate() {
            for value in &parameter.values {
                tuple.0.push(Setting {
                    symbol: parameter.symbol.clone(),
                    value: value.clone(),
                });
                go(&parameters[index + 1..], left - 1, tuple, visit);
                tuple.0.pop();
            }
        }
    }
    let strength = strength.min(parameters.len());
    go(parameters, strength, &mut Tuple(Vec::new()), visit);
}

fn infeasible(model: &Model, certificate: &Certificate, mistakes: &mut Vec<String>) {
    let encoding = Encoding::new(model);
    let mut solver = Solver::new(encoding.formula());
    for tuple in &certificate.infeasible {
        let settings = tuple.0.iter();
        let lits: Vec<_> = settings.map(|s| encoding.is(&s.symbol, &s.value)).collect();
        if solver.solve(&lits) {
            mistakes.push(format!("{tuple:?} is possible"));
        }
    }
}
