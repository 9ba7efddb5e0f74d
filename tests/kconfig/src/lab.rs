//! A worker's bench: a folder to work in, both programs, and what is remembered of theirs.
//!
//! C `conf` is asked once for each tree, environment, request and input; its answer is kept under the hash of all of these.
//! Ours is always asked. A whole tree's identity is the list of checksums that set-up writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cli::project::Project;
use cli::{Context, Failure, Result, cargo};
use sha2::{Digest, Sha256};

use crate::compare::{self, Definitions};
use crate::peer::{self, Request};
use crate::process::{self, Ended};
use crate::trees::Tree;

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// Set-up's folder with the trees.
    pub kconfig: PathBuf,
    /// Our program.
    pub program: PathBuf,
    /// Where differences and scratch files go.
    pub build: PathBuf,
    /// Answers remembered shell commands to either program; `None` lets both ask a real shell.
    pub shell: Option<PathBuf>,
    sums: String,
    definitions: Mutex<BTreeMap<PathBuf, Arc<Definitions>>>,
    /// How often C `conf` was run, and how often its answer was known.
    pub fresh: AtomicUsize,
    /// See [`fresh`](Self::fresh).
    pub known: AtomicUsize,
}

impl Shared {
    /// Finds the trees, builds our program and what answers shell commands.
    ///
    /// # Errors
    /// Set-up has not been run, or something does not compile.
    pub fn prepare(project: &Project, real_shell: bool) -> Result<Self> {
        let kconfig = project.need("KCONFIG", "kconfig")?;
        let build = project.path("build/kconfig");
        std::fs::create_dir_all(&build).context("create", &build)?;
        let sums = kconfig.join("SHA256SUMS");
        Ok(Self {
            program: our_program(project)?,
            shell: if real_shell {
                None
            } else {
                Some(build_shell(project, &build)?)
            },
            sums: std::fs::read_to_string(&sums).context("read", &sums)?,
            build,
            kconfig,
            definitions: Mutex::default(),
            fresh: AtomicUsize::new(0),
            known: AtomicUsize::new(0),
        })
    }

    /// What of set-up's checksums is about this tree, hashed.
    fn identity(&self, tree: &Tree) -> String {
        let name = tree.root.file_name().unwrap_or_default().to_string_lossy();
        let mark = format!("  {name}/");
        let sums: Vec<&str> = self
            .sums
            .lines()
            .filter(|line| line.contains(&mark))
            .collect();
        hash(&sums)
    }

    fn definitions(&self, tree: &Tree) -> Result<Arc<Definitions>> {
        let mut all = self
            .definitions
            .lock()
            .map_err(|_| Failure::new("another worker has broken off"))?;
        if let Some(found) = all.get(&tree.root) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(Definitions::of_tree(&tree.root)?);
        all.insert(tree.root.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// What makes a program use remembered shell answers for this tree and environment; nothing with a real shell.
    ///
    /// # Errors
    /// The folder for them cannot be created.
    pub fn shell_variables(&self, tree: &Tree) -> Result<Vec<(String, String)>> {
        let Some(shell) = &self.shell else {
            return Ok(Vec::new());
        };
        let folder = self.kconfig.join("shell").join(hash(&[
            &self.identity(tree),
            &format!("{:?}", tree.variables),
        ]));
        std::fs::create_dir_all(&folder).context("create", &folder)?;
        Ok(vec![
            ("LD_PRELOAD".to_owned(), shell.display().to_string()),
            ("SHELL_ANSWERS".to_owned(), folder.display().to_string()),
        ])
    }
}

/// Our program as users have it; `KCONF` may name one that is built already.
fn our_program(project: &Project) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("KCONF").filter(|path| !path.is_empty()) {
        return Ok(given.into());
    }
    let mut command = cargo::host(project)?;
    command.args([
        "build",
        "--release",
        "--quiet",
        "--locked",
        "--package",
        "kconf-command",
    ]);
    cargo::run(&mut command, "building kconf")?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project.path("target"), PathBuf::from);
    Ok(target.join("release/kconf"))
}

fn build_shell(project: &Project, build: &Path) -> Result<PathBuf> {
    let source = project.path("tests/kconfig/src/shell.c");
    let library = build.join("shell.so");
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .context("start", Path::new("cc"))?;
    if status.success() {
        Ok(library)
    } else {
        Err(Failure::new(format!(
            "{} does not compile",
            source.display()
        )))
    }
}

