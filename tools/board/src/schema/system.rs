//! The schema of `configs/systems/<system>.toml`; docs/systems.md explains it to people.

use std::ops::Range;

use toml::de::DeValue;

use crate::diag::{Diagnostic, Source};
use crate::model::Crash;
use crate::reader::{At, Sink, Table, one_of, parse, size_value, string, table, wrong_type};
use crate::schema::device::{DeviceSpec, device_of};
use crate::schema::image::{ImageSpec, image_of};
use crate::schema::sched::{
    CoresSpec, ParamsSpec, PoolSpec, ThreadSpec, cores_of, params_of, pools_of, threads_of,
};
use tables::Start;

/// The keys of each table, which docs/systems.md must all explain.
pub(crate) const TOP: &[&str] = &[
    "description",
    "timeout",
    "preemptible",
    "heap",
    "pool",
    "thread",
    "vm",
];
pub(crate) const HEAP: &[&str] = &["size"];
pub(crate) const VM: &[&str] = &[
    "name",
    "vcpus",
    "affinity",
    "weight",
    "cap",
    "priority",
    "budget_us",
    "period_us",
    "vcpu",
    "memory",
    "image",
    "devices",
    "start",
    "on_crash",
    "may",
    "controls",
    "grow",
    "grow_at",
    "expect",
];
pub(crate) const VCPU: &[&str] = &[
    "affinity",
    "weight",
    "cap",
    "priority",
    "budget_us",
    "period_us",
];
pub(crate) const MEMORY: &[&str] = &["ipa", "size", "pa", "writable", "executable"];
pub(crate) const ON_CRASH: &[&str] = &["action", "limit"];

/// Where guest RAM begins unless a system says otherwise: where QEMU's `virt` has it.
pub(crate) const RAM_BASE: u64 = 0x4000_0000;
/// Weight of a vCPU that names none.
pub(crate) const DEFAULT_WEIGHT: u32 = 256;
/// How often a VM is restarted if `on_crash` says no more than `"restart"`.
const DEFAULT_RESTARTS: u32 = 3;

#[derive(Clone, Debug)]
pub(crate) struct SystemSpec {
    pub description: String,
    pub timeout: Option<u64>,
    pub preemptible: Option<CoresSpec>,
    pub heap: Option<At<u64>>,
    pub pools: Vec<PoolSpec>,
    pub threads: Vec<ThreadSpec>,
    pub vms: Vec<VmSpec>,
}

