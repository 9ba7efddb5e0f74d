//! `kconfig-tests [--short] [FILTER]`: what `make test-kconfig` runs.

use std::process::ExitCode;

use kconfig_reference::runner::{self, Picked};

fn main() -> ExitCode {
    match runner::run(&Picked::from_arguments(std::env::args().skip(1))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
