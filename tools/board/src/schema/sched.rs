//! The schema of what concerns sharing cores: parameters of vCPUs and threads, `[[pool]]`, `[[thread]]`.

use std::ops::Range;

use crate::reader::{At, Sink, Table, integer};

/// Keys that say how a vCPU or a thread is scheduled.
pub(crate) const POOL: &[&str] = &["name", "cores", "policy", "frame_us", "window"];
pub(crate) const WINDOW: &[&str] = &["vm", "start_us", "length_us", "cores"];
pub(crate) const THREAD: &[&str] = &[
    "name",
    "affinity",
    "weight",
    "cap",
    "priority",
    "budget_us",
    "period_us",
    "background",
];

/// A list of cores.
pub(crate) type CoresSpec = At<Vec<At<u64>>>;

/// How a vCPU or a thread is scheduled, as far as it was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParamsSpec {
    pub weight: Option<At<u64>>,
    pub cap: Option<At<u64>>,
    pub priority: Option<At<u64>>,
    pub budget: Option<At<u64>>,
    pub period: Option<At<u64>>,
}

impl ParamsSpec {
    /// These, and where they say nothing `other`.
    pub fn or(self, other: &Self) -> Self {
        Self {
            weight: self.weight.or_else(|| other.weight.clone()),
            cap: self.cap.or_else(|| other.cap.clone()),
            priority: self.priority.or_else(|| other.priority.clone()),
            budget: self.budget.or_else(|| other.budget.clone()),
            period: self.period.or_else(|| other.period.clone()),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct PoolSpec {
    pub span: Range<usize>,
    pub name: At<String>,
    pub cores: CoresSpec,
    pub policy: At<String>,
    pub frame: Option<At<u64>>,
    pub windows: Vec<WindowSpec>,
}

#[derive(Clone, Debug)]
pub(crate) struct WindowSpec {
    pub span: Range<usize>,
    pub vm: At<String>,
    pub start: At<u64>,
    pub length: At<u64>,
    pub cores: Option<CoresSpec>,
}

#[derive(Clone, Debug)]
pub(crate) struct ThreadSpec {
    pub span: Range<usize>,
    pub name: At<String>,
    pub affinity: Option<CoresSpec>,
    pub params: ParamsSpec,
    pub background: Option<At<bool>>,
}

/// A list of core numbers.
pub(crate) fn cores_of(from: &Table<'_, '_>, key: &str, sink: &Sink) -> Option<CoresSpec> {
    let cpus = from
        .array(key)?
        .iter()
        .filter_map(|cpu| integer(cpu, key, sink))
        .collect();
    let span = from.raw(key).map_or(from.span.clone(), |raw| raw.span());
    Some(At::new(cpus, span))
}

/// The parameters that stand in a table.
pub(crate) fn params_of(from: &Table<'_, '_>) -> ParamsSpec {
    ParamsSpec {
        weight: from.integer("weight"),
        cap: from.integer("cap"),
        priority: from.integer("priority"),
        budget: from.integer("budget_us"),
        period: from.integer("period_us"),
    }
}

/// All `[[pool]]`.
pub(crate) fn pools_of(top: &Table<'_, '_>, sink: &Sink) -> Vec<PoolSpec> {
    let pools = top.tables("pool", "a pool", POOL);
    pools
        .iter()
        .filter_map(|pool| pool_of(pool, sink))
        .collect()
}

fn pool_of(pool: &Table<'_, '_>, sink: &Sink) -> Option<PoolSpec> {
    let examples = [("name", "\"rt\""), ("cores", "[1]"), ("policy", "\"edf\"")];
    for (key, example) in examples {
        if pool.raw(key).is_none() {
            pool.missing(key, example);
        }
    }
    let name = pool.string("name");
    let cores = cores_of(pool, "cores", sink);
    let policy = pool.string("policy");
    let frame = pool.integer("frame_us");
    let windows = pool.tables("window", "a window", WINDOW);
    let windows = windows
        .iter()
        .filter_map(|window| window_of(window, sink))
        .collect();
    Some(PoolSpec {
        span: pool.span.clone(),
        name: name?,
        cores: cores?,
        policy: policy?,
        frame,
        windows,
    })
}

fn window_of(window: &Table<'_, '_>, sink: &Sink) -> Option<WindowSpec> {
    let examples = [
        ("vm", "\"control\""),
        ("start_us", "0"),
        ("length_us", "2000"),
    ];
    for (key, example) in examples {
        if window.raw(key).is_none() {
            window.missing(key, example);
        }
    }
    let vm = window.string("vm");
    let (start, length) = (window.integer("start_us"), window.integer("length_us"));
    let cores = cores_of(window, "cores", sink);
    Some(WindowSpec {
        span: window.span.clone(),
        vm: vm?,
        start: start?,
        length: length?,
        cores,
    })
}

/// All `[[thread]]`.
pub(crate) fn threads_of(top: &Table<'_, '_>, sink: &Sink) -> Vec<ThreadSpec> {
    let threads = top.tables("thread", "a thread", THREAD);
    threads
        .iter()
        .filter_map(|thread| {
            if thread.raw("name").is_none() {
                thread.missing("name", "\"scrubber\"");
            }
            let affinity = cores_of(thread, "affinity", sink);
            let params = params_of(thread);
            let background = thread
                .raw("background")
                .map(|raw| At::new(thread.boolean("background", false), raw.span()));
            Some(ThreadSpec {
                span: thread.span.clone(),
                name: thread.string("name")?,
                affinity,
                params,
                background,
            })
        })
        .collect()
}
