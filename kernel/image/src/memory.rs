//! Physical memory: the pool of pages, the VMs' stage 2 tables that are made of them, the VMs' RAM.

use arch::ram::Ram;
use frames::Frames;
use stage2::{Attributes, Geometry, Maintenance, Stage2, TableMemory};
use tables::{Gic, Region, Vm, VmMemory};

use crate::config::BOARD;
use crate::platform::{Once, SpinLock};
use crate::{hw, vm};

/// The pages of the pool, and the right to write to them.
struct Pool {
    frames: Frames,
    ram: Option<Ram>,
}

static POOL: SpinLock<Pool> = SpinLock::new(Pool {
    frames: Frames::empty(),
    ram: None,
});

/// Makes `region` the pool.
///
/// # Errors
///
/// It cannot be one; says why.
pub fn init(region: Region) -> Result<(), &'static str> {
    POOL.with(|pool| {
        pool.ram = Some(hw::ram(region));
        pool.frames.init(region.base, region.size)
    })
    .map_err(|_| "the pool is not page-aligned, or larger than 64 MiB: correct POOL_SIZE")
}

/// How full the pool is.
pub fn usage() -> frames::Usage {
    POOL.with(|pool| pool.frames.usage())
}

impl TableMemory for Pool {
    fn alloc(&mut self, pages: u32) -> Option<u64> {
        let table = self.frames.alloc_run(pages).ok()??;
        let size = u64::from(pages).saturating_mul(frames::PAGE_SIZE);
        self.ram.as_mut()?.clear(table, size).then_some(table)
    }

    fn free(&mut self, table: u64, pages: u32) {
        if let Err(error) = self.frames.free_run(table, pages) {
            log::error!("{error}: {pages} pages at {table:#x}");
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
        if let Some(ram) = &mut self.ram {
            ram.store(entry, descriptor);
        }
    }
}

/// The TLB of a VM none of whose vCPUs has run: nothing of it is cached anywhere.
struct NothingCached;

impl Maintenance for NothingCached {
    fn entry_written(&mut self) {
        arch::cpu::dsb();
        arch::cpu::isb();
    }

    fn invalidate_ipa(&mut self, _vmid: u16, _ipa: u64, _size: u64) {
        arch::tlb::invalidate_all_guests();
    }

    fn invalidate_all(&mut self, _vmid: u16) {
        arch::tlb::invalidate_all_guests();
    }
}

/// The shape of all VMs' address spaces, which is also what guests are told (ID_AA64MMFR0_EL1.PARange).
static GEOMETRY: Once<Geometry> = Once::new();

/// The shape of all VMs' address spaces: large enough for the highest address that any of them uses.
///
/// # Errors
///
/// This core has too few physical address bits for the VMs' tables.
pub fn geometry() -> Result<Geometry, &'static str> {
    if let Some(geometry) = GEOMETRY.get() {
        return Ok(*geometry);
    }
    let end = vm::VMS
        .iter()
        .flat_map(|vm| vm.table.memory)
        .map(|memory| memory.ipa.saturating_add(memory.pa.size))
        .max()
        .unwrap_or(0);
    let parange = (arch::id::read(7, 0) & 0xf) as u8;
    let geometry = Geometry::covering(end, parange, arch::id::vmid_bits() == 16)
        .map_err(|_| "a VM's memory lies higher than this core's physical addresses reach")?;
    Ok(*GEOMETRY.get_or_init(|| geometry))
}

/// Builds a VM's address space: its memory, and on GICv2 the virtual CPU interface.
///
/// # Errors
///
/// What is wrong, in words.
pub fn build_stage2(table: &Vm) -> Result<Stage2, &'static str> {
    let geometry = geometry()?;
    POOL.with(|pool| {
        let tlb = &mut NothingCached;
        let full =
            |_| "its memory cannot be mapped: the pool is full (raise POOL_SIZE) or ranges overlap";
        let mut space = Stage2::new(geometry, table.vmid, pool).map_err(full)?;
        for memory in table.memory {
            let pa = memory.pa;
            space
                .map(pool, tlb, memory.ipa, pa.base, pa.size, attributes(memory))
                .map_err(full)?;
        }
        if let Gic::V2 { vcpu, .. } = BOARD.gic {
            // One page: GICC_DIR, in the second, is emulated (see `mmio`).
            let ipa = table.gic.redistributor_or_cpu;
            let size = frames::PAGE_SIZE;
            space
                .map(pool, tlb, ipa, vcpu.base, size, Attributes::DEVICE)
                .map_err(full)?;
        }
        Ok(space)
    })
}

fn attributes(memory: &VmMemory) -> Attributes {
    match (memory.writable, memory.executable) {
        (true, true) => Attributes::RAM,
        (true, false) => Attributes::DATA,
        (false, true) => Attributes::ROM,
        (false, false) => Attributes::READ_ONLY,
    }
}