#[derive(Clone, Debug)]
pub(crate) struct VmSpec {
    pub span: Range<usize>,
    pub name: At<String>,
    pub vcpus: Vec<VcpuSpec>,
    pub vcpus_span: Range<usize>,
    pub memory: Vec<MemorySpec>,
    pub image: ImageSpec,
    /// `None`: whatever is switched on.
    pub devices: Option<Vec<DeviceSpec>>,
    pub start: Start,
    pub on_crash: Crash,
    pub may: Vec<At<String>>,
    pub controls: Vec<At<String>>,
    pub grow: Option<At<u64>>,
    pub grow_at: Option<At<u64>>,
    pub expect: Vec<At<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct VcpuSpec {
    pub span: Range<usize>,
    pub affinity: Option<CoresSpec>,
    pub params: ParamsSpec,
}

#[derive(Clone, Debug)]
pub(crate) struct MemorySpec {
    pub span: Range<usize>,
    pub ipa: At<u64>,
    pub size: At<u64>,
    pub pa: Option<At<u64>>,
    pub writable: bool,
    pub executable: bool,
}

/// Reads the file; the error has every mistake that can be seen in it alone.
pub(crate) fn read(source: &Source) -> Result<SystemSpec, Vec<Diagnostic>> {
    let sink = Sink::default();
    let document = parse(source)?;
    let top = Table::new(document.get_ref(), 0..0, "a system", TOP, &sink);
    let description = top
        .string("description")
        .map(|text| text.value)
        .unwrap_or_default();
    let timeout = top.integer("timeout");
    if let Some(zero) = timeout.as_ref().filter(|timeout| timeout.value == 0) {
        sink.push(
            Diagnostic::new(
                zero.span.clone(),
                "a timeout of 0 seconds would end every run at once",
            )
            .help("leave `timeout` out to let a run take as long as it likes"),
        );
    }
    let tables = top.tables("vm", "a VM", VM);
    if tables.is_empty() && top.raw("vm").is_none() {
        sink.push(
            Diagnostic::new(0..0, "the system has no VM")
                .help("add a [[vm]] with name, vcpus, memory and image: see docs/systems.md"),
        );
    }
    let preemptible = cores_of(&top, "preemptible", &sink);
    let heap = top.table("heap", "[heap]", HEAP).and_then(|heap| {
        if heap.raw("size").is_none() {
            heap.missing("size", "\"64M\"");
        }
        heap.size("size")
    });
    let (pools, threads) = (pools_of(&top, &sink), threads_of(&top, &sink));
    let vms: Vec<_> = tables.iter().filter_map(|vm| vm_of(vm, &sink)).collect();
    let errors = sink.into_inner();
    if errors.is_empty() {
        Ok(SystemSpec {
            description,
            timeout: timeout.map(|t| t.value),
            preemptible,
            heap,
            pools,
            threads,
            vms,
        })
    } else {
        Err(errors)
    }
}

fn vm_of(vm: &Table<'_, '_>, sink: &Sink) -> Option<VmSpec> {
    let name = vm.string("name");
    if vm.raw("name").is_none() {
        vm.missing("name", "\"linux0\"");
    }
    let (vcpus, vcpus_span) = vcpus_of(vm, sink);
    let memory = memory_of(vm, sink);
    let image = image_of(vm, sink);
    let devices = vm.array("devices").map(|list| {
        list.iter()
            .filter_map(|item| device_of(item, sink))
            .collect()
    });
    let start = start_of(vm, sink);
    let on_crash = on_crash_of(vm, sink);
    let (may, controls) = (vm.strings("may"), vm.strings("controls"));
    let (grow, grow_at) = (vm.size("grow"), vm.integer("grow_at"));
    let expect = vm.strings("expect");
    for text in expect.iter().filter(|text| text.value.is_empty()) {
        sink.push(
            Diagnostic::new(text.span.clone(), "an empty string is expected")
                .label("would always be found"),
        );
    }
    Some(VmSpec {
        span: vm.span.clone(),
        name: name?,
        vcpus,
        vcpus_span,
        memory,
        image: image?,
        devices,
        start: start?,
        on_crash: on_crash?,
        may,
        controls,
        grow,
        grow_at,
        expect,
    })
}

/// `vcpus = 2` with settings for all, or one [[vm.vcpu]] each.
fn vcpus_of(vm: &Table<'_, '_>, sink: &Sink) -> (Vec<VcpuSpec>, Range<usize>) {
    let all = vcpu_of(vm, sink);
    let count = vm.integer("vcpus");
    let each: Vec<_> = vm
        .tables("vcpu", "[[vm.vcpu]]", VCPU)
        .iter()
        .map(|vcpu| {
            let own = vcpu_of(vcpu, sink);
            VcpuSpec {
                span: own.span,
                affinity: own.affinity.or_else(|| all.affinity.clone()),
                params: own.params.or(&all.params),
            }
        })
        .collect();
    match (count, vm.key_span("vcpu")) {
        (Some(count), Some(list)) => {
            sink.push(
                Diagnostic::new(count.span.clone(), "the vCPUs are given twice")
                    .label("as a number here")
                    .related(list, "and one by one here")
                    .help("keep `vcpus = N` if all are alike, or a [[vm.vcpu]] for each"),
            );
            (each, count.span)
        }
        (None, Some(list)) => (each, list),
        // Far more than is allowed is not worth a list of that length: the check only wants to see "too many".
        (Some(count), None) => (
            vec![all; usize::try_from(count.value).unwrap_or(usize::MAX).min(64)],
            count.span,
        ),
        (None, None) => {
            if vm.raw("vcpus").is_none() {
                vm.missing("vcpus", "2");
            }
            (vec![all], vm.span.clone())
        }
    }
}

fn vcpu_of(from: &Table<'_, '_>, sink: &Sink) -> VcpuSpec {
    VcpuSpec {
        span: from.span.clone(),
        affinity: cores_of(from, "affinity", sink),
        params: params_of(from),
    }
}

/// `memory = "256M"`, or a list of regions.
fn memory_of(vm: &Table<'_, '_>, sink: &Sink) -> Vec<MemorySpec> {
    let Some(raw) = vm.raw("memory") else {
        vm.missing("memory", "\"256M\"");
        return Vec::new();
    };
    if !matches!(raw.get_ref(), DeValue::Array(_)) {
        return size_value(raw, "memory", sink)
            .map(|size| MemorySpec {
                span: size.span.clone(),
                ipa: At::new(RAM_BASE, size.span.clone()),
                size,
                pa: None,
                writable: true,
                executable: true,
            })
            .into_iter()
            .collect();
    }
    let regions = vm.tables("memory", "[[vm.memory]]", MEMORY);
    regions
        .iter()
        .filter_map(|region| {
            let size = region.size("size");
            if region.raw("size").is_none() {
                region.missing("size", "\"64M\"");
            }
            let ipa = match region.raw("ipa") {
                Some(_) => region.integer("ipa"),
                None => Some(At::new(RAM_BASE, region.span.clone())),
            };
            Some(MemorySpec {
                span: region.span.clone(),
                ipa: ipa?,
                size: size?,
                pa: region.integer("pa"),
                writable: region.boolean("writable", true),
                executable: region.boolean("executable", true),
            })
        })
        .collect()
}

/// `start = "auto"` or `"manual"`.
fn start_of(vm: &Table<'_, '_>, sink: &Sink) -> Option<Start> {
    if vm.raw("start").is_none() {
        return Some(Start::Auto);
    }
    let word = vm.string("start")?;
    let at = one_of(&word, "start", &["auto", "manual"], sink)?;
    Some([Start::Auto, Start::Manual][at])
}

/// `on_crash = "halt"`, or a table with the number of restarts.
fn on_crash_of(vm: &Table<'_, '_>, sink: &Sink) -> Option<Crash> {
    let Some(raw) = vm.raw("on_crash") else {
        return Some(Crash::Halt);
    };
    let (word, limit) = match raw.get_ref() {
        DeValue::String(_) => (string(raw, "on_crash", sink)?, None),
        DeValue::Table(_) => {
            let policy = table(raw, "on_crash", "on_crash", ON_CRASH, sink)?;
            if policy.raw("action").is_none() {
                policy.missing("action", "\"restart\"");
            }
            let limit = policy.integer32("limit");
            (policy.string("action")?, limit)
        }
        other => {
            wrong_type(
                raw,
                other,
                "on_crash",
                "a word or { action = .., limit = .. }",
                sink,
            );
            return None;
        }
    };
    let action = one_of(
        &word,
        "on_crash action",
        &["restart", "halt", "poweroff"],
        sink,
    )?;
    if let (1 | 2, Some(limit)) = (action, &limit) {
        sink.push(
            Diagnostic::new(
                limit.span.clone(),
                "`limit` is for `action = \"restart\"` only",
            )
            .label("has no meaning here")
            .related(word.span.clone(), "this never restarts the VM"),
        );
    }
    Some(match action {
        0 => Crash::Restart(limit.map_or(DEFAULT_RESTARTS, |limit| limit.value)),
        1 => Crash::Halt,
        _ => Crash::PowerOff,
    })
}
