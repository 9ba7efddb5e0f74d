//! Samples are small, the same for the same seed, and what they promise is checked independently.

#[allow(dead_code, reason = "not every test file needs all of it")]
mod common;

use std::path::Path;

use common::load;
use kconf::{Env, Model};
use kconf_solver::{Certificate, Named, matrix, verify};
use proptest::prelude::*;

fn our_tree() -> Model {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../configs");
    Model::load(&configs.join("Kconfig"), &Env::default()).expect("our tree")
}

fn logic(model: &Model) -> Vec<&str> {
    let symbols = model.symbols().filter(|s| s.kind().is_logic());
    symbols.map(|s| s.name()).collect()
}

#[test]
fn eight_free_symbols_take_about_as_many_rows_as_are_known_to_be_needed() {
    let tree: String = (0..8)
        .map(|i| format!("config S{i}\n\tbool \"s\"\n"))
        .collect();
    let model = load(&tree);
    let symbols = logic(&model);
    for (strength, at_most) in [(1, 2), (2, 8), (3, 18)] {
        let sample = matrix(&model, &symbols, strength, 7, &[]).expect("a good question");
        verify(&model, &sample).expect("a good certificate");
        assert!(
            sample.rows.len() <= at_most,
            "strength {strength}: {} rows",
            sample.rows.len()
        );
        assert!(sample.infeasible.is_empty());
    }
}

#[test]
fn named_configurations_come_first_and_count() {
    let model = load("config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n");
    let named = [Named {
        name: "both".into(),
        config: "CONFIG_A=y\nCONFIG_B=y\n".into(),
    }];
    let sample = matrix(&model, &["A", "B"], 1, 0, &named).expect("a good question");
    assert_eq!(sample.rows.len(), 2);
    assert_eq!(sample.rows[0].name, "both");
    assert_eq!(sample.rows[1].values, ["n", "n"]);
}

#[test]
fn the_sample_of_our_own_tree_is_verified_and_the_same_every_time() {
    let model = our_tree();
    let symbols = logic(&model);
    let sample = matrix(&model, &symbols, 2, 1, &[]).expect("a good question");
    let verified = verify(&model, &sample).expect("a good certificate");
    assert_eq!(
        verified.tuples,
        sample.covered.len() + sample.infeasible.len()
    );
    assert_eq!(matrix(&model, &symbols, 2, 1, &[]).expect("again"), sample);
    println!("{verified:?}");
    let text = serde_json::to_string(&sample).expect("JSON");
    let back: Certificate = serde_json::from_str(&text).expect("JSON");
    assert_eq!(back, sample);
}

#[test]
fn a_forged_certificate_is_refused() {
    let model = load("config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\n");
    let good = matrix(&model, &["A", "B"], 2, 0, &[]).expect("a good question");
    assert!(verify(&model, &good).is_ok());
    let mut missing = good.clone();
    missing.covered.pop();
    let mut possible = good.clone();
    let moved = possible.covered.pop().expect("some");
    possible.infeasible.push(moved.tuple);
    let mut elsewhere = good.clone();
    let rows = elsewhere.rows.len();
    elsewhere.covered[0].row = (elsewhere.covered[0].row + 1) % rows;
    let mut values = good.clone();
    values.rows[0].values[0] = if values.rows[0].values[0] == "y" {
        "n"
    } else {
        "y"
    }
    .into();
    let mut fewer = good.clone();
    fewer.parameters[1].values.pop();
    for forged in [missing, possible, elsewhere, values, fewer] {
        assert!(verify(&model, &forged).is_err(), "{forged:?}");
    }
}

#[test]
fn bad_questions_are_errors() {
    let model = load("config A\n\tbool \"a\"\n");
    assert!(matrix(&model, &["NONE"], 1, 0, &[]).is_err());
    assert!(matrix(&model, &["A", "A"], 1, 0, &[]).is_err());
    assert!(matrix(&model, &["A"], 4, 0, &[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_has_a_good_certificate(seed in any::<u64>(), strength in 1usize..=3) {
        let (kconfig, dotconfig) = common::tree(seed);
        let model = load(&kconfig);
        let named = [Named { name: "given".into(), config: dotconfig }];
        let sample = matrix(&model, &logic(&model), strength, seed, &named).expect("a good question");
        if let Err(found) = verify(&model, &sample) {
            return Err(TestCaseError::fail(format!("{found}\n{kconfig}")));
        }
    }
}
