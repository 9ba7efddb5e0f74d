//! The hypervisor's own threads: which there are, where they run, and how a system changes that.

use super::sched::{PreemptionModel, in_one_pool};
use super::{cores, needs, params, unique};
use crate::diag::Diagnostic;
use crate::model::{Board, Params, Pool, Thread};
use crate::reader::At;
use crate::schema::sched::ThreadSpec;
use crate::schema::system::SystemSpec;
use crate::suggest;
use crate::symbols::Symbols;
use tables::Policy;

/// A thread that the kernel has.
struct Known {
    name: &'static str,
    /// Without it there is no such thread.
    symbol: Option<&'static str>,
    /// Only while nothing else wants the core. A thread for which others wait must not be starved by a guest.
    background: bool,
}

const THREADS: [Known; 5] = [
    Known {
        name: "scrubber",
        symbol: None,
        background: true,
    },
    Known {
        name: "console",
        symbol: None,
        background: false,
    },
    Known {
        name: "reaper",
        symbol: None,
        background: false,
    },
    Known {
        name: "callbacks",
        symbol: None,
        background: false,
    },
    Known {
        name: "watchdog",
        symbol: Some("WATCHDOG"),
        background: false,
    },
];

/// The threads of the configuration, with what the system says about them. Stacks are numbered later.
pub(super) fn check(
    spec: &SystemSpec,
    pools: &[Pool],
    board: &Board,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Vec<Thread> {
    let names: Vec<At<String>> = spec.threads.iter().map(|own| own.name.clone()).collect();
    unique(
        &names,
        |name| format!("the thread `{name}` is described twice"),
        found,
    );
    for own in &spec.threads {
        known(own, symbols, found);
    }
    let preemptible = cores::preemptible(board);
    if preemptible == 0 {
        for own in &spec.threads {
            found.push(no_threads(own, symbols));
        }
        return Vec::new();
    }
    THREADS
        .iter()
        .filter(|known| known.symbol.is_none_or(|symbol| symbols.bool(symbol)))
        .map(|known| {
            let own = spec.threads.iter().find(|own| own.name.value == known.name);
            let affinity = match own.and_then(|own| own.affinity.as_ref()) {
                Some(list) => {
                    let mask = cores::mask(list, board, found);
                    let what = format!("the thread `{}`", known.name);
                    let mask = in_one_pool(mask, &what, &list.span, pools, found);
                    if mask & !preemptible != 0 || list.value.is_empty() {
                        found.push(
                            Diagnostic::new(list.span.clone(), format!("{what} cannot run there"))
                                .label("threads run on preemptible cores only")
                                .help(format!("preemptible: {}", cores::show(preemptible))),
                        );
                    }
                    mask
                }
                None => usual_cores(pools, preemptible),
            };
            let pool = pools.iter().find(|pool| pool.cores & affinity != 0);
            // There it would need a core or windows of its own.
            let lives_on_leftovers =
                pool.is_some_and(|pool| matches!(pool.policy, Policy::Null | Policy::Cyclic));
            let background = own.and_then(|own| own.background.clone());
            if let (Some(on), Some(budget)) = (
                background.as_ref().filter(|background| background.value),
                own.and_then(|own| own.params.budget.as_ref()),
            ) {
                found.push(
                    Diagnostic::new(
                        on.span.clone(),
                        format!("the thread `{}` cannot have both", known.name),
                    )
                    .label("runs only in what others leave")
                    .related(budget.span.clone(), "runs for so long in each period")
                    .help("drop one of them"),
                );
            }
            let params = match own {
                Some(own) => params::check(&own.params, pool, symbols, found),
                None => Params::default(),
            };
            Thread {
                name: known.name,
                affinity,
                params,
                background: match background {
                    Some(background) => background.value,
                    // One that the system gives a budget is not for leftovers.
                    None => (known.background || lives_on_leftovers) && params.budget_us == 0,
                },
                stack: 0,
            }
        })
        .collect()
}

/// Preemptible cores of a pool in which a thread without parameters gets its share: the last such, which is the
/// one of the cores that the system does not mention; if there is none, of the last pool at all.
fn usual_cores(pools: &[Pool], preemptible: u64) -> u64 {
    let shared = |pool: &&Pool| !matches!(pool.policy, Policy::Null | Policy::Cyclic);
    let usable = || pools.iter().rev().filter(|p| p.cores & preemptible != 0);
    usable()
        .find(shared)
        .or_else(|| usable().next())
        .map_or(0, |pool| pool.cores & preemptible)
}

fn known(own: &ThreadSpec, symbols: &dyn Symbols, found: &mut Vec<Diagnostic>) {
    let name = &own.name;
    match THREADS.iter().find(|known| known.name == name.value) {
        Some(known) => {
            if let Some(symbol) = known.symbol {
                let what = format!("the thread `{}`", known.name);
                needs(symbols, symbol, &name.span, &what, found);
            }
        }
        None => {
            let names = THREADS.map(|known| known.name);
            let error = Diagnostic::new(
                name.span.clone(),
                format!("the hypervisor has no thread `{}`", name.value),
            );
            let error = match suggest::closest(&name.value, names) {
                Some(close) => error.label(format!("did you mean `{close}`?")),
                None => error.label("unknown"),
            };
            found.push(error.help(format!("its threads are: {}", names.join(", "))));
        }
    }
}

fn no_threads(own: &ThreadSpec, symbols: &dyn Symbols) -> Diagnostic {
    let error = Diagnostic::new(own.span.clone(), "the hypervisor has no threads");
    match PreemptionModel::of(symbols) {
        PreemptionModel::Legacy => error
            .label("needs CONFIG_PREEMPT_FULL=y or CONFIG_PREEMPT_HYBRID=y")
            .note("in the legacy model background work is done in slices, when cores are idle and on exits"),
        PreemptionModel::Full | PreemptionModel::Hybrid => error
            .label("no core is preemptible")
            .help("name one in `preemptible`, or drop this"),
    }
}
