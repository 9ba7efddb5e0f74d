//! Turns EL2's stage 1 on: kernel sections W^X, RAM read-write, devices as devices.
//!
//! The map is built once, on the boot core with the MMU off, and never changed; the other cores use the
//! same tables. Guard pages and everything not named stay unmapped.

use core::arch::asm;
use core::cell::UnsafeCell;

use aarch64_cpu::registers::{ID_AA64MMFR0_EL1, Readable, SCTLR_EL2};

use crate::layout::{self, Range};
use crate::paging::{AddressSpace, MAIR, MapError, Mapping, Memory, PAGE, Tables};
use crate::{boot, cache};

/// SCTLR_EL2 with MMU and caches off: RES1 bits 29, 28, 23, 22, 18, 16, 11, 5, 4.
pub(crate) const SCTLR_OFF: u64 = 0x30c5_0830;
/// M, C, SA (stack alignment), I, WXN: nothing writable is ever executable, whatever a table says.
const SCTLR_ON: u64 = SCTLR_OFF | 1 << 0 | 1 << 2 | 1 << 3 | 1 << 12 | 1 << 19;

/// What the other cores load before they turn their MMU on; offsets are known to the entry code.
#[repr(C)]
struct Registers {
    mair: u64,
    tcr: u64,
    ttbr: u64,
    sctlr: u64,
}

#[repr(transparent)]
pub(crate) struct Stage1(UnsafeCell<Registers>);
// SAFETY: written once by `enable` before any other core runs, only read afterwards.
unsafe impl Sync for Stage1 {}

pub(crate) static STAGE1: Stage1 = Stage1(UnsafeCell::new(Registers {
    mair: MAIR,
    tcr: 0,
    ttbr: 0,
    sctlr: SCTLR_ON,
}));

/// Pages for tables, taken from the front of a range of RAM.
#[derive(Debug)]
pub struct TablePages {
    next: u64,
    end: u64,
}

impl TablePages {
    /// Takes pages from `start..end`, both page-aligned.
    ///
    /// # Safety
    ///
    /// The range is RAM that nothing else uses; pages below [`TablePages::used_until`] stay
    /// reserved for ever.
    #[must_use]
    pub const unsafe fn new(start: u64, end: u64) -> Self {
        Self { next: start, end }
    }

    /// The first byte that was not taken: from here on the range is the caller's again.
    #[must_use]
    pub const fn used_until(&self) -> u64 {
        self.next
    }
}

impl Tables for TablePages {
    fn new_table(&mut self) -> Option<u64> {
        if self.next >= self.end {
            return None;
        }
        let table = self.next;
        self.next += PAGE;
        for index in 0..512 {
            self.set(table, index, 0);
        }
        Some(table)
    }

    fn get(&self, table: u64, index: usize) -> u64 {
        let table = core::ptr::with_exposed_provenance::<u64>(table as usize);
        // SAFETY: `table` comes from `new_table`, so it is a page of our own RAM, identity-mapped or with
        // the MMU off; `index` is below 512 (trait contract).
        unsafe { table.add(index).read_volatile() }
    }

    fn set(&mut self, table: u64, index: usize, entry: u64) {
        let table = core::ptr::with_exposed_provenance_mut::<u64>(table as usize);
        // SAFETY: as in `get`; volatile keeps the compiler from making it a call or an atomic.
        unsafe { table.add(index).write_volatile(entry) }
    }
}

