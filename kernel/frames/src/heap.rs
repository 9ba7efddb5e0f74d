//! Large memory for guests that ask for it at run time: extents of 2 MiB, and pages of 4 KiB out of them.
//!
//! An extent belongs to one owner at a time, so that whose a page is follows from its address, and what an owner leaves
//! is found without searching. Each free page is known to be clean (zeros) or dirty. Bits only: contents are the caller's.
//!
//! Guarantees: no page is handed out twice; an owner frees only what is its own; accounts are exact at every moment:
//! free + held by each owner + the one page in the scrubber's hand = all. Every method takes bounded time that does
//! not depend on the heap's size: a few words of summary, eight words of an extent; 300 instructions at most.
//! Does not: defragment. An extent with one page in use is no extent to anybody, and no page to other owners.

use crate::PAGE_SIZE;
use crate::extent::{BITS, Extent, NOBODY};
use crate::set::Set;

/// Bytes in an extent.
pub const EXTENT_SIZE: u64 = 512 * PAGE_SIZE;
/// Pages in an extent.
pub const EXTENT_PAGES: u32 = 512;

/// A piece of the heap that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it is its owner's until it is freed"]
pub struct Chunk {
    /// Its physical address, a multiple of its size.
    pub pa: u64,
    /// 1 or [`EXTENT_PAGES`].
    pub pages: u32,
    /// All zeros.
    pub clean: bool,
}

/// How large a chunk should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 4 KiB.
    Page,
    /// 2 MiB.
    Extent,
}

/// Why the heap refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing of that size is free.
    Exhausted,
    /// The owner would hold more than it may.
    Quota,
    /// Not an owner, or not its page, or not in use.
    NotYours,
}

/// What the heap has, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapUsage {
    /// All of it.
    pub total: u32,
    /// Free, clean or dirty.
    pub free: u32,
    /// Free and dirty.
    pub dirty: u32,
    /// In the scrubber's hand: 0 or 1.
    pub held: u32,
    /// How many the scrubber has cleared since boot.
    pub scrubbed: u64,
}

/// What a heap of any size can do.
pub trait Chunks {
    /// Hands a chunk to `owner`, a clean one where there is one.
    ///
    /// # Errors
    ///
    /// [`Refusal::Exhausted`], [`Refusal::Quota`]; [`Refusal::NotYours`] when there is no such owner.
    fn alloc(&mut self, owner: u8, size: Size) -> Result<Chunk, Refusal>;
    /// Takes back a chunk just as it was handed out: `clean` says in what state.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotYours`].
    fn free(&mut self, owner: u8, chunk: Chunk) -> Result<(), Refusal>;
    /// Takes back one extent with all that `owner` holds in it; how many pages that were. `None`: it has none any more.
    fn release_some(&mut self, owner: u8) -> Option<u32>;
    /// Whose the page at `pa` is.
    fn owner_of(&self, pa: u64) -> Option<u8>;
    /// Takes a dirty free page into hand, to be cleared; one at a time. It is nobody's meanwhile.
    fn take_dirty(&mut self) -> Option<u64>;
    /// Puts the page in hand back, `clean` or as it was.
    fn put_back(&mut self, clean: bool);
    /// What it has.
    fn usage(&self) -> HeapUsage;
    /// Pages that `owner` holds.
    fn held_by(&self, owner: u8) -> u32;
}

/// A heap of up to 64 × `WORDS` extents for the owners 0 to `OWNERS` - 1. `WORDS` is at most 64, `OWNERS` at most 255.
///
/// It takes 134 bytes for each extent and 16 bytes × `WORDS` for each owner: 280 KiB for 4 GiB.
#[derive(Debug)]
pub struct Heap<const WORDS: usize, const OWNERS: usize> {
    base: u64,
    extents: [[Extent; 64]; WORDS],
    /// Extents without owner and without a page in use: all zeros, and others.
    clean: Set<WORDS>,
    other: Set<WORDS>,
    /// Extents with dirty free pages.
    soiled: Set<WORDS>,
    /// Of each owner: its extents, and those of them that have free pages.
    owned: [Set<WORDS>; OWNERS],
    room: [Set<WORDS>; OWNERS],
    holds: [u32; OWNERS],
    limit: [u32; OWNERS],
    usage: HeapUsage,
    /// The page that is being cleared.
    hand: Option<(usize, usize)>,
}

