//! Grants: made, withdrawn, mapped page by page, copied piece by piece.
//!
//! Every step looks the grant up again by its reference, under its owner's lock, and while that lock is held the grant's
//! pages stay where they are. So an operation holds nothing of another VM between two steps, and one that is suspended
//! for ever keeps nobody from withdrawing, or from dying.

use abi::ops::{copy, grant};
use continuation::Cx;
use frames::PAGE_SIZE;
use stage2::{Attributes, Leaf, Stop};

use crate::{COPY_PIECE, Error, Grant, GrantRef, GuestSlice, Machine, VmId, access};

/// Pages that one step unmaps.
const BATCH: usize = 4;

/// The VM that made a grant, if there is such a VM and it is another one.
fn owner<M: Machine>(machine: M, user: VmId, name: GrantRef) -> Result<VmId, Error> {
    let exists = |owner: &VmId| owner.0 < machine.vms() && *owner != user;
    name.owner().filter(exists).ok_or(Error::NoGrant)
}

/// [`abi::ops::GRANT`].
pub(crate) fn make<M: Machine>(
    machine: M,
    vm: VmId,
    [ipa, pages, to, flags, tag]: [u64; 5],
) -> Result<GrantRef, Error> {
    let to = vm_number(machine, to)?;
    if to == vm || flags & !grant::WRITE != 0 {
        return Err(Error::Invalid);
    }
    let made = Grant::new(ipa, pages, to, flags & grant::WRITE != 0, tag)?;
    access::range(machine, vm, ipa, pages.saturating_mul(PAGE_SIZE))?;
    machine.grants(vm, |grants| grants.add(vm, made))
}

/// A VM that an argument names.
pub(crate) fn vm_number<M: Machine>(machine: M, number: u64) -> Result<VmId, Error> {
    u8::try_from(number)
        .ok()
        .filter(|number| *number < machine.vms())
        .map(VmId)
        .ok_or(Error::NoVm)
}

/// [`abi::ops::UNGRANT`].
pub(crate) fn withdraw<M: Machine>(machine: M, vm: VmId, name: GrantRef) -> Result<(), Error> {
    if name.owner() != Some(vm) {
        return Err(Error::NoGrant);
    }
    machine.grants(vm, |grants| grants.remove(name))
}

/// [`abi::ops::GRANT_FIND`].
pub(crate) fn find<M: Machine>(
    machine: M,
    vm: VmId,
    [from, tag]: [u64; 2],
) -> Result<[u64; 3], Error> {
    let from = vm_number(machine, from)?;
    let (name, found) = machine.grants(from, |grants| grants.find(from, vm, tag))?;
    let flags = if found.writable { grant::WRITE } else { 0 };
    Ok([name.0, found.pages, flags])
}

/// [`abi::ops::GRANT_MAP`].
pub(crate) async fn map<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    name: GrantRef,
    at: u64,
    done: &mut u64,
) -> Result<(), Error> {
    let owner = owner(machine, vm, name)?;
    let wanted = machine.grants(owner, |grants| grants.get_for(name, vm).map(|grant| *grant))?;
    let bytes = wanted.pages.saturating_mul(PAGE_SIZE);
    let end = access::range(machine, vm, at, bytes)?;
    if !access::in_window(machine, vm, at, end) {
        return Err(Error::Denied);
    }
    access::stock(machine, cx).await?;
    while access::giving_way(|give_way| map_page(machine, owner, vm, name, at, done, give_way))?
        == Some(true)
    {
        cx.work(1).await?;
        access::stock(machine, cx).await?;
    }
    Ok(())
}

/// Maps the next page; whether there was one. `None`: it gave way.
fn map_page<M: Machine>(
    machine: M,
    owner: VmId,
    vm: VmId,
    name: GrantRef,
    at: u64,
    done: &mut u64,
    give_way: bool,
) -> Result<Option<bool>, Error> {
    machine.grants(owner, |grants| {
        let grant = grants.get_for(name, vm)?;
        let next = grant.next_to_map(at)?;
        *done = grant.mapped;
        let Some((from, to)) = next else {
            return Ok(Some(false));
        };
        let gives_way = || give_way && machine.wanted();
        let pa = access::own(machine, owner, from, grant.writable)?;
        if gives_way() {
            return Ok(None);
        }
        let attributes = if grant.writable {
            Attributes::DATA
        } else {
            Attributes::READ_ONLY
        };
        let leaf = Leaf {
            ipa: to,
            pa,
            size: PAGE_SIZE,
            attributes,
        };
        let mapped = machine.space(vm, |space| {
            let (stage2, memory, tlb) = access::tables(space)?;
            Ok::<_, Error>(stage2.map_leaf(memory, tlb, leaf, || !gives_way())?)
        })?;
        if !mapped {
            return Ok(None);
        }
        grant.page_mapped();
        *done = grant.mapped;
        Ok(Some(true))
    })
}

