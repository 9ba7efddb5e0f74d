//! Lock-order checking: records which lock was held when another was asked for, and reports the first time that
//! this closes a cycle, whether or not anybody is stuck in it yet.
//!
//! Locks are told apart by class: the place where they are made, or the name that they are given. Two locks of one class
//! held together are a cycle of one: nothing says which of them comes first.
//!
//! What is held belongs to the core for locks that are taken with IRQs masked (such a stretch stays on its core and nothing
//! interrupts it), and to the thread for mutexes (`Boost::current` names it), which is preempted and migrates while it holds
//! one. The two never mix: nobody waits for a mutex with IRQs masked. Trying a lock is no edge: it does not wait.
//! Mutexes with `NoBoost` have one holder in common and are not worth checking.
//!
//! For debugging only: a mutex over one graph, and searches in it with IRQs masked. Tables are of fixed size;
//! what did not fit is counted ([`lost`]), and an order that was not recorded is not checked.

use core::cell::UnsafeCell;
use core::fmt;
use core::panic::Location;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use preempt::{IrqGuard, Platform};

use crate::Ticket;

const CLASSES: usize = 64;
const EDGES: usize = 256;
const CORES: usize = 64;
const THREADS: usize = 64;
const DEPTH: usize = 8;
/// How many edges of a cycle are reported.
const CHAIN: usize = 8;

/// What kind of lock a class is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `SpinLock`, or what uses one inside.
    Spin,
    /// A `RwLock`.
    ReadWrite,
    /// A `Mutex`.
    Mutex,
}

/// What a report calls a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its kind.
    pub kind: Kind,
    /// The name it was given, if it was.
    pub name: Option<&'static str>,
    /// Where it is made.
    pub made_at: &'static Location<'static>,
}

impl Name {
    fn same(&self, other: &Name) -> bool {
        self.kind == other.kind
            && match (self.name, other.name) {
                (None, None) => self.made_at == other.made_at,
                (mine, its) => mine == its,
            }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "{name}"),
            None => write!(f, "{:?} lock of {}", self.kind, self.made_at),
        }
    }
}

/// One lock was asked for while another was held.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// What was held.
    pub held: Name,
    /// Where it had been asked for.
    pub held_at: &'static Location<'static>,
    /// What was asked for.
    pub wanted: Name,
    /// Where.
    pub wanted_at: &'static Location<'static>,
    /// The how-manieth order this was to be seen, from 0.
    pub seen: u32,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Edge { held, held_at, .. } = self;
        writeln!(f, "  #{}: held {held}, taken at {held_at}", self.seen)?;
        write!(f, "      wanted {}, at {}", self.wanted, self.wanted_at)
    }
}

/// A cycle in the order of locks: what was asked for now, and the chain seen earlier that leads back.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// The order that closes the cycle.
    pub now: Edge,
    back: [Option<Edge>; CHAIN],
}

impl Cycle {
    /// The orders seen earlier, from what is wanted now to what is held now; none where both are of one class.
    pub fn earlier(&self) -> impl Iterator<Item = &Edge> {
        self.back.iter().flatten()
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "locks are taken in a circle; now:\n{}", self.now)?;
        if self.earlier().next().is_none() {
            return write!(f, "and both are of one class");
        }
        write!(f, "and earlier:")?;
        self.earlier().try_for_each(|edge| write!(f, "\n{edge}"))
    }
}

/// Where a lock is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Site(&'static Location<'static>);

impl Site {
    #[track_caller]
    pub(crate) const fn here() -> Self {
        Site(Location::caller())
    }
}

/// The class of a lock, as the lock keeps it.
pub(crate) struct Class {
    name: Name,
    /// Its number plus one, once it has been registered.
    number: AtomicU8,
}

#[derive(Clone, Copy)]
struct Held {
    class: u8,
    site: Site,
}

/// What one core or thread holds.
#[derive(Clone, Copy)]
struct Set([Option<Held>; DEPTH]);

impl Set {
    const EMPTY: Set = Set([None; DEPTH]);

    /// Says whether there was room.
    fn add(&mut self, held: Held) -> bool {
        let free = self.0.iter_mut().find(|slot| slot.is_none());
        free.map(|slot| *slot = Some(held)).is_some()
    }

