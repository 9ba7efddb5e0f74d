//! The kernel's own tests of `conf`, as they are, with our program in its place.
//!
//! Their harness runs `scripts/kconfig/conf` below the working folder; there stands ours. One case for each of its folders.

use std::path::Path;
use std::process::Command;

use cli::{Context, Failure, Result};

use crate::lab::Lab;
use crate::{Case, process};

const TESTS: &str = "linux/scripts/kconfig/tests";

/// One for each folder with a test.
///
/// # Errors
/// The kernel's tests are not there.
pub fn cases(kconfig: &Path) -> Result<Vec<Case>> {
    let tests = kconfig.join(TESTS);
    let (mut names, mut folders) = (Vec::new(), vec![tests.clone()]);
    while let Some(folder) = folders.pop() {
        if folder.join("__init__.py").is_file() {
            let below = folder.strip_prefix(&tests).unwrap_or(&folder);
            names.push(below.display().to_string());
        }
        let entries = std::fs::read_dir(&folder).context("read", &folder)?;
        let entries = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        folders.extend(entries.filter(|path| path.is_dir()));
    }
    names.sort_unstable();
    Ok(names
        .into_iter()
        .map(|name| {
            let label = format!("suite/{name}");
            Case::new(label, move |lab| run(lab, &name)).short(true)
        })
        .collect())
}

fn run(lab: &Lab, name: &str) -> Result<()> {
    let tests = lab.shared.kconfig.join(TESTS);
    let folder = lab.empty_folder()?;
    let place = folder.join("scripts/kconfig");
    std::fs::create_dir_all(&place).context("create", &place)?;
    let conf = place.join("conf");
    std::fs::copy(&lab.shared.program, &conf).context("copy to", &conf)?;
    // As the kernel's `make testconfig` calls it.
    let mut command = Command::new(lab.shared.kconfig.join("venv/bin/python3"));
    command
        .args(["-B", "-m", "pytest", "-q", "-o", "cache_dir=.cache"])
        .arg(tests.join(name));
    let ended = process::run(&mut command, folder, &[])?;
    if ended.success {
        return Ok(());
    }
    let kept = lab
        .shared
        .build
        .join(format!("suite-{}.log", name.replace('/', "-")));
    std::fs::write(&kept, &ended.out).context("write", &kept)?;
    let said: Vec<&str> = ended
        .out
        .lines()
        .filter(|line| line.starts_with("E ") || line.starts_with("FAILED"))
        .take(10)
        .collect();
    Err(Failure::new(format!(
        "pytest: {}\n{}\n(all of it: {})",
        ended.status,
        said.join("\n"),
        kept.display()
    )))
}
