//! Advice on a value that is blocked: which small sets of assignments make it possible.
//!
//! The menu asks an [`Advisor`]; the usual one is the solver.

use kconf::{Config, Symbol};
use kconf_solver::{Answer, why_not};

/// Who is asked.
pub trait Advisor {
    /// What would give `symbol` the value `value` (as [`Config::set`] takes it).
    fn advise(&mut self, config: &Config<'_>, symbol: &Symbol, value: &str) -> Answer;
}

impl<F: FnMut(&Config<'_>, &Symbol, &str) -> Answer> Advisor for F {
    fn advise(&mut self, config: &Config<'_>, symbol: &Symbol, value: &str) -> Answer {
        self(config, symbol, value)
    }
}

/// The solver. Every set it answers was tried on the evaluator.
pub fn solver() -> Box<dyn Advisor> {
    Box::new(|config: &Config<'_>, symbol: &Symbol, value: &str| {
        why_not(config, symbol.name(), value).unwrap_or_else(|found| Answer::Undecided {
            reason: found.to_string(),
        })
    })
}
