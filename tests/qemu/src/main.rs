//! `system-tests [--guests] [FILTER]`: what `make test-qemu` and `make test-guests` run.

use std::process::ExitCode;

use qemu::runner::{self, Picked};

fn main() -> ExitCode {
    match runner::run(
        &qemu::cases::all(),
        &Picked::from_arguments(std::env::args().skip(1)),
    ) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
