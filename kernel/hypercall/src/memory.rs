//! Populate, reclaim, unmap, clean: a VM's own memory.
//!
//! Progress is in what is mapped, not in the operation; `done` tells the guest how far that is. What an operation has in
//! hand between two steps is a [`Held`] chunk or a [`Splitting`] table, and both give it back when dropped.

use abi::ops::populate;
use continuation::Cx;
use frames::{Chunk, Chunks, EXTENT_SIZE, PAGE_SIZE, Refusal, Size};
use stage2::{Attributes, Leaf, Split, Stop};

use crate::{Error, Machine, VmId, access};

/// Leaves that one step unmaps.
const BATCH: usize = 4;
/// Units of work of such a step.
const BATCH_UNITS: u32 = BATCH as u32;
/// Descriptors of a new table that one step writes.
const FILL: usize = 32;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Exhausted => Error::NoMemory,
            Refusal::Quota => Error::Quota,
            Refusal::NotYours => Error::NotPopulated,
        }
    }
}

impl From<stage2::Error> for Error {
    fn from(error: stage2::Error) -> Self {
        match error {
            stage2::Error::Overlap { .. } => Error::Overlap,
            stage2::Error::NotMapped { .. } => Error::NotMapped,
            stage2::Error::NoMemory => Error::NoMemory,
            _ => Error::Invalid,
        }
    }
}

/// A chunk on its way from the heap to a guest.
struct Held<M: Machine> {
    machine: M,
    vm: VmId,
    chunk: Option<Chunk>,
}

impl<M: Machine> Held<M> {
    fn take(machine: M, vm: VmId, size: Size) -> Result<Self, Refusal> {
        let chunk = machine.heap(|heap| heap.alloc(vm.0, size))?;
        Ok(Held {
            machine,
            vm,
            chunk: Some(chunk),
        })
    }

    /// Clears it, a page at a time.
    async fn scrub(&mut self, cx: &mut Cx<M::Driver>) -> Result<(), Error> {
        let Some(chunk) = &mut self.chunk else {
            return Ok(());
        };
        if !chunk.clean {
            for page in 0..u64::from(chunk.pages) {
                self.machine
                    .scrub(chunk.pa.wrapping_add(page.wrapping_mul(PAGE_SIZE)));
                cx.work(1).await?;
            }
            chunk.clean = true;
        }
        Ok(())
    }

    /// Gives it to the guest; how many bytes that were.
    fn map(&mut self, ipa: u64, attributes: Attributes) -> Result<u64, Error> {
        let Some(chunk) = self.chunk else {
            return Ok(0);
        };
        let size = u64::from(chunk.pages).wrapping_mul(PAGE_SIZE);
        let leaf = Leaf {
            ipa,
            pa: chunk.pa,
            size,
            attributes,
        };
        access::giving_way(|give_way| {
            self.machine.space(self.vm, |space| {
                let (stage2, memory, tlb) = access::tables(space)?;
                let accept = || !(give_way && self.machine.wanted());
                let mapped = stage2.map_leaf(memory, tlb, leaf, accept)?;
                Ok(mapped.then_some(()))
            })
        })?;
        self.chunk = None;
        Ok(size)
    }
}

impl<M: Machine> Drop for Held<M> {
    fn drop(&mut self) {
        if let Some(chunk) = self.chunk.take() {
            // It is this VM's until now, so it cannot be refused.
            let _ = self.machine.heap(|heap| heap.free(self.vm.0, chunk));
            if !chunk.clean {
                self.machine.note_dirty();
            }
        }
    }
}

/// A table on its way into a block's place.
struct Splitting<M: Machine> {
    machine: M,
    vm: VmId,
    split: Option<Split>,
}

impl<M: Machine> Splitting<M> {
    /// Splits the block that covers `ipa`, if there is one.
    async fn at(machine: M, cx: &mut Cx<M::Driver>, vm: VmId, ipa: u64) -> Result<(), Error> {
        access::stock(machine, cx).await?;
        let split = machine.space(vm, |space| {
            let (stage2, memory, tlb) = access::tables(space)?;
            Ok::<_, Error>(stage2.split_begin(memory, tlb, ipa)?)
        })?;
        let mut this = Splitting { machine, vm, split };
        while !this.fill()? {
            cx.work(1).await?;
        }
        let Some(split) = this.split.take() else {
            return Ok(());
        };
        machine.space(vm, |space| {
            if let Ok((stage2, memory, tlb)) = access::tables(space) {
                // If somebody else was faster, the caller finds what is there now.
                stage2.split_finish(memory, tlb, split);
            }
        });
        Ok(())
    }

    /// A step; whether it was the last.
    fn fill(&mut self) -> Result<bool, Error> {
        let Some(split) = &mut self.split else {
            return Ok(true);
        };
        self.machine.space(self.vm, |space| {
            let (stage2, memory, _) = access::tables(space)?;
            Ok(stage2.split_fill(memory, split, FILL))
        })
    }
}

