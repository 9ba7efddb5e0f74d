//! What one VM shares with others: a bounded table of page ranges, each for one other VM.
//!
//! A grant keeps its range from being taken back by its owner for as long as it exists, and it exists while a page of it is
//! mapped. How far mapping or unmapping has come stands here, in the grant, and not in an operation: so whatever
//! becomes of the operation, what is mapped is known, page by page.
//!
//! A reference names a slot, its owner and the slot's generation: one that was withdrawn never means another grant.

use abi::ops::limits::{GRANT_PAGES, GRANTS};
use frames::PAGE_SIZE;

use crate::{Error, VmId};

/// A name of a grant, as guests pass it around. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantRef(pub u64);

impl GrantRef {
    fn new(owner: VmId, index: usize, generation: u32) -> Self {
        let owner = u64::from(owner.0).wrapping_add(1);
        GrantRef(u64::from(generation) << 32 | owner << 8 | index as u64)
    }

    /// The VM that made it, if this can be a reference at all.
    #[must_use]
    pub fn owner(self) -> Option<VmId> {
        let owner = u8::try_from((self.0 >> 8) & 0xff_ffff).ok()?;
        owner.checked_sub(1).map(VmId)
    }

    const fn index(self) -> usize {
        (self.0 & 0xff) as usize
    }

    const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What is being done with a grant's mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It grows, or is complete.
    Mapping,
    /// It shrinks until nothing is left.
    Unmapping,
}

/// A range of pages of one VM that another may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Where its owner sees it.
    pub ipa: u64,
    /// Pages.
    pub pages: u64,
    /// Who may use it.
    pub to: VmId,
    /// May write to it.
    pub writable: bool,
    /// By what its user finds it.
    pub tag: u64,
    /// Where its user has mapped the first page.
    pub at: u64,
    /// Pages mapped there, from the first on.
    pub mapped: u64,
    phase: Phase,
}

impl Grant {
    /// A range to be granted.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]: no pages, too many, misaligned, or a range that wraps.
    pub fn new(ipa: u64, pages: u64, to: VmId, writable: bool, tag: u64) -> Result<Self, Error> {
        let bytes = pages.checked_mul(PAGE_SIZE).ok_or(Error::Invalid)?;
        let fine = pages != 0 && pages <= GRANT_PAGES && ipa.is_multiple_of(PAGE_SIZE);
        if !fine || ipa.checked_add(bytes).is_none() {
            return Err(Error::Invalid);
        }
        Ok(Grant {
            ipa,
            pages,
            to,
            writable,
            tag,
            at: 0,
            mapped: 0,
            phase: Phase::Mapping,
        })
    }

    fn end(&self) -> u64 {
        self.ipa.wrapping_add(self.pages.wrapping_mul(PAGE_SIZE))
    }

    /// The next page to map at `at`: where its owner and where its user sees it; `None` when all are.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when it is being unmapped, or mapped elsewhere.
    pub fn next_to_map(&mut self, at: u64) -> Result<Option<(u64, u64)>, Error> {
        if self.phase == Phase::Unmapping || (self.mapped != 0 && self.at != at) {
            return Err(Error::Busy);
        }
        self.at = at;
        if self.mapped == self.pages {
            return Ok(None);
        }
        let offset = self.mapped.wrapping_mul(PAGE_SIZE);
        Ok(Some((
            self.ipa.wrapping_add(offset),
            at.wrapping_add(offset),
        )))
    }

    /// Says that the page of [`next_to_map`](Self::next_to_map) is mapped.
    pub fn page_mapped(&mut self) {
        self.mapped = self.mapped.saturating_add(1);
    }

    /// The last pages that are mapped, at most `most` (not 0) and under one last-level table: first address, pages. `None`
    /// when none is. From now on it only shrinks until none is.
    pub fn next_to_unmap(&mut self, most: u64) -> Option<(u64, u64)> {
        const UNDER_ONE_TABLE: u64 = frames::EXTENT_SIZE;
        if self.mapped == 0 {
            self.phase = Phase::Mapping;
            return None;
        }
        self.phase = Phase::Unmapping;
        let end = self.at.wrapping_add(self.mapped.wrapping_mul(PAGE_SIZE));
        let table = end.wrapping_sub(1) & !UNDER_ONE_TABLE.wrapping_sub(1);
        let under = end.wrapping_sub(table) / PAGE_SIZE;
        let pages = most.min(under).min(self.mapped);
        Some((end.wrapping_sub(pages.wrapping_mul(PAGE_SIZE)), pages))
    }