impl<const WORDS: usize, const OWNERS: usize> Default for Heap<WORDS, OWNERS> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<const WORDS: usize, const OWNERS: usize> Heap<WORDS, OWNERS> {
    /// A heap without memory, in which nobody may hold anything.
    #[must_use]
    pub const fn empty() -> Self {
        assert!(OWNERS < NOBODY as usize);
        Heap {
            base: 0,
            extents: [const { [const { Extent::new() }; 64] }; WORDS],
            clean: Set::EMPTY,
            other: Set::EMPTY,
            soiled: Set::EMPTY,
            owned: [const { Set::EMPTY }; OWNERS],
            room: [const { Set::EMPTY }; OWNERS],
            holds: [0; OWNERS],
            limit: [0; OWNERS],
            usage: HeapUsage {
                total: 0,
                free: 0,
                dirty: 0,
                held: 0,
                scrubbed: 0,
            },
            hand: None,
        }
    }

    /// Makes the RAM from `base` on the heap, once: as many whole extents as lie in `size` bytes and fit; all dirty. How many
    /// bytes that are. Takes time with the number of extents, so it is for boot.
    pub fn init(&mut self, base: u64, size: u64) -> u64 {
        let skipped = base.wrapping_neg() % EXTENT_SIZE;
        let room = (WORDS as u64).saturating_mul(64);
        let count = (size.saturating_sub(skipped) / EXTENT_SIZE).min(room);
        self.base = base.wrapping_add(skipped);
        let extents = self.extents.as_flattened_mut().iter_mut().enumerate();
        for (index, extent) in extents.take(count as usize) {
            extent.dirty = [!0; BITS];
            extent.soiled = EXTENT_PAGES as u16;
            self.other.put(index, true);
            self.soiled.put(index, true);
        }
        let pages = (count as u32).saturating_mul(EXTENT_PAGES);
        self.usage = HeapUsage {
            total: pages,
            free: pages,
            dirty: pages,
            held: 0,
            scrubbed: 0,
        };
        count.saturating_mul(EXTENT_SIZE)
    }

    /// How many pages `owner` may hold; what it holds beyond stays.
    pub fn set_limit(&mut self, owner: u8, pages: u32) {
        if let Some(limit) = self.limit.get_mut(usize::from(owner)) {
            *limit = pages;
        }
    }

    fn extent(&mut self, index: usize) -> Option<&mut Extent> {
        self.extents.get_mut(index / 64)?.get_mut(index % 64)
    }

    /// The extent and the page in it that `pa` names.
    fn place(&self, pa: u64) -> Option<(usize, usize)> {
        let offset = pa.checked_sub(self.base)?;
        let inside = offset / PAGE_SIZE < u64::from(self.usage.total) && offset % PAGE_SIZE == 0;
        let page = (offset % EXTENT_SIZE / PAGE_SIZE) as usize;
        inside.then_some(((offset / EXTENT_SIZE) as usize, page))
    }

    fn address(&self, extent: usize, page: usize) -> u64 {
        let extent = (extent as u64).wrapping_mul(EXTENT_SIZE);
        let page = (page as u64).wrapping_mul(PAGE_SIZE);
        self.base.wrapping_add(extent).wrapping_add(page)
    }

    /// Puts an extent into the sets that its state asks for, and takes it from an owner that has nothing in it any more.
    fn settle(&mut self, index: usize) {
        // A page in hand keeps the extent from being whole, but is nobody's.
        let hand = self.hand.is_some_and(|(extent, _)| extent == index);
        let Some(extent) = self.extent(index) else {
            return;
        };
        let whole = extent.in_use == 0;
        let empty = extent.in_use == u16::from(hand);
        let (owner, full) = (extent.owner, u32::from(extent.in_use) == EXTENT_PAGES);
        let soiled = extent.soiled != 0;
        if empty {
            extent.owner = NOBODY;
        }
        self.soiled.put(index, soiled);
        self.clean.put(index, whole && !soiled);
        self.other.put(index, whole && soiled);
        if let Some(owned) = self.owned.get_mut(usize::from(owner)) {
            owned.put(index, !empty);
        }
        if let Some(room) = self.room.get_mut(usize::from(owner)) {
            room.put(index, !empty && !full);
        }
    }

