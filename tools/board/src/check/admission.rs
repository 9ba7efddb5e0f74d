//! Do the budgets of an EDF pool fit its cores?
//!
//! Guarantee: in an accepted pool every server gets its budget in every period, for implicit deadlines.
//! On one core that is a utilisation of at most 1 (Liu and Layland, JACM 20(1), 1973). Servers that may run on any
//! core of a pool with several are admitted by the bound of Goossens, Funk and Baruah (Real-Time Systems 25, 2003):
//! U ≤ m - (m - 1) · Umax for m cores. Of a mixture of both nothing is known that is worth a promise.

use std::ops::Range;

use super::cores;
use super::system::Draft;
use crate::diag::Diagnostic;
use crate::model::{Params, Pool, Thread};
use crate::schema::sched::{ParamsSpec, PoolSpec};
use crate::schema::system::SystemSpec;

/// A utilisation of 1.
const ONE: u128 = 1 << 64;

struct Server {
    name: String,
    affinity: u64,
    utilisation: u128,
    span: Range<usize>,
}

/// Checks one pool.
pub(super) fn check(
    own: Option<&PoolSpec>,
    pool: &Pool,
    spec: &SystemSpec,
    drafts: &[Draft],
    threads: &[Thread],
    found: &mut Vec<Diagnostic>,
) {
    let servers = servers(pool, spec, drafts, threads);
    let policy = own.map(|own| own.policy.span.clone());
    let pinned = |server: &&Server| server.affinity.count_ones() == 1;
    if servers.iter().all(|server| pinned(&server)) {
        for core in (0..64u32).filter(|core| pool.cores >> core & 1 == 1) {
            let here: Vec<&Server> = servers
                .iter()
                .filter(|server| server.affinity == 1 << core)
                .collect();
            let sum = here.iter().map(|server| server.utilisation).sum();
            if sum > ONE {
                found.push(refused(1 << core, sum, ONE, &here, policy.clone()));
            }
        }
        return;
    }
    let narrow = servers.iter().find(|server| server.affinity != pool.cores);
    if let Some(narrow) = narrow {
        found.push(
            Diagnostic::new(
                narrow.span.clone(),
                format!(
                    "it cannot be told whether the budgets of the pool `{}` are kept",
                    pool.name
                ),
            )
            .label(format!(
                "{} may run on {} only, others on several",
                narrow.name,
                cores::show(narrow.affinity)
            ))
            .help(format!(
                "let each vCPU with a budget run on one core, or all of them on all of {}",
                cores::show(pool.cores)
            )),
        );
        return;
    }
    let all: Vec<&Server> = servers.iter().collect();
    let sum = all.iter().map(|server| server.utilisation).sum();
    let most = all.iter().map(|s| s.utilisation).max().unwrap_or(0);
    let count = u128::from(pool.cores.count_ones());
    let bound = (count * ONE).saturating_sub((count - 1) * most);
    if sum > bound {
        found.push(refused(pool.cores, sum, bound, &all, policy).note(
            "servers that may run on any of m cores are admitted up to m - (m - 1) · (the largest of them)",
        ));
    }
}

/// Everything with a budget in the pool.
fn servers(pool: &Pool, spec: &SystemSpec, drafts: &[Draft], threads: &[Thread]) -> Vec<Server> {
    let vcpus = spec.vms.iter().zip(drafts).flat_map(|(vm, draft)| {
        vm.vcpus
            .iter()
            .zip(&draft.vcpus)
            .enumerate()
            .map(|(index, (own, vcpu))| {
                let name = format!("vCPU {index} of `{}`", vm.name.value);
                server(name, vcpu.affinity, vcpu.params, &own.params, &own.span)
            })
    });
    let threads = threads.iter().filter_map(|thread| {
        let own = spec
            .threads
            .iter()
            .find(|own| own.name.value == thread.name)?;
        let name = format!("the thread `{}`", thread.name);
        Some(server(
            name,
            thread.affinity,
            thread.params,
            &own.params,
            &own.span,
        ))
    });
    vcpus
        .chain(threads)
        .flatten()
        .filter(|server| server.affinity & pool.cores != 0)
        .collect()
}

fn server(
    name: String,
    affinity: u64,
    params: Params,
    spec: &ParamsSpec,
    span: &Range<usize>,
) -> Option<Server> {
    if params.budget_us == 0 || params.period_us == 0 {
        return None;
    }
    Some(Server {
        name,
        affinity,
        utilisation: (u128::from(params.budget_us) << 64) / u128::from(params.period_us),
        span: spec
            .budget
            .as_ref()
            .map_or(span.clone(), |budget| budget.span.clone()),
    })
}

fn percent(utilisation: u128) -> String {
    // Upwards, so that 100.01 % does not read as 100 %.
    let hundredths = (utilisation * 10_000).div_ceil(ONE);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn refused(
    mask: u64,
    sum: u128,
    bound: u128,
    servers: &[&Server],
    policy: Option<Range<usize>>,
) -> Diagnostic {
    let last = servers
        .last()
        .map_or(0..0, |server| Range::clone(&server.span));
    let mut error = Diagnostic::new(
        last,
        format!("the budgets do not fit on {}", cores::show(mask)),
    )
    .label(format!(
        "with this they are {} of a core; {} is the most",
        percent(sum),
        percent(bound)
    ));
    if let Some(policy) = policy {
        error = error.related(policy, "promises every budget in every period");
    }
    let list: Vec<String> = servers
        .iter()
        .map(|server| format!("{} {}", server.name, percent(server.utilisation)))
        .collect();
    error
        .note(list.join(", "))
        .help("make a budget smaller, a period longer, or add cores to the pool")
}
