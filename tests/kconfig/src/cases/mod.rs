//! The cases, from what lies in the trees.

mod configurations;
mod outputs;
mod random;
mod suite;
mod why_not;

use std::path::Path;

use cli::Result;

use crate::Case;

/// All of them, in the order in which they are run.
///
/// # Errors
/// A tree is not as set-up left it.
pub fn all(kconfig: &Path) -> Result<Vec<Case>> {
    let mut cases = suite::cases(kconfig)?;
    cases.extend(configurations::linux(kconfig)?);
    cases.extend(outputs::cases(kconfig)?);
    cases.extend(configurations::busybox(kconfig)?);
    cases.extend(configurations::u_boot(kconfig)?);
    cases.extend(random::cases(kconfig)?);
    cases.extend(why_not::cases(kconfig)?);
    Ok(cases)
}
