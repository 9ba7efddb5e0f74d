//! Random configurations of Linux: what ours makes of a seed passes C `conf --olddefconfig` unchanged.

use std::path::Path;

use cli::{Failure, Result};

use crate::Case;
use crate::peer::Request;
use crate::trees::Tree;

/// For each architecture.
const SEEDS: u64 = 100;

/// The cases of both architectures.
///
/// # Errors
/// The tree is not as set-up left it.
pub fn cases(kconfig: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (arch, source) in [("arm64", "arm64"), ("x86_64", "x86")] {
        let tree = Tree::linux(kconfig, arch, source)?;
        for seed in 1..=SEEDS {
            let tree = tree.clone();
            cases.push(Case::new(format!("random/{arch}/{seed}"), move |lab| {
                let ours = lab.ours(&tree, &Request::Random(seed), None)?;
                let theirs = lab
                    .theirs(&tree, &Request::OldDef, Some(&ours))?
                    .ok_or_else(|| Failure::new("C conf cannot complete a configuration"))?;
                lab.same(&tree, "random", &ours, &theirs)
            }));
        }
    }
    Ok(cases)
}
