//! Ours and theirs: the same request put to both programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::trees::{Kind, Tree};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `--alldefconfig`
    AllDef,
    /// `--allnoconfig`
    AllNo,
    /// `--allyesconfig`
    AllYes,
    /// `--allmodconfig`
    AllMod,
    /// `--defconfig=FILE`
    Defconfig(String),
    /// `--savedefconfig=minimal`, from `.config`
    SaveDefconfig,
    /// `--olddefconfig`, from `.config`
    OldDef,
    /// `--randconfig` with this seed
    Random(u64),
    /// `--listnewconfig`, from `.config`; the answer is what is printed
    ListNew,
    /// `--syncconfig`, from `.config`; the answer is this one of the files written
    Sync(&'static str),
}

/// The modes that need no file.
pub const MODES: [(&str, Request); 4] = [
    ("alldefconfig", Request::AllDef),
    ("allnoconfig", Request::AllNo),
    ("allyesconfig", Request::AllYes),
    ("allmodconfig", Request::AllMod),
];

/// Where [`Request::SaveDefconfig`] writes.
pub const MINIMAL: &str = "minimal";

impl Request {
    /// The options of today's `conf`.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let option = match self {
            Self::AllDef => "--alldefconfig".to_owned(),
            Self::AllNo => "--allnoconfig".to_owned(),
            Self::AllYes => "--allyesconfig".to_owned(),
            Self::AllMod => "--allmodconfig".to_owned(),
            Self::Defconfig(file) => format!("--defconfig={file}"),
            Self::SaveDefconfig => format!("--savedefconfig={MINIMAL}"),
            Self::OldDef => "--olddefconfig".to_owned(),
            Self::Random(_) => "--randconfig".to_owned(),
            Self::ListNew => "--listnewconfig".to_owned(),
            Self::Sync(_) => "--syncconfig".to_owned(),
        };
        vec![option]
    }

    /// The letters of busybox's `conf`, which knows neither minimal files nor seeds.
    #[must_use]
    pub fn letters(&self) -> Option<Vec<String>> {
        let letter = match self {
            Self::AllDef => "-d",
            Self::AllNo => "-n",
            Self::AllYes => "-y",
            Self::AllMod => "-m",
            Self::Defconfig(file) => return Some(vec!["-D".to_owned(), file.clone()]),
            Self::SaveDefconfig
            | Self::OldDef
            | Self::Random(_)
            | Self::ListNew
            | Self::Sync(_) => return None,
        };
        Some(vec![letter.to_owned()])
    }

    /// What it is beside the options: variables.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        match self {
            Self::Random(seed) => vec![("KCONFIG_SEED".to_owned(), seed.to_string())],
            _ => Vec::new(),
        }
    }

    /// The file whose text it reads, relative to the working folder or the tree.
    #[must_use]
    pub fn input(&self) -> Option<&str> {
        match self {
            Self::Defconfig(file) => Some(file),
            Self::SaveDefconfig | Self::OldDef | Self::ListNew | Self::Sync(_) => Some(".config"),
            _ => None,
        }
    }
}

/// Ours, with what makes it read this kind of tree.
#[must_use]
pub fn ours(program: &Path, tree: &Tree, request: &Request) -> Command {
    let mut command = Command::new(program);
    let dialect = match tree.kind {
        Kind::Linux => "linux",
        Kind::UBoot => "classic",
        Kind::Busybox => "busybox",
    };
    command.args(["--dialect", dialect]);
    command.args(request.options()).arg(tree.kconfig());
    command
}

/// The tree's own; `None` if it cannot do that.
#[must_use]
pub fn theirs(tree: &Tree, request: &Request) -> Option<Command> {
    let options = match tree.kind {
        Kind::Busybox => request.letters()?,
        Kind::Linux | Kind::UBoot => request.options(),
    };
    let mut command = Command::new(tree.conf());
    command.args(options).arg(tree.kconfig());
    Some(command)
}

/// The file in which the answer stands; `None` if it is printed.
#[must_use]
pub fn answer(folder: &Path, request: &Request) -> Option<PathBuf> {
    let name = match request {
        Request::SaveDefconfig => MINIMAL,
        Request::Sync(file) => file,
        Request::ListNew => return None,
        _ => ".config",
    };
    Some(folder.join(name))
}
