//! Do the budgets of an EDF pool fit its cores, and which core is whose?
//!
//! Guarantee: in an accepted pool every server gets its budget in every period. The scheduler gives each server
//! one core for good and admits it by [`sched::Admission`]; this is the same arithmetic. Only it sees all servers at
//! once: those with one core first, then the largest first, which places what adding them in the order of the
//! file might refuse. The core found becomes the server's affinity, so that the kernel decides the same.

use std::ops::Range;

use sched::{Admission, Share};

use super::cores;
use super::system::Draft;
use crate::diag::Diagnostic;
use crate::model::{Params, Pool, Thread};
use crate::schema::sched::{ParamsSpec, PoolSpec};
use crate::schema::system::SystemSpec;

const MAX_CORES: usize = 64;

/// Something with a budget.
struct Server<'a> {
    name: String,
    /// Where its affinity stands.
    affinity: &'a mut u64,
    share: Share,
    /// The same for people.
    percent: String,
    span: Range<usize>,
}

/// Checks one pool, and gives each of its servers a core.
pub(super) fn check(
    own: Option<&PoolSpec>,
    pool: &Pool,
    spec: &SystemSpec,
    drafts: &mut [Draft],
    threads: &mut [Thread],
    found: &mut Vec<Diagnostic>,
) {
    let mut servers = servers(pool, spec, drafts, threads);
    // A stable sort: equals keep the order of the file.
    servers.sort_by_key(|server| {
        (
            server.affinity.count_ones() != 1,
            std::cmp::Reverse(server.share),
        )
    });
    let mut admission = Admission::<MAX_CORES>::new(MAX_CORES);
    let mut placed: Vec<(usize, String)> = Vec::new();
    for server in servers {
        match admission.admit(*server.affinity, server.share) {
            Ok(core) => {
                let share = format!("{} {}", server.name, server.percent);
                placed.push((core, share));
                *server.affinity = 1 << core;
            }
            Err(overload) => {
                let mask = *server.affinity;
                let here = placed
                    .iter()
                    .filter(|(core, _)| mask >> core & 1 == 1)
                    .map(|(core, share)| format!("{share} on core {core}"));
                let mut error = Diagnostic::new(
                    server.span,
                    format!("the budget of {} does not fit", server.name),
                )
                .label(format!(
                    "{} of a core; {} has {} left",
                    server.percent,
                    cores::show(1 << overload.cpu),
                    percent(overload.free.permille())
                ));
                if let Some(own) = own {
                    error = error.related(own.policy.span.clone(), "keeps every budget");
                }
                let taken: Vec<String> = here.collect();
                if !taken.is_empty() {
                    error = error.note(format!("before it: {}", taken.join(", ")));
                }
                found.push(
                    error.help(
                        "make a budget smaller, a period longer, or the affinity wider; a server has one core for good",
                    ),
                );
            }
        }
    }
}

/// Everything with a budget in the pool.
fn servers<'a>(
    pool: &Pool,
    spec: &SystemSpec,
    drafts: &'a mut [Draft],
    threads: &'a mut [Thread],
) -> Vec<Server<'a>> {
    let vcpus = spec.vms.iter().zip(drafts).flat_map(|(vm, draft)| {
        let both = vm.vcpus.iter().zip(&mut draft.vcpus);
        both.enumerate().filter_map(|(index, (own, vcpu))| {
            let name = format!("vCPU {index} of `{}`", vm.name.value);
            let params = vcpu.params;
            server(name, &mut vcpu.affinity, params, &own.params, &own.span)
        })
    });
    let threads = threads.iter_mut().filter_map(|thread| {
        let mut threads = spec.threads.iter();
        let own = threads.find(|own| own.name.value == thread.name)?;
        let name = format!("the thread `{}`", thread.name);
        let params = thread.params;
        server(name, &mut thread.affinity, params, &own.params, &own.span)
    });
    vcpus
        .chain(threads)
        .filter(|server| *server.affinity & pool.cores != 0)
        .collect()
}

fn server<'a>(
    name: String,
    affinity: &'a mut u64,
    params: Params,
    spec: &ParamsSpec,
    span: &Range<usize>,
) -> Option<Server<'a>> {
    // A budget longer than its period was reported already.
    let good = params.budget_us != 0 && params.budget_us <= params.period_us;
    good.then(|| Server {
        name,
        affinity,
        percent: percent((u64::from(params.budget_us) * 1000).div_ceil(params.period_us.into())),
        share: Share::of(params.budget_us.into(), params.period_us.into()),
        span: spec
            .budget
            .as_ref()
            .map_or(span.clone(), |budget| budget.span.clone()),
    })
}

fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}
