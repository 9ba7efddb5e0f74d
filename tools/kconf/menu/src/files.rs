//! Writing files: whole or not at all, the old configuration kept beside the new one.
//!
//! The text goes to a new file in the same folder, which is then renamed over the target, so a full disk or a
//! power cut leaves the old file. A symbolic link is followed, not replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What [`save`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The file has the text now.
    Written,
    /// It had it already and was not touched.
    Unchanged,
}

/// Writes `text` to `path`; with `keep_old`, what was there before goes to `<path>.old`.
///
/// # Errors
/// What the system says, with the name of the file concerned.
pub fn save(path: &Path, text: &str, keep_old: bool) -> Result<Saved, String> {
    // A link to nothing is written where it points; canonicalize cannot say where that is.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let named = |what: &str, path: &Path, error: io::Error| {
        format!("cannot {what} {}: {error}", path.display())
    };
    if target.is_dir() {
        return Err(format!("cannot write {}: it is a folder", path.display()));
    }
    let before = match fs::read(&target) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(named("read", &target, error)),
    };
    if before.as_deref() == Some(text.as_bytes()) {
        return Ok(Saved::Unchanged);
    }
    if let Some(before) = before.filter(|_| keep_old) {
        let old = beside(&target, ".old");
        replace(&old, &before, Some(&target)).map_err(|e| named("write", &old, e))?;
    }
    replace(&target, text.as_bytes(), Some(&target)).map_err(|e| named("write", &target, e))?;
    Ok(Saved::Written)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn replace(path: &Path, bytes: &[u8], like: Option<&Path>) -> io::Result<()> {
    let (mut file, temporary) = create_beside(path)?;
    let result = (|| {
        file.write_all(bytes)?;
        if let Some(metadata) = like.and_then(|like| fs::metadata(like).ok()) {
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, path)
    })();
    if result.is_err() {
        // The error that counts is the first one.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// A new file in the folder of `path`, never one that is there already.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let process = std::process::id();
    for attempt in 0..100 {
        let name = beside(path, &format!(".tmp{process}.{attempt}"));
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(file) => return Ok((file, name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free name for a temporary file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_old_file_is_kept_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".config");
        assert_eq!(save(&path, "a\n", true), Ok(Saved::Written));
        assert_eq!(names(folder.path()), [".config"]);
        assert_eq!(save(&path, "b\n", true), Ok(Saved::Written));
        assert_eq!(save(&path, "b\n", true), Ok(Saved::Unchanged));
        assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
        assert_eq!(names(folder.path()), [".config", ".config.old"]);
        let old = fs::read_to_string(folder.path().join(".config.old")).unwrap();
        assert_eq!(old, "a\n");
    }

    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "a\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        save(&link, "b\n", false).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "b\n");
    }

    #[test]
    fn an_error_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/.config");
        let error = save(&path, "a\n", true).unwrap_err();
        assert!(error.contains("no/such/.config"), "{error}");
        let error = save(folder.path(), "a\n", true).unwrap_err();
        assert!(error.ends_with("it is a folder"), "{error}");
        assert!(names(folder.path()).is_empty());
    }
}