    /// Refuses what would be more than the owner may hold.
    fn check_limit(&self, owner: u8, pages: u32) -> Result<(), Refusal> {
        let owner = usize::from(owner);
        let (Some(holds), Some(limit)) = (self.holds.get(owner), self.limit.get(owner)) else {
            return Err(Refusal::NotYours);
        };
        match holds.checked_add(pages) {
            Some(sum) if sum <= *limit => Ok(()),
            _ => Err(Refusal::Quota),
        }
    }

    /// Books pages from the free ones to an owner.
    fn book(&mut self, owner: u8, pages: u32, dirty: u32) {
        if let Some(holds) = self.holds.get_mut(usize::from(owner)) {
            *holds = holds.wrapping_add(pages);
        }
        self.usage.free = self.usage.free.wrapping_sub(pages);
        self.usage.dirty = self.usage.dirty.wrapping_sub(dirty);
    }

    /// Books pages back.
    fn unbook(&mut self, owner: u8, pages: u32, dirty: u32) {
        if let Some(holds) = self.holds.get_mut(usize::from(owner)) {
            *holds = holds.wrapping_sub(pages);
        }
        self.usage.free = self.usage.free.wrapping_add(pages);
        self.usage.dirty = self.usage.dirty.wrapping_add(dirty);
    }

    fn alloc_extent(&mut self, owner: u8) -> Result<Chunk, Refusal> {
        let index = self
            .clean
            .first()
            .or_else(|| self.other.first())
            .ok_or(Refusal::Exhausted)?;
        let extent = self.extent(index).ok_or(Refusal::Exhausted)?;
        let dirty = u32::from(extent.soiled);
        *extent = Extent {
            used: [!0; BITS],
            in_use: EXTENT_PAGES as u16,
            owner,
            ..Extent::new()
        };
        self.book(owner, EXTENT_PAGES, dirty);
        self.settle(index);
        Ok(Chunk {
            pa: self.address(index, 0),
            pages: EXTENT_PAGES,
            clean: dirty == 0,
        })
    }

    fn alloc_page(&mut self, owner: u8) -> Result<Chunk, Refusal> {
        let room = self.room.get(usize::from(owner));
        // An extent of which the scrubber has a page in hand is nobody's and not whole, but its other pages are free.
        let half = self.hand.map(|(extent, _)| extent);
        let half = half.filter(|index| {
            let extent = self.extents.get(index / 64).and_then(|w| w.get(index % 64));
            extent.is_some_and(|extent| extent.owner == NOBODY)
        });
        let index = room
            .and_then(Set::first)
            .or_else(|| self.clean.first())
            .or_else(|| self.other.first())
            .or(half)
            .ok_or(Refusal::Exhausted)?;
        let extent = self.extent(index).ok_or(Refusal::Exhausted)?;
        let page = extent.free_page().ok_or(Refusal::Exhausted)?;
        let clean = extent.take(page);
        extent.owner = owner;
        self.book(owner, 1, u32::from(!clean));
        self.settle(index);
        Ok(Chunk {
            pa: self.address(index, page),
            pages: 1,
            clean,
        })
    }
}

impl<const WORDS: usize, const OWNERS: usize> Chunks for Heap<WORDS, OWNERS> {
    fn alloc(&mut self, owner: u8, size: Size) -> Result<Chunk, Refusal> {
        match size {
            Size::Page => {
                self.check_limit(owner, 1)?;
                self.alloc_page(owner)
            }
            Size::Extent => {
                self.check_limit(owner, EXTENT_PAGES)?;
                self.alloc_extent(owner)
            }
        }
    }

