//! Prints the findings for a tree: `lint KCONFIG`, with `srctree` from the environment.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use kconf::{Env, Model};
use kconf_solver::{Encoding, LintOptions, lint};

fn main() -> ExitCode {
    let Some(root) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: lint KCONFIG");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let model = match Model::load(&root, &Env::process()) {
        Ok(model) => model,
        Err(found) => {
            eprint!("{found}");
            return ExitCode::FAILURE;
        }
    };
    let loaded = start.elapsed();
    let encoding = Encoding::new(&model);
    let encoded = start.elapsed();
    for approximation in encoding.approximations().iter().filter(|a| a.lossy) {
        eprintln!(
            "approximated: {}: {}",
            approximation.symbol, approximation.reason
        );
    }
    let found = lint(&model, &LintOptions::default());
    for finding in &found {
        println!("{}", finding.diagnostic);
    }
    eprintln!(
        "{} symbols, loaded in {loaded:?}, encoded in {:?}: {} variables, {} clauses; {} findings in {:?}",
        model.symbols().count(),
        encoded - loaded,
        encoding.formula().variables(),
        encoding.formula().clause_count(),
        found.len(),
        start.elapsed() - encoded
    );
    ExitCode::SUCCESS
}
