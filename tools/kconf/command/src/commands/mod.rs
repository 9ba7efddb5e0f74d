//! Commands of our own. Each one loads, asks the libraries, and prints text or JSON.

mod compare;
mod docs;
mod explain;
mod graph;
mod lint;
mod matrix;
mod merge;
mod shell;
mod show;

pub use docs::manual;

use kconf::{Expr, ExprKind, Model, Operand};

use crate::context::{Context, Failure, print};
use crate::options::Command;

/// Does what a command asks for.
pub fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Merge {
            kconfig,
            config,
            fragments,
        } => merge::merge(kconfig, config, fragments, context),
        Command::Set {
            kconfig,
            assignments,
        } => merge::set(kconfig, assignments, context),
        Command::Get { kconfig, symbols } => show::get(kconfig, symbols, context),
        Command::Diff { a, b, kconfig } => compare::diff(a, b, kconfig.as_deref(), context),
        Command::Lint {
            kconfig,
            kinds,
            sources,
        } => lint::run(kconfig, kinds, sources, context),
        Command::Why { kconfig, symbol } => explain::why(kconfig, symbol, context),
        Command::WhyNot { kconfig, wanted } => explain::why_not(kconfig, wanted, context),
        Command::Search { kconfig, text } => show::search(kconfig, text, context),
        Command::Stats { kconfig } => show::stats(kconfig, context),
        Command::Graph {
            kconfig,
            symbol,
            depth,
        } => graph::run(kconfig, symbol, *depth, context),
        Command::Docs { kconfig, output } => docs::run(kconfig, output.as_deref(), context),
        Command::Menuconfig { kconfig, show_all } => menu(kconfig, *show_all, context),
        Command::Matrix {
            kconfig,
            symbols,
            strength,
            seed,
            configs,
            verify,
        } => match verify {
            Some(path) => matrix::verify(kconfig, path, context),
            None => matrix::sample(kconfig, symbols, (*strength, *seed), configs, context),
        },
        Command::Random {
            kconfig,
            symbols,
            number,
            seed,
        } => matrix::random(kconfig, symbols, (*number, *seed), context),
        Command::Count { kconfig, symbols } => matrix::count(kconfig, symbols, context),
        Command::Completions { shell } => shell::completions(*shell),
        Command::Man { folder } => shell::manual(folder),
    }
}

fn menu(root: &std::path::Path, show_all: bool, context: &Context) -> Result<(), Failure> {
    let model = context.load(root)?;
    let mut config = context.current(&model)?;
    let options = kconf_menu::Options {
        show_all,
        link: crate::files::link(context),
        ..kconf_menu::Options::new(context.config_path())
    };
    let outcome =
        kconf_menu::run(&model, &mut config, options).map_err(|e| Failure::Other(e.to_string()))?;
    if context.json {
        return crate::json::show(&serde_json::json!({
            "saved": outcome.saved,
            "discarded": outcome.discarded,
        }));
    }
    print(&format!("{outcome}\n"))
}

/// An expression as it is written in a Kconfig file.
pub fn expression(model: &Model, expr: &Expr) -> String {
    write_expression(expr, &mut |operand| operand_text(model, operand))
}

/// As [`expression`], with operands as `write` gives them.
fn write_expression(expr: &Expr, write: &mut dyn FnMut(&Operand) -> String) -> String {
    let mut list = |list: &[Expr], word: &str, group: bool| {
        let parts: Vec<String> = list
            .iter()
            .map(|inner| {
                let text = write_expression(inner, write);
                let loose = matches!(inner.kind(), ExprKind::Or(l) if l.len() > 1);
                if group && loose {
                    format!("({text})")
                } else {
                    text
                }
            })
            .collect();
        parts.join(word)
    };
    match expr.kind() {
        ExprKind::And(inner) => list(inner, " && ", true),
        ExprKind::Or(inner) => list(inner, " || ", false),
        ExprKind::Operand(operand) => write(operand),
        ExprKind::Compare(relation, a, b) => {
            let (a, b) = (write(a), write(b));
            format!("{a} {} {b}", relation.as_str())
        }
        ExprKind::Not(inner) => {
            let text = write_expression(inner, write);
            match inner.kind() {
                ExprKind::Operand(_) | ExprKind::Not(_) => format!("!{text}"),
                _ => format!("!({text})"),
            }
        }
    }
}

/// One operand as it is written in a Kconfig file.
pub fn operand_text(model: &Model, operand: &Operand) -> String {
    match operand {
        Operand::Tri(tri) => tri.to_string(),
        Operand::Text(text) => kconf::quote(text),
        Operand::Symbol(id) => model.get(*id).name().to_owned(),
    }
}
