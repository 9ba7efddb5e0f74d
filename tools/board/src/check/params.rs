//! How a vCPU or a thread is scheduled: ranges, symbols, and whether its pool's policy looks at it at all.

use tables::Policy;

use super::needs;
use crate::diag::Diagnostic;
use crate::model::{Params, Pool};
use crate::reader::At;
use crate::schema::sched::ParamsSpec;
use crate::schema::system::DEFAULT_WEIGHT;
use crate::symbols::Symbols;

/// Each policy: the tool's own word, its name in a system, its symbol.
pub(super) const POLICIES: [(Policy, &str, &str); 6] = [
    (Policy::RoundRobin, "round-robin", "SCHED_WRR"),
    (Policy::Credit, "credit", "SCHED_CREDIT"),
    (Policy::Edf, "edf", "SCHED_EDF"),
    (Policy::FixedPriority, "fixed-priority", "SCHED_FIXED"),
    (Policy::Cyclic, "cyclic", "SCHED_CYCLIC"),
    (Policy::Null, "null", "SCHED_NULL"),
];

/// A policy's name in a system.
pub(crate) fn name(policy: Policy) -> &'static str {
    POLICIES
        .iter()
        .find(|(own, _, _)| *own == policy)
        .map_or("", |(_, name, _)| name)
}

/// Checks them; `pool` is the one in which they will apply, if that is known.
pub(super) fn check(
    spec: &ParamsSpec,
    pool: Option<&Pool>,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Params {
    let mut params = Params::default();
    if let Some(weight) = &spec.weight {
        let policies = [Policy::RoundRobin, Policy::Credit];
        only_for(weight, "a weight", &policies, pool, symbols, found);
        let help = format!(
            "{DEFAULT_WEIGHT} is the usual share; twice as much is {}",
            2 * DEFAULT_WEIGHT
        );
        params.weight = in_range(weight, "weight", 1..=65535, &help, found);
    }
    if let Some(cap) = &spec.cap {
        only_for(cap, "a cap", &[Policy::Credit], pool, symbols, found);
        let help = "it is the percentage of one core; leave `cap` out for no limit";
        params.cap = in_range(cap, "cap", 1..=100, help, found) as u8;
    }
    if let Some(priority) = &spec.priority {
        let policies = [Policy::FixedPriority];
        only_for(priority, "a priority", &policies, pool, symbols, found);
        let help = "the higher, the more urgent; 0 is the default";
        params.priority = in_range(priority, "priority", 0..=255, help, found) as u8;
    }
    match (&spec.budget, &spec.period) {
        (Some(budget), Some(period)) => {
            only_for(budget, "a budget", &[Policy::Edf], pool, symbols, found);
            let help = "both are in microseconds, at most an hour";
            params.budget_us = in_range(budget, "budget_us", 1..=HOUR, help, found);
            params.period_us = in_range(period, "period_us", 1..=HOUR, help, found);
            if budget.value > period.value {
                found.push(
                    Diagnostic::new(
                        budget.span.clone(),
                        format!(
                            "the budget of {} µs is longer than its period",
                            budget.value
                        ),
                    )
                    .label("more than there is in a period")
                    .related(period.span.clone(), format!("{} µs", period.value))
                    .help("a budget of a whole period has a core to itself"),
                );
            }
        }
        (Some(one), None) => alone(one, "budget_us", "period_us", found),
        (None, Some(one)) => alone(one, "period_us", "budget_us", found),
        (None, None) => {}
    }
    params
}

const HOUR: u64 = 3_600_000_000;

fn alone(one: &At<u64>, this: &str, other: &str, found: &mut Vec<Diagnostic>) {
    found.push(
        Diagnostic::new(one.span.clone(), format!("`{this}` needs `{other}`"))
            .label(format!("`{other}` is missing"))
            .help("a server may run for its budget in each period: give both, in microseconds"),
    );
}

fn in_range(
    value: &At<u64>,
    key: &str,
    range: std::ops::RangeInclusive<u64>,
    help: &str,
    found: &mut Vec<Diagnostic>,
) -> u32 {
    if !range.contains(&value.value) {
        found.push(
            Diagnostic::new(
                value.span.clone(),
                format!("the {key} {} is out of range", value.value),
            )
            .label(format!("must be {} to {}", range.start(), range.end()))
            .help(help),
        );
    }
    u32::try_from(value.value).unwrap_or(u32::MAX)
}

/// Reports a parameter whose policies are all switched off, or are not that of the pool: a promise that nobody keeps.
fn only_for(
    value: &At<u64>,
    what: &str,
    policies: &[Policy],
    pool: Option<&Pool>,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) {
    let looks = |(policy, ..): &&(Policy, &str, &str)| policies.contains(policy);
    let there = |(_, _, symbol): &&(Policy, &str, &str)| symbols.bool(symbol);
    let mut those = POLICIES.iter().filter(looks);
    let Some((_, name, _)) = those.clone().find(there) else {
        if let Some((_, _, symbol)) = those.next() {
            needs(symbols, symbol, &value.span, what, found);
        }
        return;
    };
    let Some(pool) = pool.filter(|pool| !policies.contains(&pool.policy)) else {
        return;
    };
    found.push(
        Diagnostic::new(
            value.span.clone(),
            format!(
                "{what} means nothing under the policy \"{}\"",
                self::name(pool.policy)
            ),
        )
        .label(format!(
            "would be ignored: it is in the pool `{}`",
            pool.name
        ))
        .help(format!(
            "put its cores into a [[pool]] with policy = \"{name}\", or drop it"
        )),
    );
}
