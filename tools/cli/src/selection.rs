//! Which configuration is meant, and its evaluation.
//!
//! `make` builds what `.config` says; `BOARD=`, `MODEL=` or `FRAGMENTS=` on the command line mean that board's
//! and model's defconfig with the fragments laid over it instead, and `.config` is neither read nor written.
//! Without both, the default board and model. A configuration that is not exactly what was asked for (an
//! unknown symbol, a value that did not take) is refused, with the reason.

use std::path::{Path, PathBuf};

use board::{SymbolMap, Value};
use kconf::{Config, Env, Kind, Layer, Model};

use crate::project::Project;
use crate::{Context, Failure, Result};

/// The board that is meant when none is named.
pub const DEFAULT_BOARD: &str = "qemu-virt";
/// The preemption model that is meant when none is named.
pub const DEFAULT_MODEL: &str = "legacy";
/// The VMs that are meant when none are named.
pub const DEFAULT_SYSTEM: &str = "linux";

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A folder under `boards/`.
    pub board: Option<String>,
    /// A preemption model.
    pub model: Option<String>,
    /// Names of files under `configs/fragments/`, without `.config`; laid over in this order.
    pub fragments: Vec<String>,
    /// Number of physical cores, instead of `CONFIG_NR_CPUS`.
    pub cpus: Option<u8>,
    /// Symbols and their values, without `CONFIG_`, laid over everything else.
    pub settings: Vec<(&'static str, String)>,
}

/// An evaluated configuration.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// `<board>_<model>[+fragment…]`: the name of its folder under `build/`.
    pub label: String,
    /// The board's name.
    pub board: String,
    /// Every symbol's value.
    pub symbols: SymbolMap,
    /// The complete `.config`.
    pub dot_config: String,
}

impl Selection {
    /// Splits a `FRAGMENTS=` value at spaces and commas.
    #[must_use]
    pub fn fragments_from(text: &str) -> Vec<String> {
        text.split([' ', ','])
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// A named file does not exist, the Kconfig tree is wrong, or an assignment did not take.
    pub fn evaluate(&self, project: &Project) -> Result<Configuration> {
        let model = load_model(project)?;
        let mut config = Config::new(&model);
        let dot_config = project.path(".config");
        let named = self.board.is_some() || self.model.is_some() || !self.fragments.is_empty();
        if !named && dot_config.is_file() {
            config.read(&dot_config, Layer::Config)?;
        } else {
            let board = self.board.as_deref().unwrap_or(DEFAULT_BOARD);
            let preemption = self.model.as_deref().unwrap_or(DEFAULT_MODEL);
            config.read(
                &defconfig_path(project, &format!("{board}_{preemption}_defconfig"))?,
                Layer::Defconfig,
            )?;
        }
        for fragment in &self.fragments {
            config.merge(&fragment_path(project, fragment)?)?;
        }
        if let Some(cpus) = self.cpus {
            config.read_str("CPUS", &format!("CONFIG_NR_CPUS={cpus}\n"), Layer::User);
        }
        for (symbol, value) in &self.settings {
            config.read_str(symbol, &format!("CONFIG_{symbol}={value}\n"), Layer::User);
        }
        config.strict()?;
        finished(&config, self)
    }
}

/// Writes `.config` from the defconfig of that name; returns the name of its configuration.
///
/// # Errors
/// As [`Selection::evaluate`], or `.config` cannot be written.
pub fn write_defconfig(project: &Project, name: &str) -> Result<String> {
    let model = load_model(project)?;
    let mut config = Config::new(&model);
    config.read(&defconfig_path(project, name)?, Layer::Defconfig)?;
    config.strict()?;
    let configuration = finished(&config, &Selection::default())?;
    let path = project.path(".config");
    board::write_if_changed(&path, configuration.dot_config.as_bytes()).context("write", &path)?;
    Ok(configuration.label)
}

/// Writes `configs/Kconfig.boards` from the boards there are, if it says something else; returns whether it did.
///
/// # Errors
/// A board's file is wrong, or the menu cannot be written.
pub fn write_board_menu(project: &Project) -> Result<bool> {
    let menu = board::board_menu(&project.path("boards"), DEFAULT_BOARD)?;
    let path = project.path("configs/Kconfig.boards");
    board::write_if_changed(&path, menu.as_bytes()).context("write", &path)
}

/// Reads our Kconfig tree, with the boards there are.
///
/// # Errors
/// A board's file or a Kconfig file is wrong.
pub fn load_model(project: &Project) -> Result<Model> {
    write_board_menu(project)?;
    Ok(Model::load(
        &project.path("configs/Kconfig"),
        &Env::process(),
    )?)
}

fn finished(config: &Config<'_>, selection: &Selection) -> Result<Configuration> {
    let board = config
        .value("BOARD")
        .map(|value| value.text)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Failure::new("the configuration names no board (CONFIG_BOARD)"))?;
    let model = ["legacy", "full", "hybrid"]
        .into_iter()
        .find(|name| config.is_on(&format!("PREEMPT_{}", name.to_uppercase())))
        .ok_or_else(|| {
            Failure::new("the configuration has no preemption model (CONFIG_PREEMPT_*)")
        })?;
    let mut label = format!("{board}_{model}");
    for fragment in &selection.fragments {
        label = format!("{label}+{fragment}");
    }
    if let Some(cpus) = selection.cpus {
        label = format!("{label}+cpus{cpus}");
    }
    for (symbol, value) in &selection.settings {
        label = format!("{label}+{}-{value}", symbol.to_lowercase());
    }
    let mut symbols = SymbolMap::new();
    for (symbol, value, _) in config.iter() {
        if let Some(value) = convert(&value) {
            symbols.0.insert(symbol.name().to_owned(), value);
        }
    }
    Ok(Configuration {
        label,
        board,
        symbols,
        dot_config: config.write(),
    })
}

