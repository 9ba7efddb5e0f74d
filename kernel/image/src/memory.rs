//! Physical memory: the pool of pages, the VMs' stage 2 tables that are made of them, the VMs' RAM.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arch::ram::{Ram, SharedRam};
use frames::{Frames, Limbo};
use hypercall::Error;
use stage2::{Attributes, Geometry, Leaf, Maintenance, Stage2, TableMemory};
use tables::{Gic, Region, Vm, VmMemory};

use crate::config::{BOARD, POOL_SIZE, SYSTEM, VMS as VM_COUNT};
use crate::platform::{IrqGuard, Once, SpinLock};
use crate::{grace, hw, vm};

/// The pages of the pool, and the right to write to them.
pub struct Pool {
    frames: Frames,
    ram: Option<Ram>,
    /// Where it begins.
    base: u64,
    /// How many entries of each of its pages, as far as they are tables, are not 0: so that nobody has to count them
    /// with interrupts masked.
    used: [u16; PAGES],
    /// Tables that are cleared already, so that who needs one with interrupts masked has not to. They count as free.
    spare: [Option<u64>; SPARE],
    /// How many are being cleared for that, without the lock. They count as free.
    making: u32,
    /// Pages that are tables no more, and that a core may still be looking at. They count as free.
    limbo: Limbo<PAGES>,
}

/// The most tables that mapping a page or a block takes.
const SPARE: usize = 2;

/// There may be fewer spare tables than there could be.
static SHORT: AtomicBool = AtomicBool::new(true);

/// There are, and when it was last tried no page was left to make one of.
static OUT: AtomicBool = AtomicBool::new(false);

/// The pool's pages, those included that EL2's own tables took before.
const PAGES: usize = POOL_SIZE / frames::PAGE_SIZE as usize;

static POOL: SpinLock<Pool> = SpinLock::new(Pool {
    frames: Frames::empty(),
    ram: None,
    base: 0,
    used: [0; PAGES],
    spare: [None; SPARE],
    making: 0,
    limbo: Limbo::new(),
});

/// The pool's pages, for those who look at tables without its lock.
static TABLES: Once<SharedRam> = Once::new();

/// So many pages that are tables no more are worth a grace period, which interrupts all cores, though nobody waits for them.
const WORTH_IT: u32 = 32;

/// There are, or somebody asked for one while another was under way.
static MANY: AtomicBool = AtomicBool::new(false);

/// Makes `region` the pool.
///
/// # Errors
///
/// It cannot be one; says why.
pub fn init(region: Region) -> Result<(), &'static str> {
    POOL.with(|pool| {
        pool.ram = Some(hw::ram(region));
        TABLES.get_or_init(|| hw::tables(region));
        pool.base = region.base;
        pool.frames.init(region.base, region.size)
    })
    .map_err(|_| "the pool is not page-aligned, or larger than 64 MiB: correct POOL_SIZE")
}

/// How full the pool is.
pub fn usage() -> frames::Usage {
    POOL.with(|pool| {
        let spare = pool.spare.iter().flatten().count() as u32;
        let mut usage = pool.frames.usage();
        let spare = spare.saturating_add(pool.making);
        let limbo = pool.limbo.waiting() as u32;
        usage.used = usage.used.saturating_sub(spare).saturating_sub(limbo);
        usage
    })
}

/// Clears tables for whoever needs some next, outside of all sections. Whether there are as many as a step may need.
pub fn stock() -> bool {
    for _ in 0..SPARE {
        if !SHORT.load(Ordering::Relaxed) {
            break;
        }
        let Some(page) = POOL.with(Pool::begin_spare) else {
            break;
        };
        let clear = TABLES.get().is_some_and(|tables| tables.clear_page(page));
        POOL.with(|pool| pool.end_spare(page, clear));
    }
    !OUT.load(Ordering::Relaxed)
}

/// Whether so many tables have been given up that somebody should see to it that they come back.
#[inline]
pub fn many_given_up() -> bool {
    MANY.load(Ordering::Relaxed)
}

