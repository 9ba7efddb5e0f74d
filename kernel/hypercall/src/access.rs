//! Guest memory, as operations read and write it: translated and accessed under the address space's lock, a piece of one
//! page at a time. Nothing keeps a physical address beyond that section.

use continuation::{Cancelled, Cx};
use frames::{Chunks, PAGE_SIZE};
use stage2::{MemoryType, Stage2};

use crate::{Error, Machine, Space, VmId};

/// Units of work of giving back as many tables as one step may.
const UNITS: u32 = 4;

/// Bytes up to the next page.
pub(crate) fn to_page_end(at: u64) -> u64 {
    PAGE_SIZE.wrapping_sub(at % PAGE_SIZE)
}

/// The end of a range of whole pages in a VM's address space.
///
/// [`Error::Invalid`]: nothing, misaligned, wraps, or leaves the address space.
pub(crate) fn range<M: Machine>(machine: M, vm: VmId, ipa: u64, bytes: u64) -> Result<u64, Error> {
    let aligned = ipa.is_multiple_of(PAGE_SIZE) && bytes.is_multiple_of(PAGE_SIZE);
    let end = ipa.checked_add(bytes).ok_or(Error::Invalid)?;
    if bytes == 0 || !aligned || end > machine.ipa_size(vm) {
        return Err(Error::Invalid);
    }
    Ok(end)
}

/// Whether a range lies where a VM may map memory.
pub(crate) fn in_window<M: Machine>(machine: M, vm: VmId, ipa: u64, end: u64) -> bool {
    let window = machine.window(vm);
    window.start <= ipa && end <= window.end
}

/// The tables of a VM that has some.
pub(crate) fn tables<'a, M: Machine>(
    space: Space<'a, M>,
) -> Result<(&'a mut Stage2, &'a mut M::Tables, &'a mut M::Tlb), Error> {
    match space.stage2 {
        Some(stage2) => Ok((stage2, space.tables, space.tlb)),
        None => Err(Error::State),
    }
}

/// Gets tables ready for the next step. Where none are left but some are about to come back, waits for these.
pub(crate) async fn stock<M: Machine>(machine: M, cx: &mut Cx<M::Driver>) -> Result<(), Cancelled> {
    if !machine.stock() {
        all_returned(machine, cx).await?;
        machine.stock();
    }
    Ok(())
}

/// Makes a step that may give way: it answers `None`, having done nothing, when it was told that it may and an interrupt waits.
/// Tried again, after the interrupt, it is told that it may not: whatever interrupts come, it goes on.
pub(crate) fn giving_way<R>(
    mut step: impl FnMut(bool) -> Result<Option<R>, Error>,
) -> Result<Option<R>, Error> {
    match step(true)? {
        None => step(false),
        done => Ok(done),
    }
}

/// Waits until the pages of all tables that have been given up by now are back where tables come from.
pub(crate) async fn all_returned<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
) -> Result<(), Cancelled> {
    let until = machine.given_up();
    while cx.wait(machine.returned(until)).await? {
        cx.work(UNITS).await?;
    }
    Ok(())
}

/// Where guest memory is.
pub(crate) fn translate<M: Machine>(
    stage2: &Stage2,
    memory: &M::Tables,
    ipa: u64,
    write: bool,
) -> Result<u64, Error> {
    let found = stage2.translate(memory, ipa).ok_or(Error::Address)?;
    let allowed =
        found.attributes.memory == MemoryType::Normal && (found.attributes.writable || !write);
    if allowed {
        Ok(found.pa)
    } else {
        Err(Error::Address)
    }
}

/// Where a page of a VM's own memory is: of its table, or populated; never what it has from a grant.
pub(crate) fn own<M: Machine>(machine: M, vm: VmId, ipa: u64, write: bool) -> Result<u64, Error> {
    machine.space(vm, |space| {
        let (stage2, memory, _) = tables(space)?;
        let pa = translate::<M>(stage2, memory, ipa, write)?;
        // What a window shows is the heap's: its owner is told by the address. Outside of it is the table's.
        let foreign = machine.window(vm).contains(&ipa)
            && machine.heap(|heap| heap.owner_of(pa)) != Some(vm.0);
        if foreign { Err(Error::Address) } else { Ok(pa) }
    })
}

/// Reads at most 128 bytes of a VM's memory, each once; they may span two pages.
pub(crate) fn read<M: Machine>(machine: M, vm: VmId, ipa: u64, to: &mut [u8]) -> Result<(), Error> {
    let first = (to_page_end(ipa) as usize).min(to.len());
    let (head, tail) = to.split_at_mut_checked(first).ok_or(Error::Address)?;
    let second = ipa.checked_add(first as u64).ok_or(Error::Address)?;
    for (at, piece) in [(ipa, head), (second, tail)] {
        if piece.is_empty() {
            continue;
        }
        machine.space(vm, |space| {
            let (stage2, memory, _) = tables(space)?;
            machine.read(translate::<M>(stage2, memory, at, false)?, piece);
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

/// Writes at most 128 bytes of a VM's memory; they may span two pages.
pub(crate) fn write<M: Machine>(machine: M, vm: VmId, ipa: u64, from: &[u8]) -> Result<(), Error> {
    let first = (to_page_end(ipa) as usize).min(from.len());
    let (head, tail) = from.split_at_checked(first).ok_or(Error::Address)?;
    let second = ipa.checked_add(first as u64).ok_or(Error::Address)?;
    for (at, piece) in [(ipa, head), (second, tail)] {
        if piece.is_empty() {
            continue;
        }
        machine.space(vm, |space| {
            let (stage2, memory, _) = tables(space)?;
            machine.write(translate::<M>(stage2, memory, at, true)?, piece);
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}
