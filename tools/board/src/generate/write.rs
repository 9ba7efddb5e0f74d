//! Writing generated files: atomically, and only when their content changed.

use std::io;
use std::path::{Path, PathBuf};

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name in the output folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What became of a generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// `false`: it had that content already and was not touched.
    pub changed: bool,
}

impl Output {
    pub(crate) fn text(name: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            bytes: text.into_bytes(),
        }
    }

    /// Writes the file into a folder.
    ///
    /// # Errors
    /// See [`write_if_changed`].
    pub fn write(&self, folder: &Path) -> io::Result<Written> {
        let path = folder.join(&self.name);
        let changed = write_if_changed(&path, &self.bytes)?;
        Ok(Written { path, changed })
    }
}

/// Gives a file this content in one step, making its folder if need be. A file that has the content
/// already keeps its time stamp. Returns whether it was written.
///
/// # Errors
/// The file or its folder cannot be written; the text names the file.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let name_it = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot write `{}`: {error}", path.display()),
        )
    };
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(name_it)?;
    }
    // The process number keeps two builds that run at once from writing into each other's file; the
    // rename then makes one of them win whole.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    std::fs::write(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        .map_err(|error| {
            // Best effort: the error that is reported is the first one.
            let _ = std::fs::remove_file(&temporary);
            name_it(error)
        })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_file_keeps_its_time_stamp() {
        let folder = std::env::temp_dir().join(format!("caesura-write-{}", std::process::id()));
        let path = folder.join("deep/file");
        assert!(write_if_changed(&path, b"one").unwrap());
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(old).unwrap();
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), old);
        assert!(write_if_changed(&path, b"two").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left behind");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_error_names_the_file() {
        let error = write_if_changed(Path::new("/proc/no/such"), b"x").unwrap_err();
        assert!(error.to_string().contains("`/proc/no/such`"), "{error}");
    }
}
