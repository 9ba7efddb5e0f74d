//! Why something is impossible: a set of lines of the tree that contradict it together and of which none can be
//! left out.

use kconf::{Model, Symbol};

use crate::answer::{Proof, ProofLine};
use crate::encode::{Encoding, Part};
use crate::formula::Lit;
use crate::minimum::minimal;
use crate::place::Place;
use crate::solver::Solver;

/// Sets longer than this are shown as they were found.
const MINIMISE_UP_TO: usize = 400;

/// The proof that `symbol` never has `value`.
pub(crate) fn impossible(model: &Model, symbol: &Symbol, value: &str) -> Proof {
    let encoding = Encoding::relaxed(model, &[(symbol.id(), value.to_owned())]);
    let mut solver = Solver::new(&encoding.formula);
    let target = [encoding.has(symbol.id(), value)];
    let parts = match &encoding.relaxation {
        Some(relaxation) => &relaxation.parts[..],
        None => &[],
    };
    let mut assumptions: Vec<Lit> = target.to_vec();
    assumptions.extend(parts.iter().map(|(ignored, _)| !*ignored));
    if solver.solve(&assumptions) {
        // The constraints with nothing ignored are those that had no model.
        return Proof {
            lines: Vec::new(),
            minimal: false,
        };
    }
    let mut core = solver.core(&assumptions[1..]);
    loop {
        let mut smaller = target.to_vec();
        smaller.extend(&core);
        let _ = solver.solve(&smaller);
        let next = solver.core(&core);
        if next.len() >= core.len() {
            break;
        }
        core = next;
    }
    let short = core.len() <= MINIMISE_UP_TO;
    if short {
        core = minimal(&mut solver, &target, core);
    }
    let mut lines: Vec<ProofLine> = parts
        .iter()
        .filter(|(ignored, _)| core.contains(&!*ignored))
        .filter_map(|(_, part)| line(model, part))
        .collect();
    // What the question is about first.
    lines.sort_by_key(|line| line.symbol.as_deref() != Some(symbol.name()));
    Proof {
        lines,
        minimal: short,
    }
}

fn line(model: &Model, part: &Part) -> Option<ProofLine> {
    Some(match part {
        Part::Line(expr) => ProofLine {
            place: Place::from(expr.span()),
            text: one_line(expr.span().text()),
            symbol: None,
        },
        Part::Definition(id) => {
            let symbol = model.get(*id);
            ProofLine {
                place: symbol.location()?.into(),
                text: definition(symbol),
                symbol: Some(symbol.name().to_owned()),
            }
        }
        Part::Choice(id) => ProofLine {
            place: model.choice(*id).location().into(),
            text: "exactly one visible member of this choice is on".to_owned(),
            symbol: None,
        },
    })
}

fn definition(symbol: &Symbol) -> String {
    let count = |count: usize, none: &str, one: &str, many: &str| match count {
        0 => none.to_owned(),
        1 => format!("one {one}"),
        n => format!("{n} {many}"),
    };
    let mut parts = vec![
        count(symbol.prompts().len(), "no prompt", "prompt", "prompts"),
        count(symbol.defaults().len(), "no default", "default", "defaults"),
    ];
    if symbol.kind().is_logic() {
        parts.push(match symbol.selected_by().len() {
            0 => "nothing selects it".to_owned(),
            1 => "one symbol selects it".to_owned(),
            n => format!("{n} symbols select it"),
        });
    }
    format!("{} has {}", symbol.name(), parts.join(", "))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
