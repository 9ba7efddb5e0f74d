//! Checks of `board.toml` that go beyond its schema, and the choice of what the configuration uses of it.

use tables::Region;

use super::sched::PreemptionModel;
use super::{Named, disjoint, needs, page_aligned, page_sized, stem, unique};
use crate::diag::Diagnostic;
use crate::model::{Board, Conduit, Cpu, Gic, Inputs, Uart};
use crate::reader::At;
use crate::schema::board::{BoardSpec, GicV2Spec, GicV3Spec, RegionSpec};

/// MPIDR_EL1's affinity fields, Aff3 to Aff0 (Arm ARM DDI 0487, D24.2.129).
const MPIDR_MASK: u64 = 0xff_00ff_ffff;
/// Addresses that the hypervisor's tables can express: 48 bits, or 256 TiB.
const PA_END: u64 = 1 << 48;

/// Checks the file against itself and the configuration.
pub(super) fn check(spec: BoardSpec, inputs: &Inputs<'_>) -> Result<Board, Vec<Diagnostic>> {
    let mut found = Vec::new();
    name(&spec, inputs, &mut found);
    let memory = memory(&spec, &mut found);
    load_address(&spec, &memory, &mut found);
    let cpus = cpus(&spec, inputs, &mut found);
    if spec.uart.kind.value == "pl011" {
        needs(
            inputs.symbols,
            "UART_PL011",
            &spec.uart.kind.span,
            "a PL011 console",
            &mut found,
        );
    } else {
        let kind = &spec.uart.kind;
        found.push(
            Diagnostic::new(
                kind.span.clone(),
                format!("there is no UART driver `{}`", kind.value),
            )
            .label("unknown")
            .help("this version has a driver for: pl011"),
        );
    }
    if !(32..1020).contains(&spec.uart.intid.value) {
        found.push(
            Diagnostic::new(
                spec.uart.intid.span.clone(),
                format!(
                    "INTID {} is not a shared peripheral interrupt",
                    spec.uart.intid.value
                ),
            )
            .label("must be 32 to 1019")
            .help("an interrupt that a device tree gives as <0 N ..> has INTID 32 + N"),
        );
    }
    timers(&spec, &mut found);
    let gic = gic(&spec, inputs, &mut found);
    devices(&spec, &memory, &mut found);
    if let Some(dtb) = &spec.boot_dtb {
        page_aligned(&dtb.base, "the device tree's base", &mut found);
    }
    match gic {
        Some(gic) if found.is_empty() => Ok(Board {
            name: spec.name.value,
            description: spec.description,
            load_address: spec.load_address.value,
            cpus,
            cpus_present: spec.cpus.len(),
            memory,
            uart: Uart {
                region: spec.uart.region.region(),
                intid: spec.uart.intid.value,
                clock_hz: spec.uart.clock_hz,
            },
            gic,
            timers: spec.timers,
            psci: spec.psci,
            boot_dtb: spec.boot_dtb.as_ref().map(RegionSpec::region),
            qemu: spec.qemu,
            verified: spec.verified,
        }),
        _ => Err(found),
    }
}

fn name(spec: &BoardSpec, inputs: &Inputs<'_>, found: &mut Vec<Diagnostic>) {
    let Some(folder) = inputs
        .board
        .parent()
        .map(stem_of)
        .filter(|name| !name.is_empty())
    else {
        return;
    };
    if folder != spec.name.value {
        found.push(
            Diagnostic::new(
                spec.name.span.clone(),
                "the board's name is not its folder's",
            )
            .label(format!("the folder is called `{folder}`"))
            .help(format!("write name = \"{folder}\", or rename the folder")),
        );
    }
}

fn stem_of(folder: &std::path::Path) -> String {
    // Not `stem`: a folder's name may contain dots.
    folder
        .file_name()
        .map_or_else(|| stem(folder), |name| name.to_string_lossy().into_owned())
}

fn memory(spec: &BoardSpec, found: &mut Vec<Diagnostic>) -> Vec<Region> {
    let mut ranges = Vec::new();
    for (index, range) in spec.memory.iter().enumerate() {
        let good = [
            page_aligned(&range.base, "the memory's base", found),
            page_sized(&range.size, "the memory's size", found),
            valid(range, "memory", found),
        ];
        if good == [true; 3] {
            ranges.push(Named {
                name: format!("memory {index}"),
                region: range.region(),
                span: range.span.clone(),
            });
        }
    }
    disjoint(&ranges, found);
    let mut memory: Vec<Region> = ranges.iter().map(|range| range.region).collect();
    memory.sort_by_key(|region| region.base);
    memory
}

