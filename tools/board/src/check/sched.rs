//! Who shares which cores: preemptible cores, core pools, vCPUs in their pools, stacks.

use tables::Policy;

use super::system::Draft;
use super::{admission, cores, cyclic, needs, null, params, threads, unique};
use crate::diag::Diagnostic;
use crate::model::{Board, Pool, Thread};
use crate::reader::At;
use crate::schema::sched::PoolSpec;
use crate::schema::system::SystemSpec;
use crate::suggest;
use crate::symbols::Symbols;

/// What the cores are that no `[[pool]]` names.
const REST: &str = "default";

/// The preemption model of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PreemptionModel {
    Legacy,
    Full,
    Hybrid,
}

impl PreemptionModel {
    pub fn of(symbols: &dyn Symbols) -> Self {
        if symbols.bool("PREEMPT_FULL") {
            Self::Full
        } else if symbols.bool("PREEMPT_HYBRID") {
            Self::Hybrid
        } else {
            Self::Legacy
        }
    }
}

/// The pools and threads of a system.
pub(super) struct Sharing {
    pub pools: Vec<Pool>,
    pub threads: Vec<Thread>,
    /// How many EL2 stacks vCPUs and threads have.
    pub stacks: usize,
}

/// Applies the system's list of preemptible cores.
pub(super) fn preemptible(
    spec: &SystemSpec,
    board: &mut Board,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) {
    let Some(list) = &spec.preemptible else {
        return;
    };
    let what = "a choice of preemptible cores";
    needs(symbols, "PREEMPT_HYBRID", &list.span, what, found);
    let mask = cores::mask(list, board, found);
    if PreemptionModel::of(symbols) == PreemptionModel::Hybrid {
        for (index, cpu) in board.cpus.iter_mut().enumerate() {
            cpu.preemptible = mask >> index & 1 == 1;
        }
    }
}

