//! The constraints say what the evaluator computes, in both directions.

#[allow(dead_code, reason = "not every test file needs all of it")]
mod common;
#[path = "../../core/tests/common/mod.rs"]
#[allow(
    dead_code,
    reason = "the list of lines is for the evaluator's own tests"
)]
mod other;

use common::{Random, load};
use kconf::{Config, Layer, Model, SymbolId};
use kconf_solver::{Encoding, Lit, Solver};
use proptest::prelude::*;

/// Every value of the configuration, as assumptions.
fn values(encoding: &Encoding<'_>, config: &Config<'_>) -> Vec<Lit> {
    let model = config.model();
    model
        .symbols()
        .map(|symbol| encoding.is(symbol.name(), &config.value_of(symbol).text))
        .collect()
}

fn assigned(config: &Config<'_>) -> Vec<(SymbolId, String)> {
    let symbols = config.model().symbols();
    symbols
        .filter_map(|s| Some((s.id(), config.assignment(s)?.to_owned())))
        .collect()
}

fn check_configuration(kconfig: &str, dotconfig: &str) {
    let model = load(kconfig);
    let mut config = Config::new(&model);
    config.read_str(".config", dotconfig, Layer::Config);
    let encoding = Encoding::with_values(&model, &assigned(&config));
    let mut solver = Solver::new(encoding.formula());
    let assumptions = values(&encoding, &config);
    if !solver.solve(&assumptions) {
        let core = solver.core(&assumptions);
        let names: Vec<String> = model
            .symbols()
            .zip(&assumptions)
            .filter(|(_, lit)| core.contains(lit) || **lit == Lit::FALSE)
            .map(|(s, _)| format!("{}={}", s.name(), config.value_of(s).text))
            .collect();
        panic!("not in the formula: {names:?}\n{kconfig}\n{dotconfig}");
    }
}

fn check_models(kconfig: &str, seed: u64) {
    let model = load(kconfig);
    let encoding = Encoding::new(&model);
    let mut solver = Solver::new(encoding.formula());
    assert!(solver.solve(&[]), "{kconfig}");
    let mut random = Random(seed | 1);
    for _ in 0..12 {
        // Somewhere else: a random variable's random value, if possible.
        let mut assumptions = Vec::new();
        for symbol in model.symbols() {
            let all = encoding.values(symbol.name());
            if let Some(value) = all.get(random.below(all.len())) {
                assumptions.push(encoding.is(symbol.name(), value));
            }
            if !solver.solve(&assumptions) {
                assumptions.pop();
            }
        }
        assert!(solver.solve(&assumptions));
        check_model(&model, &encoding, &solver, kconfig);
    }
}

fn check_model(model: &Model, encoding: &Encoding<'_>, solver: &Solver, kconfig: &str) {
    let mut config = Config::new(model);
    let dotconfig = encoding.dotconfig(solver.found());
    config.read_str(".config", &dotconfig, Layer::User);
    for symbol in model.symbols() {
        assert_eq!(
            encoding.value(solver.found(), symbol),
            config.value_of(symbol).text,
            "{} in\n{kconfig}\n{dotconfig}",
            symbol.name()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluated_configurations_satisfy_the_formula(seed in any::<u64>()) {
        let (kconfig, dotconfig) = common::tree(seed);
        check_configuration(&kconfig, &dotconfig);
        let (kconfig, dotconfig) = other::tree(seed);
        check_configuration(&kconfig, &dotconfig);
    }

    #[test]
    fn every_model_is_what_its_assignments_evaluate_to(seed in any::<u64>()) {
        check_models(&common::tree(seed).0, seed);
        check_models(&other::tree(seed).0, seed);
    }
}
