//! One configuration and one system, from `.config` and TOML to `caesura.img`.
//!
//! Results lie in `build/<label>/<system>/`: the generated files, `caesura.elf` with symbols, `caesura.img`
//! (the flat kernel, then the pack), `memory.txt` (what lies where). A build that changes nothing rewrites
//! nothing.

use std::path::{Path, PathBuf};

use board::{Inputs, Model};

use crate::project::Project;
use crate::selection::{Configuration, Selection, system_path};
use crate::{Context, Failure, Result, cargo, flatten, symbols};

/// A finished build.
#[derive(Clone, Debug)]
pub struct Build {
    /// What it was built from, with how to run it.
    pub model: Model,
    /// The configuration.
    pub configuration: Configuration,
    /// `build/<label>/<system>`.
    pub folder: PathBuf,
    /// `caesura.elf` there.
    pub elf: PathBuf,
    /// `caesura.img` there.
    pub image: PathBuf,
}

/// Builds a system for a configuration.
///
/// # Errors
/// The configuration or the system is wrong, guests are missing, or something does not compile.
pub fn build(project: &mut Project, selection: &Selection, system: &str) -> Result<Build> {
    let configuration = selection.evaluate(project)?;
    let model = evaluate(project, &configuration, system)?;
    let folder = project
        .path("build")
        .join(&configuration.label)
        .join(system);
    let dot_config = folder.join(".config");
    board::write_if_changed(&dot_config, configuration.dot_config.as_bytes())
        .context("write", &dot_config)?;
    model
        .write(&folder)
        .context("write the generated files to", &folder)?;
    let features = board::features(&configuration.symbols);
    let compiled = cargo::kernel(project, &features, &folder, &dot_config)?;
    let elf_bytes = std::fs::read(&compiled).context("read", &compiled)?;
    let image_bytes = assemble(&model, &elf_bytes)?;
    let (elf, image) = (folder.join("caesura.elf"), folder.join("caesura.img"));
    board::write_if_changed(&elf, &elf_bytes).context("write", &elf)?;
    board::write_if_changed(&image, &image_bytes).context("write", &image)?;
    Ok(Build {
        model,
        configuration,
        folder,
        elf,
        image,
    })
}

/// Checks the system against the board and the configuration, with the guests it names built or fetched.
///
/// # Errors
/// As [`build()`], short of compiling the kernel.
pub fn evaluate(
    project: &mut Project,
    configuration: &Configuration,
    system: &str,
) -> Result<Model> {
    let system = system_path(project, system)?;
    let board = project
        .path("boards")
        .join(&configuration.board)
        .join("board.toml");
    let built = guest_programs(project, &system)?;
    let text = std::fs::read_to_string(&system).context("read", &system)?;
    let guests = if text.contains("@guests/linux/initrd-calls") {
        Some(project.guests("module")?)
    } else if text.contains("@guests/") {
        Some(project.guests("guests")?)
    } else {
        None
    };
    // Named from the top of the tree, so that errors do not show where the tree lies.
    let inputs = Inputs {
        board: relative(project, &board),
        system: relative(project, &system),
        symbols: &configuration.symbols,
        guests: guests.as_deref(),
        built: Some(&built),
        linker_template: &project.path("kernel/arch/link.ld.j2"),
    };
    Ok(board::evaluate(&inputs)?)
}

/// The path as seen from the top of the tree, if the current folder is that top.
fn relative<'a>(project: &Project, path: &'a Path) -> &'a Path {
    if std::env::current_dir().is_ok_and(|here| here == project.root()) {
        path.strip_prefix(project.root()).unwrap_or(path)
    } else {
        path
    }
}

/// Builds the programs of `tests/guests` that the system uses.
fn guest_programs(project: &Project, system: &Path) -> Result<PathBuf> {
    let images = board::built_images(system)?;
    let mut names = Vec::new();
    for image in &images {
        names.push(image.strip_suffix(".elf").ok_or_else(|| {
            Failure::new(format!(
                "{}: `@built/{image}`: guests built from tests/guests are ELF files named after their program, \
                 such as `@built/hello.elf`",
                system.display()
            ))
        })?);
    }
    cargo::guests(project, &names)
}

/// The flat kernel with the pack behind it.
fn assemble(model: &Model, elf: &[u8]) -> Result<Vec<u8>> {
    let mut image = flatten::flatten(elf)?;
    let mut pack = model
        .pack()
        .map_err(|error| Failure::new(error.to_string()))?;
    if model
        .symbols
        .iter()
        .any(|(name, value)| name == "BACKTRACE_SYMBOLS" && *value == board::Value::Bool(true))
    {
        pack.add(abi::pack::SYMBOLS, symbols::symbol_table(elf)?.into_bytes())
            .map_err(|error| Failure::new(error.to_string()))?;
    }
    image.extend(pack.finish());
    flatten::set_image_size(&mut image);
    model
        .check_image_size(image.len() as u64)
        .map_err(Failure::new)?;
    Ok(image)
}

/// What `make` does: builds, prints the memory map, and leaves the result where scripts expect it, `build/<board>_<model>/`.
///
/// # Errors
/// As [`build()`].
pub fn build_command(project: &mut Project, selection: &Selection, system: &str) -> Result<()> {
    let build = build(project, selection, system)?;
    println!("{}", build.model.summary());
    let folder = project.path("build").join(&build.configuration.label);
    for file in [&build.elf, &build.image] {
        let name = file.file_name().unwrap_or_default();
        let bytes = std::fs::read(file).context("read", file)?;
        let copy = folder.join(name);
        board::write_if_changed(&copy, &bytes).context("write", &copy)?;
        let shown = copy.strip_prefix(project.root()).unwrap_or(&copy);
        println!("{}: {} KiB", shown.display(), bytes.len() / 1024);
    }
    Ok(())
}
