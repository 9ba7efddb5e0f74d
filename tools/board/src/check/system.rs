//! Checks of a system's VMs one by one and against each other: names, cores, memory, devices.

use tables::Region;

use super::{Named, cores, devices, disjoint, page_aligned, page_sized, unique};
use crate::diag::Diagnostic;
use crate::model::{Board, Device, DeviceKind, Params, Vcpu, Vm};
use crate::reader::At;
use crate::schema::system::{MemorySpec, SystemSpec, VcpuSpec, VmSpec};
use crate::size;
use crate::symbols::Symbols;

/// vCPUs that the virtual GIC of either version can serve.
const MAX_VCPUS: usize = 8;
/// Longest name of a VM: it stands before every line of its console.
const MAX_NAME: usize = 16;
/// Guest addresses end here: 512 GiB, which every core's stage 2 can map (40 bits of PA or more).
pub(super) const IPA_END: u64 = 1 << 39;
/// VMIDs that every core has (8 bits), but for 0, which the hypervisor keeps.
const MAX_VMS: usize = 255;

/// A VM on its way through the checks.
pub(super) struct Draft {
    pub vcpus: Vec<Vcpu>,
    pub devices: Vec<Device>,
    /// Whether the memory's addresses and sizes are sane by themselves; ascending by IPA if so.
    pub memory: Option<Vec<MemorySpec>>,
    pub finished: Option<Vm>,
}

