//! Running `kconf` in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A new folder with `tree` as its Kconfig file.
pub fn scratch(suite: &str, name: &str, tree: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(suite)
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("Kconfig"), tree).expect("file");
    folder
}

/// Runs it there, without the environment.
pub fn kconf(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kconf"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("kconf runs")
}

/// What was printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