/// Of the tables that were given up: how many wait, how many there have been, and how many are back.
pub fn given_up() -> (u64, u64, u64) {
    POOL.with(|pool| {
        let limbo = &pool.limbo;
        (limbo.waiting(), limbo.put_in(), limbo.taken_out())
    })
}

/// Those that were given up by now wait for the grace period that the caller begins; `false`: there are none, or others do.
pub fn close_batch(irq: &IrqGuard) -> bool {
    let limbo = &mut POOL.lock(irq).limbo;
    let closed = limbo.close();
    // Where a batch waits already, these are the next.
    MANY.store(limbo.new_ones() > 0, Ordering::Relaxed);
    closed
}

/// The grace period is over.
pub fn pass_batch() {
    POOL.with(|pool| pool.limbo.pass());
}

/// Gives a table back whose grace period is over; `false`: there is none.
pub fn give_one_back() -> bool {
    POOL.with(Pool::give_one_back)
}

impl Pool {
    /// Takes a page to make a spare table of, if one is missing.
    fn begin_spare(&mut self) -> Option<u64> {
        let missing = self.spare.iter().any(Option::is_none);
        let page = if missing { self.take(1) } else { None };
        SHORT.store(page.is_some(), Ordering::Relaxed);
        OUT.store(missing && page.is_none(), Ordering::Relaxed);
        self.making = self.making.wrapping_add(u32::from(page.is_some()));
        page
    }

    /// It is clear, unless something is wrong with it. Others may have been faster.
    fn end_spare(&mut self, page: u64, clear: bool) {
        self.making = self.making.wrapping_sub(1);
        match self.spare.iter_mut().find(|place| place.is_none()) {
            Some(place) if clear => *place = Some(page),
            _ => self.give_back(page, 1),
        }
    }

    /// Takes adjacent pages, of which nothing is known.
    fn take(&mut self, pages: u32) -> Option<u64> {
        let table = self.frames.alloc_run(pages).ok()??;
        let first = place(self.base, table);
        let used = self.used.iter_mut().skip(first).take(pages as usize);
        used.for_each(|used| *used = 0);
        Some(table)
    }

    /// Takes adjacent pages and clears them.
    fn make(&mut self, pages: u32) -> Option<u64> {
        let table = self.take(pages)?;
        let size = u64::from(pages).saturating_mul(frames::PAGE_SIZE);
        self.ram.as_mut()?.clear(table, size).then_some(table)
    }

    fn give_one_back(&mut self) -> bool {
        let Some(page) = self.limbo.take() else {
            return false;
        };
        let offset = (page as u64).wrapping_mul(frames::PAGE_SIZE);
        let table = self.base.wrapping_add(offset);
        // What has been emptied entry by entry is as good as cleared.
        let empty = self.is_empty(table);
        match self.spare.iter_mut().find(|place| place.is_none()) {
            Some(place) if empty => *place = Some(table),
            _ => self.give_back(table, 1),
        }
        SHORT.store(true, Ordering::Relaxed);
        true
    }

    fn give_back(&mut self, table: u64, pages: u32) {
        if let Err(error) = self.frames.free_run(table, pages) {
            log::error!("{error}: {pages} pages at {table:#x}");
        }
    }
}

impl TableMemory for Pool {
    fn alloc(&mut self, pages: u32) -> Option<u64> {
        if pages == 1 {
            SHORT.store(true, Ordering::Relaxed);
            let spare = self.spare.iter_mut().find_map(Option::take);
            return spare.or_else(|| self.make(1));
        }
        let run = self.make(pages);
        if run.is_some() {
            return run;
        }
        for spare in core::mem::take(&mut self.spare).into_iter().flatten() {
            self.give_back(spare, 1);
        }
        self.make(pages)
    }

    fn free(&mut self, table: u64, pages: u32) {
        let first = place(self.base, table);
        for page in 0..pages as usize {
            self.limbo.put(first.wrapping_add(page));
        }
        if self.limbo.new_ones() >= WORTH_IT {
            MANY.store(true, Ordering::Relaxed);
        }
    }