/// Checks all VMs.
pub(super) fn check(
    spec: &SystemSpec,
    board: &Board,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Vec<Draft> {
    let names: Vec<At<String>> = spec.vms.iter().map(|vm| vm.name.clone()).collect();
    unique(&names, |name| format!("two VMs are named `{name}`"), found);
    names.iter().for_each(|name| check_name(name, found));
    if let Some(vm) = spec.vms.get(MAX_VMS) {
        found.push(
            Diagnostic::new(
                vm.span.clone(),
                format!("the system has {} VMs", spec.vms.len()),
            )
            .label(format!(
                "one more than the {MAX_VMS} that VMIDs can tell apart"
            )),
        );
    }
    spec.vms
        .iter()
        .map(|vm| check_vm(vm, board, symbols, found))
        .collect()
}

fn check_name(name: &At<String>, found: &mut Vec<Diagnostic>) {
    let text = &name.value;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let error = Diagnostic::new(name.span.clone(), format!("`{text}` cannot name a VM"));
    if text.is_empty() || !text.chars().all(good) {
        found.push(error.label("a name consists of letters, digits, `-` and `_`"));
    } else if text.len() > MAX_NAME {
        let label = format!("{} characters; at most {MAX_NAME} are allowed", text.len());
        found.push(
            error
                .label(label)
                .note("it stands before every line of the VM's console"),
        );
    } else if text == "caesura" {
        found.push(error.label("this is how the hypervisor's own lines are marked"));
    }
}

fn check_vm(
    vm: &VmSpec,
    board: &Board,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Draft {
    let count = vm.vcpus.len();
    if !(1..=MAX_VCPUS).contains(&count) {
        let error = Diagnostic::new(
            vm.vcpus_span.clone(),
            format!("`{}` cannot have this number of vCPUs", vm.name.value),
        );
        found.push(error.label(format!("must be 1 to {MAX_VCPUS}")));
    }
    let vcpus = vm
        .vcpus
        .iter()
        .map(|vcpu| check_vcpu(vcpu, board, found))
        .collect();
    let devices = devices::check(vm, symbols, found);
    let memory = check_memory(vm, &devices, board, found);
    if let (Some(expect), false) = (
        vm.expect.first(),
        devices.iter().any(|device| device.kind == DeviceKind::Uart),
    ) {
        found.push(
            Diagnostic::new(
                expect.span.clone(),
                "nothing can appear on the console of a VM without one",
            )
            .label(format!("`{}` has no uart", vm.name.value))
            .help("add \"uart\" to `devices`, or drop `expect`"),
        );
    }
    Draft {
        vcpus,
        devices,
        memory,
        finished: None,
    }
}

/// Its affinity as it was written; the pools decide the rest.
fn check_vcpu(vcpu: &VcpuSpec, board: &Board, found: &mut Vec<Diagnostic>) -> Vcpu {
    let affinity = match &vcpu.affinity {
        None => cores::all(board),
        Some(list) => {
            if list.value.is_empty() {
                found.push(
                    Diagnostic::new(list.span.clone(), "the affinity is empty")
                        .label("the vCPU could run nowhere")
                        .help("leave `affinity` out to allow every core"),
                );
            }
            cores::mask(list, board, found)
        }
    };
    Vcpu {
        affinity,
        params: Params::default(),
        stack: None,
    }
}

/// Sane addresses, and nothing over anything else in the guest's address space.
fn check_memory(
    vm: &VmSpec,
    devices: &[Device],
    board: &Board,
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<MemorySpec>> {
    let before = found.len();
    if vm.memory.is_empty() {
        found.push(
            Diagnostic::new(
                vm.span.clone(),
                format!("`{}` has no memory", vm.name.value),
            )
            .help("for example: memory = \"256M\""),
        );
    }
    let mut ranges = Vec::new();
    for memory in &vm.memory {
        let good = [
            page_aligned(&memory.ipa, "the guest address", found),
            page_sized(&memory.size, "the memory's size", found),
            memory
                .pa
                .as_ref()
                .is_none_or(|pa| page_aligned(pa, "the physical address", found)),
            fits_address_space(memory, found),
        ];
        if good == [true; 4] {
            ranges.push(Named {
                name: format!("`{}`'s memory at {:#x}", vm.name.value, memory.ipa.value),
                region: Region {
                    base: memory.ipa.value,
                    size: memory.size.value,
                },
                span: memory.span.clone(),
            });
        }
    }
    disjoint(&ranges, found);
    let windows = devices::windows(vm, devices, board);
    // Whatever the file does not mention is told in a note, not with carets at something else.
    let (written, implied): (Vec<Named>, Vec<Named>) = windows
        .into_iter()
        .partition(|window| window.span != vm.span);
    for range in &ranges {
        let hit = |window: &&Named| range.region.overlaps(&window.region);
        let mut error = Diagnostic::new(
            range.span.clone(),
            format!("{} lies over devices of the VM", range.name),
        )
        .label(format!("takes {}", super::show(&range.region)));
        for window in written.iter().filter(hit) {
            let label = format!("{} takes {}", window.name, super::show(&window.region));
            error = error.related(window.span.clone(), label);
        }
        for window in implied.iter().filter(hit) {
            error = error.note(format!("{}: {}", window.name, super::show(&window.region)));
        }
        if written.iter().chain(&implied).any(|window| hit(&window)) {
            found.push(error.help("memory usually begins at 0x4000_0000, above all devices"));
        }
    }
    disjoint(&written, found);
    for one in &written {
        for other in implied
            .iter()
            .filter(|other| other.region.overlaps(&one.region))
        {
            found.push(
                Diagnostic::new(
                    one.span.clone(),
                    format!("{} overlaps {}", one.name, other.name),
                )
                .label(format!("takes {}", super::show(&one.region)))
                .note(format!("{}: {}", other.name, super::show(&other.region))),
            );
        }
    }
    (found.len() == before).then(|| {
        let mut memory = vm.memory.clone();
        memory.sort_by_key(|memory| memory.ipa.value);
        memory
    })
}

fn fits_address_space(memory: &MemorySpec, found: &mut Vec<Diagnostic>) -> bool {
    let end = memory.ipa.value.checked_add(memory.size.value);
    if memory.size.value == 0 {
        found.push(
            Diagnostic::new(memory.size.span.clone(), "the memory has size 0")
                .label("nothing would be there")
                .help("for example: \"256M\""),
        );
        false
    } else if end.is_none_or(|end| end > IPA_END) {
        found.push(
            Diagnostic::new(
                memory.span.clone(),
                "the memory reaches beyond the guest's address space",
            )
            .label(format!(
                "guest addresses end at {IPA_END:#x} ({})",
                size::human(IPA_END)
            )),
        );
        false
    } else {
        true
    }
}
