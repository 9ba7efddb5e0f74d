//! What the surroundings give to a Kconfig tree: its folder, the environment, the dialect.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use crate::dialect::Dialect;

/// What the surroundings give to a Kconfig tree.
#[derive(Clone, Debug)]
pub struct Env {
    /// Folder below which `source "…"` paths are looked up, and which the names of files are shown without; none: the
    /// folder of the root file, and names are shown with it.
    pub srctree: Option<PathBuf>,
    /// Variables for `$(NAME)` and for the commands of `$(shell,…)`.
    pub variables: BTreeMap<String, String>,
    /// The language of the tree.
    pub dialect: Dialect,
    /// Called with each text of `$(info,…)`, at once; standard output if nothing else is said.
    pub info: fn(&str),
}

impl Default for Env {
    fn default() -> Self {
        Self {
            srctree: None,
            variables: BTreeMap::new(),
            dialect: Dialect::default(),
            info: print_line,
        }
    }
}

fn print_line(text: &str) {
    // Nothing can be done if nobody listens.
    let _ = writeln!(std::io::stdout(), "{text}");
}

impl Env {
    /// The environment of this process; `srctree` is taken from the variable of that name.
    pub fn process() -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let srctree = variables
            .get("srctree")
            .filter(|s| !s.is_empty())
            .map(PathBuf::from);
        Self {
            srctree,
            variables,
            ..Self::default()
        }
    }
}
