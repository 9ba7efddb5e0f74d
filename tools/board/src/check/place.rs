//! The memory plan: kernel, pack, pool and modules; guests and the heap go around them.

use std::collections::HashSet;

use abi::pack::{ALIGN, ENTRY_SIZE, HEADER_SIZE};
use tables::Region;

use super::system::Draft;
use super::{Limits, Named, guests, overlap, show};
use crate::diag::Diagnostic;
use crate::model::{Board, ModuleFile, Payload, Plan, Vm};
use crate::plan::{FreeRam, PAGE};
use crate::schema::system::SystemSpec;
use crate::size;

/// Room for the kernel's symbols, which are known only after linking.
const SYMBOLS_SIZE: u64 = 512 << 10;
/// Where QEMU puts its device tree behind an image that reaches over the usual place.
const DTB_ALIGN: u64 = 2 << 20;

/// Makes the plan. Mistakes in the system go to `found`; what has no place in it is returned.
pub(super) fn check(
    spec: &SystemSpec,
    drafts: &mut [Draft],
    board: &Board,
    limits: &Limits,
    found: &mut Vec<Diagnostic>,
) -> Result<Plan, Vec<String>> {
    let mut free = FreeRam::new(&board.memory);
    let finished: Vec<&Vm> = drafts
        .iter()
        .filter_map(|draft| draft.finished.as_ref())
        .collect();
    let mut plan = hypervisor(board, limits, pack_size(&finished, limits), &mut free)?;
    let fixed = fixed(spec, board, &plan, found);
    for named in &fixed {
        free.remove(&named.region);
    }
    plan.modules = modules(&finished, board, &plan, &mut free)?;
    let avoid_dtb = !plan.modules.is_empty();
    drop(finished);

    if let (true, Some(dtb)) = (avoid_dtb, &board.boot_dtb) {
        // It is read for modules whenever a VM starts.
        free.remove(dtb);
    }
    plan.heap = guests::check(spec, drafts, board, &plan, free, found);
    Ok(plan)
}

/// An upper bound for the pack: every file once, on its own pages.
fn pack_size(vms: &[&Vm], limits: &Limits) -> u64 {
    let mut seen = HashSet::new();
    let mut size = (HEADER_SIZE + ENTRY_SIZE) as u64;
    for vm in vms {
        for payload in payloads(vm).filter(|payload| !payload.module) {
            if seen.insert(&payload.name) {
                size += ENTRY_SIZE as u64 + payload.size.next_multiple_of(ALIGN as u64);
            }
        }
        size += (ENTRY_SIZE + vm.dtb.len().next_multiple_of(ALIGN)) as u64;
    }
    size.next_multiple_of(ALIGN as u64) + if limits.symbols { SYMBOLS_SIZE } else { 0 }
}

fn payloads(vm: &Vm) -> impl Iterator<Item = &Payload> {
    [Some(&vm.image.kernel), vm.image.initrd.as_ref()]
        .into_iter()
        .flatten()
}

/// Kernel, pack and pool.
fn hypervisor(
    board: &Board,
    limits: &Limits,
    pack_size: u64,
    free: &mut FreeRam,
) -> Result<Plan, Vec<String>> {
    let kernel = Region {
        base: board.load_address,
        size: limits.kernel_size_max,
    };
    let pack = Region {
        base: kernel.end(),
        size: pack_size,
    };
    let image = Region {
        base: kernel.base,
        size: kernel.size.saturating_add(pack.size),
    };
    if !free.contains(&image) {
        return Err(vec![format!(
            "the image does not fit into `{}`'s RAM: from the load address {:#x} on it takes up to {} for the \
             kernel (CONFIG_KERNEL_SIZE_MAX) and {} for the pack with the guests' files",
            board.name,
            kernel.base,
            size::human(kernel.size),
            size::about(pack.size),
        )]);
    }
    free.remove(&image);
    // The pool is used while the boot loader's device tree is still needed.
    let mut without_dtb = free.clone();
    if let Some(dtb) = boot_dtb(board, &image) {
        without_dtb.remove(&dtb);
    }
    let pool = without_dtb.take(limits.pool_size, PAGE, 0).ok_or_else(|| {
        vec![format!(
            "CONFIG_POOL_SIZE={:#x} does not fit into `{}`'s RAM: the largest free piece has {}",
            limits.pool_size,
            board.name,
            size::human(without_dtb.largest())
        )]
    })?;
    free.remove(&pool);
    Ok(Plan {
        kernel,
        pack,
        pool,
        heap: None,
        modules: Vec::new(),
    })
}

