//! Asks `why-not` for symbols drawn by a seed and lets a C `conf` confirm each answer:
//! `why_not_sample KCONFIG CONF SEED NUMBER [SETS]`, run in the tree, with the tree's environment (`srctree`,
//! `SRCARCH`, ...). Every `.config` an answer leads to is given to `CONF --olddefconfig`, which must keep the value.
//! A configuration to start from is taken from `KCONFIG_CONFIG`, if it is set.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use kconf::{Config, Env, Layer, Model};
use kconf_solver::{Answer, Surveyed, why_not_sample};

struct Tally {
    possible: usize,
    impossible: usize,
    undecided: usize,
    sets: usize,
    confirmed: usize,
    slowest: Duration,
    asked: Instant,
    searching: Duration,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, conf, seed, number, rest @ ..] = &arguments[..] else {
        eprintln!("usage: why_not_sample KCONFIG CONF SEED NUMBER [SETS]");
        return ExitCode::from(2);
    };
    let (Ok(seed), Ok(number)) = (seed.parse(), number.parse()) else {
        eprintln!("SEED and NUMBER are numbers");
        return ExitCode::from(2);
    };
    let sets = rest.first().and_then(|s| s.parse().ok()).unwrap_or(1);
    match run(Path::new(root), conf, seed, number, sets) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprint!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, conf: &str, seed: u64, number: usize, sets: usize) -> Result<bool, String> {
    let start = Instant::now();
    let model = Model::load(root, &Env::process()).map_err(|e| e.to_string())?;
    let mut config = Config::new(&model);
    if let Some(path) = std::env::var_os("KCONFIG_CONFIG").map(PathBuf::from) {
        config
            .read(&path, Layer::Config)
            .map_err(|e| e.to_string())?;
    }
    println!(
        "{} symbols, loaded in {:?}",
        model.symbols().count(),
        start.elapsed()
    );
    let scratch = std::env::temp_dir().join(format!("why-not-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|e| format!("{}: {e}\n", scratch.display()))?;
    let mut tally = Tally {
        possible: 0,
        impossible: 0,
        undecided: 0,
        sets: 0,
        confirmed: 0,
        slowest: Duration::ZERO,
        asked: Instant::now(),
        searching: Duration::ZERO,
    };
    why_not_sample(&config, seed, number, sets, &mut |one| {
        let took = tally.asked.elapsed();
        tally.searching += took;
        tally.slowest = tally.slowest.max(took);
        tally.judge(&one, model.prefix(), root, conf, &scratch);
        tally.asked = Instant::now();
    })
    .map_err(|e| e.to_string())?;
    let _ = std::fs::remove_dir_all(&scratch);
    println!(
        "{} possible, {} impossible, {} undecided; {} of {} sets confirmed by {conf}; searching took {:?} with loading, {:?} at most",
        tally.possible,
        tally.impossible,
        tally.undecided,
        tally.confirmed,
        tally.sets,
        tally.searching,
        tally.slowest
    );
    Ok(tally.undecided == 0 && tally.confirmed == tally.sets)
}

impl Tally {
    fn judge(&mut self, one: &Surveyed, prefix: &str, root: &Path, conf: &str, scratch: &Path) {
        match &one.answer {
            Answer::Already => {}
            Answer::Possible { .. } => self.possible += 1,
            Answer::Impossible { .. } => self.impossible += 1,
            Answer::Undecided { reason } => {
                self.undecided += 1;
                println!("{}={} undecided: {reason}", one.symbol, one.value);
            }
        }
        for text in &one.assignments {
            self.sets += 1;
            let path = scratch.join("config");
            match ask(root, conf, &path, text) {
                Ok(result) if has(&result, prefix, &one.symbol, &one.value) => self.confirmed += 1,
                Ok(_) => println!("{}={} is not confirmed", one.symbol, one.value),
                Err(error) => println!("{}={}: {error}", one.symbol, one.value),
            }
        }
    }
}

/// What `conf` makes of a configuration.
fn ask(root: &Path, conf: &str, path: &Path, text: &str) -> std::io::Result<String> {
    std::fs::write(path, text)?;
    let status = Command::new(conf)
        .arg("--olddefconfig")
        .arg(root)
        .env("KCONFIG_CONFIG", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(std::io::Error::other(format!("{conf} ended with {status}")));
    }
    std::fs::read_to_string(path)
}

fn has(config: &str, prefix: &str, symbol: &str, value: &str) -> bool {
    let start = format!("{prefix}{symbol}=");
    match config.lines().find_map(|line| line.strip_prefix(&start)) {
        Some(found) => found == value,
        None => value == "n",
    }
}