    /// Says that so many of the last pages are mapped no more.
    pub fn pages_unmapped(&mut self, pages: u64) {
        self.mapped = self.mapped.saturating_sub(pages);
        if self.mapped == 0 {
            self.phase = Phase::Mapping;
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    generation: u32,
    grant: Option<Grant>,
}

/// The grants of one VM. Looking a range up costs a few instructions for each of at most 32.
#[derive(Debug)]
pub struct Grants {
    slots: [Slot; GRANTS],
    live: usize,
}

impl Default for Grants {
    fn default() -> Self {
        Self::new()
    }
}

impl Grants {
    /// None made.
    #[must_use]
    pub const fn new() -> Self {
        const FREE: Slot = Slot {
            generation: 0,
            grant: None,
        };
        Grants {
            slots: [FREE; GRANTS],
            live: 0,
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Adds a grant by `owner`, whose table this is.
    ///
    /// # Errors
    ///
    /// [`Error::Full`].
    pub fn add(&mut self, owner: VmId, grant: Grant) -> Result<GrantRef, Error> {
        let mut slots = self.slots.iter_mut().enumerate();
        let (index, slot) = slots
            .find(|(_, slot)| slot.grant.is_none())
            .ok_or(Error::Full)?;
        slot.grant = Some(grant);
        self.live = self.live.wrapping_add(1);
        Ok(GrantRef::new(owner, index, slot.generation))
    }

    /// The grant of that name.
    ///
    /// # Errors
    ///
    /// [`Error::NoGrant`].
    pub fn get(&mut self, name: GrantRef) -> Result<&mut Grant, Error> {
        let slot = self.slots.get_mut(name.index());
        slot.filter(|slot| slot.generation == name.generation())
            .and_then(|slot| slot.grant.as_mut())
            .ok_or(Error::NoGrant)
    }

    /// The grant of that name if it was made to `user`.
    ///
    /// # Errors
    ///
    /// [`Error::NoGrant`].
    pub fn get_for(&mut self, name: GrantRef, user: VmId) -> Result<&mut Grant, Error> {
        self.get(name).and_then(|grant| {
            if grant.to == user {
                Ok(grant)
            } else {
                Err(Error::NoGrant)
            }
        })
    }

    /// Withdraws a grant. Its slot's next reference differs from all before (2³² of them).
    ///
    /// # Errors
    ///
    /// [`Error::NoGrant`]; [`Error::Busy`] while a page of it is mapped.
    pub fn remove(&mut self, name: GrantRef) -> Result<(), Error> {
        if self.get(name)?.mapped != 0 {
            return Err(Error::Busy);
        }
        if let Some(slot) = self.slots.get_mut(name.index()) {
            slot.grant = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.live = self.live.wrapping_sub(1);
        }
        Ok(())
    }

    /// The first grant with that tag to `user`.
    ///
    /// # Errors
    ///
    /// [`Error::NoGrant`].
    pub fn find(&self, owner: VmId, user: VmId, tag: u64) -> Result<(GrantRef, Grant), Error> {
        self.any(owner, |grant| grant.to == user && grant.tag == tag)
            .ok_or(Error::NoGrant)
    }

    /// The first grant of which `wanted` is true.
    pub fn any(&self, owner: VmId, wanted: impl Fn(&Grant) -> bool) -> Option<(GrantRef, Grant)> {
        self.slots.iter().enumerate().find_map(|(index, slot)| {
            let grant = slot.grant.filter(|grant| wanted(grant))?;
            Some((GrantRef::new(owner, index, slot.generation), grant))
        })
    }

    /// The first page of `start..end` that is granted.
    #[must_use]
    pub fn first_in(&self, start: u64, end: u64) -> Option<u64> {
        if self.live == 0 {
            return None;
        }
        let overlaps = |grant: &&Grant| grant.ipa < end && start < grant.end();
        let grants = self.slots.iter().filter_map(|slot| slot.grant.as_ref());
        grants
            .filter(overlaps)
            .map(|grant| grant.ipa.max(start))
            .min()
    }
}
