//! The same source gives the same image, wherever it lies.

use std::path::Path;
use std::process::Command;

use cli::build;
use cli::project::Project;
use cli::{Context, Failure, Result};

use super::selection;

/// Builds `hello` here, and in a copy of the tree in another folder with a user's flags in the environment.
pub fn same_image_in_another_folder(project: &mut Project) -> Result<()> {
    let here = build::build(project, &selection(None, 1), "hello")?;
    let copy = project.path("build/a folder elsewhere");
    copy_sources(project, &copy)?;
    let tool = std::env::current_exe()
        .context("find", Path::new("this program"))?
        .with_file_name("caesura");
    let status = Command::new(&tool)
        .args([
            "build",
            "--board",
            &here.configuration.board,
            "--cpus",
            "1",
            "--system",
            "hello",
        ])
        .current_dir(&copy)
        .env("RUSTFLAGS", "-C debuginfo=2 -C opt-level=0")
        .stdout(std::process::Stdio::null())
        .status()
        .context("start", &tool)?;
    if !status.success() {
        return Err(Failure::new(format!(
            "building in {} failed ({status})",
            copy.display()
        )));
    }
    let folder = copy
        .join("build")
        .join(&here.configuration.label)
        .join("hello");
    for (file, other) in [(&here.elf, "caesura.elf"), (&here.image, "caesura.img")] {
        let mine = std::fs::read(file).context("read", file)?;
        let theirs = std::fs::read(folder.join(other)).context("read", &folder.join(other))?;
        if let Some(at) = difference(&mine, &theirs) {
            return Err(Failure::new(format!(
                "{} and {} differ from byte {at:#x} on ({} and {} bytes)",
                file.display(),
                folder.join(other).display(),
                mine.len(),
                theirs.len()
            )));
        }
    }
    std::fs::remove_dir_all(&copy).context("remove", &copy)
}

/// The first byte in which they differ.
fn difference(one: &[u8], other: &[u8]) -> Option<usize> {
    if one == other {
        return None;
    }
    let differs = one.iter().zip(other).position(|(a, b)| a != b);
    Some(differs.unwrap_or(one.len().min(other.len())))
}

/// Copies what a build reads: everything at the top but results and hidden files.
fn copy_sources(project: &Project, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).context("remove", to)?;
    }
    std::fs::create_dir_all(to).context("make", to)?;
    for entry in std::fs::read_dir(project.root())
        .context("read", project.root())?
        .flatten()
    {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.starts_with('.') && text != ".cargo"
            || matches!(&*text, "build" | "target" | "dist")
        {
            continue;
        }
        cli::cargo::run(
            Command::new("cp").arg("-R").arg(entry.path()).arg(to),
            "copying the source",
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_difference_is_found_also_behind_the_shorter_ones_end() {
        assert_eq!(difference(b"abc", b"abc"), None);
        assert_eq!(difference(b"abc", b"axc"), Some(1));
        assert_eq!(difference(b"abc", b"ab"), Some(2));
        assert_eq!(difference(b"", b"a"), Some(0));
    }
}
