//! What a VM may do beyond running: long operations, other VMs, memory of the heap; and the page of stolen time.

use tables::{Permissions, Region, Start};

use super::system::{Draft, IPA_END};
use super::{Named, devices, needs, overlap, page_aligned, page_sized, suggest_name, unique};
use crate::diag::Diagnostic;
use crate::model::Board;
use crate::plan::PAGE;
use crate::schema::system::{SystemSpec, VmSpec};
use crate::symbols::Symbols;
use crate::{size, suggest};

/// The words of `may`, and the symbol that one needs besides `HYPERCALLS`.
const MAY: [(&str, Permissions, Option<&str>); 6] = [
    ("populate", Permissions::POPULATE, None),
    ("grant", Permissions::GRANT, None),
    ("event", Permissions::EVENT, None),
    ("console", Permissions::CONSOLE, None),
    ("cache", Permissions::CACHE, None),
    ("debug", Permissions::DEBUG, Some("DEBUG_BURN")),
];

/// Where the page of stolen time is if nothing else is there: where QEMU's `virt` has it.
const PV_TIME: u64 = 0x090a_0000;
/// A window for populated memory begins where the largest blocks can be mapped.
const GROW_ALIGN: u64 = 1 << 30;

/// Checks all VMs, and completes them.
pub(super) fn check(
    spec: &SystemSpec,
    drafts: &mut [Draft],
    board: &Board,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) {
    if let Some(heap) = &spec.heap {
        needs(symbols, "HYPERCALLS", &heap.span, "a heap", found);
    }
    for (index, draft) in drafts.iter_mut().enumerate() {
        let vm = &spec.vms[index];
        let may = may(vm, symbols, found);
        let controls = controls(index, spec, symbols, found);
        if vm.start == Start::Manual {
            startable(index, spec, found);
        }
        let taken = taken(vm, draft, board);
        let grow = grow(vm, may, spec, &taken, found);
        let pv_time = symbols
            .bool("PV_TIME")
            .then(|| pv_time(&taken, grow))
            .flatten();
        if let Some(vm) = &mut draft.finished {
            vm.may = may;
            vm.controls = controls;
            vm.grow = grow;
            vm.pv_time = pv_time;
        }
    }
}

fn may(vm: &VmSpec, symbols: &dyn Symbols, found: &mut Vec<Diagnostic>) -> Permissions {
    unique(
        &vm.may,
        |word| format!("the permission `{word}` is given twice"),
        found,
    );
    let mut bits = 0;
    for word in &vm.may {
        let Some((_, permission, symbol)) = MAY.iter().find(|(name, _, _)| *name == word.value)
        else {
            let names = MAY.map(|(name, _, _)| name);
            let error = Diagnostic::new(
                word.span.clone(),
                format!("there is no permission `{}`", word.value),
            );
            let error = match suggest::closest(&word.value, names) {
                Some(close) => error.label(format!("did you mean `{close}`?")),
                None => error.label("unknown"),
            };
            found.push(error.help(format!("the permissions are: {}", names.join(", "))));
            continue;
        };
        bits |= permission.0;
        let what = format!("the permission `{}`", word.value);
        let symbol = match symbol {
            Some(symbol) if symbols.bool("HYPERCALLS") => symbol,
            _ => "HYPERCALLS",
        };
        needs(symbols, symbol, &word.span, &what, found);
    }
    Permissions(bits)
}

