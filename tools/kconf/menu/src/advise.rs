//! Advice on a value that is blocked: which small sets of assignments make it possible.
//!
//! The menu asks an [`Advisor`]; the usual one is the solver.

use kconf::{Config, Symbol};
use kconf_solver::Answer;

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

/// The solver.
pub fn solver() -> Box<dyn Advisor> {
    Box::new(|_: &Config<'_>, _: &Symbol, _: &str| Answer::Undecided {
        reason: "The solver is not there yet.".to_owned(),
    })
}
