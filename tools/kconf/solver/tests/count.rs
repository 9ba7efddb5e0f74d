//! Counts against a count by trying everything, and drawing against the count.

#[allow(dead_code, reason = "not every test file needs all of it")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::load;
use kconf::{Config, Env, Layer, Model};
use kconf_solver::{DEFAULT_STEPS, Encoding, Solver, count, random};
use proptest::prelude::*;

fn logic(model: &Model) -> Vec<&str> {
    let symbols = model.symbols().filter(|s| s.kind().is_logic());
    symbols.map(|s| s.name()).collect()
}

/// All combinations of values, each found by blocking those found before.
fn by_blocking(model: &Model) -> usize {
    let encoding = Encoding::new(model);
    let mut solver = Solver::new(encoding.formula());
    let mut total = 0;
    while total < 3000 && solver.solve(&[]) {
        total += 1;
        let found = solver.found();
        let block: Vec<_> = model
            .symbols()
            .filter(|s| s.kind().is_logic())
            .map(|s| !encoding.is(s.name(), &encoding.value(found, s)))
            .collect();
        solver.clause(&block);
    }
    total
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_those_of_trying_everything(seed in any::<u64>()) {
        let kconfig = common::tree(seed).0;
        let model = load(&kconfig);
        let tried = by_blocking(&model);
        let counted = count(&model, &[], DEFAULT_STEPS).expect("a good question");
        prop_assert!(counted.exact);
        if tried < 3000 {
            prop_assert_eq!(counted.number, tried.to_string(), "{}", kconfig);
        }
    }
}

#[test]
fn every_configuration_is_drawn_equally_often() {
    // Five configurations; drawing symbol by symbol would give A=n half of the time.
    let model = load(
        "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig C\n\tbool \"c\"\n\tdepends on A\n",
    );
    let sample = random(&model, &[], 5000, 3, DEFAULT_STEPS).expect("a good question");
    assert!(sample.uniform, "{}", sample.method);
    let mut seen: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for text in &sample.configs {
        let mut config = Config::new(&model);
        config.read_str("random", text, Layer::Config);
        let values = model.symbols().map(|s| config.value_of(s).text).collect();
        *seen.entry(values).or_default() += 1;
    }
    assert_eq!(seen.len(), 5);
    // Four standard deviations of a binomial distribution around 1000.
    assert!(seen.values().all(|n| (887..=1113).contains(n)), "{seen:?}");
}

#[test]
fn our_own_tree_is_counted_exactly_and_drawn_from_uniformly() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../configs");
    let model = Model::load(&configs.join("Kconfig"), &Env::default()).expect("our tree");
    let counted = count(&model, &[], DEFAULT_STEPS).expect("a good question");
    assert!(counted.exact);
    println!("{counted:?}");
    let sample = random(&model, &[], 50, 1, DEFAULT_STEPS).expect("a good question");
    assert!(sample.uniform);
    assert_eq!(sample.configs.len(), 50);
    let different: BTreeSet<&String> = sample.configs.iter().collect();
    assert!(different.len() > 45);
    assert_eq!(
        random(&model, &[], 50, 1, DEFAULT_STEPS).expect("again"),
        sample
    );
    assert_eq!(logic(&model).len(), counted.symbols);
}

#[test]
fn what_cannot_be_counted_is_a_lower_bound_and_said_to_be_one() {
    let tree: String = (0..60)
        .map(|i| {
            format!(
                "config S{i}\n\tbool \"s\"\n\tdepends on !S{} || !S{}\n",
                (i * 7 + 3) % i.max(1),
                (i * 5 + 1) % i.max(1)
            )
        })
        .collect::<String>()
        .replacen("\tdepends on !S0 || !S0\n", "", 1);
    let model = load(&tree);
    let counted = count(&model, &[], 1).expect("a good question");
    assert!(!counted.exact);
    let sample = random(&model, &[], 3, 1, 1).expect("a good question");
    assert!(!sample.uniform && sample.configs.len() == 3);
}
