//! Many questions at once: `why-not` for symbols drawn by a seed, each answer with the configuration it leads to,
//! so that another implementation can be asked whether it agrees.

use kconf::{Config, Diagnostics, Layer};
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::draw::Draw;
use crate::encode::assignment;
use crate::why_not::{Limits, WhyNot};

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surveyed {
    /// The symbol.
    pub symbol: String,
    /// The value that was asked for.
    pub value: String,
    /// The answer.
    pub answer: Answer,
    /// For each set of the answer the `.config` that its changes lead to: another implementation must keep the
    /// value when it reads it.
    pub configs: Vec<String>,
    /// For each set of the answer what a user would write: the assignments there were, then the changes.
    pub assignments: Vec<String>,
}

/// Asks why `number` symbols, drawn by `seed`, do not have a value that they do not have. Of each answer the first
/// `sets` sets come with their configurations; `done` is called with each.
///
/// ```
/// # use kconf::{Config, Env, Model};
/// # use kconf_solver::why_not_sample;
/// let text = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\n";
/// let model = Model::load_str("Kconfig".as_ref(), text, &Env::default())?;
/// let mut asked = Vec::new();
/// why_not_sample(&Config::new(&model), 1, 2, 1, &mut |one| asked.push(one.symbol))?;
/// assert_eq!(asked.len(), 2);
/// # Ok::<(), kconf::Diagnostics>(())
/// ```
///
/// # Errors
/// None that a loaded model can cause.
pub fn why_not_sample(
    config: &Config<'_>,
    seed: u64,
    number: usize,
    sets: usize,
    done: &mut dyn FnMut(Surveyed),
) -> Result<(), Diagnostics> {
    let model = config.model();
    let mut draw = Draw::new(seed);
    let mut symbols: Vec<_> = model.symbols().filter(|s| s.kind().is_logic()).collect();
    draw.shuffle(&mut symbols);
    let mut session = WhyNot::new(config).limits(Limits {
        sets: sets.max(1),
        ..Limits::default()
    });
    for symbol in symbols.into_iter().take(number) {
        let now = config.value_of(symbol).text;
        let others: Vec<String> = session
            .encoding()
            .values(symbol.name())
            .into_iter()
            .filter(|value| *value != now && symbol.kind().accepts(value))
            .collect();
        let Some(value) = others.get(draw.below(others.len())).cloned() else {
            continue;
        };
        let answer = session.ask(symbol.name(), &value)?;
        let (mut configs, mut assignments) = (Vec::new(), Vec::new());
        if let Answer::Possible { sets: found, .. } = &answer {
            for set in found.iter().take(sets) {
                let mut changed = config.clone();
                let lines: String = set
                    .changes
                    .iter()
                    .filter_map(|c| Some(assignment(model, model.symbol(&c.symbol)?, &c.to)))
                    .collect();
                changed.read_str("<why-not>", &lines, Layer::User);
                configs.push(changed.write());
                let mut before: String = model
                    .symbols()
                    .filter(|s| !set.changes.iter().any(|c| c.symbol == s.name()))
                    .filter_map(|s| Some(assignment(model, s, config.assignment(s)?)))
                    .collect();
                before.push_str(&lines);
                assignments.push(before);
            }
        }
        done(Surveyed {
            symbol: symbol.name().to_owned(),
            value,
            answer,
            configs,
            assignments,
        });
    }
    Ok(())
}
