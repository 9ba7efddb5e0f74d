//! Where things are: the source tree and what `tools/setup.sh` found.
//!
//! The script exports its results (`CAESURA_*`) to the tool; started in another way, the tool reads the file
//! the script left in the cache. It never searches for programs itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Context, Failure, Result};

/// The target that everything running at EL2 or EL1 is built for.
pub const TARGET: &str = "aarch64-unknown-none-softfloat";

/// The source tree and its tools.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
    cache: PathBuf,
    found: BTreeMap<String, String>,
}

impl Project {
    /// The project around the current folder, or around this crate's source if that is not one.
    ///
    /// # Errors
    /// Neither is the project; or the set-up's results cannot be read.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().unwrap_or_default();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here
            .ancestors()
            .chain(source.ancestors())
            .find(|folder| {
                folder.join("tools/setup.sh").is_file() && folder.join("configs").is_dir()
            })
            .ok_or_else(|| {
                Failure::new("this is not a Caesura source tree (no tools/setup.sh and configs/)")
            })?
            .to_path_buf();
        let cache = match std::env::var_os("CAESURA_CACHE").filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => std::env::home_dir()
                .unwrap_or_default()
                .join(".cache/caesura"),
        };
        let mut project = Self {
            root,
            cache,
            found: BTreeMap::new(),
        };
        project.read_results()?;
        Ok(project)
    }

    fn read_results(&mut self) -> Result<()> {
        let file = self.cache.join("env");
        if file.is_file() {
            let text = std::fs::read_to_string(&file).context("read", &file)?;
            self.found = parse_results(&text);
        }
        for (key, value) in std::env::vars().filter(|(key, _)| key.starts_with("CAESURA_")) {
            if !value.is_empty() {
                self.found.insert(key, value);
            }
        }
        Ok(())
    }

    /// The top of the source tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the top.
    #[must_use]
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// What set-up found under this key (without `CAESURA_`), if anything.
    #[must_use]
    pub fn found(&self, key: &str) -> Option<&str> {
        self.found
            .get(&format!("CAESURA_{key}"))
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The same for something that must be there; `group` is the set-up group that brings it.
    ///
    /// # Errors
    /// Set-up has not been run for that group.
    pub fn need(&self, key: &str, group: &str) -> Result<PathBuf> {
        self.found(key).map(PathBuf::from).ok_or_else(|| {
            Failure::new(format!(
                "CAESURA_{key} is not known yet: run `make setup`, or `tools/setup.sh {group}`"
            ))
        })
    }

    /// The folder that `@guests/` stands for, with what set-up's `group` puts there: `guests`, or `module`, which is those and
    /// the initramfs that makes hypercalls. Either is fetched only when a system first asks for it.
    ///
    /// # Errors
    /// Set-up cannot bring them; it has said why.
    pub fn guests(&mut self, group: &str) -> Result<PathBuf> {
        let script = self.path("tools/setup.sh");
        let status = Command::new(&script)
            .arg(group)
            .status()
            .context("run", &script)?;
        if !status.success() {
            return Err(Failure::new("the guests could not be set up (see above)"));
        }
        // What the script just wrote, even if the environment was taken before.
        let file = self.cache.join("env");
        let text = std::fs::read_to_string(&file).context("read", &file)?;
        self.found.extend(
            parse_results(&text)
                .into_iter()
                .filter(|(key, _)| key == "CAESURA_GUESTS"),
        );
        self.need("GUESTS", group)
    }
}

fn parse_results(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_key_value_lines_and_values_may_contain_an_equals_sign() {
        let results = parse_results(
            "CAESURA_CARGO=/usr/bin/cargo\nCAESURA_SYSROOT=\nCAESURA_QEMU=/a=b/qemu\nnoise\n",
        );
        assert_eq!(results.len(), 3);
        assert_eq!(results["CAESURA_QEMU"], "/a=b/qemu");
        assert_eq!(results["CAESURA_SYSROOT"], "");
    }
}