fn hash(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest
        .finalize()
        .iter()
        .take(16)
        .fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// One worker's.
#[derive(Debug)]
pub struct Lab {
    /// What all workers share.
    pub shared: Arc<Shared>,
    folder: PathBuf,
    /// The running case.
    pub case: String,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // A scratch folder that stays is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Lab {
    /// For the worker with this number.
    #[must_use]
    pub fn new(shared: Arc<Shared>, number: usize) -> Self {
        // Two runs may go on at once.
        let folder = shared
            .build
            .join(format!("work-{}-{number}", std::process::id()));
        Self {
            shared,
            folder,
            case: String::new(),
        }
    }

    /// An empty folder to work in.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn empty_folder(&self) -> Result<&Path> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).context("remove", &self.folder)?;
        }
        std::fs::create_dir_all(&self.folder).context("create", &self.folder)?;
        Ok(&self.folder)
    }

    fn run(
        &self,
        command: &mut Command,
        tree: &Tree,
        request: &Request,
        input: Option<&str>,
    ) -> Result<Ended> {
        let folder = self.empty_folder()?;
        // As after a build: where this is missing, `conf` makes it, and a file for every symbol that is on.
        let made = folder.join("include/config");
        std::fs::create_dir_all(&made).context("create", &made)?;
        std::fs::write(made.join("auto.conf"), "").context("write", &made)?;
        if let (Some(name), Some(text)) = (request.input(), input) {
            let file = folder.join(name);
            std::fs::write(&file, text).context("write", &file)?;
        }
        let mut variables = tree.variables.clone();
        variables.extend(request.variables());
        variables.extend(self.shared.shell_variables(tree)?);
        process::run(command, folder, &variables)
    }

    fn text(&self, request: &Request, ended: Ended) -> Result<String> {
        let Some(file) = peer::answer(&self.folder, request) else {
            return Ok(ended.out);
        };
        let bytes = std::fs::read(&file).context("read", &file)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What our program answers. `input` is the text of the file that the request reads; without it, the tree's own.
    ///
    /// # Errors
    /// It ends with an error.
    pub fn ours(&self, tree: &Tree, request: &Request, input: Option<&str>) -> Result<String> {
        let mut command = peer::ours(&self.shared.program, tree, request);
        let what = format!("our kconf {}", request.options().join(" "));
        let ended = self.run(&mut command, tree, request, input)?;
        self.text(request, ended.expect(&what)?)
    }

    /// What the tree's own program answers; `None` if it cannot be asked that.
    ///
    /// # Errors
    /// It ends with an error.
    pub fn theirs(
        &self,
        tree: &Tree,
        request: &Request,
        input: Option<&str>,
    ) -> Result<Option<String>> {
        let Some(mut command) = peer::theirs(tree, request) else {
            return Ok(None);
        };
        let key = hash(&[
            &self.shared.identity(tree),
            &tree.label,
            &format!("{:?}", tree.variables),
            &format!("{request:?}"),
            input.unwrap_or("(the tree's own)"),
        ]);
        let store = self.shared.kconfig.join("expected").join(&key[..2]);
        let kept = store.join(&key);
        if kept.exists() {
            self.shared.known.fetch_add(1, Ordering::Relaxed);
            return std::fs::read_to_string(&kept)
                .context("read", &kept)
                .map(Some);
        }
        self.shared.fresh.fetch_add(1, Ordering::Relaxed);
        let what = format!("C conf {}", request.options().join(" "));
        let ended = self.run(&mut command, tree, request, input)?;
        let answer = self.text(request, ended.expect(&what)?)?;
        std::fs::create_dir_all(&store).context("create", &store)?;
        // Whole or not at all: another worker or run may read it.
        let fresh = store.join(format!("{key}.{}", std::process::id()));
        std::fs::write(&fresh, &answer).context("write", &fresh)?;
        std::fs::rename(&fresh, &kept).context("write", &kept)?;
        Ok(Some(answer))
    }

    /// Succeeds if both texts say the same; else the whole report is kept in `build/kconfig/` and its beginning returned.
    ///
    /// # Errors
    /// They differ.
    pub fn same(&self, tree: &Tree, what: &str, ours: &str, theirs: &str) -> Result<()> {
        let definitions = self.shared.definitions(tree)?;
        let Some(report) = compare::difference(ours, theirs, &definitions) else {
            return Ok(());
        };
        let name = self.case.replace('/', "-");
        let keep = |suffix: &str, text: &str| -> Result<PathBuf> {
            let file = self.shared.build.join(format!("{name}.{what}.{suffix}"));
            std::fs::write(&file, text).context("write", &file)?;
            Ok(file)
        };
        keep("ours", ours)?;
        keep("theirs", theirs)?;
        let file = keep("diff", &report)?;
        let lines: Vec<&str> = report.lines().take(12).collect();
        Err(Failure::new(format!(
            "{what}: {}\n(all of it: {})",
            lines.join("\n"),
            file.display()
        )))
    }
}