/// [`abi::ops::GRANT_UNMAP`].
pub(crate) async fn unmap<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    name: GrantRef,
    left: &mut u64,
) -> Result<(), Error> {
    let owner = owner(machine, vm, name)?;
    loop {
        let step = machine.grants(owner, |grants| {
            let grant = grants.get_for(name, vm)?;
            let more = unmap_some(machine, grant)?;
            *left = grant.mapped;
            Ok::<_, Error>(more)
        })?;
        if !step {
            return Ok(());
        }
        cx.work(1).await?;
    }
}

/// Unmaps some pages of a grant from its user's address space; whether there were any.
fn unmap_some<M: Machine>(machine: M, grant: &mut Grant) -> Result<bool, Error> {
    let Some((start, pages)) = grant.next_to_unmap(BATCH as u64) else {
        return Ok(false);
    };
    let end = start.saturating_add(pages.saturating_mul(PAGE_SIZE));
    machine.space(grant.to, |space| {
        // Without tables it has nothing mapped.
        let Ok((stage2, memory, tlb)) = access::tables(space) else {
            return Ok(());
        };
        let mut at = start;
        // One sweep takes them all: they are mapped, in pages, under one table.
        for _ in 0..pages {
            let mut taken = [None; BATCH];
            let sweep = stage2.unmap_some(memory, tlb, at, end, &mut taken, |_| true)?;
            at = match sweep.stop {
                Stop::Hole(until) => until,
                _ => sweep.next,
            };
            if at >= end {
                return Ok(());
            }
        }
        Err(Error::Busy)
    })?;
    grant.pages_unmapped(pages);
    Ok(true)
}

/// One step of taking away a grant of `owner` of which `which` is true; whether there was one. For VMs that die.
pub(crate) fn revoke_some<M: Machine>(
    machine: M,
    owner: VmId,
    which: impl Fn(&Grant) -> bool,
) -> Result<bool, Error> {
    machine.grants(owner, |grants| {
        let Some((name, _)) = grants.any(owner, which) else {
            return Ok(false);
        };
        if !unmap_some(machine, grants.get(name)?)? {
            grants.remove(name)?;
        }
        Ok(true)
    })
}

/// One side of a copy.
#[derive(Clone, Copy)]
enum Side {
    Own(u64),
    Granted(GrantRef, u64),
}

impl Side {
    fn new(reference: u64, at: u64, length: u64) -> Result<Self, Error> {
        at.checked_add(length).ok_or(Error::Invalid)?;
        Ok(match reference {
            copy::OWN => Side::Own(at),
            name => Side::Granted(GrantRef(name), at),
        })
    }

    fn at(self) -> u64 {
        match self {
            Side::Own(at) | Side::Granted(_, at) => at,
        }
    }

    fn advance(&mut self, bytes: u64) {
        match self {
            Side::Own(at) | Side::Granted(_, at) => *at = at.wrapping_add(bytes),
        }
    }
}

/// [`abi::ops::GRANT_COPY`].
pub(crate) async fn copy<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    [ipa, count]: [u64; 2],
    done: &mut u64,
) -> Result<(), Error> {
    let mut list = GuestSlice::<M, { copy::SIZE / 8 }>::new(machine, vm, ipa, count)?;
    while let Some(element) = list.next() {
        let outcome = copy_one(machine, cx, vm, element?).await;
        if outcome == Err(Error::Cancelled) {
            return outcome;
        }
        // Before the next is read: whatever happens then, this element's status stands.
        let status = outcome.map_or_else(Error::code, |()| 0);
        list.answer(copy::STATUS, &[status as u64])?;
        *done = done.saturating_add(1);
        cx.work(1).await?;
    }
    Ok(())
}

