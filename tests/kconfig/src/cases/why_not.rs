//! Answers of the solver on Linux: random symbols that are not on, and what our solver says would switch them on.
//!
//! Every set of changes is written into the `.config` and put to C `conf --olddefconfig`: the symbol and the changes must have
//! the values that were said, and the whole configuration must be the one that our evaluator makes of it. That something is
//! impossible C `conf` cannot confirm; it is held against every configuration that C `conf` makes of the modes and
//! the defconfig.

use std::path::Path;

use cli::{Failure, Result};
use kconf::{Config, Kind, Layer, Model};
use kconf_solver::{Answer, ChangeSet, Limits, WhyNot};

use crate::Case;
use crate::compare;
use crate::lab::Lab;
use crate::peer::{MODES, Request};
use crate::trees::Tree;

/// Cases, and symbols in each.
const CASES: u64 = 20;
const SYMBOLS: usize = 25;
/// Smallest sets that are asked for of each symbol, all of which are tried.
const SETS: usize = 4;

/// The cases.
///
/// # Errors
/// The tree is not as set-up left it.
pub fn cases(kconfig: &Path) -> Result<Vec<Case>> {
    let tree = Tree::linux(kconfig, "arm64", "arm64")?;
    Ok((1..=CASES)
        .map(|seed| {
            let tree = tree.clone();
            Case::new(format!("why-not/{seed}"), move |lab| {
                check(lab, &tree, seed)
            })
        })
        .collect())
}

fn check(lab: &Lab, tree: &Tree, seed: u64) -> Result<()> {
    let start = Request::Defconfig("arch/arm64/configs/defconfig".to_owned());
    let base = theirs(lab, tree, &start, None)?;
    let model = Model::load(&tree.root.join(tree.kconfig()), &tree.env())?;
    let mut config = Config::new(&model);
    config.read_str(".config", &base, Layer::Config);
    let mut solver = WhyNot::new(&config).limits(Limits {
        sets: SETS,
        ..Limits::default()
    });
    let mut wrong = Vec::new();
    for name in chosen(&config, seed) {
        let found = match solver.ask(name, "y")? {
            Answer::Already => Err("it is y already".to_owned()),
            Answer::Undecided { reason } => Err(format!("undecided: {reason}")),
            Answer::Impossible { .. } => contradicted(lab, tree, &base, name)?,
            Answer::Possible { sets, .. } => sets.iter().try_fold(Ok(()), |found, set| {
                Ok::<_, Failure>(found.and(tried(lab, tree, &model, &base, name, set)?))
            })?,
        };
        if let Err(reason) = found {
            wrong.push(format!("{name}: {reason}"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} of {SYMBOLS} answers are not confirmed\n{}",
        wrong.len(),
        wrong.join("\n")
    )))
}

fn theirs(lab: &Lab, tree: &Tree, request: &Request, input: Option<&str>) -> Result<String> {
    lab.theirs(tree, request, input)?
        .ok_or_else(|| Failure::new("C conf does not do this"))
}

/// Symbols that are not y, different ones for every seed. Symbols that cannot be y in this tree at all, such as those of other
/// architectures, are among them only if something here defines them.
fn chosen<'m>(config: &Config<'m>, seed: u64) -> Vec<&'m str> {
    let mut names: Vec<(u64, &str)> = config
        .model()
        .symbols()
        .filter(|symbol| {
            symbol.is_defined() && matches!(symbol.kind(), Kind::Bool | Kind::Tristate)
        })
        .filter(|symbol| {
            config
                .value(symbol.name())
                .is_some_and(|value| value.text != "y")
        })
        .map(|symbol| (scrambled(symbol.name()), symbol.name()))
        .collect();
    // One order for all seeds, so that no symbol is in two cases.
    names.sort_unstable();
    let from = usize::try_from(seed - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(SYMBOLS);
    let names = names.into_iter().map(|(_, name)| name);
    names.skip(from).take(SYMBOLS).collect()
}

/// FNV-1a: a fixed shuffle.
fn scrambled(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether C `conf` makes of the changed configuration what was said; the inner error says what it makes.
fn tried(
    lab: &Lab,
    tree: &Tree,
    model: &Model,
    base: &str,
    name: &str,
    set: &ChangeSet,
) -> Result<std::result::Result<(), String>> {
    let mut text = base.to_owned();
    for change in &set.changes {
        text = changed(model, &text, &change.symbol, &change.to);
    }
    let made = theirs(lab, tree, &Request::OldDef, Some(&text))?;
    let values = compare::values(&made);
    let said: Vec<String> = set
        .changes
        .iter()
        .map(|change| format!("{}={}", change.symbol, change.to))
        .collect();
    let wanted = set
        .changes
        .iter()
        .map(|c| (c.symbol.as_str(), c.to.as_str()));
    for (symbol, value) in wanted.chain([(name, "y")]) {
        let is = values.get(symbol).copied().unwrap_or("n");
        if is.trim_matches('"') != value {
            return Ok(Err(format!(
                "with {}, C conf has {symbol}={is}",
                said.join(" ")
            )));
        }
    }
    let mut config = Config::new(model);
    config.read_str(".config", &text, Layer::Config);
    let what = format!("with-{name}");
    Ok(lab
        .same(tree, &what, &config.write(), &made)
        .map_err(|failure| failure.to_string()))
}

/// The text with one assignment replaced, or added.
fn changed(model: &Model, text: &str, name: &str, value: &str) -> String {
    let (set, unset) = (
        format!("CONFIG_{name}="),
        format!("# CONFIG_{name} is not set"),
    );
    let line = match (model.symbol(name).map(kconf::Symbol::kind), value) {
        (Some(Kind::Bool | Kind::Tristate), "n") => unset.clone(),
        (Some(Kind::String), value) => format!("{set}{}", kconf::quote(value)),
        (_, value) => format!("{set}{value}"),
    };
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|old| !old.starts_with(&set) && *old != unset)
        .collect();
    lines.push(&line);
    lines.join("\n") + "\n"
}

/// Whether a configuration that C `conf` makes has what was said to be impossible.
fn contradicted(
    lab: &Lab,
    tree: &Tree,
    base: &str,
    name: &str,
) -> Result<std::result::Result<(), String>> {
    for (mode, request) in [("defconfig", None)]
        .into_iter()
        .chain(MODES.iter().map(|(mode, request)| (*mode, Some(request))))
    {
        let made = match request {
            None => base.to_owned(),
            Some(request) => theirs(lab, tree, request, None)?,
        };
        if compare::values(&made).get(name) == Some(&"y") {
            return Ok(Err(format!("said to be impossible, and {mode} has it")));
        }
    }
    Ok(Ok(()))
}
