//! The memory plan: kernel, pack, pool and modules, then every VM's memory around them.

use std::collections::HashSet;

use abi::pack::{ALIGN, ENTRY_SIZE, HEADER_SIZE};
use tables::Region;

use super::system::Draft;
use super::{Limits, Named, overlap, page_sized, show};
use crate::diag::Diagnostic;
use crate::model::{Board, GuestMemory, ModuleFile, Payload, Plan, Vm};
use crate::plan::{FreeRam, PAGE};
use crate::reader::At;
use crate::schema::system::{MemorySpec, SystemSpec};
use crate::size;

/// Room for the kernel's symbols, which are known only after linking.
const SYMBOLS_SIZE: u64 = 512 << 10;
/// Where QEMU puts its device tree behind an image that reaches over the usual place.
const DTB_ALIGN: u64 = 2 << 20;
/// A stage 2 block.
const HEAP_ALIGN: u64 = 2 << 20;

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
    plan.heap = guests(spec, drafts, board, &plan, free, found);
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
fn boot_dtb(board: &Board, image: &Region) -> Option<Region> {
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

/// Places all other guest memory and the heap, the largest first.
fn guests(
    spec: &SystemSpec,
    drafts: &mut [Draft],
    board: &Board,
    plan: &Plan,
    mut free: FreeRam,
    found: &mut Vec<Diagnostic>,
) -> Option<Region> {
    let mut wishes: Vec<Wish<'_>> = drafts
        .iter()
        .enumerate()
        .flat_map(|(vm, draft)| {
            draft
                .memory
                .iter()
                .flatten()
                .map(move |memory| Wish::Guest(vm, memory))
        })
        .collect();
    wishes.extend(spec.heap.as_ref().map(Wish::Heap));
    // A stable sort: equal sizes keep the order of the file.
    wishes.sort_by_key(|wish| std::cmp::Reverse(wish.size().value));
    let available = free.bytes();
    let mut placed: Vec<(usize, GuestMemory)> = Vec::new();
    let mut heap = None;
    for wish in wishes {
        let size = wish.size();
        let (pa, what) = match wish {
            Wish::Heap(_) => {
                heap = take_heap(size, board, plan, &mut free, found);
                (heap, "the heap".to_owned())
            }
            Wish::Guest(vm, memory) => {
                let pa = place_memory(memory, &mut free);
                placed.extend(pa.map(|pa| (vm, guest_memory(memory, pa))));
                let name = &spec.vms[vm].name.value;
                (pa, format!("the memory of `{name}`"))
            }
        };
        if pa.is_none() {
            found.push(
                Diagnostic::new(size.span.clone(), format!("there is no room for {what}"))
                    .label(format!(
                        "needs {} in one piece; the largest free piece has {}",
                        size::human(size.value),
                        size::human(free.largest())
                    ))
                    .note(format!(
                        "the board leaves {} for guests, of which larger or earlier pieces took {}",
                        size::about(available),
                        size::about(available - free.bytes())
                    ))
                    .help(match wish {
                        Wish::Heap(_) => {
                            "make the heap or the VMs smaller, or give the board more memory"
                        }
                        Wish::Guest(..) => "give the VMs less memory, or the board more",
                    }),
            );
        }
    }
    for (index, draft) in drafts.iter_mut().enumerate() {
        if let Some(vm) = &mut draft.finished {
            vm.memory = placed
                .iter()
                .filter(|(of, _)| *of == index)
                .map(|(_, m)| *m)
                .collect();
            vm.memory.sort_by_key(|memory| memory.ipa);
        }
    }
    from_heap(spec, found);
    heap
}

/// Something that wants a place in RAM.
#[derive(Clone, Copy)]
enum Wish<'a> {
    Guest(usize, &'a MemorySpec),
    Heap(&'a At<u64>),
}

impl Wish<'_> {
    fn size(&self) -> &At<u64> {
        match self {
            Self::Guest(_, memory) => &memory.size,
            Self::Heap(size) => size,
        }
    }
}

/// Where a piece of guest memory goes; one from the heap has size, but no place.
fn place_memory(memory: &MemorySpec, free: &mut FreeRam) -> Option<Region> {
    let size = memory.size.value;
    match &memory.pa {
        _ if memory.heap.is_some() => Some(Region { base: 0, size }),
        Some(pa) => Some(Region {
            base: pa.value,
            size,
        }),
        None => free.take_for_guest(memory.ipa.value, size),
    }
}

fn guest_memory(memory: &MemorySpec, pa: Region) -> GuestMemory {
    GuestMemory {
        ipa: memory.ipa.value,
        pa,
        from_heap: memory.heap.is_some(),
        writable: memory.writable,
        executable: memory.executable,
    }
}

/// The heap is used from the boot on, while the boot loader's device tree may still be read.
fn take_heap(
    size: &At<u64>,
    board: &Board,
    plan: &Plan,
    free: &mut FreeRam,
    found: &mut Vec<Diagnostic>,
) -> Option<Region> {
    if size.value == 0 || !page_sized(size, "the heap's size", found) {
        if size.value == 0 {
            found.push(
                Diagnostic::new(size.span.clone(), "the heap has size 0")
                    .label("nothing would be there")
                    .help("leave [heap] out if no VM populates memory"),
            );
        }
        // Said once; it needs no place.
        return Some(Region { base: 0, size: 0 });
    }
    let mut room = free.clone();
    let image = Region {
        base: plan.kernel.base,
        size: plan.pack.end() - plan.kernel.base,
    };
    if let Some(dtb) = boot_dtb(board, &image) {
        room.remove(&dtb);
    }
    // With large blocks for guests whose window is as well aligned.
    let found = room.take(size.value, HEAP_ALIGN, 0)?;
    free.remove(&found);
    Some(found)
}

/// A VM whose memory comes from the heap fits into it.
fn from_heap(spec: &SystemSpec, found: &mut Vec<Diagnostic>) {
    for vm in &spec.vms {
        let mut pieces = vm
            .memory
            .iter()
            .filter_map(|memory| Some((memory, memory.heap.as_ref()?)));
        let Some((_, span)) = pieces.clone().next() else {
            continue;
        };
        let needed = pieces.try_fold(0u64, |sum, (memory, _)| sum.checked_add(memory.size.value));
        let error = |title: String| Diagnostic::new(span.clone(), title);
        match (&spec.heap, needed) {
            (None, _) => found.push(
                error("the system has no heap".to_owned())
                    .label(format!("`{}` takes its memory from it", vm.name.value))
                    .help("for example, at the top of the file: heap = { size = \"64M\" }"),
            ),
            (Some(heap), needed) if needed.is_none_or(|needed| needed > heap.value) => found.push(
                error(format!(
                    "the memory of `{}` does not fit into the heap",
                    vm.name.value
                ))
                .label(needed.map_or_else(
                    || "more than 64 bits can say".to_owned(),
                    |needed| format!("needs {}", size::human(needed)),
                ))
                .related(
                    heap.span.clone(),
                    format!("the heap has {}", size::human(heap.value)),
                ),
            ),
            (Some(_), _) => {}
        }
    }
}