    fn remove(&mut self, class: u8) {
        let mut slots = self.0.iter_mut().rev();
        if let Some(slot) = slots.find(|slot| slot.is_some_and(|held| held.class == class)) {
            *slot = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

#[derive(Clone, Copy)]
struct Seen {
    held: Held,
    wanted: Held,
}

struct Graph {
    report: Option<fn(&Cycle)>,
    classes: [Option<Name>; CLASSES],
    edges: [Option<Seen>; EDGES],
    cores: [Set; CORES],
    threads: [(u32, Set); THREADS],
    lost: u32,
}

/// Whose set is meant.
#[derive(Clone, Copy)]
enum Context {
    Core(usize),
    Thread(u32),
}

impl Graph {
    fn set(&mut self, context: Context) -> Option<&mut Set> {
        match context {
            Context::Core(cpu) => self.cores.get_mut(cpu),
            Context::Thread(who) => {
                let mut threads = self.threads.iter();
                let mine = threads.position(|(id, set)| *id == who && !set.is_empty());
                let free = || self.threads.iter().position(|(_, set)| set.is_empty());
                let index = mine.or_else(free)?;
                let thread = self.threads.get_mut(index)?;
                thread.0 = who;
                Some(&mut thread.1)
            }
        }
    }

    fn number(&mut self, class: &Class) -> Option<u8> {
        if let Some(number) = class.number.load(Ordering::Relaxed).checked_sub(1) {
            return Some(number);
        }
        let same = |slot: &Option<Name>| slot.is_none_or(|name| name.same(&class.name));
        let Some(number) = self.classes.iter().position(same) else {
            self.lost = self.lost.saturating_add(1);
            return None;
        };
        self.classes[number] = Some(class.name);
        // Below 64, so it fits.
        let number = number as u8;
        class.number.store(number + 1, Ordering::Relaxed);
        Some(number)
    }

    fn edge(&self, index: usize) -> Option<Edge> {
        let Seen { held, wanted } = (*self.edges.get(index)?)?;
        Some(Edge {
            held: self.classes[usize::from(held.class)]?,
            held_at: held.site.0,
            wanted: self.classes[usize::from(wanted.class)]?,
            wanted_at: wanted.site.0,
            seen: index as u32,
        })
    }

    /// Records that `wanted` is asked for by whoever has `held`; the cycle that this closes, if it is new and does.
    fn order(&mut self, held: Held, wanted: Held) -> Option<Cycle> {
        let known =
            |seen: &&Seen| (seen.held.class, seen.wanted.class) == (held.class, wanted.class);
        if self.edges.iter().flatten().any(|seen| known(&seen)) {
            return None;
        }
        let Some(index) = self.edges.iter().position(Option::is_none) else {
            self.lost = self.lost.saturating_add(1);
            return None;
        };
        let back = self.path(wanted.class, held.class);
        self.edges[index] = Some(Seen { held, wanted });
        let now = self.edge(index)?;
        back.map(|back| Cycle { now, back })
    }

    /// A chain of edges that leads from one class to another (breadth first, so a shortest one).
    fn path(&self, from: u8, to: u8) -> Option<[Option<Edge>; CHAIN]> {
        let mut came_by = [None; CLASSES];
        let mut reached = 1_u64 << from;
        let mut grown = true;
        while grown && reached >> to & 1 == 0 {
            grown = false;
            let before = reached;
            for (index, seen) in self.edges.iter().enumerate() {
                let Some(Seen { held, wanted }) = seen else {
                    break;
                };
                if before >> held.class & 1 != 0 && reached >> wanted.class & 1 == 0 {
                    came_by[usize::from(wanted.class)] = Some(index);
                    reached |= 1 << wanted.class;
                    grown = true;
                }
            }
        }
        if reached >> to & 1 == 0 {
            return None;
        }
        // Backwards from `to`; of a longer chain, its last edges.
        let (mut chain, mut at) = ([None; CHAIN], to);
        for slot in chain.iter_mut().rev() {
            if at == from {
                break;
            }
            let index = came_by[usize::from(at)]?;
            *slot = self.edge(index);
            at = self.edges[index]?.held.class;
        }
        Some(chain)
    }
}

struct Guarded {
    ticket: Ticket<AtomicU32>,
    graph: UnsafeCell<Graph>,
}

// SAFETY: the graph is reached only through `with`, which holds the ticket.
unsafe impl Sync for Guarded {}

static GUARDED: Guarded = Guarded {
    ticket: Ticket::new(),
    graph: UnsafeCell::new(Graph {
        report: None,
        classes: [None; CLASSES],
        edges: [None; EDGES],
        cores: [Set::EMPTY; CORES],
        threads: [(0, Set::EMPTY); THREADS],
        lost: 0,
    }),
};

/// Not a `SpinLock`, which would check itself.
fn with<P: Platform, R>(section: impl FnOnce(&mut Graph) -> R) -> R {
    IrqGuard::<P>::with(|_| {
        let ticket = GUARDED.ticket.acquire(P::relax);
        // SAFETY: we hold the ticket, IRQs are masked, and no section takes a lock, so this is the only reference.
        let result = section(unsafe { &mut *GUARDED.graph.get() });
        GUARDED.ticket.release(ticket);
        result
    })
}

/// From now on, cycles are reported to `report`: once for each order that closes one, with IRQs masked, and before
/// the wait begins. Until then they are forgotten.
pub fn install<P: Platform>(report: fn(&Cycle)) {
    with::<P, _>(|graph| graph.report = Some(report));
}

/// How many classes, orders and holders were not recorded for want of room.
pub fn lost<P: Platform>() -> u32 {
    with::<P, _>(|graph| graph.lost)
}

impl Class {
    #[track_caller]
    pub(crate) const fn here(kind: Kind) -> Self {
        Self::new(kind, None)
    }

    #[track_caller]
    pub(crate) const fn named(name: &'static str, kind: Kind) -> Self {
        Self::new(kind, Some(name))
    }

    #[track_caller]
    const fn new(kind: Kind, name: Option<&'static str>) -> Self {
        let made_at = Location::caller();
        Class {
            name: Name {
                kind,
                name,
                made_at,
            },
            number: AtomicU8::new(0),
        }
    }

    pub(crate) fn want<P: Platform>(&self, who: u32, site: Site) {
        self.ask::<P>(Context::Thread(who), site);
    }
    pub(crate) fn got<P: Platform>(&self, who: u32, site: Site) {
        self.add::<P>(Context::Thread(who), site);
    }
    pub(crate) fn left<P: Platform>(&self, who: u32) {
        self.remove::<P>(Context::Thread(who));
    }
    // The callers of these have IRQs masked, so the core stays the same.
    pub(crate) fn want_here<P: Platform>(&self, site: Site) {
        self.ask::<P>(Context::Core(P::cpu()), site);
    }
    pub(crate) fn got_here<P: Platform>(&self, site: Site) {
        self.add::<P>(Context::Core(P::cpu()), site);
    }
    pub(crate) fn left_here<P: Platform>(&self) {
        self.remove::<P>(Context::Core(P::cpu()));
    }

    fn ask<P: Platform>(&self, context: Context, site: Site) {
        let mut from = 0;
        // One cycle at a time, reported outside the section.
        while from < DEPTH {
            let (next, report, cycle) = with::<P, _>(|graph| {
                let Some(class) = graph.number(self) else {
                    return (DEPTH, None, None);
                };
                let set = graph.set(context).map_or(Set::EMPTY, |set| *set);
                for (index, held) in set.0.iter().enumerate().skip(from) {
                    let Some(held) = *held else { continue };
                    if let Some(cycle) = graph.order(held, Held { class, site }) {
                        return (index + 1, graph.report, Some(cycle));
                    }
                }
                (DEPTH, None, None)
            });
            if let (Some(report), Some(cycle)) = (report, cycle) {
                report(&cycle);
            }
            from = next;
        }
    }

    fn add<P: Platform>(&self, context: Context, site: Site) {
        with::<P, _>(|graph| {
            let Some(class) = graph.number(self) else {
                return;
            };
            let added = graph.set(context).map(|set| set.add(Held { class, site }));
            if added != Some(true) {
                graph.lost = graph.lost.saturating_add(1);
            }
        });
    }

    fn remove<P: Platform>(&self, context: Context) {
        with::<P, _>(|graph| {
            if let Some(class) = graph.number(self)
                && let Some(set) = graph.set(context)
            {
                set.remove(class);
            }
        });
    }
}