/// The numbers of the VMs that a VM controls.
fn controls(
    index: usize,
    spec: &SystemSpec,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Vec<usize> {
    let vm = &spec.vms[index];
    unique(
        &vm.controls,
        |name| format!("`{name}` is listed twice"),
        found,
    );
    let mut list = Vec::new();
    for name in &vm.controls {
        needs(symbols, "HYPERCALLS", &name.span, "control of a VM", found);
        match spec.vms.iter().position(|vm| vm.name.value == name.value) {
            Some(other) if other == index => found.push(
                Diagnostic::new(
                    name.span.clone(),
                    format!("`{}` cannot control itself", name.value),
                )
                .label("this is the VM itself")
                .help("PSCI lets a guest power itself off or reset itself"),
            ),
            Some(other) => list.push(other),
            None => found.push(suggest_name(name, spec)),
        }
    }
    list.sort_unstable();
    list.dedup();
    list
}

/// A VM that is not started at boot has somebody who can.
fn startable(index: usize, spec: &SystemSpec, found: &mut Vec<Diagnostic>) {
    let name = &spec.vms[index].name;
    let controlled = spec
        .vms
        .iter()
        .any(|vm| vm.controls.iter().any(|other| other.value == name.value));
    if !controlled {
        found.push(
            Diagnostic::new(
                name.span.clone(),
                format!("nobody could start `{}`", name.value),
            )
            .label("start = \"manual\", and no VM controls it")
            .help(format!(
                "write controls = [\"{}\"] into the VM that is to start it",
                name.value
            )),
        );
    }
}

/// Everything that has a place in the guest's address space.
fn taken(vm: &VmSpec, draft: &Draft, board: &Board) -> Vec<Named> {
    let memory = draft.memory.iter().flatten().map(|memory| Named {
        name: format!("`{}`'s memory at {:#x}", vm.name.value, memory.ipa.value),
        region: Region {
            base: memory.ipa.value,
            size: memory.size.value,
        },
        span: memory.span.clone(),
    });
    memory
        .chain(devices::windows(vm, &draft.devices, board))
        .collect()
}

/// The window for populated memory.
fn grow(
    vm: &VmSpec,
    may: Permissions,
    spec: &SystemSpec,
    taken: &[Named],
    found: &mut Vec<Diagnostic>,
) -> Option<Region> {
    let Some(size) = &vm.grow else {
        if let Some(at) = &vm.grow_at {
            found.push(
                Diagnostic::new(at.span.clone(), "`grow_at` needs `grow`")
                    .label("how much may be populated there is missing")
                    .help("for example: grow = \"64M\""),
            );
        }
        let asked = vm.may.iter().find(|word| word.value == "populate");
        if let Some(asked) = asked {
            found.push(
                Diagnostic::new(
                    asked.span.clone(),
                    format!("`{}` may populate memory, but none at all", vm.name.value),
                )
                .label("needs `grow`")
                .help("say how much it may hold at most, for example: grow = \"64M\""),
            );
        }
        return None;
    };
    if !may.contains(Permissions::POPULATE) {
        found.push(
            Diagnostic::new(size.span.clone(), "`grow` needs the permission `populate`")
                .label(format!("`{}` could not use it", vm.name.value))
                .help("add \"populate\" to `may`, or drop `grow`"),
        );
    }
    let sane = page_sized(size, "the size to grow by", found)
        && vm
            .grow_at
            .as_ref()
            .is_none_or(|at| page_aligned(at, "the guest address", found));
    if size.value == 0 {
        found.push(
            Diagnostic::new(size.span.clone(), "the VM may grow by 0")
                .label("nothing could be populated"),
        );
    }
    if !sane || size.value == 0 {
        return None;
    }
    match &spec.heap {
        None => found.push(
            Diagnostic::new(size.span.clone(), "the system has no heap to populate from")
                .label("taken from the heap")
                .help(format!(
                    "add at the top of the file: heap = {{ size = \"{}M\" }}",
                    size.value.div_ceil(1 << 20)
                )),
        ),
        Some(heap) if heap.value < size.value => found.push(
            Diagnostic::new(
                size.span.clone(),
                format!("`{}` may grow by more than there is", vm.name.value),
            )
            .label(size::human(size.value))
            .related(
                heap.span.clone(),
                format!("the heap has {}", size::human(heap.value)),
            ),
        ),
        Some(_) => {}
    }
    let (base, span) = match &vm.grow_at {
        Some(at) => (at.value, &at.span),
        None => {
            let end = taken.iter().map(|named| named.region.end()).max();
            let align = if size.value >= GROW_ALIGN {
                GROW_ALIGN
            } else {
                2 << 20
            };
            (
                end.unwrap_or(0).checked_next_multiple_of(align)?,
                &size.span,
            )
        }
    };
    let window = Named {
        name: "the window for populated memory".to_owned(),
        region: Region {
            base,
            size: size.value,
        },
        span: span.clone(),
    };
    if base.checked_add(size.value).is_none_or(|end| end > IPA_END) {
        found.push(
            Diagnostic::new(
                window.span.clone(),
                "the window for populated memory reaches beyond the guest's address space",
            )
            .label(format!(
                "guest addresses end at {IPA_END:#x} ({})",
                size::human(IPA_END)
            )),
        );
        return None;
    }
    for other in taken
        .iter()
        .filter(|other| other.region.overlaps(&window.region))
    {
        found.push(if other.span == vm.span {
            // The file does not mention it.
            Diagnostic::new(
                window.span.clone(),
                format!("{} overlaps {}", window.name, other.name),
            )
            .label(format!("takes {}", super::show(&window.region)))
            .note(format!("{}: {}", other.name, super::show(&other.region)))
        } else {
            overlap(&window, other)
        });
    }
    Some(window.region)
}

/// The first free page from the usual place on; there is one, because nothing else is that large.
fn pv_time(taken: &[Named], grow: Option<Region>) -> Option<u64> {
    let mut page = Region {
        base: PV_TIME,
        size: PAGE,
    };
    let all: Vec<Region> = taken.iter().map(|n| n.region).chain(grow).collect();
    while let Some(other) = all.iter().find(|other| other.overlaps(&page)) {
        page.base = other.end().checked_next_multiple_of(PAGE)?;
    }
    (page.end() <= IPA_END).then_some(page.base)
}
