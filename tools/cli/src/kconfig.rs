//! The Kconfig tool on the project's own tree: what `make menuconfig`, `make why` and their relatives call.
//!
//! It is the same tool as `kconf`, told where our tree is. The boards' menu is written first, so a board that was just
//! added can be chosen.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use kconf::{Env, Model};

use crate::project::Project;
use crate::selection::write_board_menu;
use crate::{Context, Result};

/// The reference manual, below the project's folder.
pub const MANUAL: &str = "docs/symbols.md";

/// Does what `arguments` (a mode or command of `kconf`, without the Kconfig file) ask for, in the project's folder.
///
/// # Errors
/// The boards' menu cannot be written, or the project's folder cannot be entered.
pub fn kconfig_command(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    write_board_menu(project)?;
    std::env::set_current_dir(project.root()).context("enter", project.root())?;
    let (first, rest) = arguments.split_at(arguments.len().min(1));
    let mut line = vec![OsString::from("kconf")];
    line.extend_from_slice(first);
    line.push(OsString::from("Kconfig"));
    line.extend_from_slice(rest);
    Ok(kconf_command::run(line, environment()))
}

/// The environment of this process, with the folder of our tree.
fn environment() -> Env {
    let mut env = Env::process();
    let folder = "configs".to_owned();
    env.srctree = Some(PathBuf::from(&folder));
    env.variables.insert("srctree".to_owned(), folder);
    env
}

/// The reference manual of all symbols.
///
/// # Errors
/// The Kconfig files are wrong.
pub fn manual(project: &Project) -> Result<String> {
    let env = Env {
        srctree: Some(project.path("configs")),
        ..Env::process()
    };
    let model = Model::load(&project.path("configs/Kconfig"), &env)?;
    Ok(kconf_command::manual(&model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_of_all_symbols_is_as_committed() {
        let project = Project::find().expect("the project");
        let committed = std::fs::read_to_string(project.path(MANUAL)).expect("the manual");
        let text = manual(&project).expect("our tree");
        assert!(text == committed, "{MANUAL} is stale: run `make generate`");
        assert!(text.contains("## PREEMPT\\_HYBRID\n"), "{text}");
    }
}