/// Not empty, and inside what the tables can map.
fn valid(range: &RegionSpec, what: &str, found: &mut Vec<Diagnostic>) -> bool {
    let end = range.base.value.checked_add(range.size.value);
    if range.size.value == 0 {
        let empty = Diagnostic::new(range.size.span.clone(), format!("{what} has size 0"));
        found.push(empty.label("nothing would be there"));
    } else if end.is_none_or(|end| end > PA_END) {
        found.push(
            Diagnostic::new(
                range.span.clone(),
                format!("{what} reaches beyond the address space"),
            )
            .label("physical addresses have at most 48 bits"),
        );
    } else {
        return true;
    }
    false
}

fn load_address(spec: &BoardSpec, memory: &[Region], found: &mut Vec<Diagnostic>) {
    let at = &spec.load_address;
    if page_aligned(at, "the load address", found)
        && !memory.is_empty()
        && !memory
            .iter()
            .any(|m| m.base <= at.value && at.value < m.end())
    {
        let ram: Vec<String> = memory.iter().map(super::show).collect();
        found.push(
            Diagnostic::new(
                at.span.clone(),
                format!("the load address {:#x} is not in RAM", at.value),
            )
            .label("no [[memory]] contains it")
            .help(format!("the board's memory is {}", ram.join(", "))),
        );
    }
}

fn cpus(spec: &BoardSpec, inputs: &Inputs<'_>, found: &mut Vec<Diagnostic>) -> Vec<Cpu> {
    for mpidr in spec
        .cpus
        .iter()
        .filter(|mpidr| mpidr.value & !MPIDR_MASK != 0)
    {
        found.push(
            Diagnostic::new(
                mpidr.span.clone(),
                format!("{:#x} is not an MPIDR affinity", mpidr.value),
            )
            .label("bits other than 39:32 and 23:0 must be 0")
            .help("it is what the device tree has in the core's `reg`"),
        );
    }
    unique(
        &spec.cpus,
        |mpidr| format!("two cores have the MPIDR {mpidr:#x}"),
        found,
    );
    if spec.cpus.is_empty() {
        let title = "the board has no core";
        found.push(Diagnostic::new(0..0, title).help("add [[cpu]] with mpidr = 0 for the first"));
    }
    let wanted = inputs.symbols.int("NR_CPUS").unwrap_or(1);
    let usable = match spec.psci {
        // Without PSCI nobody starts the other cores.
        Conduit::None => 1,
        Conduit::Smc | Conduit::Hvc => usize::try_from(wanted).unwrap_or(usize::MAX),
    };
    spec.cpus
        .iter()
        .take(usable)
        .zip(&spec.preemptible)
        .map(|(mpidr, marked)| Cpu {
            mpidr: mpidr.value,
            preemptible: match PreemptionModel::of(inputs.symbols) {
                PreemptionModel::Legacy => false,
                PreemptionModel::Full => true,
                PreemptionModel::Hybrid => *marked,
            },
        })
        .collect()
}

fn timers(spec: &BoardSpec, found: &mut Vec<Diagnostic>) {
    let intids = [
        spec.timers.hypervisor,
        spec.timers.virtual_,
        spec.timers.physical,
    ];
    let places: Vec<At<u32>> = intids
        .into_iter()
        .zip(&spec.timer_spans)
        .map(|(intid, span)| At::new(intid, span.clone()))
        .collect();
    // Only one of the two sections is in use at a time, so they may agree with each other.
    for maintenance in [
        spec.gic_v2.as_ref().map(|gic| &gic.maintenance),
        spec.gic_v3.as_ref().map(|gic| &gic.maintenance),
    ]
    .into_iter()
    .flatten()
    {
        if let Some(same) = places.iter().find(|timer| timer.value == maintenance.value) {
            found.push(
                Diagnostic::new(
                    maintenance.span.clone(),
                    format!("INTID {} is a timer's and the GIC's", maintenance.value),
                )
                .label("maintenance interrupt")
                .related(same.span.clone(), "timer"),
            );
        }
        private(maintenance, found);
    }
    places.iter().for_each(|timer| private(timer, found));
    unique(
        &places,
        |intid| format!("two timers have the INTID {intid}"),
        found,
    );
}

