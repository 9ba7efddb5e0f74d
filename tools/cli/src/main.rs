//! `caesura`: what the Makefile's targets call. `caesura help` lists the subcommands.
//!
//! Settings come as options or, from make's command line, as environment variables of the same meaning
//! (`BOARD`, `MODEL`, `FRAGMENTS`, `SYSTEM`, `CPUS`, `ICOUNT`, `GDB`, `TIMEOUT`, `FILTER`).

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::project::Project;
use cli::selection::{DEFAULT_SYSTEM, Selection};
use cli::{
    Context, Result, bench, build, checks, features, kconfig, preempt, run, selection, size, suites,
};

#[derive(Parser)]
#[command(name = "caesura", version, about = "Builds, runs and tests Caesura")]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Args, Clone)]
struct Choice {
    /// Board (a folder under boards/); with it or a model, .config is not used
    #[arg(long, env = "BOARD")]
    board: Option<String>,
    /// Preemption model: legacy, full or hybrid
    #[arg(long, env = "MODEL")]
    model: Option<String>,
    /// Fragments of configs/fragments/ to lay over, separated by spaces or commas
    #[arg(long, env = "FRAGMENTS")]
    fragments: Option<String>,
    /// Physical cores, 1 to 8, instead of CONFIG_NR_CPUS
    #[arg(long, env = "CPUS", value_parser = clap::value_parser!(u8).range(1..=8))]
    cpus: Option<u8>,
    /// The VMs (a file of configs/systems/)
    #[arg(long, env = "SYSTEM")]
    system: Option<String>,
}

impl Choice {
    fn selection(&self) -> Selection {
        Selection {
            board: self.board.clone(),
            model: self.model.clone(),
            fragments: Selection::fragments_from(self.fragments.as_deref().unwrap_or_default()),
            cpus: self.cpus,
            settings: Vec::new(),
        }
    }

    fn system(&self) -> &str {
        self.system.as_deref().unwrap_or(DEFAULT_SYSTEM)
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Suite {
    /// Needs no emulator
    Host,
    /// The system tests
    Qemu,
    /// The system tests without downloaded guests
    Guests,
    /// Our Kconfig tool beside the real ones, on their trees
    Kconfig,
    /// A part of that which takes about a minute
    KconfigShort,
    /// Everything about the preemption models, what takes long too
    Preempt,
}

#[derive(Subcommand)]
enum Action {
    /// Write .config from a file of defconfigs/
    Defconfig {
        /// Its name, such as qemu-virt_legacy_defconfig
        name: String,
    },
    /// Write what the tree keeps of generated files: the boards' menu
    Generate,
    /// The Kconfig tool on our tree: a mode such as --olddefconfig, or a command such as menuconfig or why
    Kconf {
        /// As for kconf, without the Kconfig file
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build caesura.elf and caesura.img
    Build {
        #[command(flatten)]
        choice: Choice,
    },
    /// Build, and run in QEMU
    Run {
        #[command(flatten)]
        choice: Choice,
        /// Count instructions (1 = on)
        #[arg(long, env = "ICOUNT", value_parser = switch, default_value = "0", default_missing_value = "1", num_args = 0..=1)]
        icount: bool,
        /// Wait for gdb on port 1234 (1 = on)
        #[arg(long, env = "GDB", value_parser = switch, default_value = "0", default_missing_value = "1", num_args = 0..=1)]
        gdb: bool,
        /// Seconds after which a run without a terminal gives up
        #[arg(long, env = "TIMEOUT")]
        timeout: Option<u64>,
    },
    /// Run tests: all, or one suite
    Test {
        /// Which
        suite: Option<Suite>,
        /// Only tests whose name contains this
        #[arg(long, env = "FILTER")]
        filter: Option<String>,
    },
    /// Lint
    Clippy,
    /// Check formatting
    FmtCheck,
    /// Print the sizes of what is built
    Size,
    /// Count the instructions of booting
    BenchBoot,
    /// Count how late an RT guest's timer is beside a busy neighbour, for every model and load
    BenchPreempt {
        /// Only runs whose `model/load` contains this; then nothing is judged or written
        #[arg(long, env = "FILTER")]
        filter: Option<String>,
    },
    /// Time our Kconfig tool beside C conf and kconfiglib
    BenchKconfig {
        /// Only rows whose `tree/request` contains this; then nothing is judged or written
        #[arg(long, env = "FILTER")]
        filter: Option<String>,
    },
    /// Remove build/ and target/
    Clean,
}

fn switch(text: &str) -> std::result::Result<bool, String> {
    match text {
        "" | "0" | "n" | "no" | "false" => Ok(false),
        "1" | "y" | "yes" | "true" => Ok(true),
        _ => Err("1 or 0 is expected".to_owned()),
    }
}

fn act(action: Action) -> Result<ExitCode> {
    let project = &mut Project::find()?;
    match action {
        Action::Kconf { arguments } => return kconfig::kconfig_command(project, &arguments),
        Action::Defconfig { name } => {
            let label = selection::write_defconfig(project, &name)?;
            println!(".config: {label}");
        }
        Action::Generate => {
            if selection::write_board_menu(project)? {
                println!("configs/Kconfig.boards: written");
            }
            for (name, text) in [
                (kconfig::MANUAL, kconfig::manual(project)?),
                (features::MANIFEST, features::manifest(project)?),
            ] {
                let path = project.path(name);
                if board::write_if_changed(&path, text.as_bytes()).context("write", &path)? {
                    println!("{name}: written");
                }
            }
        }
        Action::Build { choice } => {
            build::build_command(project, &choice.selection(), choice.system())?;
        }
        Action::Run {
            choice,
            icount,
            gdb,
            timeout,
        } => {
            let options = run::Options {
                icount,
                gdb,
                timeout,
            };
            run::run_command(project, &choice.selection(), choice.system(), &options)?;
        }
        Action::Test { suite, filter } => {
            let wanted = match suite {
                None => suites::Suites::All,
                Some(Suite::Host) => suites::Suites::Host,
                Some(Suite::Qemu) => suites::Suites::Qemu,
                Some(Suite::Guests) => suites::Suites::Guests,
                Some(Suite::Kconfig) => suites::Suites::Kconfig,
                Some(Suite::KconfigShort) => suites::Suites::KconfigShort,
                Some(Suite::Preempt) => suites::Suites::Preempt,
            };
            suites::test_command(project, wanted, filter.as_deref())?;
        }
        Action::Clippy => checks::clippy_command(project)?,
        Action::FmtCheck => checks::format_command(project)?,
        Action::Size => size::size_command(project)?,
        Action::BenchBoot => bench::boot_command(project)?,
        Action::BenchPreempt { filter } => preempt::bench_command(project, filter.as_deref())?,
        Action::BenchKconfig { filter } => {
            suites::bench_kconfig_command(project, filter.as_deref())?;
        }
        Action::Clean => {
            for folder in ["build", "target"] {
                let path = project.path(folder);
                if path.exists() {
                    std::fs::remove_dir_all(&path).context("remove", &path)?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    match act(Cli::parse().action) {
        Ok(status) => status,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.status())
        }
    }
}
