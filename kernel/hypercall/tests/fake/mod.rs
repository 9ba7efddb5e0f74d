//! A machine of four VMs in ordinary memory, which watches what operations do to it.
//!
//! It fails a test when locks are taken out of order or two of a kind, when one is held at a checkpoint, when memory is
//! touched that is nobody's to touch, and ([`World::check`]) when accounts, mappings and grants do not agree.
#![allow(dead_code, reason = "each test file uses its part")]

mod machine;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};
use std::task::Poll;

use abi::ops::state;
use continuation::{Control, Driver, Rest, Table, Tasks};
use frames::{Chunks, Heap, PAGE_SIZE};
use hypercall::{
    Call, Error, Grants, Life, Machine, Orphan, Ports, Reply, Space, Step, VmId, operation,
};
use preempt::{Pause, Platform};
use stage2::{Attributes, Geometry, Maintenance, Stage2, TableMemory};
use tables::Permissions;

pub const VMS: u8 = 4;
pub const PAGE: u64 = PAGE_SIZE;
pub const MIB2: u64 = 2 << 20;
/// Where a VM's own memory is for it: 64 pages.
pub const OWN: u64 = 0x1000_0000;
pub const OWN_PAGES: u64 = 64;
/// Where it may populate.
pub const WINDOW: Range<u64> = 0x4000_0000..0x4800_0000;
/// Where the heap is.
pub const HEAP: u64 = 0x1_0000_0000;
pub const IPA_BITS: u32 = 32;

thread_local! {
    static MASKED: Cell<bool> = const { Cell::new(false) };
    /// Locks held, as levels: 1 grants, 2 space, 3 heap, 9 ports.
    static HELD: Cell<u32> = const { Cell::new(0) };
    /// What the driver says at checkpoints: go on this many times, then leave once.
    static GO_ON: Cell<u32> = const { Cell::new(0) };
    static LEAVE: Cell<bool> = const { Cell::new(false) };
    /// How often it was asked whether an interrupt waits, where some do.
    static WANTED: Cell<Option<u32>> = const { Cell::new(None) };
    static STEPS: Cell<u32> = const { Cell::new(0) };
    static LONGEST: Cell<u32> = const { Cell::new(0) };
}

pub struct Core;

// SAFETY: no interrupts exist here, and each test is one thread.
unsafe impl Platform for Core {
    const CPUS: usize = 1;
    type Irq = bool;
    fn irq_mask() -> bool {
        MASKED.replace(true)
    }
    unsafe fn irq_restore(saved: bool) {
        MASKED.set(saved);
    }
    fn relax() {}
    fn cpu() -> usize {
        0
    }
}

/// The driver of the tests: leaves when they say so.
pub struct Drive;

impl Driver for Drive {
    type Platform = Core;
    const INTERVAL: u32 = 3;
    fn pause(_: &Control) -> Pause {
        assert_eq!(HELD.get(), 0, "a lock is held at a checkpoint");
        STEPS.set(0);
        let left = GO_ON.get();
        if LEAVE.get() && left == 0 {
            return Pause::Leave;
        }
        GO_ON.set(left.saturating_sub(1));
        Pause::GoOn
    }
    fn contended(_: &Control) -> Pause {
        assert_eq!(HELD.get(), 0, "a lock is held while waiting");
        Pause::Leave
    }
    fn wake(_: u32) {}
}

/// Operations leave at each checkpoint.
pub fn leave_always() {
    LEAVE.set(true);
    GO_ON.set(0);
}

/// They leave at the checkpoint after so many.
pub fn leave_after(checkpoints: u32) {
    LEAVE.set(true);
    GO_ON.set(checkpoints);
}

/// They never leave.
pub fn leave_never() {
    LEAVE.set(false);
}

/// Interrupts wait now and then.
pub fn interrupts_come() {
    WANTED.set(Some(0));
}

/// Whether one waits: every third time that this is asked.
fn wanted() -> bool {
    let asked = WANTED.get();
    WANTED.set(asked.map(|asked| asked.wrapping_add(1)));
    asked.is_some_and(|asked| asked % 3 == 0)
}

/// The most steps of memory work between two checkpoints since this was last asked.
pub fn longest() -> u32 {
    LONGEST.replace(0)
}

fn step() {
    STEPS.set(STEPS.get() + 1);
    LONGEST.set(LONGEST.get().max(STEPS.get()));
}

