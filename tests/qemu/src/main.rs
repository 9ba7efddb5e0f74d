//! `system-tests [--guests] [--extended] [FILTER]`: what `make test-qemu`, `make test-guests` and `make test-preempt` run.

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
