//! The rest of the memory plan: every VM's memory, and the heap, around what has its place already.

use tables::Region;

use super::page_sized;
use super::place::boot_dtb;
use super::system::Draft;
use crate::diag::Diagnostic;
use crate::model::{Board, GuestMemory, Plan};
use crate::plan::FreeRam;
use crate::reader::At;
use crate::schema::system::{MemorySpec, SystemSpec};
use crate::size;

/// A stage 2 block: what is populated can be mapped in such, if the guest's window is as well aligned.
const HEAP_ALIGN: u64 = 2 << 20;

/// Places all other guest memory and the heap, the largest first.
pub(super) fn check(
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

/// Where a piece of guest memory goes.
fn place_memory(memory: &MemorySpec, free: &mut FreeRam) -> Option<Region> {
    let size = memory.size.value;
    match &memory.pa {
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
