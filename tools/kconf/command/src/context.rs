//! What every command needs: surroundings, loading, reporting, printing; and why a run fails.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kconf::{Code, Config, Diagnostics, Env, Layer, Model, Symbol};

use crate::json;
use crate::messages::{self, Style};
use crate::options::{Messages, Options};

/// The surroundings of a run.
pub struct Context {
    pub env: Env,
    pub strict: bool,
    pub silent: bool,
    pub json: bool,
    pub style: Style,
}

/// Why the run fails.
#[derive(Debug)]
pub enum Failure {
    /// The arguments make no sense.
    Usage(String),
    /// Findings about the Kconfig files or the configuration.
    Found(Diagnostics),
    /// Anything else, such as a file that cannot be written.
    Other(String),
    /// What there is to say was said already.
    Said,
}

impl From<Diagnostics> for Failure {
    fn from(found: Diagnostics) -> Self {
        Failure::Found(found)
    }
}

impl Failure {
    /// Says it and gives the exit status.
    pub fn report(self, context: &Context) -> ExitCode {
        let (status, text) = match &self {
            Failure::Usage(text) => (
                2,
                format!("error: {text}\n\n{}\n", crate::command().render_usage()),
            ),
            Failure::Found(found) if context.json => (1, json::diagnostics(found)),
            Failure::Found(found) => (
                1,
                messages::render(found, context.style, context.env.srctree.as_deref()),
            ),
            Failure::Other(text) => (1, format!("error: {text}\n")),
            Failure::Said => (1, String::new()),
        };
        // Nothing can be done if standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(if context.style == Style::Conf {
            1
        } else {
            status
        })
    }
}

impl Context {
    pub fn new(options: &Options, mut env: Env, as_conf: bool) -> Self {
        // As `conf` does: without srctree, paths are relative to the current folder.
        env.srctree.get_or_insert_default();
        env.dialect = options.dialect.into();
        let werror = env.variables.contains_key("KCONFIG_WERROR");
        let style = match options.messages {
            Some(Messages::Conf) => Style::Conf,
            None if as_conf => Style::Conf,
            _ => Style::Full,
        };
        Self {
            env,
            strict: options.strict || werror,
            silent: options.silent,
            json: options.json,
            style,
        }
    }

    /// A variable of the environment that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.env.variables.get(name).map(String::as_str);
        value.filter(|v| !v.is_empty())
    }

    /// The path of `.config`.
    pub fn config_path(&self) -> PathBuf {
        PathBuf::from(self.variable("KCONFIG_CONFIG").unwrap_or(".config"))
    }

    /// A path as given, or else below `srctree`.
    pub fn find(&self, path: &Path) -> PathBuf {
        match &self.env.srctree {
            Some(srctree) if !path.exists() => srctree.join(path),
            _ => path.to_owned(),
        }
    }

    /// Loads the Kconfig files and says what is doubtful about them.
    pub fn load(&self, root: &Path) -> Result<Model, Failure> {
        let model = Model::load(&self.find(root), &self.env)?;
        self.warn(model.warnings().clone())?;
        Ok(model)
    }

    /// `.config`, or everything at its default if there is none.
    pub fn current<'m>(&self, model: &'m Model) -> Result<Config<'m>, Failure> {
        let mut config = Config::new(model);
        let path = self.config_path();
        if path.exists() {
            config.read(&path, Layer::Config)?;
        }
        Ok(config)
    }

    /// Reports warnings; with `--strict` they end the run.
    pub fn warn(&self, found: Diagnostics) -> Result<(), Failure> {
        let mut kept = Diagnostics::new();
        let unknown_too = self.style == Style::Full
            || self
                .env
                .variables
                .contains_key("KCONFIG_WARN_UNKNOWN_SYMBOLS");
        for diagnostic in found.into_vec() {
            if diagnostic.code != Code::UnknownSymbol || unknown_too || self.strict {
                kept.push(diagnostic);
            }
        }
        if kept.is_empty() {
            return Ok(());
        }
        if self.strict {
            return Err(kept.into_errors().into());
        }
        let mut text = match self.json {
            true => json::diagnostics(&kept),
            false => messages::render(&kept, self.style, self.env.srctree.as_deref()),
        };
        if !self.json && self.style == Style::Full {
            text.push('\n');
        }
        // The run goes on if nobody listens.
        let _ = std::io::stderr().write_all(text.as_bytes());
        Ok(())
    }

    /// The symbol that the user named, with or without prefix.
    pub fn symbol<'m>(&self, model: &'m Model, name: &str) -> Result<&'m Symbol, Failure> {
        let short = name.strip_prefix(model.prefix()).unwrap_or(name);
        // A symbol may itself be called CONFIG_SOMETHING.
        model
            .symbol(short)
            .or_else(|| model.symbol(name))
            .ok_or_else(|| {
                let wanted = short.to_lowercase();
                let near: Vec<&str> = model
                    .symbols()
                    .map(Symbol::name)
                    .filter(|n| !wanted.is_empty() && n.to_lowercase().contains(&wanted))
                    .take(5)
                    .collect();
                let advice = match near.is_empty() {
                    true => String::new(),
                    false => format!("; there is {}", near.join(", ")),
                };
                Failure::Other(format!("{short} is defined in no Kconfig file{advice}"))
            })
    }
}

/// Prints to standard output; that nobody reads it any more is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("cannot write: {e}")))
        }
        _ => Ok(()),
    }
}
