//! `kconf`: the command line. Option names, variables and exit status follow the kernel's `conf`, so it can be put
//! in its place; `merge`, `get` and `why` are our own.
//!
//! Warnings go to standard error and do not fail the run, unless `--strict` is given or `KCONFIG_WERROR` is set.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kconf::{Config, Diagnostics, Entry, EntryKind, Env, Layer, Model, SymbolId, Tri};

const USAGE: &str = "\
usage: kconf [--strict] [-s] MODE KCONFIG
       kconf [--strict] merge KCONFIG CONFIG FRAGMENT...
       kconf get KCONFIG SYMBOL
       kconf why KCONFIG SYMBOL

modes (as the kernel's conf):
  --olddefconfig        complete .config, new symbols at their defaults
  --defconfig FILE      as --olddefconfig, from FILE
  --savedefconfig FILE  write the minimal configuration of .config to FILE
  --alldefconfig        everything at its default
  --allnoconfig         every bool and tristate off, as far as possible
  --allyesconfig        every bool and tristate on, as far as possible
  --listnewconfig       list symbols that .config does not mention

`merge` writes .config; `get` and `why` read it. Variables: KCONFIG_CONFIG names .config, srctree the
folder `source` is relative to (the current one if unset), KCONFIG_ALLCONFIG, KCONFIG_DEFCONFIG_LIST,
KCONFIG_WERROR, CONFIG_ as in the kernel's documentation.
";

/// What to do.
enum Mode {
    Old,
    From(PathBuf),
    SaveMinimal(PathBuf),
    All(&'static str, Option<Tri>),
    ListNew,
    Merge(Vec<PathBuf>),
    Get(String),
    Why(String),
}

struct Options {
    mode: Mode,
    root: PathBuf,
    strict: bool,
    silent: bool,
}

/// Why the run fails.
enum Failure {
    Usage(String),
    Found(Diagnostics),
    Other(String),
}

impl From<Diagnostics> for Failure {
    fn from(found: Diagnostics) -> Self {
        Failure::Found(found)
    }
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1).collect()).and_then(|o| run(&o)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => {
            // Nothing can be done if standard error is closed.
            let _ = write!(
                std::io::stderr(),
                "{text}{}{USAGE}",
                if text.is_empty() { "" } else { "\n\n" }
            );
            ExitCode::from(2)
        }
        Err(Failure::Found(found)) => {
            let _ = write!(std::io::stderr(), "{found}");
            ExitCode::FAILURE
        }
        Err(Failure::Other(text)) => {
            let _ = writeln!(std::io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: Vec<String>) -> Result<Options, Failure> {
    let mut mode = None;
    let (mut strict, mut silent) = (false, false);
    let mut rest = Vec::new();
    let mut list = arguments.into_iter();
    while let Some(argument) = list.next() {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => {
                (flag.to_owned(), Some(value.to_owned()))
            }
            _ => (argument, None),
        };
        let mut file = || {
            value
                .clone()
                .or_else(|| list.next())
                .map(PathBuf::from)
                .ok_or_else(|| Failure::Usage(format!("{flag} needs a file")))
        };
        let new = match flag.as_str() {
            "--strict" => {
                strict = true;
                continue;
            }
            "-s" | "--silent" => {
                silent = true;
                continue;
            }
            "-h" | "--help" => return Err(Failure::Usage(String::new())),
            "--olddefconfig" => Mode::Old,
            "--defconfig" => Mode::From(file()?),
            "--savedefconfig" => Mode::SaveMinimal(file()?),
            "--alldefconfig" => Mode::All("alldef.config", None),
            "--allnoconfig" => Mode::All("allno.config", Some(Tri::N)),
            "--allyesconfig" => Mode::All("allyes.config", Some(Tri::Y)),
            "--listnewconfig" => Mode::ListNew,
            "--oldconfig" | "--oldaskconfig" | "--allmodconfig" | "--randconfig"
            | "--helpnewconfig" | "--syncconfig" | "--yes2modconfig" | "--mod2yesconfig"
            | "--mod2noconfig" => {
                return Err(Failure::Other(format!(
                    "{flag} is not implemented in this version; --olddefconfig completes a configuration without asking"
                )));
            }
            flag if flag.starts_with('-') => {
                return Err(Failure::Usage(format!("unknown option {flag}")));
            }
            _ => {
                rest.push(flag);
                continue;
            }
        };
        if mode.replace(new).is_some() {
            return Err(Failure::Usage("give one mode only".to_owned()));
        }
    }
    let mut rest = rest.into_iter();
    let (mode, root) = match (mode, rest.next()) {
        (Some(mode), Some(root)) => (mode, root),
        (Some(_), None) => return Err(Failure::Usage("the Kconfig file is missing".to_owned())),
        (None, command) => {
            let command = command.unwrap_or_default();
            let root = rest.next();
            let mut name = || {
                rest.next()
                    .map(|n| n.trim_start_matches("CONFIG_").to_owned())
            };
            let mode = match command.as_str() {
                "merge" => Some(Mode::Merge(rest.by_ref().map(PathBuf::from).collect())),
                "get" => name().map(Mode::Get),
                "why" => name().map(Mode::Why),
                _ => return Err(Failure::Usage("give a mode".to_owned())),
            };
            match (mode, root) {
                (Some(mode), Some(root)) => (mode, root),
                _ => return Err(Failure::Usage(format!("{command} needs more arguments"))),
            }
        }
    };
    if let Some(extra) = rest.next() {
        return Err(Failure::Usage(format!("unexpected argument {extra}")));
    }
    Ok(Options {
        mode,
        root: PathBuf::from(root),
        strict,
        silent,
    })
}

fn run(options: &Options) -> Result<(), Failure> {
    let mut env = Env::process();
    // As `conf` does: without srctree, paths are relative to the current folder.
    let srctree = env.srctree.get_or_insert_default().clone();
    let root = if options.root.exists() {
        options.root.clone()
    } else {
        srctree.join(&options.root)
    };
    let variable = |name: &str| env.variables.get(name).filter(|v| !v.is_empty());
    let output = variable("KCONFIG_CONFIG").map_or_else(|| PathBuf::from(".config"), PathBuf::from);
    let strict = options.strict || env.variables.contains_key("KCONFIG_WERROR");
    let model = Model::load(&root, &env)?;
    if !model.warnings().is_empty() {
        report(model.warnings().clone(), strict)?;
    }
    let mut config = Config::new(&model);
    match &options.mode {
        Mode::Old => {
            if output.exists() {
                config.read(&output, Layer::Config)?;
            } else if let Some(base) = variable("KCONFIG_DEFCONFIG_LIST")
                .and_then(|l| l.split_whitespace().map(PathBuf::from).find(|p| p.exists()))
            {
                config.read(&base, Layer::Defconfig)?;
            }
        }
        Mode::From(path) => {
            let path = if path.exists() {
                path.clone()
            } else {
                srctree.join(path)
            };
            config.read(&path, Layer::Defconfig)?;
        }
        Mode::All(name, value) => {
            if let Some(preset) = preset(&env, name) {
                config.read(&preset, Layer::Defconfig)?;
            }
            if let Some(value) = value {
                config.set_unassigned(*value);
            }
        }
        Mode::Merge(paths) => {
            for (index, path) in paths.iter().enumerate() {
                config.read(
                    path,
                    if index == 0 {
                        Layer::Config
                    } else {
                        Layer::Fragment
                    },
                )?;
            }
        }
        Mode::SaveMinimal(_) | Mode::ListNew | Mode::Get(_) | Mode::Why(_) => {
            if output.exists() {
                config.read(&output, Layer::Config)?;
            }
        }
    }
    if !matches!(options.mode, Mode::Why(_) | Mode::ListNew) {
        report(config.diagnostics(), strict)?;
    }
    match &options.mode {
        Mode::SaveMinimal(path) => write(path, &config.savedefconfig()),
        Mode::ListNew => print(&list_new(&config)),
        Mode::Get(name) => match config.value(name) {
            Some(value) => print(&format!("{}\n", value.text)),
            None => Err(unknown(name)),
        },
        Mode::Why(name) => match model.symbol(name) {
            Some(symbol) => print(&kconf::why(&config, symbol)),
            None => Err(unknown(name)),
        },
        _ => write_config(&output, &config.write(), options.silent),
    }
}

fn unknown(name: &str) -> Failure {
    Failure::Other(format!("{name} is defined in no Kconfig file"))
}

fn report(found: Diagnostics, strict: bool) -> Result<(), Failure> {
    if found.is_empty() {
        return Ok(());
    }
    if strict {
        return Err(found.into_errors().into());
    }
    // The run goes on if nobody listens.
    let _ = writeln!(std::io::stderr(), "{found}");
    Ok(())
}

/// The file that `KCONFIG_ALLCONFIG` asks to start from.
fn preset(env: &Env, name: &str) -> Option<PathBuf> {
    let value = env.variables.get("KCONFIG_ALLCONFIG")?;
    if !value.is_empty() && value != "1" {
        return Some(PathBuf::from(value));
    }
    [name, "all.config"]
        .into_iter()
        .map(PathBuf::from)
        .find(|p| p.exists())
}

/// `CONFIG_X=value` of each symbol that could be assigned and was not, in the order of the menus, once for each of
/// its prompts as the reference does.
fn list_new(config: &Config<'_>) -> String {
    let mut found = Vec::new();
    new_symbols(config, config.model().entries(), &mut found);
    let mut out = String::new();
    for id in found {
        let symbol = config.model().get(id);
        if let Some(value) = config.value(symbol.name()) {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{}{}={}",
                config.model().prefix(),
                symbol.name(),
                value.literal()
            );
        }
    }
    out
}

fn new_symbols(config: &Config<'_>, entries: &[Entry], found: &mut Vec<SymbolId>) {
    for entry in entries {
        if let EntryKind::Symbol(id) = entry.kind() {
            let symbol = config.model().get(id);
            let shown = config.is_changeable(symbol) && config.is_shown(entry);
            if shown && !config.is_assigned(symbol) {
                found.push(id);
            }
        }
        // A choice that is not offered asks nothing, though it still has a value.
        if !matches!(entry.kind(), EntryKind::Choice(_)) || config.is_shown(entry) {
            new_symbols(config, entry.children(), found);
        }
    }
}

fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("cannot write: {e}")))
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|e| Failure::Other(format!("cannot write {}: {e}", path.display())))
}

fn write_config(path: &Path, text: &str, silent: bool) -> Result<(), Failure> {
    let before = std::fs::read(path).ok();
    let message = if before.as_deref() == Some(text.as_bytes()) {
        format!("#\n# No change to {}\n#\n", path.display())
    } else {
        if before.is_some() {
            let mut old = path.as_os_str().to_owned();
            old.push(".old");
            std::fs::rename(path, &old)
                .map_err(|e| Failure::Other(format!("cannot rename {}: {e}", path.display())))?;
        }
        write(path, text)?;
        format!("#\n# configuration written to {}\n#\n", path.display())
    };
    if silent { Ok(()) } else { print(&message) }
}
