//! What the TOML files may contain: their keys, types and defaults, with every value's place kept.
//!
//! Nothing here knows the configuration or looks at image files: see the module `check` for that.

pub(crate) mod board;
pub(crate) mod system;

use std::path::Path;

use crate::diag::{Errors, Source};

/// The names after `@built/` that a system's images use, ascending, each once: what has to be built before
/// the system can be evaluated.
///
/// # Errors
/// The file cannot be read or is wrong; all mistakes that can be seen without the rest are reported.
pub fn built_images(system: &Path) -> Result<Vec<String>, Errors> {
    let source = Source::read(system, "the system")?;
    let spec = system::read(&source).map_err(|diagnostics| Errors::of(&source, diagnostics))?;
    let mut names: Vec<String> = spec
        .vms
        .iter()
        .flat_map(|vm| [Some(&vm.image.kernel), vm.image.initrd.as_ref()])
        .flatten()
        .filter_map(|file| file.value.strip_prefix("@built/").map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}
