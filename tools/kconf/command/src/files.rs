//! Files are written whole or not at all: to a new file in the same folder, renamed over the old one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::context::{Context, Failure, print};

/// Writes `text` to `path`. A symbolic link is followed.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let failed =
        |e: std::io::Error| Failure::Other(format!("cannot write {}: {e}", path.display()));
    // What is no file (a terminal, a pipe) cannot be replaced.
    if target.exists() && !target.is_file() {
        return std::fs::write(&target, text).map_err(failed);
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kconf");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    if let Ok(metadata) = std::fs::metadata(&target) {
        file.as_file()
            .set_permissions(metadata.permissions())
            .map_err(failed)?;
    }
    file.persist(&target).map_err(|e| failed(e.error))?;
    Ok(())
}

/// Writes a `.config`, keeps the one before as `.config.old`, and says so. An unchanged file is not touched.
pub fn write_config(path: &Path, text: &str, context: &Context) -> Result<(), Failure> {
    let before = std::fs::read(path).ok();
    let message = if before.as_deref() == Some(text.as_bytes()) {
        format!("#\n# No change to {}\n#\n", path.display())
    } else {
        // A link to the configuration stays one if KCONFIG_OVERWRITECONFIG is set; the reference replaces it.
        let overwrite = context.variable("KCONFIG_OVERWRITECONFIG").is_some();
        if let Some(before) = before {
            let mut old = path.as_os_str().to_owned();
            old.push(".old");
            let text = String::from_utf8_lossy(&before);
            write(Path::new(&old), &text)?;
        }
        if !overwrite && path.is_symlink() {
            std::fs::remove_file(path)
                .map_err(|e| Failure::Other(format!("cannot replace {}: {e}", path.display())))?;
        }
        write(path, text)?;
        format!("#\n# configuration written to {}\n#\n", path.display())
    };
    if context.silent || context.json {
        Ok(())
    } else {
        print(&message)
    }
}
