//! The real trees: where set-up put them, and the environment in which their own build calls `conf`.
//!
//! Cross compilers are not needed: every architecture is configured with the machine's own compiler, whose answers are the same
//! for both programs.

use std::path::{Path, PathBuf};

use cli::{Context, Failure, Result};

/// A tree's dialect and conventions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Current Linux.
    Linux,
    /// U-Boot: `conf` as Linux had it in 2018 to 2020.
    UBoot,
    /// busybox: `conf` as Linux had it in 2006, with letters for options.
    Busybox,
}

/// A tree as one architecture sees it.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Which.
    pub kind: Kind,
    /// Its folder.
    pub root: PathBuf,
    /// `linux/arm64`, `u-boot`, `busybox`: for file and case names.
    pub label: String,
    /// What the tree's Makefiles would export.
    pub variables: Vec<(String, String)>,
}

/// `ARCH` and the folder below `arch/` of what is compared; the first two as the issue asks, then all the others of the tree.
pub const ARCHITECTURES: [(&str, &str); 24] = [
    ("arm64", "arm64"),
    ("x86_64", "x86"),
    ("i386", "x86"),
    ("alpha", "alpha"),
    ("arc", "arc"),
    ("arm", "arm"),
    ("csky", "csky"),
    ("hexagon", "hexagon"),
    ("loongarch", "loongarch"),
    ("m68k", "m68k"),
    ("microblaze", "microblaze"),
    ("mips", "mips"),
    ("nios2", "nios2"),
    ("openrisc", "openrisc"),
    ("parisc", "parisc"),
    ("parisc64", "parisc"),
    ("powerpc", "powerpc"),
    ("riscv", "riscv"),
    ("s390", "s390"),
    ("sh", "sh"),
    ("sparc", "sparc"),
    ("sparc64", "sparc"),
    ("um", "um"),
    ("xtensa", "xtensa"),
];

impl Tree {
    /// Linux, for a value of `ARCH`.
    ///
    /// # Errors
    /// The tree does not say which version it is.
    pub fn linux(kconfig: &Path, arch: &str, source: &str) -> Result<Self> {
        let root = kconfig.join("linux");
        let version = version_of(&root)?;
        Ok(Self {
            kind: Kind::Linux,
            label: format!("linux/{arch}"),
            variables: variables(
                &root,
                &[
                    ("ARCH", arch),
                    ("SRCARCH", source),
                    ("UTS_MACHINE", arch),
                    // User-mode Linux asks for the machine below it.
                    ("SUBARCH", "x86_64"),
                    ("HEADER_ARCH", "x86"),
                    ("KERNELVERSION", &version),
                    ("KERNELRELEASE", &version),
                    ("VERSION", version.split('.').next().unwrap_or_default()),
                ],
            ),
            root,
        })
    }

    /// U-Boot.
    ///
    /// # Errors
    /// The tree does not say which version it is.
    pub fn u_boot(kconfig: &Path) -> Result<Self> {
        let root = kconfig.join("u-boot");
        let version = version_of(&root)?;
        Ok(Self {
            kind: Kind::UBoot,
            label: "u-boot".to_owned(),
            variables: variables(&root, &[("UBOOTVERSION", &version)]),
            root,
        })
    }

    /// busybox.
    ///
    /// # Errors
    /// The tree does not say which version it is.
    pub fn busybox(kconfig: &Path) -> Result<Self> {
        let root = kconfig.join("busybox");
        let version = version_of(&root)?;
        Ok(Self {
            kind: Kind::Busybox,
            label: "busybox".to_owned(),
            variables: variables(
                &root,
                &[
                    ("KERNELVERSION", version.as_str()),
                    ("SOURCE_DATE_EPOCH", "0"),
                ],
            ),
            root,
        })
    }

    /// The same environment for our library, within this process.
    #[must_use]
    pub fn env(&self) -> kconf::Env {
        kconf::Env {
            srctree: Some(self.root.clone()),
            variables: std::env::vars()
                .chain(self.variables.iter().cloned())
                .collect(),
            ..kconf::Env::default()
        }
    }

    /// The tree's own `conf`.
    #[must_use]
    pub fn conf(&self) -> PathBuf {
        self.root.join("scripts/kconfig/conf")
    }

    /// The root of its configuration files.
    #[must_use]
    pub fn kconfig(&self) -> &'static str {
        match self.kind {
            Kind::Busybox => "Config.in",
            Kind::Linux | Kind::UBoot => "Kconfig",
        }
    }

    /// The names of files in a folder of the tree that end in `suffix`, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn names(&self, folder: &str, suffix: &str) -> Result<Vec<String>> {
        let folder = self.root.join(folder);
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .context("read", &folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(suffix))
            .collect();
        names.sort_unstable();
        Ok(names)
    }
}

fn variables(root: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let source = root.display().to_string();
    let common = [
        ("srctree", source.as_str()),
        ("objtree", "."),
        ("CC", "gcc"),
        ("HOSTCC", "gcc"),
        ("HOSTCXX", "g++"),
        ("LD", "ld"),
        ("AR", "ar"),
        ("NM", "nm"),
        ("OBJCOPY", "objcopy"),
        ("OBJDUMP", "objdump"),
        ("READELF", "readelf"),
        ("STRIP", "strip"),
        ("PAHOLE", "pahole"),
        ("RUSTC", "rustc"),
        ("BINDGEN", "bindgen"),
        ("CLANG_FLAGS", ""),
        ("CROSS_COMPILE", ""),
        ("CC_VERSION_TEXT", "gcc (the machine's own)"),
        // Nothing of the machine's own configurations.
        ("KCONFIG_DEFCONFIG_LIST", ""),
    ];
    common
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The version that a kernel-like Makefile states in its first lines.
fn version_of(root: &Path) -> Result<String> {
    let file = root.join("Makefile");
    let text = std::fs::read_to_string(&file).context("read", &file)?;
    let field = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    let numbers = ["VERSION", "PATCHLEVEL", "SUBLEVEL"].map(field);
    let version: Vec<String> = numbers.into_iter().flatten().collect();
    if version.is_empty() {
        return Err(Failure::new(format!(
            "{} states no version",
            file.display()
        )));
    }
    Ok(version.join("."))
}