/// Builds the map and turns MMU and caches on. `ram` and `devices` are `(start, size)` pairs in bytes; device
/// ranges are widened to whole pages. RAM that the image occupies is mapped as its sections say. Returns the
/// pages that are left.
///
/// Writes the stage letter `M`, and a line end once the MMU is on.
///
/// # Errors
///
/// [`MapError`]: two ranges overlap, one is not page-aligned, or `pages` ran out. The MMU is still off then.
///
/// # Safety
///
/// Called once, on the boot core, from `caesura_main`, before any other core is started and before any lock
/// or atomic is used. `ram` and `devices` are what they say.
pub unsafe fn enable(
    ram: impl IntoIterator<Item = (u64, u64)>,
    devices: impl IntoIterator<Item = (u64, u64)>,
    pages: TablePages,
) -> Result<TablePages, MapError> {
    let tables_start = pages.used_until();
    let mut space = AddressSpace::new(pages)?;
    layout::for_each_section(|section| space.map(section))?;
    let image = layout::image();
    for (start, size) in ram {
        let end = start.saturating_add(size);
        for (start, end) in [(start, end.min(image.start)), (start.max(image.end), end)] {
            if start < end {
                let memory = Memory::Data;
                space.map(Mapping { start, end, memory })?;
            }
        }
    }
    for (start, size) in devices {
        let end = start.saturating_add(size).saturating_add(PAGE - 1) & !(PAGE - 1);
        let start = start & !(PAGE - 1);
        let memory = Memory::Device;
        space.map(Mapping { start, end, memory })?;
    }
    let root = space.root();
    let pages = space.into_tables();
    boot::stage(b'M');

    let registers = STAGE1.0.get();
    // SAFETY: no other core runs yet, so this is the only access.
    unsafe {
        (*registers).tcr = tcr();
        (*registers).ttbr = root;
    }
    // What was written with the caches off is in memory; lines that firmware left behind must not hide it.
    let written = layout::written_early();
    for range in [
        written,
        Range {
            start: tables_start,
            end: pages.used_until(),
        },
    ] {
        // SAFETY: the caches are off, so none of these lines holds anything of ours.
        unsafe { cache::invalidate(range.start, range.end) };
    }
    // SAFETY: the tables map the code, data and stack in use now to themselves, and are in memory.
    unsafe { load(&*registers) };
    // The other cores read this with their caches off.
    cache::clean_to_memory(registers.addr() as u64, size_of::<Registers>() as u64);
    // Ends the line of stage letters, and shows that the UART is reached through the map.
    boot::early_print("\n");
    Ok(pages)
}

/// Whether this core's MMU is on; before that, no locks and no atomics.
#[must_use]
pub fn is_on() -> bool {
    SCTLR_EL2.is_set(SCTLR_EL2::M)
}

/// TCR_EL2 (Arm ARM D19.2.147, E2H = 0): 48-bit addresses, 4 KiB granule, walks cacheable and inner shareable,
/// physical size as the core has it, but at most 48 bits.
fn tcr() -> u64 {
    const RES1: u64 = 1 << 31 | 1 << 23;
    const T0SZ_48_BITS: u64 = 16;
    const WRITE_BACK_INNER: u64 = 1 << 8;
    const WRITE_BACK_OUTER: u64 = 1 << 10;
    const INNER_SHAREABLE: u64 = 3 << 12;
    let size = ID_AA64MMFR0_EL1.read(ID_AA64MMFR0_EL1::PARange).min(0b101);
    RES1 | size << 16 | INNER_SHAREABLE | WRITE_BACK_OUTER | WRITE_BACK_INNER | T0SZ_48_BITS
}

/// Loads the registers and turns the MMU on.
///
/// # Safety
///
/// The tables at `registers.ttbr` map the running code, its data and its stack to themselves.
unsafe fn load(registers: &Registers) {
    // SAFETY: by the caller's promise the next instruction is where it was. Stale TLB entries and
    // instructions are dropped before the first translated fetch.
    unsafe {
        asm!(
            "msr mair_el2, {mair}",
            "msr tcr_el2, {tcr}",
            "msr ttbr0_el2, {ttbr}",
            "isb",
            "tlbi alle2",
            "ic iallu",
            "dsb nsh",
            "isb",
            "msr sctlr_el2, {sctlr}",
            "isb",
            mair = in(reg) registers.mair,
            tcr = in(reg) registers.tcr,
            ttbr = in(reg) registers.ttbr,
            sctlr = in(reg) registers.sctlr,
            options(nostack, preserves_flags)
        );
    }
}