/// Where the boot loader's device tree may be: where the board says, or behind an image that takes that
/// place.
pub(super) fn boot_dtb(board: &Board, image: &Region) -> Option<Region> {
    let dtb = board.boot_dtb?;
    if !image.overlaps(&dtb) {
        return Some(dtb);
    }
    let end = image.end().next_multiple_of(DTB_ALIGN) + dtb.size;
    Some(Region {
        base: image.base,
        size: end - image.base,
    })
}

/// Memory whose physical address the system gives.
fn fixed(spec: &SystemSpec, board: &Board, plan: &Plan, found: &mut Vec<Diagnostic>) -> Vec<Named> {
    let own = [
        ("the kernel", plan.kernel),
        ("the pack of guest images", plan.pack),
        ("the pool", plan.pool),
    ];
    let mut fixed: Vec<Named> = Vec::new();
    for (vm, memory) in spec
        .vms
        .iter()
        .flat_map(|vm| vm.memory.iter().map(move |m| (vm, m)))
    {
        let Some(pa) = memory
            .pa
            .as_ref()
            .filter(|pa| pa.value.is_multiple_of(PAGE))
        else {
            continue;
        };
        let named = Named {
            name: format!("`{}`'s memory", vm.name.value),
            region: Region {
                base: pa.value,
                size: memory.size.value,
            },
            span: pa.span.clone(),
        };
        if !board
            .memory
            .iter()
            .any(|ram| ram.base <= pa.value && named.region.end() <= ram.end())
        {
            let ram: Vec<String> = board.memory.iter().map(show).collect();
            found.push(
                Diagnostic::new(pa.span.clone(), format!("{} is not in RAM", named.name))
                    .label(format!("{} is not all RAM", show(&named.region)))
                    .help(format!("`{}`'s memory is {}", board.name, ram.join(", "))),
            );
        }
        let hit: Vec<_> = own
            .iter()
            .filter(|(_, region)| region.overlaps(&named.region))
            .collect();
        if !hit.is_empty() {
            let mut error = Diagnostic::new(
                pa.span.clone(),
                format!("{} lies over the hypervisor", named.name),
            )
            .label(format!("takes {}", show(&named.region)));
            for (what, region) in hit {
                error = error.note(format!("{what}: {}", show(region)));
            }
            found.push(error.help("leave `pa` out to have a place found"));
        }
        for other in fixed
            .iter()
            .filter(|other| other.region.overlaps(&named.region))
        {
            found.push(overlap(&named, other));
        }
        fixed.push(named);
    }
    fixed
}

/// Places the files that the boot loader loads, each once.
fn modules(
    vms: &[&Vm],
    board: &Board,
    plan: &Plan,
    free: &mut FreeRam,
) -> Result<Vec<ModuleFile>, Vec<String>> {
    let image = Region {
        base: plan.kernel.base,
        size: plan.pack.end() - plan.kernel.base,
    };
    let mut room = free.clone();
    if let Some(dtb) = boot_dtb(board, &image) {
        room.remove(&dtb);
    }
    let mut modules: Vec<ModuleFile> = Vec::new();
    for payload in vms
        .iter()
        .flat_map(|vm| payloads(vm))
        .filter(|payload| payload.module)
    {
        if modules.iter().any(|module| module.name == payload.name) {
            continue;
        }
        let size = payload.size.next_multiple_of(PAGE);
        let region = room.take(size, PAGE, 0).ok_or_else(|| {
            vec![format!(
                "there is no RAM left for the module `{}` ({})",
                payload.file.written,
                size::about(size)
            )]
        })?;
        free.remove(&region);
        modules.push(ModuleFile {
            name: payload.name.clone(),
            path: payload.file.path.clone(),
            region,
        });
    }
    Ok(modules)
}
