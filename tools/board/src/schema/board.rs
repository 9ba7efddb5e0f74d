//! The schema of `boards/<board>/board.toml`; docs/boards.md explains it to people.

use std::ops::Range;

use crate::diag::{Diagnostic, Source};
use crate::model::{Conduit, Qemu, Timers};
use crate::reader::{At, Sink, Table, one_of, parse, table};

/// The keys of each table, which docs/boards.md must all explain.
pub(crate) const TOP: &[&str] = &[
    "name",
    "description",
    "load_address",
    "verified",
    "cpu",
    "memory",
    "boot",
    "uart",
    "gic",
    "timers",
    "psci",
    "qemu",
    "menu",
];
pub(crate) const CPU: &[&str] = &["mpidr", "preemptible"];
pub(crate) const REGION: &[&str] = &["base", "size"];
pub(crate) const BOOT: &[&str] = &["dtb"];
pub(crate) const UART: &[&str] = &["kind", "base", "size", "intid", "clock_hz"];
pub(crate) const GIC: &[&str] = &["v2", "v3"];
pub(crate) const GIC_V2: &[&str] = &["distributor", "cpu", "hypervisor", "vcpu", "maintenance"];
pub(crate) const GIC_V3: &[&str] = &["distributor", "redistributors", "maintenance"];
pub(crate) const TIMERS: &[&str] = &["hypervisor", "virtual", "physical"];
pub(crate) const PSCI: &[&str] = &["conduit"];
pub(crate) const MENU: &[&str] = &["title", "help"];
pub(crate) const QEMU: &[&str] = &["machine", "cpu", "args"];

/// A range of addresses as it was written.
#[derive(Clone, Debug)]
pub(crate) struct RegionSpec {
    pub base: At<u64>,
    pub size: At<u64>,
    pub span: Range<usize>,
}

