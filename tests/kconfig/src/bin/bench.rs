//! `kconfig-bench [FILTER]`: what `make bench-kconfig` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    match kconfig_reference::bench::run(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