fn private(intid: &At<u32>, found: &mut Vec<Diagnostic>) {
    if !(16..32).contains(&intid.value) {
        found.push(
            Diagnostic::new(
                intid.span.clone(),
                format!(
                    "INTID {} is not a private peripheral interrupt",
                    intid.value
                ),
            )
            .label("must be 16 to 31")
            .help("an interrupt that a device tree gives as <1 N ..> has INTID 16 + N"),
        );
    }
}

/// The section that the configuration chose.
fn gic(spec: &BoardSpec, inputs: &Inputs<'_>, found: &mut Vec<Diagnostic>) -> Option<Gic> {
    let (v2, v3) = (inputs.symbols.bool("GICV2"), inputs.symbols.bool("GICV3"));
    let chosen = match (v2, v3) {
        (true, false) => spec.gic_v2.as_ref().map(v2_of),
        (false, true) => spec.gic_v3.as_ref().map(v3_of),
        _ => {
            found.push(
                Diagnostic::new(
                    spec.gic_span.clone(),
                    "the configuration chooses no single GIC version",
                )
                .help("exactly one of CONFIG_GICV2 and CONFIG_GICV3 must be y"),
            );
            return None;
        }
    };
    if chosen.is_none() {
        let (missing, other) = if v2 { (2, 3) } else { (3, 2) };
        found.push(
            Diagnostic::new(
                spec.gic_span.clone(),
                format!("the configuration is for a GICv{missing}, which this board does not have"),
            )
            .label(format!("there is no [gic.v{missing}]"))
            .help(format!(
                "choose CONFIG_GICV{other}=y, or describe the GICv{missing} here"
            )),
        );
    }
    chosen
}

fn v2_of(gic: &GicV2Spec) -> Gic {
    Gic::V2 {
        distributor: gic.distributor.region(),
        cpu: gic.cpu.region(),
        hypervisor: gic.hypervisor.region(),
        vcpu: gic.vcpu.region(),
        maintenance: gic.maintenance.value,
    }
}

fn v3_of(gic: &GicV3Spec) -> Gic {
    Gic::V3 {
        distributor: gic.distributor.region(),
        redistributors: gic.redistributors.iter().map(RegionSpec::region).collect(),
        maintenance: gic.maintenance.value,
    }
}

/// Registers overlap neither each other nor RAM. The two GIC sections describe alternatives, so each is
/// looked at by itself.
fn devices(spec: &BoardSpec, memory: &[Region], found: &mut Vec<Diagnostic>) {
    let v2 = spec.gic_v2.iter().flat_map(|gic| {
        [
            ("the distributor", &gic.distributor),
            ("the CPU interface", &gic.cpu),
            ("the virtual interface control", &gic.hypervisor),
            ("the virtual CPU interface", &gic.vcpu),
        ]
    });
    let v3 = spec.gic_v3.iter().flat_map(|gic| {
        let frames = gic
            .redistributors
            .iter()
            .map(|range| ("a redistributor range", range));
        std::iter::once(("the distributor", &gic.distributor)).chain(frames)
    });
    let uart = ("the UART", &spec.uart.region);
    for alternative in [v2.collect::<Vec<_>>(), v3.collect()] {
        let mut ranges = Vec::new();
        for (name, range) in std::iter::once(uart).chain(alternative) {
            let good = [
                page_aligned(&range.base, &format!("the base of {name}"), found),
                page_sized(&range.size, &format!("the size of {name}"), found),
                valid(range, name, found),
            ];
            if good != [true; 3] {
                continue;
            }
            if let Some(ram) = memory.iter().find(|ram| ram.overlaps(&range.region())) {
                found.push(
                    Diagnostic::new(range.span.clone(), format!("{name} lies in RAM")).label(
                        format!(
                            "{} is part of memory {}",
                            super::show(&range.region()),
                            super::show(ram)
                        ),
                    ),
                );
            }
            ranges.push(Named {
                name: name.to_owned(),
                region: range.region(),
                span: range.span.clone(),
            });
        }
        disjoint(&ranges, found);
    }
}