impl<M: Machine> Drop for Splitting<M> {
    fn drop(&mut self) {
        if let Some(split) = self.split.take() {
            self.machine.space(self.vm, |space| {
                if let Ok((stage2, memory, tlb)) = access::tables(space) {
                    stage2.split_abandon(memory, tlb, split);
                }
            });
        }
    }
}

/// [`abi::ops::POPULATE`].
pub(crate) async fn populate<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    [ipa, bytes, flags]: [u64; 3],
    done: &mut u64,
) -> Result<(), Error> {
    let end = access::range(machine, vm, ipa, bytes)?;
    if flags & !populate::ALL != 0 {
        return Err(Error::Invalid);
    }
    if !access::in_window(machine, vm, ipa, end) {
        return Err(Error::Denied);
    }
    let attributes = if flags & populate::NO_EXECUTE == 0 {
        Attributes::RAM
    } else {
        Attributes::DATA
    };
    let mut pages_until = if flags & populate::PAGES == 0 { 0 } else { end };
    let mut at = ipa;
    while at < end {
        let fits = at.is_multiple_of(EXTENT_SIZE) && end.wrapping_sub(at) >= EXTENT_SIZE;
        let extent = fits && at >= pages_until;
        let size = if extent { Size::Extent } else { Size::Page };
        let taken = Held::take(machine, vm, size);
        // Where no extent is free, or something is mapped in its place, pages find out how far there is room.
        let mapped = match taken {
            Err(Refusal::Exhausted | Refusal::Quota) if extent => None,
            Err(refusal) => return Err(refusal.into()),
            Ok(mut held) => {
                held.scrub(cx).await?;
                access::stock(machine, cx).await?;
                match held.map(at, attributes) {
                    Err(Error::Overlap) if extent => None,
                    Err(error) => return Err(error),
                    Ok(size) => Some(size),
                }
            }
        };
        match mapped {
            None => pages_until = at.saturating_add(EXTENT_SIZE),
            Some(size) => {
                at = at.wrapping_add(size);
                *done = at.wrapping_sub(ipa);
            }
        }
        cx.work(1).await?;
    }
    Ok(())
}

/// What a step of taking back came to.
enum Took {
    /// So far, with so many bytes.
    Some(u64, u64),
    /// Nothing is mapped up to there.
    Hole(u64),
    /// A block must be split.
    Split,
    /// This leaf is not to be taken back, and why.
    Not(Leaf, Error),
}

/// Takes back what is mapped from `at` on, one step. With `look`: only says what there is.
fn take_some<M: Machine>(
    machine: M,
    vm: VmId,
    at: u64,
    end: u64,
    look: bool,
) -> Result<Took, Error> {
    let mut taken = [None; BATCH];
    let step =
        access::giving_way(|give_way| sweep(machine, vm, at, end, look, give_way, &mut taken))?;
    let Some(step) = step else {
        return Ok(Took::Some(at, 0));
    };
    let Took::Some(next, _) = step else {
        return Ok(step);
    };
    // Nobody sees these pages any more, and they are this VM's until they are freed: that needs no other lock.
    let mut bytes = 0u64;
    for leaf in taken.into_iter().flatten() {
        bytes = bytes.saturating_add(leaf.size);
        let chunk = Chunk {
            pa: leaf.pa,
            pages: (leaf.size / PAGE_SIZE) as u32,
            clean: false,
        };
        // A block was one chunk, a page one or part of one that was split.
        machine.heap(|heap| heap.free(vm.0, chunk))?;
    }
    machine.note_dirty();
    Ok(Took::Some(next, bytes))
}

/// The section of such a step, which puts into `taken` what it unmapped; `None`: it gave way.
fn sweep<M: Machine>(
    machine: M,
    vm: VmId,
    at: u64,
    end: u64,
    look: bool,
    give_way: bool,
    taken: &mut [Option<Leaf>; BATCH],
) -> Result<Option<Took>, Error> {
    machine.grants(vm, |grants| {
        // Leaves come in ascending order, so the first granted page decides, and the grants are looked through once.
        let granted = grants.first_in(at, end).unwrap_or(u64::MAX);
        machine.space(vm, |space| {
            let (stage2, memory, tlb) = access::tables(space)?;
            machine.heap(|heap| {
                if give_way && machine.wanted() {
                    return Ok(None);
                }
                let mut why = Error::Busy;
                let (mut split, mut gave_way) = (false, false);
                let accept = |leaf: &Leaf| {
                    let leaf_end = leaf.ipa.saturating_add(leaf.size);
                    if heap.owner_of(leaf.pa) != Some(vm.0) {
                        why = Error::NotPopulated;
                    } else if granted < leaf_end {
                        // What lies before the first granted page is not granted, also in a block.
                        why = Error::Pinned;
                        split = granted > leaf.ipa;
                    } else if leaf.ipa == at && give_way && machine.wanted() {
                        gave_way = true;
                    } else {
                        return !look;
                    }
                    false
                };
                let sweep = stage2.unmap_some(memory, tlb, at, end, taken, accept)?;
                Ok(Some(match sweep.stop {
                    _ if gave_way => return Ok(None),
                    _ if sweep.taken != 0 => Took::Some(sweep.next, 0),
                    Stop::Hole(until) => Took::Hole(until),
                    Stop::Refused(_) if split => Took::Split,
                    Stop::Refused(leaf) => Took::Not(leaf, why),
                    Stop::Straddles(leaf) => {
                        if heap.owner_of(leaf.pa) != Some(vm.0) {
                            Took::Not(leaf, Error::NotPopulated)
                        } else if granted == at {
                            Took::Not(leaf, Error::Pinned)
                        } else {
                            Took::Split
                        }
                    }
                    Stop::End | Stop::More => Took::Some(sweep.next, 0),
                }))
            })
        })
    })
}

