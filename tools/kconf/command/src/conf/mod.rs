//! The modes of the kernel's `conf`: same options, variables, files and exit status.

mod ask;
mod describe;
mod new;
mod random;
mod sync;

use std::path::{Path, PathBuf};

use kconf::{Config, Kind, Layer, Model, Tri};

use crate::context::{Context, Failure, print};
use crate::files;
use crate::json;
use crate::options::Mode;

/// Does what a mode asks for.
pub fn run(mode: &Mode, root: &Path, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let mut config = Config::new(&model);
    read(mode, &mut config, context)?;
    let output = context.config_path();
    match mode {
        Mode::ListNew | Mode::HelpNew => {
            let found = new::symbols(&config);
            if context.json {
                return json::show(&new::json(&config, &found));
            }
            return print(&new::text(&config, &found, matches!(mode, Mode::HelpNew)));
        }
        Mode::OldAsk | Mode::Old | Mode::Sync => {
            context.warn(config.diagnostics())?;
            ask::run(&mut config, matches!(mode, Mode::OldAsk))?;
            if context.strict {
                config.strict()?;
            }
        }
        // These are wishes; that some do not take is no news.
        Mode::Random | Mode::Rewrite(..) => {}
        _ => context.warn(config.diagnostics())?,
    }
    let text = config.write();
    let forbidden = context.variable("KCONFIG_NOSILENTUPDATE").is_some();
    let unchanged = || std::fs::read(&output).is_ok_and(|before| before == text.as_bytes());
    match mode {
        Mode::Sync if forbidden && !unchanged() => Err(Failure::Other(
            "the configuration requires explicit update (KCONFIG_NOSILENTUPDATE is set); run --oldconfig".to_owned(),
        )),
        Mode::Sync => {
            if !unchanged() {
                files::write_config(&output, &text, context)?;
            }
            sync::write(&config, context)
        }
        Mode::SaveMinimal(path) => files::write(path, &config.savedefconfig()),
        _ => files::write_config(&output, &text, context),
    }
}

/// Reads the configuration that a mode starts from.
fn read(mode: &Mode, config: &mut Config<'_>, context: &Context) -> Result<(), Failure> {
    match mode {
        Mode::From(path) => config.read(&context.find(path), Layer::Defconfig)?,
        Mode::Rewrite(from, to) => {
            let path = context.config_path();
            config.read(&path, Layer::Config)?;
            let model = config.model();
            let lines: String = model
                .symbols()
                .filter(|s| s.kind() == Kind::Tristate)
                .filter(|s| config.assignment(s) == Some(from.as_str()))
                .map(|s| format!("{}{}={to}\n", model.prefix(), s.name()))
                .collect();
            config.read_str("rewritten", &lines, Layer::User);
        }
        Mode::AllDef => all(config, context, "alldef.config", None)?,
        Mode::AllNo => all(config, context, "allno.config", Some(Tri::N))?,
        Mode::AllYes => all(config, context, "allyes.config", Some(Tri::Y))?,
        Mode::AllMod => all(config, context, "allmod.config", Some(Tri::M))?,
        Mode::Random => {
            all(config, context, "allrandom.config", None)?;
            random::assign(config, context)?;
        }
        _ => {
            let path = context.config_path();
            if path.exists() {
                config.read(&path, Layer::Config)?;
            } else if let Some(base) = context
                .variable("KCONFIG_DEFCONFIG_LIST")
                .and_then(|l| l.split_whitespace().map(PathBuf::from).find(|p| p.exists()))
            {
                config.read(&base, Layer::Defconfig)?;
            } else if let Some(list) = config.model().defconfig_list()
                && let Some(value) = config.value(list.name())
                && Path::new(&value.text).is_file()
            {
                config.read(Path::new(&value.text), Layer::Defconfig)?;
            }
        }
    }
    Ok(())
}

/// Everything at `value`, on top of what `KCONFIG_ALLCONFIG` names.
fn all(
    config: &mut Config<'_>,
    context: &Context,
    name: &str,
    value: Option<Tri>,
) -> Result<(), Failure> {
    if let Some(given) = context.env.variables.get("KCONFIG_ALLCONFIG") {
        if !given.is_empty() && given != "1" {
            config.read(&context.find(Path::new(given)), Layer::Defconfig)?;
        } else {
            // The reference looks for these two, and does without if neither is there.
            let found = [name, "all.config"]
                .iter()
                .map(|n| context.find(Path::new(n)))
                .find(|p| p.exists());
            match found {
                Some(path) => config.read(&path, Layer::Defconfig)?,
                None if given == "1" => {
                    return Err(Failure::Other(format!(
                        "KCONFIG_ALLCONFIG is set, but no \"{name}\" or \"all.config\" file found"
                    )));
                }
                None => {}
            }
        }
    }
    if let Some(value) = value {
        config.set_unassigned(value);
    }
    Ok(())
}

/// The symbol that an entry defines.
fn symbol_of<'m>(model: &'m Model, entry: &kconf::Entry) -> Option<&'m kconf::Symbol> {
    match entry.kind() {
        kconf::EntryKind::Symbol(id) => Some(model.get(id)),
        _ => None,
    }
}
