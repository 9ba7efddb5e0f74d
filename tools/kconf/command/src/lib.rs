//! The command line of the Kconfig tool, as a library that other tools can call.
//!
//! Two layers: the modes of the kernel's `conf` with its options, variables, messages and exit status ([`conf`]),
//! and commands of our own, each with text and JSON output. It guarantees: files are written whole or not at
//! all, a closed pipe is no error, and the exit status is 0 for success, 1 for an error in the configuration or
//! the Kconfig files, 2 for wrong usage.

mod commands;
mod conf;
mod context;
mod files;
mod json;
mod messages;
mod options;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use kconf::Env;

use context::{Context, Failure};
use messages::Style;
use options::Options;

/// The reference manual of all symbols of a tree, by name, in Markdown; the same tree gives the same text.
pub fn manual(model: &kconf::Model) -> String {
    commands::manual(model)
}

/// The command line as clap knows it, for completions, manual pages and tests.
pub fn command() -> clap::Command {
    Options::command()
}

/// Does what `arguments` (the program's name first) ask for.
///
/// Called as `conf`, it speaks as the kernel's tool of that name: its messages, its default mode, exit status 1 for
/// wrong usage too.
pub fn run(arguments: impl IntoIterator<Item = OsString>, env: Env) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = arguments.first().map(Path::new).and_then(Path::file_name);
    let as_conf = program.is_some_and(|name| name == "conf");
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Options::from_arg_matches(&matches));
    let options = match parsed {
        Ok(options) => options,
        Err(error) => {
            // Nothing can be done if the standard streams are closed.
            let _ = error.print();
            return match error.use_stderr() {
                true => ExitCode::from(if as_conf { 1 } else { 2 }),
                false => ExitCode::SUCCESS,
            };
        }
    };
    let context = Context::new(&options, env, as_conf);
    match dispatch(&options, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&context),
    }
}

fn dispatch(options: &Options, context: &Context) -> Result<(), Failure> {
    match (&options.command, options.mode.chosen()) {
        (Some(command), None) => commands::run(command, context),
        (Some(_), Some(_)) => Err(Failure::Usage(
            "give a mode or a command, not both".to_owned(),
        )),
        (None, mode) => {
            let root = options.kconfig.as_deref();
            let mode = match mode {
                Some(mode) => mode,
                None if context.style == Style::Conf => options::Mode::OldAsk,
                None => {
                    return Err(Failure::Usage("give a mode or a command".to_owned()));
                }
            };
            let root =
                root.ok_or_else(|| Failure::Usage("the Kconfig file is missing".to_owned()))?;
            conf::run(&mode, root, context)
        }
    }
}