/// [`abi::ops::RECLAIM`].
pub(crate) async fn reclaim<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    [ipa, bytes]: [u64; 2],
    done: &mut u64,
) -> Result<(), Error> {
    let end = access::range(machine, vm, ipa, bytes)?;
    if !access::in_window(machine, vm, ipa, end) {
        return Err(Error::NotPopulated);
    }
    let mut at = ipa;
    while at < end {
        match take_some(machine, vm, at, end, false)? {
            Took::Some(next, _) => at = next,
            Took::Hole(_) => return Err(Error::NotMapped),
            Took::Split => Splitting::at(machine, cx, vm, at).await?,
            Took::Not(_, error) => return Err(error),
        }
        *done = at.wrapping_sub(ipa);
        cx.work(BATCH_UNITS).await?;
    }
    Ok(())
}

/// [`abi::ops::UNMAP`].
pub(crate) async fn unmap<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    [ipa, bytes]: [u64; 2],
    [done, freed]: [&mut u64; 2],
) -> Result<(), Error> {
    let last = access::range(machine, vm, ipa, bytes)?;
    let window = machine.window(vm);
    // Nothing populated lies outside.
    let mut at = ipa.max(window.start);
    let end = last.min(window.end);
    while at < end {
        // Up to where the leaf at `at` goes, which is cleaned and then taken back in steps of its own.
        let until = match take_some(machine, vm, at, end, true)? {
            Took::Hole(until) => {
                at = until;
                None
            }
            Took::Not(leaf, Error::NotPopulated) => {
                at = leaf.ipa.saturating_add(leaf.size);
                None
            }
            Took::Not(_, Error::Pinned) => return Err(Error::Pinned),
            Took::Not(leaf, _) => Some(leaf.ipa.saturating_add(leaf.size).min(end)),
            Took::Split => {
                Splitting::at(machine, cx, vm, at).await?;
                None
            }
            Took::Some(next, _) => {
                at = next;
                None
            }
        };
        if let Some(until) = until {
            for page in (at..until).step_by(PAGE_SIZE as usize) {
                // Gone meanwhile is as good as cleaned: whatever leaves the guest is cleaned before anybody gets it.
                let _ = clean_page(machine, vm, page);
                cx.work(1).await?;
            }
            while at < until {
                match take_some(machine, vm, at, until, false)? {
                    Took::Some(next, bytes) => {
                        at = next;
                        *freed = freed.saturating_add(bytes);
                    }
                    // Somebody else changed it: it is looked at anew.
                    Took::Hole(_) | Took::Split | Took::Not(..) => break,
                }
                *done = at.wrapping_sub(ipa);
                cx.work(BATCH_UNITS).await?;
            }
        }
        *done = at.min(last).wrapping_sub(ipa);
        cx.work(1).await?;
    }
    *done = bytes;
    Ok(())
}

/// [`abi::ops::CACHE_CLEAN`].
pub(crate) async fn cache_clean<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    [ipa, bytes]: [u64; 2],
    done: &mut u64,
) -> Result<(), Error> {
    let end = access::range(machine, vm, ipa, bytes)?;
    for page in (ipa..end).step_by(PAGE_SIZE as usize) {
        clean_page(machine, vm, page)?;
        *done = page.wrapping_sub(ipa).wrapping_add(PAGE_SIZE);
        cx.work(1).await?;
    }
    Ok(())
}

fn clean_page<M: Machine>(machine: M, vm: VmId, ipa: u64) -> Result<(), Error> {
    machine.space(vm, |space| {
        let (stage2, memory, _) = access::tables(space)?;
        let pa =
            access::translate::<M>(stage2, memory, ipa, false).map_err(|_| Error::NotMapped)?;
        machine.clean(pa);
        Ok(())
    })
}