    fn read(&self, table: u64, index: usize) -> u64 {
        let entry = table.wrapping_add((index as u64).wrapping_mul(8));
        self.ram
            .as_ref()
            .and_then(|ram| ram.load(entry))
            .unwrap_or(0)
    }

    fn write(&mut self, table: u64, index: usize, descriptor: u64) {
        let entry = table.wrapping_add((index as u64).wrapping_mul(8));
        let ram = self.ram.as_mut();
        let Some(before) = ram.and_then(|ram| ram.replace(entry, descriptor)) else {
            return;
        };
        if let Some(used) = self.used.get_mut(place(self.base, entry)) {
            let less = used.wrapping_sub(u16::from(before != 0));
            *used = less.wrapping_add(u16::from(descriptor != 0));
        }
    }

    fn wanted(&self) -> bool {
        arch::cpu::irq_waits()
    }

    fn is_empty(&self, table: u64) -> bool {
        self.used.get(place(self.base, table)) == Some(&0)
    }
}

/// Which page of the pool, which begins at `base`, holds this address.
fn place(base: u64, address: u64) -> usize {
    (address.wrapping_sub(base) / frames::PAGE_SIZE) as usize
}

/// What all cores have cached of the VM whose VTTBR_EL2 this is.
pub struct Tlb(u64);

/// From so many pages on it is less work to drop everything of a VM.
const FEW_PAGES: u64 = 8;

impl Maintenance for Tlb {
    fn entry_written(&mut self) {
        arch::cpu::dsb();
        arch::cpu::isb();
    }

    fn invalidate_ipa(&mut self, vmid: u16, ipa: u64, size: u64) {
        let pages = size / frames::PAGE_SIZE;
        if pages > FEW_PAGES {
            return self.invalidate_all(vmid);
        }
        arch::tlb::with_stage2(self.0, || {
            for page in 0..pages {
                let offset = page.wrapping_mul(frames::PAGE_SIZE);
                arch::tlb::invalidate_ipa(ipa.wrapping_add(offset));
            }
        });
    }

    fn invalidate_all(&mut self, _vmid: u16) {
        arch::tlb::with_stage2(self.0, arch::tlb::invalidate_vm);
    }
}

/// The shape of all VMs' address spaces, which is also what guests are told (ID_AA64MMFR0_EL1.PARange).
static GEOMETRY: Once<Geometry> = Once::new();
/// What it means for VTCR_EL2: each switch to another VM's vCPU asks.
static VTCR: AtomicU64 = AtomicU64::new(0);

/// The shape of all VMs' address spaces: large enough for the highest address that any of them uses.
///
/// # Errors
///
/// This core has too few physical address bits for the VMs' tables.
pub fn geometry() -> Result<Geometry, &'static str> {
    if let Some(geometry) = GEOMETRY.get() {
        return Ok(*geometry);
    }
    let memory = vm::VMS
        .iter()
        .flat_map(|vm| vm.table.memory)
        .map(|memory| memory.ipa.saturating_add(memory.pa.size));
    let windows = vm::VMS.iter().map(|vm| window(vm.table).end);
    let end = memory
        .chain(windows)
        .max()
        .unwrap_or(0)
        .max(crate::pv_time::end());
    let parange = (arch::id::read(7, 0) & 0xf) as u8;
    let geometry = Geometry::covering(end, parange, arch::id::vmid_bits() == 16)
        .map_err(|_| "a VM's memory lies higher than this core's physical addresses reach")?;
    VTCR.store(geometry.vtcr(), Ordering::Release);
    Ok(*GEOMETRY.get_or_init(|| geometry))
}

/// How much of a VM's memory is mapped in one go.
const MAP_SLICE: u64 = 4 << 20;

