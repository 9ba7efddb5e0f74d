//! How many configurations there are, and drawing them with equal probability.
//!
//! What is counted are the different combinations of values of chosen symbols that evaluated configurations have.
//! Everything else is eliminated from the constraints or only asked for its existence; what remains is compiled
//! into a graph of decisions and independent parts, in which counting and drawing are one walk each.

mod compile;
mod eliminate;
mod random;

use kconf::{Code, Diagnostic, Diagnostics, Model};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use crate::encode::{Encoding, ValueLits};
use crate::formula::Lit;

pub(crate) use compile::Graph;
pub use random::{RandomSample, random};

/// How many configurations there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The number, in decimal: different combinations of values of the symbols.
    pub number: String,
    /// Whether this is the number itself; otherwise there are at least so many.
    pub exact: bool,
    /// How many symbols were looked at.
    pub symbols: usize,
    /// Symbols that are numbers or strings: of those only the values count that conditions tell apart.
    pub approximated: Vec<String>,
}

/// Steps after which counting gives up and says what it has: some seconds.
pub const DEFAULT_STEPS: usize = 200_000;

/// Counts the combinations of values of `symbols` (empty: of every bool and tristate symbol) over all
/// configurations. After `steps` decisions it gives up with a lower bound.
///
/// ```
/// # use kconf::{Env, Model};
/// # use kconf_solver::{DEFAULT_STEPS, count};
/// let text = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig C\n\tbool \"c\"\n";
/// let model = Model::load_str("Kconfig".as_ref(), text, &Env::default())?;
/// let count = count(&model, &[], DEFAULT_STEPS)?;
/// assert_eq!((count.number.as_str(), count.exact), ("6", true));
/// # Ok::<(), kconf::Diagnostics>(())
/// ```
///
/// # Errors
/// A symbol is unknown.
pub fn count(model: &Model, symbols: &[&str], steps: usize) -> Result<Count, Diagnostics> {
    let encoding = Encoding::new(model);
    let names = chosen(model, symbols)?;
    let graph = Graph::compile(&encoding.formula, &projected(&encoding, &names), steps);
    let approximated = names
        .iter()
        .filter(|name| model.symbol(name).is_some_and(|s| !s.kind().is_logic()))
        .map(|name| (*name).to_owned());
    Ok(Count {
        number: graph.count().to_string(),
        exact: graph.is_exact(),
        symbols: names.len(),
        approximated: approximated.collect(),
    })
}

fn chosen<'a>(model: &'a Model, symbols: &[&'a str]) -> Result<Vec<&'a str>, Diagnostics> {
    if symbols.is_empty() {
        let logic = model.symbols().filter(|s| s.kind().is_logic());
        return Ok(logic.map(|s| s.name()).collect());
    }
    let mut found = Diagnostics::new();
    for name in symbols {
        if model.symbol(name).is_none() {
            found.push(
                Diagnostic::error(
                    Code::UnknownSymbol,
                    format!("{name} is defined in no Kconfig file"),
                )
                .about(name),
            );
        }
    }
    if found.has_errors() {
        return Err(found);
    }
    Ok(symbols.to_vec())
}

/// The literals whose combinations are the combinations of values.
fn projected(encoding: &Encoding<'_>, names: &[&str]) -> Vec<Lit> {
    let mut out = Vec::new();
    for symbol in names.iter().filter_map(|name| encoding.model.symbol(name)) {
        match &encoding.symbols[symbol.id().index()].value {
            ValueLits::Tri(tri) => out.extend([tri.on, tri.yes]),
            ValueLits::Text(list) => out.extend(list.iter().map(|(_, lit)| *lit)),
        }
    }
    out.retain(|lit| !lit.is_constant());
    out.sort_unstable();
    out.dedup_by_key(|lit| lit.var());
    out
}

fn power_of_two(exponent: usize) -> BigUint {
    BigUint::from(1u8) << exponent
}
