//! Writing files: whole or not at all, the old configuration kept beside the new one.
//!
//! The text goes to a new file in the same folder, which is then renamed over the target, so a full disk or a
//! power cut leaves everything as it was: the file, the link that it may be, and the older copy beside it.

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

/// What becomes of a symbolic link in the place of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// The file that it points to is written.
    Follow,
    /// The new file takes its place, as with the reference.
    #[default]
    Replace,
}

/// Writes `text` to `path`; with `keep_old`, what was there before goes to `<path>.old`.
///
/// What is no file (a terminal, a pipe) is written to as it is.
///
/// # Errors
/// What the system says, with the name of the file concerned; then nothing has changed.
pub fn save(path: &Path, text: &str, keep_old: bool, link: Link) -> Result<Saved, String> {
    // A link to nothing is written where it points; canonicalize cannot say where that is.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let target = match link {
        Link::Follow => &real,
        Link::Replace => path,
    };
    let named = |what: &str, path: &Path, error: io::Error| {
        format!("cannot {what} {}: {error}", path.display())
    };
    if real.is_dir() {
        return Err(format!("cannot write {}: it is a folder", path.display()));
    }
    if real.exists() && !real.is_file() {
        return match fs::write(&real, text) {
            Ok(()) => Ok(Saved::Written),
            Err(error) => Err(named("write", path, error)),
        };
    }
    let before = match fs::read(&real) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(named("read", path, error)),
    };
    if before.as_deref() == Some(text.as_bytes()) {
        return Ok(Saved::Unchanged);
    }
    // The old copy is touched only when the new text is safe on the disk.
    let new =
        Temporary::write(target, text.as_bytes(), &real).map_err(|e| named("write", target, e))?;
    if let Some(before) = before.filter(|_| keep_old) {
        let old = beside(target, ".old");
        Temporary::write(&old, &before, &real)
            .and_then(|copy| copy.rename(&old))
            .map_err(|e| named("write", &old, e))?;
    }
    new.rename(target).map_err(|e| named("write", target, e))?;
    Ok(Saved::Written)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file that is not in its place yet; removed again if it does not get there.
struct Temporary(Option<PathBuf>);

impl Temporary {
    /// Writes `bytes` to a new file beside `path`, with the permissions of `like` if there is such a file.
    fn write(path: &Path, bytes: &[u8], like: &Path) -> io::Result<Self> {
        let (mut file, name) = create_beside(path)?;
        let temporary = Self(Some(name));
        file.write_all(bytes)?;
        if let Ok(metadata) = fs::metadata(like) {
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()?;
        Ok(temporary)
    }

    fn rename(mut self, path: &Path) -> io::Result<()> {
        if let Some(name) = &self.0 {
            fs::rename(name, path)?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            // The error that counts is the one that ended the writing.
            let _ = fs::remove_file(name);
        }
    }
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
        assert_eq!(save(&path, "a\n", true, Link::Follow), Ok(Saved::Written));
        assert_eq!(names(folder.path()), [".config"]);
        assert_eq!(save(&path, "b\n", true, Link::Follow), Ok(Saved::Written));
        assert_eq!(save(&path, "b\n", true, Link::Follow), Ok(Saved::Unchanged));
        assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
        assert_eq!(names(folder.path()), [".config", ".config.old"]);
        let old = fs::read_to_string(folder.path().join(".config.old")).unwrap();
        assert_eq!(old, "a\n");
    }

    #[test]
    fn a_link_is_followed_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "a\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        save(&link, "b\n", false, Link::Follow).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "b\n");
        save(&link, "c\n", true, Link::Replace).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(fs::read_to_string(&link).unwrap(), "c\n");
        assert_eq!(fs::read_to_string(&real).unwrap(), "b\n");
        assert_eq!(names(folder.path()), ["link", "link.old", "real"]);
    }

    #[test]
    fn what_cannot_be_written_leaves_the_link_and_the_old_copy_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "a\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let old = folder.path().join("link.old");
        // A folder in the place of the old copy: it cannot be replaced, not even by root.
        fs::create_dir(&old).unwrap();
        let error = save(&link, "b\n", true, Link::Replace).unwrap_err();
        assert!(error.contains("link.old"), "{error}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&link).unwrap(), "a\n");
        assert_eq!(names(folder.path()), ["link", "link.old", "real"]);
    }

    #[test]
    fn both_files_have_the_permissions_of_the_one_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".config");
        fs::write(&path, "a\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        save(&path, "b\n", true, Link::Follow).unwrap();
        for name in [".config", ".config.old"] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn an_error_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/.config");
        let error = save(&path, "a\n", true, Link::Follow).unwrap_err();
        assert!(error.contains("no/such/.config"), "{error}");
        let error = save(folder.path(), "a\n", true, Link::Follow).unwrap_err();
        assert!(error.ends_with("it is a folder"), "{error}");
        assert!(names(folder.path()).is_empty());
    }
}