/// Goes on with building a VM's address space, of which `done` bytes of memory are mapped: first its root, then its memory,
/// slice by slice, and last what is small and the same for all. Returns how many bytes are mapped now, `None` when that is
/// all. A step needs no more tables than [`stock`] keeps.
///
/// # Errors
///
/// The pool is full ([`Error::NoMemory`]), or the tables contradict themselves; nothing is left of it.
pub fn build(irq: &IrqGuard, vm: &vm::Vm, done: u64) -> Result<Option<u64>, Error> {
    let result = if vm.stage2.lock(irq).is_none() {
        begin_to_build(irq, vm).map(|()| Some(0))
    } else {
        match build_slice(irq, vm, done) {
            Ok(None) => build_rest(irq, vm).map(|()| None),
            step => step,
        }
    };
    if result.is_err() {
        unbuild(irq, vm);
    }
    result
}

fn begin_to_build(irq: &IrqGuard, vm: &vm::Vm) -> Result<(), Error> {
    let geometry = geometry().map_err(|_| Error::NoMemory)?;
    let mut place = vm.stage2.lock(irq);
    let pool = &mut *POOL.lock(irq);
    let space = Stage2::new(geometry, vm.table.vmid, pool).map_err(|_| Error::NoMemory)?;
    vm.vttbr.store(space.vttbr(), Ordering::SeqCst);
    *place = Some(space);
    Ok(())
}

/// Maps what a VM has besides its memory: a page or two.
fn build_rest(irq: &IrqGuard, vm: &vm::Vm) -> Result<(), Error> {
    let clock = crate::pv_time::page(vm.table);
    let clock = clock.map(|(ipa, pa)| (ipa, pa, Attributes::READ_ONLY));
    let interface = match BOARD.gic {
        // One page: GICC_DIR, in the second, is emulated (see `mmio`).
        Gic::V2 { vcpu, .. } => Some((
            vm.table.gic.redistributor_or_cpu,
            vcpu.base,
            Attributes::DEVICE,
        )),
        Gic::V3 { .. } => None,
    };
    let mut place = vm.stage2.lock(irq);
    let space = place.as_mut().ok_or(Error::State)?;
    let tlb = &mut Tlb(space.vttbr());
    let pool = &mut *POOL.lock(irq);
    for (ipa, pa, attributes) in clock.into_iter().chain(interface) {
        let leaf = Leaf {
            ipa,
            pa,
            size: frames::PAGE_SIZE,
            attributes,
        };
        space
            .map_leaf(pool, tlb, leaf, || true)
            .map_err(|_| Error::NoMemory)?;
    }
    Ok(())
}

/// Maps the slice of a VM's memory behind the first `done` bytes.
fn build_slice(irq: &IrqGuard, vm: &vm::Vm, done: u64) -> Result<Option<u64>, Error> {
    let mut before = 0u64;
    for memory in vm.table.memory {
        let offset = done.saturating_sub(before);
        let left = memory.pa.size.saturating_sub(offset);
        before = before.saturating_add(memory.pa.size);
        if left == 0 {
            continue;
        }
        // To the next multiple, so that large blocks stay whole.
        let ipa = memory.ipa.saturating_add(offset);
        let slice = left.min(MAP_SLICE.saturating_sub(ipa % MAP_SLICE));
        let pa = memory.pa.base.saturating_add(offset);
        let mut place = vm.stage2.lock(irq);
        let space = place.as_mut().ok_or(Error::State)?;
        let tlb = &mut Tlb(space.vttbr());
        let pool = &mut *POOL.lock(irq);
        space
            .map(pool, tlb, ipa, pa, slice, attributes(memory))
            .map_err(|_| Error::NoMemory)?;
        return Ok(Some(done.saturating_add(slice)));
    }
    Ok(None)
}

/// Gives back a VM's tables; no core uses them.
pub fn unbuild(irq: &IrqGuard, vm: &vm::Vm) {
    let mut place = vm.stage2.lock(irq);
    let space = place.take();
    vm.vttbr.store(0, Ordering::SeqCst);
    if let Some(space) = space {
        let mut tlb = Tlb(space.vttbr());
        space.destroy(&mut *POOL.lock(irq), &mut tlb);
    }
}

