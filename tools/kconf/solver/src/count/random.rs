//! Drawing configurations.

use kconf::{Config, Diagnostics, Layer, Model};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use super::{Graph, chosen, projected};
use crate::draw::Draw;
use crate::encode::Encoding;
use crate::formula::Lit;
use crate::solver::Solver;

/// Configurations drawn at random.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomSample {
    /// The assignments of each, as lines of a `.config`.
    pub configs: Vec<String>,
    /// Whether every combination of values of the symbols is equally likely.
    pub uniform: bool,
    /// How it was drawn, in one sentence.
    pub method: String,
}

/// Draws `number` configurations; the same for the same seed.
///
/// If the combinations of values of `symbols` (empty: every bool and tristate symbol) can be counted within
/// `steps`, each combination is equally likely, exactly. Otherwise symbols get random values one after the other
/// where that is possible, which reaches everything but favours what has few dependencies; the result says so.
/// Other symbols are left to their defaults where possible.
///
/// ```
/// # use kconf::{Env, Model};
/// # use kconf_solver::{DEFAULT_STEPS, random};
/// let text = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\n";
/// let model = Model::load_str("Kconfig".as_ref(), text, &Env::default())?;
/// let sample = random(&model, &[], 5, 1, DEFAULT_STEPS)?;
/// assert!(sample.uniform && sample.configs.len() == 5);
/// # Ok::<(), kconf::Diagnostics>(())
/// ```
///
/// # Errors
/// A symbol is unknown.
pub fn random(
    model: &Model,
    symbols: &[&str],
    number: usize,
    seed: u64,
    steps: usize,
) -> Result<RandomSample, Diagnostics> {
    let encoding = Encoding::new(model);
    let names = chosen(model, symbols)?;
    let counted = projected(&encoding, &names);
    let graph = Graph::compile(&encoding.formula, &counted, steps);
    let mut solver = Solver::new(&encoding.formula);
    let mut draw = Draw::new(seed);
    let uniform = graph.is_exact();
    let mut configs = Vec::new();
    if graph.count() != BigUint::ZERO {
        for _ in 0..number {
            let lits = match uniform {
                true => graph.draw(&mut draw).unwrap_or_default(),
                false => one_by_one(&mut solver, &counted, &mut draw),
            };
            if !solver.solve(&lits) {
                continue;
            }
            let config = encoding.dotconfig(solver.found());
            if confirmed(&encoding, &solver, &names, &config) {
                configs.push(config);
            }
        }
    }
    let method = if uniform {
        format!(
            "drawn from all {} combinations of values of {} symbols, each equally likely",
            graph.count(),
            names.len()
        )
    } else {
        format!(
            "values drawn symbol by symbol, not uniform: more than {} combinations of {} symbols could not be counted",
            graph.count(),
            names.len()
        )
    };
    Ok(RandomSample {
        configs,
        uniform,
        method,
    })
}

/// Whether the assignments give the values of the model.
fn confirmed(encoding: &Encoding<'_>, solver: &Solver, names: &[&str], text: &str) -> bool {
    let mut config = Config::new(encoding.model);
    config.read_str("<random>", text, Layer::Config);
    let symbols = names.iter().filter_map(|name| encoding.model.symbol(name));
    symbols
        .into_iter()
        .all(|s| config.value_of(s).text == encoding.value(solver.found(), s))
}

fn one_by_one(solver: &mut Solver, counted: &[Lit], draw: &mut Draw) -> Vec<Lit> {
    let mut order = counted.to_vec();
    draw.shuffle(&mut order);
    let mut fixed = Vec::new();
    for lit in order {
        let lit = if draw.below(2) == 0 { lit } else { !lit };
        fixed.push(lit);
        if !solver.solve(&fixed) {
            fixed.pop();
            fixed.push(!lit);
        }
    }
    fixed
}