    fn free(&mut self, owner: u8, chunk: Chunk) -> Result<(), Refusal> {
        let (index, page) = self.place(chunk.pa).ok_or(Refusal::NotYours)?;
        let hand = self.hand;
        let extent = self.extent(index).ok_or(Refusal::NotYours)?;
        if extent.owner != owner || owner == NOBODY {
            return Err(Refusal::NotYours);
        }
        let pages = if chunk.pages == 1 {
            if hand == Some((index, page)) || !extent.put(page, chunk.clean) {
                return Err(Refusal::NotYours);
            }
            1
        } else {
            let whole = chunk.pages == EXTENT_PAGES && page == 0;
            if !whole
                || u32::from(extent.in_use) != EXTENT_PAGES
                || hand.is_some_and(|(at, _)| at == index)
            {
                return Err(Refusal::NotYours);
            }
            extent.used = [0; BITS];
            extent.in_use = 0;
            if !chunk.clean {
                extent.dirty = [!0; BITS];
                extent.soiled = EXTENT_PAGES as u16;
            }
            EXTENT_PAGES
        };
        self.unbook(owner, pages, if chunk.clean { 0 } else { pages });
        self.settle(index);
        Ok(())
    }

    fn release_some(&mut self, owner: u8) -> Option<u32> {
        let index = self.owned.get(usize::from(owner)).and_then(Set::first)?;
        let hand = self.hand.filter(|(extent, _)| *extent == index);
        let extent = self.extent(index)?;
        let held = u16::from(hand.is_some());
        let pages = u32::from(extent.in_use.saturating_sub(held));
        for (used, dirty) in extent.used.iter_mut().zip(&mut extent.dirty) {
            *dirty |= *used;
            *used = 0;
        }
        if let Some((_, page)) = hand {
            // Not the owner's: it stays in hand.
            let bit = 1u64.wrapping_shl((page % 64) as u32);
            let words = (
                extent.used.get_mut(page / 64),
                extent.dirty.get_mut(page / 64),
            );
            if let (Some(used), Some(dirty)) = words {
                *used |= bit;
                *dirty &= !bit;
            }
        }
        extent.in_use = held;
        extent.soiled = extent.soiled.wrapping_add(pages as u16);
        self.unbook(owner, pages, pages);
        self.settle(index);
        Some(pages)
    }

    fn owner_of(&self, pa: u64) -> Option<u8> {
        let (index, page) = self.place(pa & !PAGE_SIZE.wrapping_sub(1))?;
        let extent = self.extents.get(index / 64)?.get(index % 64)?;
        let used = extent.used.get(page / 64)? & 1u64.wrapping_shl((page % 64) as u32) != 0;
        let owned = used && extent.owner != NOBODY && self.hand != Some((index, page));
        owned.then_some(extent.owner)
    }

    fn take_dirty(&mut self) -> Option<u64> {
        if self.hand.is_some() {
            return None;
        }
        let index = self.soiled.first()?;
        let extent = self.extent(index)?;
        let words = extent.dirty.iter().enumerate();
        let page = words
            .clone()
            .find(|(_, word)| **word != 0)
            .map(|(at, word)| {
                at.wrapping_mul(64)
                    .wrapping_add(word.trailing_zeros() as usize)
            })?;
        extent.take(page);
        self.hand = Some((index, page));
        self.usage.free = self.usage.free.wrapping_sub(1);
        self.usage.dirty = self.usage.dirty.wrapping_sub(1);
        self.usage.held = 1;
        self.settle(index);
        Some(self.address(index, page))
    }

    fn put_back(&mut self, clean: bool) {
        let Some((index, page)) = self.hand.take() else {
            return;
        };
        if let Some(extent) = self.extent(index) {
            extent.put(page, clean);
        }
        self.usage.free = self.usage.free.wrapping_add(1);
        self.usage.dirty = self.usage.dirty.wrapping_add(u32::from(!clean));
        self.usage.held = 0;
        self.usage.scrubbed = self.usage.scrubbed.wrapping_add(u64::from(clean));
        self.settle(index);
    }

    fn usage(&self) -> HeapUsage {
        self.usage
    }

    fn held_by(&self, owner: u8) -> u32 {
        self.holds.get(usize::from(owner)).copied().unwrap_or(0)
    }
}
