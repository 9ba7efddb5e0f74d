//! Options and commands as clap parses them. Help, completions and manual pages come from here.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use kconf::{Dialect, Tri};

/// Kconfig: configure, explain, check and sample.
#[derive(Debug, Parser)]
#[command(
    name = "kconf",
    version,
    infer_long_args = true,
    override_usage = "kconf [OPTIONS] MODE KCONFIG\n       kconf [OPTIONS] COMMAND ...",
    after_help = "Exit status: 0 success, 1 an error in the configuration or the Kconfig files, 2 wrong usage.\n\
        Variables: KCONFIG_CONFIG names .config; srctree is the folder that `source` is relative to (the current \
        one if unset); KCONFIG_ALLCONFIG, KCONFIG_DEFCONFIG_LIST, KCONFIG_OVERWRITECONFIG, KCONFIG_PROBABILITY, KCONFIG_SEED, KCONFIG_WERROR, \
        KCONFIG_WARN_UNKNOWN_SYMBOLS and CONFIG_ as in the kernel's documentation."
)]
pub struct Options {
    #[command(flatten)]
    pub mode: Modes,
    /// The root of the Kconfig files
    pub kconfig: Option<PathBuf>,
    /// Every warning is an error, and nothing is written
    #[arg(long, global = true)]
    pub strict: bool,
    /// Say nothing about files that were written
    #[arg(short, long, global = true)]
    pub silent: bool,
    /// Results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// How warnings and errors are worded; called as `conf`, the default is `conf`
    #[arg(long, global = true, value_enum)]
    pub messages: Option<Messages>,
    /// Which Kconfig language
    #[arg(long, global = true, value_enum, default_value_t = Language::Linux)]
    pub dialect: Language,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which language.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Language {
    /// That of current Linux
    Linux,
    /// With what older trees use, such as U-Boot, busybox and Xen
    Classic,
    /// As classic, and `.config` has every symbol, as busybox's tools write it
    Busybox,
}

impl From<Language> for Dialect {
    fn from(language: Language) -> Self {
        match language {
            Language::Linux => Dialect::Linux,
            Language::Classic => Dialect::Classic,
            Language::Busybox => Dialect::Busybox,
        }
    }
}

/// Wording of messages.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Messages {
    /// With the lines concerned, reasons and advice
    Full,
    /// As the kernel's conf, for scripts that compare
    Conf,
}

/// The modes of `conf`: one at a time.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("modes").multiple(false))]
pub struct Modes {
    /// Ask for everything
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    oldaskconfig: bool,
    /// Ask for symbols that .config does not mention
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    oldconfig: bool,
    /// Complete .config, new symbols at their defaults
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    olddefconfig: bool,
    /// As --oldconfig, and write what a build takes from the configuration (auto.conf, autoconf.h, rustc_cfg)
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    syncconfig: bool,
    /// As --olddefconfig, from FILE
    #[arg(
        long,
        group = "modes",
        value_name = "FILE",
        help_heading = "Modes, as the kernel's conf"
    )]
    defconfig: Option<PathBuf>,
    /// Write the minimal configuration of .config to FILE
    #[arg(
        long,
        group = "modes",
        value_name = "FILE",
        help_heading = "Modes, as the kernel's conf"
    )]
    savedefconfig: Option<PathBuf>,
    /// Everything at its default
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    alldefconfig: bool,
    /// Every bool and tristate off, as far as possible
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    allnoconfig: bool,
    /// Every bool and tristate on, as far as possible
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    allyesconfig: bool,
    /// Every tristate a module and every bool on, as far as possible
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    allmodconfig: bool,
    /// Random values, by KCONFIG_SEED and KCONFIG_PROBABILITY
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    randconfig: bool,
    /// As --olddefconfig, each tristate that is y in .config as a module
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    yes2modconfig: bool,
    /// As --olddefconfig, each module of .config as y
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    mod2yesconfig: bool,
    /// As --olddefconfig, each module of .config off
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    mod2noconfig: bool,
    /// List symbols that .config does not mention
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    listnewconfig: bool,
    /// As --listnewconfig, with help
    #[arg(long, group = "modes", help_heading = "Modes, as the kernel's conf")]
    helpnewconfig: bool,
}

/// What `conf` is asked to do.
#[derive(Clone, Debug)]
pub enum Mode {
    OldAsk,
    Old,
    OldDef,
    Sync,
    From(PathBuf),
    SaveMinimal(PathBuf),
    AllDef,
    AllNo,
    AllYes,
    AllMod,
    Random,
    /// From this value to that.
    Rewrite(Tri, Tri),
    ListNew,
    HelpNew,
}