async fn copy_one<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    [source, source_at, destination, destination_at, length, _]: [u64; 6],
) -> Result<(), Error> {
    if length > copy::MAX_LENGTH {
        return Err(Error::Invalid);
    }
    let mut from = Side::new(source, source_at, length)?;
    let mut to = Side::new(destination, destination_at, length)?;
    if matches!((from, to), (Side::Granted(..), Side::Granted(..))) {
        return Err(Error::Invalid);
    }
    // What cannot be copied by pairs of words takes three times as long, by words 20 times.
    let most = match (source_at | destination_at) % 16 {
        0 => COPY_PIECE as u64,
        8 => COPY_PIECE as u64 / 2,
        _ => COPY_PIECE as u64 / 16,
    };
    let mut left = length;
    let mut gave_way = false;
    while left != 0 {
        let piece = left
            .min(most)
            .min(access::to_page_end(from.at()))
            .min(access::to_page_end(to.at()));
        let copied = copy_piece(machine, vm, from, to, piece, !gave_way)?;
        // Twice in a row it does not: whatever interrupts come, it goes on.
        gave_way = copied == 0;
        if gave_way {
            continue;
        }
        from.advance(copied);
        to.advance(copied);
        left = left.saturating_sub(copied);
        cx.work(1).await?;
    }
    Ok(())
}

/// Copies some of `bytes`, the first ones; how many. With `give_way` none if an interrupt is waiting by the time that either
/// place is found.
fn copy_piece<M: Machine>(
    machine: M,
    vm: VmId,
    from: Side,
    to: Side,
    bytes: u64,
    give_way: bool,
) -> Result<u64, Error> {
    let gives_way = || give_way && machine.wanted();
    let copy = |from, to| match gives_way() {
        true => 0,
        false => machine.copy(from, to, bytes as usize) as u64,
    };
    match (from, to) {
        (Side::Own(from), Side::Own(to)) => machine.space(vm, |space| {
            let (stage2, memory, _) = access::tables(space)?;
            let from = access::translate::<M>(stage2, memory, from, false)?;
            let to = access::translate::<M>(stage2, memory, to, true)?;
            Ok(copy(from, to))
        }),
        (Side::Granted(name, offset), Side::Own(own)) => with_granted(
            machine,
            vm,
            name,
            [offset, bytes],
            false,
            gives_way,
            |granted| {
                machine.space(vm, |space| {
                    let (stage2, memory, _) = access::tables(space)?;
                    let to = access::translate::<M>(stage2, memory, own, true)?;
                    Ok(copy(granted, to))
                })
            },
        ),
        (Side::Own(own), Side::Granted(name, offset)) => with_granted(
            machine,
            vm,
            name,
            [offset, bytes],
            true,
            gives_way,
            |granted| {
                machine.space(vm, |space| {
                    let (stage2, memory, _) = access::tables(space)?;
                    let from = access::translate::<M>(stage2, memory, own, false)?;
                    Ok(copy(from, granted))
                })
            },
        ),
        (Side::Granted(..), Side::Granted(..)) => Err(Error::Invalid),
    }
}

/// Runs `section` with the physical address of a place in a grant, which stays that while it runs; answers 0 instead where it
/// `gives_way`.
fn with_granted<M: Machine>(
    machine: M,
    vm: VmId,
    name: GrantRef,
    [offset, bytes]: [u64; 2],
    write: bool,
    gives_way: impl Fn() -> bool,
    section: impl FnOnce(u64) -> Result<u64, Error>,
) -> Result<u64, Error> {
    let owner = owner(machine, vm, name)?;
    machine.grants(owner, |grants| {
        let grant = grants.get_for(name, vm)?;
        if write && !grant.writable {
            return Err(Error::NoGrant);
        }
        let size = grant.pages.saturating_mul(PAGE_SIZE);
        if offset.checked_add(bytes).is_none_or(|end| end > size) {
            return Err(Error::Invalid);
        }
        let ipa = grant.ipa.saturating_add(offset);
        if gives_way() {
            return Ok(0);
        }
        let pa = access::own(machine, owner, ipa, write)?;
        if gives_way() {
            return Ok(0);
        }
        section(pa)
    })
}
