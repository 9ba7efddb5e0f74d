//! Every configuration that lies in a tree, and the modes that need none.
//!
//! A case: our `.config` is theirs; our minimal form of theirs is their minimal form of it; and a `.config` made from our
//! minimal form is the same `.config` again.

use std::path::Path;

use cli::Result;

use crate::Case;
use crate::lab::Lab;
use crate::peer::{MINIMAL, MODES, Request};
use crate::trees::{ARCHITECTURES, Kind, Tree};

/// What the short run takes of Linux and U-Boot.
const SHORT: [&str; 12] = [
    "linux/arm64/defconfig",
    "linux/arm64/allmodconfig",
    "linux/arm64/allnoconfig",
    "linux/x86_64/x86_64_defconfig",
    "linux/riscv/defconfig",
    "busybox/alldefconfig",
    "busybox/allnoconfig",
    "busybox/android_defconfig",
    "u-boot/qemu_arm64_defconfig",
    "u-boot/sandbox_defconfig",
    "u-boot/rpi_arm64_defconfig",
    "u-boot/allyesconfig",
];

/// Which `ARCH` a configuration of a folder is for, where a folder has several.
fn is_for(arch: &str, name: &str) -> bool {
    match arch {
        "x86_64" => name != "i386_defconfig",
        "i386" => name == "i386_defconfig",
        "parisc64" => name.contains("64"),
        "parisc" => !name.contains("64"),
        "sparc64" => name.contains("64"),
        "sparc" => !name.contains("64"),
        _ => true,
    }
}

/// Linux.
///
/// # Errors
/// The tree is not as set-up left it.
pub fn linux(kconfig: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (arch, source) in ARCHITECTURES {
        let tree = Tree::linux(kconfig, arch, source)?;
        let folder = format!("arch/{source}/configs");
        let mut names = tree.names(&folder, "defconfig")?;
        names.retain(|name| is_for(arch, name));
        cases.extend(of_tree(&tree, &folder, names));
    }
    Ok(cases)
}

/// U-Boot.
///
/// # Errors
/// The tree is not as set-up left it.
pub fn u_boot(kconfig: &Path) -> Result<Vec<Case>> {
    let tree = Tree::u_boot(kconfig)?;
    let names = tree.names("configs", "_defconfig")?;
    Ok(of_tree(&tree, "configs", names))
}

/// busybox.
///
/// # Errors
/// The tree is not as set-up left it.
pub fn busybox(kconfig: &Path) -> Result<Vec<Case>> {
    let tree = Tree::busybox(kconfig)?;
    let names = tree.names("configs", "_defconfig")?;
    Ok(of_tree(&tree, "configs", names))
}

fn of_tree(tree: &Tree, folder: &str, names: Vec<String>) -> Vec<Case> {
    let mut requests: Vec<(String, Request)> = MODES
        .iter()
        .map(|(name, request)| ((*name).to_owned(), request.clone()))
        .collect();
    // busybox's conf looks for files in the working folder only.
    let prefix = match tree.kind {
        Kind::Busybox => format!("{}/", tree.root.display()),
        Kind::Linux | Kind::UBoot => String::new(),
    };
    requests.extend(names.into_iter().map(|name| {
        let file = format!("{prefix}{folder}/{name}");
        (name, Request::Defconfig(file))
    }));
    requests
        .into_iter()
        .map(|(name, request)| {
            let label = format!("{}/{name}", tree.label);
            let short = SHORT.contains(&label.as_str());
            let tree = tree.clone();
            Case::new(label, move |lab| check(lab, &tree, &request)).short(short)
        })
        .collect()
}

fn check(lab: &Lab, tree: &Tree, request: &Request) -> Result<()> {
    let theirs = lab.theirs(tree, request, None)?;
    let ours = lab.ours(tree, request, None)?;
    if let Some(theirs) = &theirs {
        lab.same(tree, "config", &ours, theirs)?;
    }
    let minimal = lab.ours(tree, &Request::SaveDefconfig, Some(&ours))?;
    if let Some(theirs) = lab.theirs(tree, &Request::SaveDefconfig, Some(&ours))? {
        lab.same(tree, "minimal", &minimal, &theirs)?;
    }
    let again = Request::Defconfig(MINIMAL.to_owned());
    let again = lab.ours(tree, &again, Some(&minimal))?;
    lab.same(tree, "round-trip", &again, &ours)
}