#[derive(Debug)]
pub struct Tables {
    pages: BTreeMap<u64, Vec<u64>>,
    next: u64,
    pub limit: usize,
}

impl TableMemory for Tables {
    fn alloc(&mut self, pages: u32) -> Option<u64> {
        if self.pages.len() >= self.limit {
            return None;
        }
        let size = u64::from(pages) * PAGE;
        let at = self.next.next_multiple_of(size);
        self.next = at + size;
        self.pages.insert(at, vec![0; 512 * pages as usize]);
        Some(at)
    }
    fn free(&mut self, table: u64, pages: u32) {
        let gone = self.pages.remove(&table).expect("freed twice");
        assert_eq!(gone.len(), 512 * pages as usize);
    }
    fn wanted(&self) -> bool {
        wanted()
    }
    fn read(&self, table: u64, index: usize) -> u64 {
        self.pages[&table][index]
    }
    fn write(&mut self, table: u64, index: usize, descriptor: u64) {
        self.pages.get_mut(&table).expect("a freed table")[index] = descriptor;
    }
}

impl Tables {
    pub fn used(&self) -> usize {
        self.pages.len()
    }
}

#[derive(Debug)]
pub struct Tlb;

impl Maintenance for Tlb {
    fn entry_written(&mut self) {}
    fn invalidate_ipa(&mut self, _: u16, _: u64, _: u64) {}
    fn invalidate_all(&mut self, _: u16) {}
}

#[derive(Debug)]
pub struct Memory {
    pub stage2: Option<Stage2>,
    pub tables: Tables,
}

#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub state: u64,
    pub owned: bool,
    pub restart: bool,
    /// Its vCPUs do not stop as long as this holds.
    pub restless: bool,
}

pub type Ops = Table<Drive, Reply, 4, 4096>;

pub struct World {
    pub heap: Mutex<Heap<1, 8>>,
    pub spaces: [Mutex<Memory>; VMS as usize],
    grants: [Mutex<Grants>; VMS as usize],
    ports: [Mutex<Ports>; VMS as usize],
    pub ram: Mutex<BTreeMap<u64, Box<[u8; 4096]>>>,
    pub status: [Mutex<Status>; VMS as usize],
    pub ops: [Ops; VMS as usize],
    pub tasks: Tasks<Drive, 2, 1024>,
    pub rings: Mutex<Vec<(VmId, u32)>>,
    pub console: Mutex<(Vec<u8>, usize)>,
    pub dirty: Mutex<bool>,
    /// Whether there are tables ready; how many were given up, and how many of them are back.
    pub stocked: Mutex<bool>,
    pub given_up: Mutex<u64>,
    pub returned: Mutex<u64>,
    pub cleaned: Mutex<BTreeSet<u64>>,
    pub may: Mutex<[Permissions; VMS as usize]>,
    pub log: Mutex<Vec<String>>,
}

