//! `kconf`: the command line of the library `kconf_command`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kconf_command::run(std::env::args_os(), kconf::Env::process())
}