/// A symbol's value as `board` takes it. Numbers without a value (their dependencies unmet) do not exist.
fn convert(value: &kconf::Value) -> Option<Value> {
    match value.kind {
        Kind::Bool | Kind::Tristate => Some(Value::Bool(value.is_on())),
        Kind::Int => value.as_i64().map(Value::Int),
        Kind::Hex => value.as_u64().map(Value::Hex),
        Kind::String => Some(Value::String(value.text.clone())),
        Kind::Unknown => None,
    }
}

fn defconfig_path(project: &Project, name: &str) -> Result<PathBuf> {
    existing(
        &project.path("defconfigs"),
        name,
        "",
        "_defconfig",
        "defconfig",
    )
}

fn fragment_path(project: &Project, name: &str) -> Result<PathBuf> {
    existing(
        &project.path("configs/fragments"),
        name,
        ".config",
        ".config",
        "fragment",
    )
}

/// The path of a system's description.
///
/// # Errors
/// There is none of that name; the text lists those there are.
pub fn system_path(project: &Project, name: &str) -> Result<PathBuf> {
    existing(
        &project.path("configs/systems"),
        name,
        ".toml",
        ".toml",
        "system",
    )
}

/// `folder/name+extension`, or an error that lists the files there are (those that end in `listed`).
fn existing(
    folder: &Path,
    name: &str,
    extension: &str,
    listed: &str,
    what: &str,
) -> Result<PathBuf> {
    let path = folder.join(format!("{name}{extension}"));
    if path.is_file() {
        return Ok(path);
    }
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|file| file.ends_with(listed))
        .map(|file| file.strip_suffix(extension).unwrap_or(&file).to_owned())
        .collect();
    names.sort();
    Err(Failure::new(format!(
        "there is no {what} `{name}` in {}; there are: {}",
        folder.display(),
        names.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_may_be_separated_by_spaces_or_commas() {
        assert_eq!(
            Selection::fragments_from(" gicv2, debug "),
            ["gicv2", "debug"]
        );
        assert!(Selection::fragments_from("").is_empty());
    }

    #[test]
    fn a_missing_file_is_answered_with_the_names_there_are() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/fragments");
        let text = existing(&folder, "gicv9", ".config", ".config", "fragment")
            .unwrap_err()
            .to_string();
        assert!(text.contains("no fragment `gicv9`"), "{text}");
        assert!(text.contains("gicv2, "), "{text}");
    }
}
