//! The kernel's Cargo features: one for each bool symbol, written into the manifest by `make generate`.
//!
//! What a feature switches on in other crates (`gicv2 = ["drivers/gicv2"]`) is the manifest's to say and is kept; that
//! every symbol has its feature, and no other is there, is not left to a hand.

use std::collections::BTreeMap;

use kconf::Kind;

use crate::project::Project;
use crate::selection::load_model;
use crate::{Context, Failure, Result};

/// The manifest, below the project's folder.
pub const MANIFEST: &str = "kernel/image/Cargo.toml";

/// The manifest with the features that the Kconfig tree asks for.
///
/// # Errors
/// The Kconfig files are wrong, or the manifest cannot be read or has no `[features]`.
pub fn manifest(project: &Project) -> Result<String> {
    let model = load_model(project)?;
    let names = model
        .symbols()
        .filter(|symbol| symbol.kind() == Kind::Bool)
        .map(|symbol| symbol.name().to_lowercase());
    let path = project.path(MANIFEST);
    let text = std::fs::read_to_string(&path).context("read", &path)?;
    with_features(&text, names)
        .ok_or_else(|| Failure::new(format!("{}: there is no [features] line", path.display())))
}

/// `text` with one feature per name, each with the value it has there already; none without a `[features]` line.
fn with_features(text: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let head = "\n[features]\n";
    let start = text.find(head)? + head.len();
    let length = text[start..]
        .find("\n\n")
        .map_or(text.len() - start, |n| n + 1);
    let (before, list, after) = (
        &text[..start],
        &text[start..start + length],
        &text[start + length..],
    );
    let known: BTreeMap<&str, &str> = list
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let mut features: BTreeMap<String, &str> = names.map(|name| (name, "[]")).collect();
    for (name, value) in &mut features {
        *value = known.get(name.as_str()).copied().unwrap_or(value);
    }
    let lines: String = features
        .iter()
        .map(|(name, value)| format!("{name} = {value}\n"))
        .collect();
    Some(format!("{before}{lines}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_manifest_has_the_features_of_the_tree() {
        let project = Project::find().expect("the project");
        let committed = std::fs::read_to_string(project.path(MANIFEST)).expect("the manifest");
        let wanted = manifest(&project).expect("our tree");
        assert!(
            wanted == committed,
            "{MANIFEST} is stale: run `make generate`"
        );
    }

    #[test]
    fn a_feature_keeps_what_it_switches_on_and_others_come_and_go() {
        let text = "[package]\n\n[features]\na = [\"x/a\"]\ngone = []\n\n[lints]\n";
        let names = ["b", "a"].into_iter().map(str::to_owned);
        assert_eq!(
            with_features(text, names).as_deref(),
            Some("[package]\n\n[features]\na = [\"x/a\"]\nb = []\n\n[lints]\n")
        );
        assert_eq!(with_features("[package]\n", std::iter::empty()), None);
    }
}
