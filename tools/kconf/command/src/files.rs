//! What is written, and how it is told.

use std::path::Path;

use kconf::{Link, Saved, save};

use crate::context::{Context, Failure, print};

/// Writes `text` to `path`. A symbolic link is followed.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    save(path, text, false, Link::Follow).map_err(Failure::Other)?;
    Ok(())
}

/// What is done with a link in the place of the configuration: as the reference, it is replaced unless
/// `KCONFIG_OVERWRITECONFIG` is set.
pub fn link(context: &Context) -> Link {
    match context.variable("KCONFIG_OVERWRITECONFIG") {
        Some(_) => Link::Follow,
        None => Link::Replace,
    }
}

/// Writes a `.config`, keeps the one before as `.config.old`, and says so. An unchanged file is not touched.
pub fn write_config(path: &Path, text: &str, context: &Context) -> Result<(), Failure> {
    let message = match save(path, text, true, link(context)).map_err(Failure::Other)? {
        Saved::Unchanged => format!("#\n# No change to {}\n#\n", path.display()),
        Saved::Written => format!("#\n# configuration written to {}\n#\n", path.display()),
    };
    if context.silent || context.json {
        Ok(())
    } else {
        print(&message)
    }
}