/// The machine.
#[derive(Clone, Copy)]
pub struct Fake(pub &'static World);

const ALL: Permissions = Permissions(!0);

fn geometry() -> Geometry {
    Geometry::new(IPA_BITS, 5, false).unwrap()
}

fn own_pa(vm: u8) -> u64 {
    0x8000_0000 + u64::from(vm) * 0x10_0000
}

impl Fake {
    /// Four running VMs and a heap of so many extents, of which each VM may have as much as it likes.
    pub fn new(extents: u64) -> Self {
        leave_never();
        let mut heap = Heap::empty();
        assert_eq!(heap.init(HEAP, extents * MIB2), extents * MIB2);
        for vm in 0..VMS {
            heap.set_limit(vm, u32::MAX);
        }
        let fake = Fake(Box::leak(Box::new(World {
            heap: Mutex::new(heap),
            spaces: std::array::from_fn(|vm| {
                Mutex::new(Memory {
                    stage2: None,
                    tables: Tables {
                        pages: BTreeMap::new(),
                        next: 0x7000_0000_0000 + ((vm as u64) << 40),
                        limit: 10_000,
                    },
                })
            }),
            grants: Default::default(),
            ports: Default::default(),
            ram: Mutex::default(),
            status: std::array::from_fn(|_| {
                Mutex::new(Status {
                    state: state::ABSENT,
                    owned: false,
                    restart: false,
                    restless: false,
                })
            }),
            ops: [const { Table::new() }; VMS as usize],
            tasks: Tasks::new(),
            rings: Mutex::default(),
            console: Mutex::new((Vec::new(), usize::MAX)),
            dirty: Mutex::new(true),
            stocked: Mutex::new(true),
            given_up: Mutex::new(0),
            returned: Mutex::new(0),
            cleaned: Mutex::default(),
            may: Mutex::new([ALL; VMS as usize]),
            log: Mutex::default(),
        })));
        for vm in (0..VMS).map(VmId) {
            fake.0.ops[usize::from(vm.0)].set_tag(vm.0.into());
            assert_eq!(fake.life(vm, Life::Create), Ok(Step::Done));
            assert_eq!(fake.life(vm, Life::Start), Ok(Step::Done));
        }
        fake
    }

    fn lock<'a, T, R>(
        self,
        level: u32,
        lock: &'a Mutex<T>,
        section: impl FnOnce(&mut T) -> R,
    ) -> R {
        let before = HELD.get();
        let in_order = before == 0 || (level != 9 && before < level);
        assert!(in_order, "lock {level} taken under {before}");
        HELD.set(level);
        let mut value: MutexGuard<'a, T> = lock.try_lock().expect("locks are not held twice");
        let result = section(&mut value);
        drop(value);
        HELD.set(before);
        result
    }

    /// Runs an operation of `vm` to its end, through as many continuations as there are pauses.
    pub fn call(self, vm: u8, function: u32, arguments: &[u64]) -> Reply {
        let mut at = self.begin(vm, function, arguments);
        let mut rounds = 0;
        loop {
            match at {
                Ok(reply) => return reply,
                Err(handle) => at = self.resume(vm, handle),
            }
            rounds += 1;
            assert!(rounds < 2_000_000, "does not end");
        }
    }

    /// x0 as a signed number, and x1.
    pub fn ask(self, vm: u8, function: u32, arguments: &[u64]) -> (i64, u64) {
        let [x0, x1, ..] = self.call(vm, function, arguments).x;
        (x0 as i64, x1)
    }

    /// Begins an operation and polls it once: its reply, or its handle.
    pub fn begin(self, vm: u8, function: u32, arguments: &[u64]) -> Result<Reply, u64> {
        STEPS.set(0);
        let mut six = [0; 6];
        six[..arguments.len()].copy_from_slice(arguments);
        let call = Call {
            function,
            arguments: six,
        };
        let table = &self.0.ops[usize::from(vm)];
        let lease = table.begin(0, |cx| operation(self, cx, VmId(vm), call));
        poll(lease.unwrap())
    }

    /// Polls a suspended operation once.
    pub fn resume(self, vm: u8, handle: u64) -> Result<Reply, u64> {
        poll(self.0.ops[usize::from(vm)].resume(0, handle).unwrap())
    }

    /// Drops an operation where it stands.
    pub fn abandon(self, vm: u8) {
        self.0.ops[usize::from(vm)].cancel_one();
    }

    pub fn held(self, vm: u8) -> u32 {
        self.0.heap.lock().unwrap().held_by(vm)
    }

    pub fn usage(self) -> frames::HeapUsage {
        self.0.heap.lock().unwrap().usage()
    }

    pub fn state_of(self, vm: u8) -> Status {
        *self.0.status[usize::from(vm)].lock().unwrap()
    }

    /// Where guest memory is.
    pub fn translate(self, vm: u8, ipa: u64) -> Option<stage2::Translation> {
        let memory = self.0.spaces[usize::from(vm)].lock().unwrap();
        memory.stage2.as_ref()?.translate(&memory.tables, ipa)
    }

    /// What a guest's CPU reads.
    pub fn peek(self, vm: u8, ipa: u64, bytes: usize) -> Vec<u8> {
        (ipa..ipa + bytes as u64)
            .map(|at| {
                let pa = self.translate(vm, at).expect("mapped").pa;
                self.0.byte(pa)
            })
            .collect()
    }

    /// What a guest's CPU writes.
    pub fn poke(self, vm: u8, ipa: u64, bytes: &[u8]) {
        for (at, byte) in (ipa..).zip(bytes) {
            let found = self.translate(vm, at).expect("mapped");
            assert!(found.attributes.writable);
            self.0
                .page(found.pa, |page| page[(found.pa % PAGE) as usize] = *byte);
        }
    }

    pub fn poke_words(self, vm: u8, ipa: u64, words: &[u64]) {
        let bytes: Vec<_> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.poke(vm, ipa, &bytes);
    }

    pub fn word(self, vm: u8, ipa: u64) -> u64 {
        u64::from_le_bytes(self.peek(vm, ipa, 8).try_into().unwrap())
    }

    /// Leaves of a VM's window: IPA, PA, size.
    pub fn leaves(self, vm: u8) -> Vec<(u64, u64, u64)> {
        let mut all = Vec::new();
        let mut at = WINDOW.start;
        while at < WINDOW.end {
            match self.translate(vm, at) {
                Some(found) => {
                    all.push((at, found.pa, found.size));
                    at += found.size;
                }
                None => at += PAGE,
            }
        }
        all
    }

    /// Everything agrees with everything, while no operation is suspended.
    pub fn check(self) {
        let heap = self.0.heap.lock().unwrap();
        let usage = heap.usage();
        let sum: u32 = (0..VMS).map(|vm| heap.held_by(vm)).sum();
        assert_eq!(usage.free + sum + usage.held, usage.total);
        drop(heap);
        // Each page: who shows it as its own.
        let mut shown = BTreeMap::new();
        let mut foreign = BTreeMap::<u8, u64>::new();
        for vm in 0..VMS {
            let mut own = 0u64;
            for (_, pa, size) in self.leaves(vm) {
                for page in (pa..pa + size).step_by(PAGE as usize) {
                    let owner = self.0.heap.lock().unwrap().owner_of(page);
                    if owner == Some(vm) {
                        own += 1;
                        assert_eq!(shown.insert(page, vm), None, "{page:#x} twice");
                    } else {
                        let in_heap = page >= HEAP;
                        assert!(owner.is_some() || !in_heap, "{page:#x} is free and mapped");
                        *foreign.entry(vm).or_default() += 1;
                    }
                }
            }
            assert_eq!(own, u64::from(self.held(vm)), "VM {vm}: mapped and held");
        }
        let mut mapped = BTreeMap::<u8, u64>::new();
        for owner in 0..VMS {
            let grants = self.0.grants[usize::from(owner)].lock().unwrap();
            let mut seen = BTreeSet::new();
            while let Some((name, grant)) = grants.any(VmId(owner), |grant| {
                !seen.contains(&(grant.ipa, grant.tag, grant.to, grant.at, grant.pages))
            }) {
                seen.insert((grant.ipa, grant.tag, grant.to, grant.at, grant.pages));
                assert_eq!(name.owner(), Some(VmId(owner)));
                *mapped.entry(grant.to.0).or_default() += grant.mapped;
                for page in 0..grant.mapped {
                    let there = self
                        .translate(grant.to.0, grant.at + page * PAGE)
                        .map(|t| t.pa);
                    let here = self.translate(owner, grant.ipa + page * PAGE).map(|t| t.pa);
                    assert!(
                        there.is_some() && there == here,
                        "grant {grant:x?} page {page}"
                    );
                }
            }
        }
        mapped.retain(|_, pages| *pages != 0);
        assert_eq!(
            foreign, mapped,
            "pages of others that are mapped, and by grants"
        );
    }

    /// Lets the scrubber and the reaper do all there is to do.
    pub fn settle(self) {
        leave_never();
        self.0.tasks.poll_ready(|| true);
        for _ in 0..10 {
            self.0.tasks.run(0);
            self.0.tasks.run(1);
        }
    }
}

pub fn poll(mut lease: continuation::Lease<Drive, Reply, 4096>) -> Result<Reply, u64> {
    match lease.poll() {
        Poll::Ready(reply) => Ok(reply),
        Poll::Pending => lease
            .suspend()
            .map_err(|_| ())
            .map_or(Ok(Reply::from(Error::Cancelled)), Err),
    }
}

impl World {
    /// A page's bytes; what was never written is full of what the last owner left.
    pub fn page<R>(&self, pa: u64, section: impl FnOnce(&mut [u8; 4096]) -> R) -> R {
        let mut ram = self.ram.lock().unwrap();
        section(
            ram.entry(pa / PAGE)
                .or_insert_with(|| Box::new([0xaa; 4096])),
        )
    }

    pub fn byte(&self, pa: u64) -> u8 {
        self.page(pa, |page| page[(pa % PAGE) as usize])
    }
}