impl RegionSpec {
    pub fn region(&self) -> tables::Region {
        tables::Region {
            base: self.base.value,
            size: self.size.value,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct UartSpec {
    pub kind: At<String>,
    pub region: RegionSpec,
    pub intid: At<u32>,
    pub clock_hz: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct GicV2Spec {
    pub distributor: RegionSpec,
    pub cpu: RegionSpec,
    pub hypervisor: RegionSpec,
    pub vcpu: RegionSpec,
    pub maintenance: At<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct GicV3Spec {
    pub distributor: RegionSpec,
    pub redistributors: Vec<RegionSpec>,
    pub maintenance: At<u32>,
}

/// `board.toml`, well-formed but unchecked against the rest.
#[derive(Clone, Debug)]
pub(crate) struct BoardSpec {
    pub name: At<String>,
    pub title: String,
    pub description: String,
    pub help: String,
    pub load_address: At<u64>,
    pub verified: String,
    pub cpus: Vec<At<u64>>,
    /// Which of them the hybrid model may preempt.
    pub preemptible: Vec<bool>,
    pub memory: Vec<RegionSpec>,
    pub boot_dtb: Option<RegionSpec>,
    pub uart: UartSpec,
    pub gic_span: Range<usize>,
    pub gic_v2: Option<GicV2Spec>,
    pub gic_v3: Option<GicV3Spec>,
    pub timers: Timers,
    pub timer_spans: [Range<usize>; 3],
    pub psci: Conduit,
    pub qemu: Option<Qemu>,
}

/// Reads the file; the error has every mistake that can be seen in it alone.
pub(crate) fn read(source: &Source) -> Result<BoardSpec, Vec<Diagnostic>> {
    let sink = Sink::default();
    let document = parse(source)?;
    let top = Table::new(document.get_ref(), 0..0, "board.toml", TOP, &sink);
    let spec = top_level(&top, &sink);
    let errors = sink.into_inner();
    match spec {
        Some(spec) if errors.is_empty() => Ok(spec),
        _ => Err(errors),
    }
}

fn top_level(top: &Table<'_, '_>, sink: &Sink) -> Option<BoardSpec> {
    // Every part is read before the first `?`, so that mistakes in all of them are found.
    let name = required(top, "name", "\"my-board\"", Table::string);
    let load_address = required(top, "load_address", "0x4008_0000", Table::integer);
    let cpus: Vec<_> = top
        .tables("cpu", "[[cpu]]", CPU)
        .iter()
        .filter_map(|cpu| {
            let preemptible = cpu.boolean("preemptible", true);
            let mpidr = required(cpu, "mpidr", "0x100", Table::integer)?;
            Some((mpidr, preemptible))
        })
        .collect();
    let (cpus, preemptible): (Vec<_>, Vec<_>) = cpus.into_iter().unzip();
    if top.raw("cpu").is_none() {
        top.missing("cpu", "[{ mpidr = 0 }]");
    }
    let memory: Vec<_> = top
        .tables("memory", "[[memory]]", REGION)
        .iter()
        .filter_map(|region| region_of(region))
        .collect();
    if top.raw("memory").is_none() {
        top.missing("memory", "[{ base = 0x4000_0000, size = \"1G\" }]");
    }
    let boot_dtb = top
        .table("boot", "[boot]", BOOT)
        .and_then(|boot| region(&boot, "dtb"));
    let uart = section(top, "uart", "[uart]", UART).and_then(|uart| uart_of(&uart));
    let gic = section(top, "gic", "[gic]", GIC);
    let gic_v2 = gic
        .as_ref()
        .and_then(|gic| gic.table("v2", "[gic.v2]", GIC_V2))
        .map(|t| gic_v2_of(&t));
    let gic_v3 = gic
        .as_ref()
        .and_then(|gic| gic.table("v3", "[gic.v3]", GIC_V3))
        .map(|t| gic_v3_of(&t, sink));
    let timers = section(top, "timers", "[timers]", TIMERS).and_then(|timers| timers_of(&timers));
    let psci = section(top, "psci", "[psci]", PSCI).and_then(|psci| conduit_of(&psci, sink));
    let qemu = top.table("qemu", "[qemu]", QEMU).map(|qemu| qemu_of(&qemu));
    let text = |key| top.string(key).map(|text| text.value).unwrap_or_default();
    let menu = top.table("menu", "[menu]", MENU);
    let shown = |key| {
        let found = menu.as_ref().and_then(|menu| menu.string(key));
        found.map(|text| text.value).unwrap_or_default()
    };
    let (title, help) = (shown("title"), shown("help"));
    let (description, verified) = (text("description"), text("verified"));
    let (timers, timer_spans) = timers?;
    Some(BoardSpec {
        name: name?,
        title,
        description,
        help,
        load_address: load_address?,
        verified,
        cpus,
        preemptible,
        memory,
        boot_dtb,
        uart: uart?,
        gic_span: gic?.span,
        gic_v2: optional(gic_v2)?,
        gic_v3: optional(gic_v3)?,
        timers,
        timer_spans,
        psci: psci?,
        qemu: optional(qemu)?,
    })
}

/// Absent is fine, present but wrong is not.
fn optional<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(some) => Some(some),
    }
}

/// A key that must be there.
fn required<'a, 'i, T>(
    from: &Table<'a, 'i>,
    key: &str,
    example: &str,
    read: impl Fn(&Table<'a, 'i>, &str) -> Option<T>,
) -> Option<T> {
    if from.raw(key).is_none() {
        from.missing(key, example);
    }
    read(from, key)
}

fn section<'a, 'i>(
    from: &Table<'a, 'i>,
    key: &str,
    what: &'static str,
    known: &[&str],
) -> Option<Table<'a, 'i>> {
    if from.raw(key).is_none() {
        from.missing(key, "{ .. } (see docs/boards.md)");
    }
    from.table(key, what, known)
}

fn region(from: &Table<'_, '_>, key: &str) -> Option<RegionSpec> {
    if from.raw(key).is_none() {
        from.missing(key, "{ base = 0x0800_0000, size = \"64K\" }");
    }
    region_of(&from.table(key, "a range", REGION)?)
}

fn region_of(from: &Table<'_, '_>) -> Option<RegionSpec> {
    let base = required(from, "base", "0x4000_0000", Table::integer);
    let size = required(from, "size", "\"1G\"", Table::size);
    Some(RegionSpec {
        base: base?,
        size: size?,
        span: from.span.clone(),
    })
}

fn uart_of(from: &Table<'_, '_>) -> Option<UartSpec> {
    let kind = required(from, "kind", "\"pl011\"", Table::string);
    let base = required(from, "base", "0x0900_0000", Table::integer);
    let intid = required(from, "intid", "33", Table::integer32);
    let size = from.size("size");
    let clock_hz = from.integer32("clock_hz").map_or(0, |clock| clock.value);
    let base = base?;
    let size = size.unwrap_or_else(|| At::new(0x1000, base.span.clone()));
    let region = RegionSpec {
        span: base.span.clone(),
        base,
        size,
    };
    Some(UartSpec {
        kind: kind?,
        region,
        intid: intid?,
        clock_hz,
    })
}

fn gic_v2_of(from: &Table<'_, '_>) -> Option<GicV2Spec> {
    let distributor = region(from, "distributor");
    let cpu = region(from, "cpu");
    let hypervisor = region(from, "hypervisor");
    let vcpu = region(from, "vcpu");
    let maintenance = required(from, "maintenance", "25", Table::integer32);
    Some(GicV2Spec {
        distributor: distributor?,
        cpu: cpu?,
        hypervisor: hypervisor?,
        vcpu: vcpu?,
        maintenance: maintenance?,
    })
}

fn gic_v3_of(from: &Table<'_, '_>, sink: &Sink) -> Option<GicV3Spec> {
    let distributor = region(from, "distributor");
    let maintenance = required(from, "maintenance", "25", Table::integer32);
    let list = from
        .raw("redistributors")
        .and_then(|_| from.array("redistributors"));
    let redistributors: Vec<_> = list
        .into_iter()
        .flat_map(|list| list.iter())
        .filter_map(|item| table(item, "redistributors", "a range", REGION, sink))
        .filter_map(|range| region_of(&range))
        .collect();
    if list.is_none_or(|list| list.is_empty()) {
        from.missing("redistributors", "[{ base = 0x080a_0000, size = \"1M\" }]");
    }
    Some(GicV3Spec {
        distributor: distributor?,
        redistributors,
        maintenance: maintenance?,
    })
}

fn timers_of(from: &Table<'_, '_>) -> Option<(Timers, [Range<usize>; 3])> {
    let hypervisor = required(from, "hypervisor", "26", Table::integer32);
    let virtual_ = required(from, "virtual", "27", Table::integer32);
    let physical = required(from, "physical", "30", Table::integer32);
    let (hypervisor, virtual_, physical) = (hypervisor?, virtual_?, physical?);
    let timers = Timers {
        hypervisor: hypervisor.value,
        virtual_: virtual_.value,
        physical: physical.value,
    };
    Some((timers, [hypervisor.span, virtual_.span, physical.span]))
}

fn conduit_of(from: &Table<'_, '_>, sink: &Sink) -> Option<Conduit> {
    let word = required(from, "conduit", "\"smc\"", Table::string)?;
    let conduits = [Conduit::Smc, Conduit::Hvc, Conduit::None];
    one_of(&word, "conduit", &["smc", "hvc", "none"], sink).map(|at| conduits[at])
}

fn qemu_of(from: &Table<'_, '_>) -> Option<Qemu> {
    let machine = required(from, "machine", "\"virt,virtualization=on\"", Table::string);
    let cpu = from.string("cpu").map(|cpu| cpu.value);
    let args = from
        .strings("args")
        .into_iter()
        .map(|arg| arg.value)
        .collect();
    Some(Qemu {
        machine: machine?.value,
        cpu,
        args,
    })
}