impl Modes {
    /// The mode that was given.
    pub fn chosen(&self) -> Option<Mode> {
        let flags = [
            (self.oldaskconfig, Mode::OldAsk),
            (self.oldconfig, Mode::Old),
            (self.olddefconfig, Mode::OldDef),
            (self.syncconfig, Mode::Sync),
            (self.alldefconfig, Mode::AllDef),
            (self.allnoconfig, Mode::AllNo),
            (self.allyesconfig, Mode::AllYes),
            (self.allmodconfig, Mode::AllMod),
            (self.yes2modconfig, Mode::Rewrite(Tri::Y, Tri::M)),
            (self.mod2yesconfig, Mode::Rewrite(Tri::M, Tri::Y)),
            (self.mod2noconfig, Mode::Rewrite(Tri::M, Tri::N)),
            (self.randconfig, Mode::Random),
            (self.listnewconfig, Mode::ListNew),
            (self.helpnewconfig, Mode::HelpNew),
        ];
        let flag = flags.into_iter().find(|(given, _)| *given).map(|(_, m)| m);
        flag.or_else(|| self.defconfig.clone().map(Mode::From))
            .or_else(|| self.savedefconfig.clone().map(Mode::SaveMinimal))
    }
}

/// Commands of our own.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lay fragments over a configuration and write .config; says what did not take and why
    Merge {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The configuration
        config: PathBuf,
        /// What is laid over it, in this order
        fragments: Vec<PathBuf>,
    },
    /// Change symbols in .config, or say which dependency forbids it
    Set {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// What to assign, in this order
        #[arg(required = true, value_name = "SYMBOL=VALUE")]
        assignments: Vec<String>,
    },
    /// Print values
    Get {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The symbols, with or without prefix
        #[arg(required = true)]
        symbols: Vec<String>,
    },
    /// Compare two configurations
    Diff {
        /// The old one
        a: PathBuf,
        /// The new one
        b: PathBuf,
        /// Complete both with these Kconfig files and say where each value comes from
        #[arg(long, value_name = "FILE")]
        kconfig: Option<PathBuf>,
    },
    /// Find dead symbols, broken selects and more, with proofs; status 1 if there are any
    Lint {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// Only this kind of finding (repeatable): dead-symbol, always-on, select-violates-dependency,
        /// unused-default, invisible-prompt, no-help, unused-symbol
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<String>,
        /// Source code that uses the configuration, a file or folder (repeatable): finds unused symbols
        #[arg(long = "sources", value_name = "PATH")]
        sources: Vec<PathBuf>,
    },
    /// Explain the value of a symbol
    Why {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The symbol, with or without prefix
        symbol: String,
    },
    /// The smallest sets of changes that give a symbol a value
    WhyNot {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The symbol and the value wanted, which is y if left out
        #[arg(value_name = "SYMBOL[=VALUE]")]
        wanted: String,
    },
    /// Find symbols by name, prompt and help, and say what hides them
    Search {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// What to look for; case does not matter
        text: String,
    },
    /// Numbers about the tree and .config
    Stats {
        /// The root of the Kconfig files
        kconfig: PathBuf,
    },
    /// What a symbol needs, as a graph in DOT
    Graph {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The symbol, with or without prefix
        symbol: String,
        /// How many steps to follow
        #[arg(long, default_value_t = 3)]
        depth: usize,
    },
    /// A reference manual of all symbols in Markdown
    Docs {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// Where to write it; standard output if left out
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Configure in the terminal
    Menuconfig {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// Also list what is not visible
        #[arg(long)]
        show_all: bool,
    },
    /// A sample that has every combination of values of some symbols, with its certificate
    Matrix {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The symbols; all bool and tristate symbols with a prompt if left out
        #[arg(long, value_delimiter = ',', value_name = "SYMBOL,...")]
        symbols: Vec<String>,
        /// How many symbols are combined at a time: 1, 2 or 3
        #[arg(long, default_value_t = 2)]
        strength: usize,
        /// The same seed gives the same sample
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// A configuration that the sample has first (repeatable)
        #[arg(long = "config", value_name = "NAME=FILE")]
        configs: Vec<String>,
        /// Check this certificate (JSON, as printed with --json) instead
        #[arg(long, value_name = "FILE")]
        verify: Option<PathBuf>,
    },
    /// Draw configurations at random, each equally likely where that can be computed
    Random {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The symbols to vary; all bool and tristate symbols if left out
        #[arg(long, value_delimiter = ',', value_name = "SYMBOL,...")]
        symbols: Vec<String>,
        /// How many
        #[arg(long, default_value_t = 1)]
        number: usize,
        /// The same seed gives the same configurations
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Count the combinations of values of symbols over all configurations
    Count {
        /// The root of the Kconfig files
        kconfig: PathBuf,
        /// The symbols; all bool and tristate symbols if left out
        #[arg(long, value_delimiter = ',', value_name = "SYMBOL,...")]
        symbols: Vec<String>,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages to a folder
    Man {
        /// The folder, which is made if it is not there
        folder: PathBuf,
    },
}
