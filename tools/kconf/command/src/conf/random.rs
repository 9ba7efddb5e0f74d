//! `--randconfig`: a random wish for everything that nobody has assigned. The same seed gives the same configuration,
//! though not that of the reference, whose generator is the C library's.

use std::time::{SystemTime, UNIX_EPOCH};

use kconf::{Config, Kind, Layer, Symbol};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::context::{Context, Failure, print};

/// In percent: bools on, tristates on, tristates as modules.
#[derive(Clone, Copy)]
struct Probability {
    on: u64,
    yes: u64,
    module: u64,
}

/// Assigns random values.
pub fn assign(config: &mut Config<'_>, context: &Context) -> Result<(), Failure> {
    let probability = probability(context.variable("KCONFIG_PROBABILITY"))?;
    let seed = match context.variable("KCONFIG_SEED") {
        Some(text) => seed(text).ok_or_else(|| {
            Failure::Other(format!(
                "KCONFIG_SEED={text} is no number, such as 42 or 0x2a"
            ))
        })?,
        None => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |d| d.as_secs() ^ u64::from(d.subsec_nanos()));
            (now ^ u64::from(std::process::id())) & u64::from(u32::MAX)
        }
    };
    if !context.json {
        print(&format!("KCONFIG_SEED=0x{seed:X}\n"))?;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let model = config.model();
    let mut lines = String::new();
    let mut wish = |symbol: &Symbol, value: &str| {
        lines.push_str(&format!("{}{}={value}\n", model.prefix(), symbol.name()));
    };
    for symbol in model.symbols() {
        if symbol.choice().is_some() || config.is_assigned(symbol) {
            continue;
        }
        let drawn = rng.next_u64() % 100;
        match symbol.kind() {
            Kind::Bool => wish(symbol, if drawn < probability.on { "y" } else { "n" }),
            Kind::Tristate => wish(
                symbol,
                match drawn {
                    d if d < probability.yes => "y",
                    d if d < probability.yes + probability.module => "m",
                    _ => "n",
                },
            ),
            _ => {}
        }
    }
    for choice in model.choices() {
        let mut members: Vec<&Symbol> = choice.members().iter().map(|id| model.get(*id)).collect();
        if members
            .iter()
            .any(|m| config.value_of(m).is_on() && config.is_assigned(m))
        {
            continue;
        }
        members.retain(|m| !config.is_assigned(m));
        // The member assigned last is preferred, then the one before it: a random order of preference.
        for last in (1..members.len()).rev() {
            let other = usize::try_from(rng.next_u64() % (last as u64 + 1)).unwrap_or(0);
            members.swap(last, other);
        }
        for member in members {
            wish(member, "y");
        }
    }
    config.read_str("random values", &lines, Layer::User);
    Ok(())
}

fn seed(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `N`, `N:M` or `N:M:L`, as the kernel's documentation gives them.
fn probability(text: Option<&str>) -> Result<Probability, Failure> {
    let Some(text) = text else {
        return Ok(Probability {
            on: 50,
            yes: 33,
            module: 33,
        });
    };
    let parts: Result<Vec<u64>, _> = text.split(':').map(str::parse).collect();
    let found = match parts.as_deref() {
        Ok([n]) => Some((*n, *n / 2, *n - *n / 2)),
        Ok([n, m]) => n.checked_add(*m).map(|sum| (sum, *n, *m)),
        Ok([n, m, l]) => Some((*n, *m, *l)),
        _ => None,
    };
    found
        .filter(|(on, yes, module)| *on <= 100 && *yes <= 100 && yes.saturating_add(*module) <= 100)
        .map(|(on, yes, module)| Probability { on, yes, module })
        .ok_or_else(|| {
            Failure::Other(format!(
                "KCONFIG_PROBABILITY={text} is not N, N:M or N:M:L with percentages whose sum is at most 100"
            ))
        })
}
