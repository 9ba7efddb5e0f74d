//! Table memory and maintenance that watch what is done to them.
//!
//! One [`Watch`] stands behind both: it knows the last value of each descriptor that a walker may have cached, and
//! fails the test when a valid descriptor is replaced without break-before-make, when a descriptor leads to a
//! table whose contents were not announced, when a page is freed that a walker may still find, or freed twice.
#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use stage2::{Maintenance, TableMemory};

const VALID: u64 = 1;
const TABLE: u64 = 0b11;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
/// S2AP and XN: what may change in place.
const PERMISSIONS: u64 = 0b11 << 6 | 0b11 << 53;

/// What was done, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Write {
        table: u64,
        index: usize,
        old: u64,
        new: u64,
    },
    Announce,
    Invalidate {
        ipa: u64,
        size: u64,
    },
    InvalidateAll,
}

#[derive(Default)]
pub struct Watch {
    entries: BTreeMap<(u64, usize), u64>,
    /// Pages of each allocation.
    live: BTreeMap<u64, u32>,
    next: u64,
    pub limit: u32,
    pub used: u32,
    /// Descriptors written and not announced.
    unannounced: BTreeSet<(u64, usize)>,
    /// Descriptors that were valid and have been replaced: what walkers may remember, until invalidated.
    stale: BTreeMap<(u64, usize), u64>,
    pub events: Vec<Event>,
    /// Where walks begin; `None` once the address space is in use no longer.
    root: Option<u64>,
    /// Where each table that walkers can reach stands: its first address and its level.
    place: BTreeMap<u64, (u64, u32)>,
}

fn leads_to(raw: u64, table: u64) -> bool {
    raw & TABLE == TABLE && raw & ADDRESS == table
}

impl Watch {
    /// Whether a walk from the root can come to `table`.
    fn reachable(&self, table: u64) -> bool {
        let mut parents = self
            .entries
            .iter()
            .filter(|(_, raw)| leads_to(**raw, table));
        self.root == Some(table) || parents.any(|((from, _), _)| self.reachable(*from))
    }

    /// The first address and the size of what a descriptor covers; `None` while no walker can reach it.
    fn range(&self, table: u64, index: usize) -> Option<(u64, u64)> {
        let (base, level) = self.place.get(&table)?;
        let size = 1u64 << (12 + 9 * (3 - level));
        Some((base + index as u64 * size, size))
    }

    /// Walkers can come to `table` from now on, and to all below it.
    fn appear(&mut self, table: u64, base: u64, level: u32) {
        if !self.live.contains_key(&table) {
            return;
        }
        let hidden = self.unannounced.iter().any(|(from, _)| *from == table);
        assert!(
            !hidden,
            "a descriptor leads to {table:#x} before that is announced"
        );
        self.place.insert(table, (base, level));
        let below: Vec<_> = self
            .entries
            .range((table, 0)..=(table, usize::MAX))
            .filter(|(_, raw)| level < 3 && **raw & TABLE == TABLE)
            .map(|((_, index), raw)| (*index, *raw & ADDRESS))
            .collect();
        for (index, next) in below {
            let (base, _) = self.range(table, index).unwrap();
            self.appear(next, base, level + 1);
        }
    }
}

/// Both traits, over the same watch; cloned, because the operations borrow each apart.
#[derive(Clone)]
pub struct Fake(pub Rc<RefCell<Watch>>);

impl Fake {
    pub fn new(limit: u32) -> Self {
        Fake(Rc::new(RefCell::new(Watch {
            // Where no test maps anything.
            next: 0x7f_0000_0000,
            limit,
            ..Watch::default()
        })))
    }

    /// Says that walks of `space` begin at its root.
    pub fn watch(&self, space: &stage2::Stage2) {
        let root = space.vttbr() & ADDRESS;
        self.0
            .borrow_mut()
            .place
            .insert(root, (0, space.geometry().start_level()));
    }

    pub fn used(&self) -> u32 {
        self.0.borrow().used
    }

    pub fn set_limit(&self, limit: u32) {
        self.0.borrow_mut().limit = limit;
    }

    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.borrow_mut().events)
    }

    /// After an operation nothing is unannounced and no walker remembers anything.
    pub fn check_quiet(&self) {
        let watch = self.0.borrow();
        assert!(
            watch.unannounced.is_empty(),
            "descriptors not announced: {:x?}",
            watch.unannounced
        );
        assert!(
            watch.stale.is_empty(),
            "descriptors not invalidated: {:x?}",
            watch.stale
        );
    }
}