/// Where a VM may populate memory: guest physical addresses.
pub fn window(table: &Vm) -> Range<u64> {
    table.grow_at..table.grow_at.saturating_add(table.grow)
}

/// VTCR_EL2, the same for all VMs.
pub fn vtcr() -> u64 {
    VTCR.load(Ordering::Acquire)
}

/// Works on a VM's address space, the pool and the TLB.
pub fn with_space<R>(
    vm: &vm::Vm,
    section: impl FnOnce(Option<&mut Stage2>, &mut Pool, &mut Tlb) -> R,
) -> R {
    IrqGuard::with(|irq| {
        let mut space = vm.stage2.lock(irq);
        let mut pool = POOL.lock(irq);
        let mut tlb = Tlb(space.as_ref().map_or(0, Stage2::vttbr));
        section(space.as_mut(), &mut pool, &mut tlb)
    })
}

/// Whether a VM has `ipa` mapped with such rights: then an access that was refused may try again, because its tables were
/// being changed meanwhile.
///
/// Waits for nobody but those who change this VM's tables: not for the pool's lock, which all VMs' changes take.
pub fn is_mapped(vm: &vm::Vm, ipa: u64, write: bool, execute: bool) -> bool {
    let look = || {
        let leaf = look_up(vm, ipa);
        leaf.is_some_and(|has| (has.writable || !write) && (has.executable || !execute))
    };
    // A descriptor that is being replaced is away for a moment, but not while nobody has the lock.
    look()
        || IrqGuard::with(|irq| {
            let _unchanged = vm.stage2.lock(irq);
            look()
        })
}

/// What a VM may do at `ipa`, as the hardware would find it just now: without a lock. The tables on the way stay what they
/// are until the section ends, because their pages are given back after a grace period only.
fn look_up(vm: &vm::Vm, ipa: u64) -> Option<Attributes> {
    grace::read(|| {
        let vttbr = Some(vm.vttbr.load(Ordering::Acquire)).filter(|vttbr| *vttbr != 0)?;
        let tables = TABLES.get()?;
        let read = |table: u64, index: usize| {
            let entry = table.wrapping_add((index as u64).wrapping_mul(8));
            tables.load(entry).unwrap_or(0)
        };
        let found = stage2::walk_unlocked(GEOMETRY.get()?, vttbr, ipa, read);
        found.map(|found| found.attributes)
    })
}

/// Large memory for guests that ask for it.
pub static HEAP: SpinLock<Heap> = SpinLock::new(Heap::empty());

/// The heap, as large as the system's table says.
pub type Heap = frames::Heap<HEAP_WORDS, VM_COUNT>;

/// Words of a bitmap with a bit for each extent.
const HEAP_WORDS: usize = match SYSTEM.heap {
    Some(region) => (region.size / frames::EXTENT_SIZE).div_ceil(64) as usize,
    None => 1,
};

/// Makes the system's heap the heap; at boot.
pub fn init_heap() {
    let Some(region) = SYSTEM.heap else { return };
    HEAP.with(|heap| {
        heap.init(region.base, region.size);
        for vm in &vm::VMS {
            let pages = vm.table.grow / frames::PAGE_SIZE;
            heap.set_limit(vm.number as u8, pages as u32);
        }
    });
}

/// The RAM that holds the `len` bytes at physical address `pa`, if it is a VM's or the heap's.
pub fn shared(pa: u64, len: u64) -> Option<SharedRam> {
    let planned = SYSTEM.vms.iter().flat_map(|vm| vm.memory);
    planned
        .map(|memory| memory.pa)
        .chain(SYSTEM.heap)
        .map(hw::shared_ram)
        .find(|ram| ram.contains(pa, len))
}

fn attributes(memory: &VmMemory) -> Attributes {
    match (memory.writable, memory.executable) {
        (true, true) => Attributes::RAM,
        (true, false) => Attributes::DATA,
        (false, true) => Attributes::ROM,
        (false, false) => Attributes::READ_ONLY,
    }
}
