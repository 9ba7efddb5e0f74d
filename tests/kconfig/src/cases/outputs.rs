//! What else `conf` writes and prints, on Linux: the files of `--syncconfig`, from which the build takes the configuration, and
//! the list of `--listnewconfig`.

use std::path::Path;

use cli::{Failure, Result};

use crate::Case;
use crate::peer::Request;
use crate::trees::Tree;

/// What `--syncconfig` writes beside `.config`, with the part of a name that stands for it.
const SYNCED: [(&str, &str); 3] = [
    ("auto.conf", "include/config/auto.conf"),
    ("autoconf.h", "include/generated/autoconf.h"),
    ("rustc_cfg", "include/generated/rustc_cfg"),
];

/// The cases of two architectures.
///
/// # Errors
/// The tree is not as set-up left it.
pub fn cases(kconfig: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (arch, source, file) in [
        ("arm64", "arm64", "defconfig"),
        ("x86_64", "x86", "x86_64_defconfig"),
    ] {
        let tree = Tree::linux(kconfig, arch, source)?;
        let start = Request::Defconfig(format!("arch/{source}/configs/{file}"));
        let mut asked: Vec<(String, Request)> = SYNCED
            .iter()
            .map(|(name, path)| (format!("sync-{name}"), Request::Sync(path)))
            .collect();
        asked.push(("listnewconfig".to_owned(), Request::ListNew));
        for (name, request) in asked {
            let (tree, start) = (tree.clone(), start.clone());
            cases.push(Case::new(format!("outputs/{arch}/{name}"), move |lab| {
                let missing = || Failure::new("C conf does not do this");
                let whole = lab.theirs(&tree, &start, None)?.ok_or_else(missing)?;
                // Without its last half there is something new to list; the build, though, wants it whole.
                let input = match request {
                    Request::ListNew => whole
                        .lines()
                        .take(whole.lines().count() / 2)
                        .fold(String::new(), |text, line| text + line + "\n"),
                    _ => whole,
                };
                let theirs = lab
                    .theirs(&tree, &request, Some(&input))?
                    .ok_or_else(missing)?;
                let ours = lab.ours(&tree, &request, Some(&input))?;
                lab.same(&tree, "output", &ours, &theirs)
            }));
        }
    }
    Ok(cases)
}