impl TableMemory for Fake {
    fn alloc(&mut self, pages: u32) -> Option<u64> {
        let mut watch = self.0.borrow_mut();
        if watch.used + pages > watch.limit {
            return None;
        }
        watch.used += pages;
        let size = u64::from(pages) * 4096;
        let table = watch.next.next_multiple_of(size);
        watch.next = table + size;
        watch.live.insert(table, pages);
        Some(table)
    }

    fn free(&mut self, table: u64, pages: u32) {
        let mut watch = self.0.borrow_mut();
        assert_eq!(
            watch.live.remove(&table),
            Some(pages),
            "freed {table:#x} wrongly"
        );
        watch.used -= pages;
        assert!(
            !watch.reachable(table),
            "freed {table:#x}, which a walk can reach"
        );
        let stale = watch.stale.values().any(|raw| leads_to(*raw, table));
        assert!(!stale, "freed {table:#x} while a walker may remember it");
        let inside = watch.stale.keys().any(|(from, _)| *from == table);
        assert!(
            !inside,
            "freed {table:#x} while a walker may remember what it says"
        );
        watch.entries.retain(|(from, _), _| *from != table);
        watch.place.remove(&table);
        watch.unannounced.retain(|(from, _)| *from != table);
    }

    fn read(&self, table: u64, index: usize) -> u64 {
        let watch = self.0.borrow();
        let pages = watch
            .live
            .get(&table)
            .unwrap_or_else(|| panic!("read from {table:#x}, which is free"));
        assert!(index < 512 * *pages as usize);
        watch.entries.get(&(table, index)).copied().unwrap_or(0)
    }

    fn write(&mut self, table: u64, index: usize, new: u64) {
        let mut watch = self.0.borrow_mut();
        let pages = watch
            .live
            .get(&table)
            .unwrap_or_else(|| panic!("write to {table:#x}, which is free"));
        assert!(index < 512 * *pages as usize);
        let at = (table, index);
        let old = watch.entries.insert(at, new).unwrap_or(0);
        watch.events.push(Event::Write {
            table,
            index,
            old,
            new,
        });
        if new & VALID != 0 {
            let remembered = watch.stale.get(&at).copied();
            for before in remembered
                .into_iter()
                .chain((old & VALID != 0).then_some(old))
            {
                assert_eq!(
                    before & !PERMISSIONS,
                    new & !PERMISSIONS,
                    "{before:#x} replaced by {new:#x} without break-before-make"
                );
            }
            // Where no walker can come nothing needs to be announced yet.
            if new & TABLE == TABLE
                && let Some((base, _)) = watch.range(table, index)
            {
                let level = watch.place[&table].1 + 1;
                watch.appear(new & ADDRESS, base, level);
            }
        }
        watch.unannounced.insert(at);
        if old & VALID != 0 && old != new && watch.place.contains_key(&table) {
            watch.stale.insert(at, old);
        }
    }
}

impl Maintenance for Fake {
    fn entry_written(&mut self) {
        let mut watch = self.0.borrow_mut();
        watch.unannounced.clear();
        watch.events.push(Event::Announce);
    }

    fn invalidate_ipa(&mut self, vmid: u16, ipa: u64, size: u64) {
        assert_eq!(vmid, 7);
        let mut watch = self.0.borrow_mut();
        assert!(
            watch.unannounced.is_empty(),
            "invalidated before the writes were announced"
        );
        let stale = std::mem::take(&mut watch.stale);
        let kept = stale.into_iter().filter(|((table, index), _)| {
            let (base, covers) = watch
                .range(*table, *index)
                .expect("only what can be reached is stale");
            base < ipa || base + covers > ipa + size
        });
        let kept: Vec<_> = kept.collect();
        watch.stale.extend(kept);
        watch.events.push(Event::Invalidate { ipa, size });
    }

    fn invalidate_all(&mut self, vmid: u16) {
        assert_eq!(vmid, 7);
        let mut watch = self.0.borrow_mut();
        watch.stale.clear();
        watch.root = None;
        watch.events.push(Event::InvalidateAll);
    }
}