/// Checks pools and threads, and completes the vCPUs: affinity, parameters, stacks.
pub(super) fn check(
    spec: &SystemSpec,
    drafts: &mut [Draft],
    board: &Board,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Sharing {
    let mut pools = pools(spec, board, symbols, found);
    vcpus(spec, drafts, &pools, symbols, found);
    let mut threads = threads::check(spec, &pools, board, symbols, found);
    for (index, pool) in pools.iter_mut().enumerate() {
        let own = spec.pools.get(index);
        match pool.policy {
            Policy::Cyclic => {
                if let Some(own) = own {
                    cyclic::check(own, pool, spec, drafts, &threads, board, found);
                }
            }
            Policy::Edf => admission::check(own, pool, spec, drafts, &mut threads, found),
            Policy::Null => null::check(own, pool, spec, drafts, &mut threads, found),
            Policy::RoundRobin | Policy::Credit | Policy::FixedPriority => {}
        }
    }
    let stacks = stacks(drafts, &mut threads, board);
    Sharing {
        pools,
        threads,
        stacks,
    }
}

/// The pools of the file, in its order, and behind them one of the cores that are left.
fn pools(
    spec: &SystemSpec,
    board: &Board,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Vec<Pool> {
    let names: Vec<At<String>> = spec.pools.iter().map(|pool| pool.name.clone()).collect();
    unique(
        &names,
        |name| format!("two pools are named `{name}`"),
        found,
    );
    for name in names.iter().filter(|name| name.value == REST) {
        found.push(
            Diagnostic::new(name.span.clone(), format!("`{REST}` cannot name a pool"))
                .label("this is what the cores in no [[pool]] are called"),
        );
    }
    let mut pools: Vec<Pool> = Vec::new();
    for own in &spec.pools {
        let mask = cores::mask(&own.cores, board, found);
        if own.cores.value.is_empty() {
            found.push(
                Diagnostic::new(
                    own.cores.span.clone(),
                    format!("the pool `{}` has no cores", own.name.value),
                )
                .label("nothing could run in it"),
            );
        }
        for (other, earlier) in pools.iter().zip(&spec.pools) {
            let shared = other.cores & mask;
            if shared != 0 {
                let verb = if shared.count_ones() == 1 {
                    "is"
                } else {
                    "are"
                };
                found.push(
                    Diagnostic::new(
                        own.cores.span.clone(),
                        format!("{} {verb} in two pools", cores::show(shared)),
                    )
                    .label(format!("in `{}` here", own.name.value))
                    .related(
                        earlier.cores.span.clone(),
                        format!("and in `{}` here", other.name),
                    )
                    .help("a core has one scheduler: leave it in one of them"),
                );
            }
        }
        pools.push(Pool {
            name: own.name.value.clone(),
            cores: mask,
            policy: policy(own, symbols, found),
            frame_us: 0,
            windows: Vec::new(),
        });
    }
    let named = pools.iter().fold(0, |mask, pool| mask | pool.cores);
    let rest = cores::all(board) & !named;
    if rest != 0 {
        pools.push(Pool {
            name: REST.to_owned(),
            cores: rest,
            policy: default_policy(rest, spec, symbols, found),
            frame_us: 0,
            windows: Vec::new(),
        });
    }
    pools
}

fn policy(pool: &PoolSpec, symbols: &dyn Symbols, found: &mut Vec<Diagnostic>) -> Policy {
    let names = params::POLICIES.map(|(_, name, _)| name);
    let word = &pool.policy;
    let Some((policy, _, symbol)) = params::POLICIES
        .into_iter()
        .find(|(_, name, _)| *name == word.value)
    else {
        let mut error = Diagnostic::new(
            word.span.clone(),
            format!("there is no policy `{}`", word.value),
        );
        error = match suggest::closest(&word.value, names) {
            Some(close) => error.label(format!("did you mean `{close}`?")),
            None => error.label("unknown"),
        };
        found.push(error.help(format!("it must be one of: {}", names.join(", "))));
        return Policy::RoundRobin;
    };
    let what = format!("the policy \"{}\"", word.value);
    needs(symbols, symbol, &word.span, &what, found);
    if policy != Policy::Cyclic {
        let frame = pool.frame.as_ref().map(|frame| &frame.span);
        let windows = pool.windows.iter().map(|window| &window.span);
        for span in frame.into_iter().chain(windows) {
            found.push(
                Diagnostic::new(
                    span.clone(),
                    "frames and windows are for the policy \"cyclic\"",
                )
                .label("has no meaning here")
                .related(word.span.clone(), "this has no table"),
            );
        }
    }
    policy
}

/// What the configuration says about cores in no pool.
fn default_policy(
    rest: u64,
    spec: &SystemSpec,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Policy {
    let choice = [
        ("SCHED_DEFAULT_WRR", Policy::RoundRobin),
        ("SCHED_DEFAULT_CREDIT", Policy::Credit),
        ("SCHED_DEFAULT_EDF", Policy::Edf),
        ("SCHED_DEFAULT_FIXED", Policy::FixedPriority),
        ("SCHED_DEFAULT_NULL", Policy::Null),
    ];
    if let Some((_, policy)) = choice.iter().find(|(symbol, _)| symbols.bool(symbol)) {
        return *policy;
    }
    let verb = if rest.count_ones() == 1 { "is" } else { "are" };
    found.push(
        Diagnostic::new(
            spec.pools.first().map_or(0..0, |pool| pool.span.clone()),
            format!("{} {verb} in no pool", cores::show(rest)),
        )
        .label("the configuration has no policy for cores that the system does not mention")
        .help("put every core into a [[pool]], or switch on CONFIG_SCHED_WRR and CONFIG_SCHED_DEFAULT_WRR"),
    );
    Policy::RoundRobin
}

/// Gives each vCPU its affinity, which must be in one pool, and its parameters.
fn vcpus(
    spec: &SystemSpec,
    drafts: &mut [Draft],
    pools: &[Pool],
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) {
    for (vm, draft) in spec.vms.iter().zip(drafts) {
        for (own, vcpu) in vm.vcpus.iter().zip(&mut draft.vcpus) {
            let what = format!("`{}`'s vCPU", vm.name.value);
            let span = own.affinity.as_ref().map(|list| list.span.clone());
            vcpu.affinity = match span {
                Some(span) => in_one_pool(vcpu.affinity, &what, &span, pools, found),
                None => match unsaid(pools) {
                    Some(mask) => mask,
                    None => {
                        let names: Vec<&str> =
                            pools.iter().map(|pool| pool.name.as_str()).collect();
                        found.push(
                            Diagnostic::new(
                                own.span.clone(),
                                format!("`{}` must say in which pool it is", vm.name.value),
                            )
                            .label("`affinity` is missing")
                            .help(format!(
                                "every core is in one of the pools {}: name cores of one of them",
                                names.join(", ")
                            )),
                        );
                        0
                    }
                },
            };
            let pool = pools.iter().find(|pool| pool.cores & vcpu.affinity != 0);
            vcpu.params = params::check(&own.params, pool, symbols, found);
        }
    }
}

/// The cores of a vCPU that names none: those in no pool, or all if there is only one pool.
fn unsaid(pools: &[Pool]) -> Option<u64> {
    match pools {
        [only] => Some(only.cores),
        _ => pools
            .iter()
            .find(|pool| pool.name == REST)
            .map(|pool| pool.cores),
    }
}

/// Reports a set of cores that spans pools; returns what of it is in the first.
pub(super) fn in_one_pool(
    mask: u64,
    what: &str,
    span: &std::ops::Range<usize>,
    pools: &[Pool],
    found: &mut Vec<Diagnostic>,
) -> u64 {
    let mut hit = pools.iter().filter(|pool| pool.cores & mask != 0);
    let (Some(first), second) = (hit.next(), hit.next()) else {
        return mask;
    };
    if let Some(second) = second {
        let part = |pool: &Pool| format!("{} in `{}`", cores::show(mask & pool.cores), pool.name);
        found.push(
            Diagnostic::new(span.clone(), format!("{what} cannot be in two pools"))
                .label(format!("{}, {}", part(first), part(second)))
                .help("a vCPU never moves from one scheduler to another: name cores of one pool"),
        );
    }
    mask & first.cores
}

/// Numbers the stacks: vCPUs that may run on a preemptible core, in the order of the file, then the threads. Returns
/// how many there are.
fn stacks(drafts: &mut [Draft], threads: &mut [Thread], board: &Board) -> usize {
    let preemptible = cores::preemptible(board);
    let mut numbers = 0u16..;
    let vcpus = drafts.iter_mut().flat_map(|draft| &mut draft.vcpus);
    for vcpu in vcpus.filter(|vcpu| vcpu.affinity & preemptible != 0) {
        vcpu.stack = numbers.next();
    }
    for thread in threads {
        thread.stack = numbers.next().unwrap_or(u16::MAX);
    }
    usize::from(numbers.start)
}
