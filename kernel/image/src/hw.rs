//! Where tables become machine: the promises that only the image can make, because it has the board's facts, the
//! order of start-up and the scheduler's word on who runs where.
//!
//! This file, `hooks.rs` and, in builds that measure sections, `trace_on.rs` are the only ones in `image` with `unsafe`.

use core::sync::atomic::Ordering;

use arch::mmu::TablePages;
use arch::ram::{Ram, SharedRam};
use arch::thread::{Entry, Thread};
use arch::traps::{hcr, vmpidr};
use drivers::Gic;
use tables::Region;

use crate::config::{BOARD, PLAN};

use crate::platform::{IrqGuard, Once};
use crate::vcpu::Vcpu;

/// The console's UART.
// SAFETY: the board's table says which UART there is; it is mapped with the other devices before the console is
// used, and the early UART is used before that and by the fault handler only.
pub static UART: drivers::pl011::Pl011 = unsafe { drivers::pl011::Pl011::new(&BOARD.uart) };

static GIC: Once<Gic> = Once::new();

/// Turns EL2's translation and caches on. What is left of the pool belongs to the caller.
///
/// # Errors
///
/// What is wrong with the tables, in words.
pub fn enable_mmu() -> Result<Region, &'static str> {
    let ram = BOARD.memory.iter().map(|region| (region.base, region.size));
    let end = PLAN.pool.end();
    // SAFETY: the memory plan gives the pool to the hypervisor alone, and nothing has used it yet.
    let pages = unsafe { TablePages::new(PLAN.pool.base, end) };
    // SAFETY: called once, by `boot`, on the boot core with the MMU off; the tables describe this machine.
    let left = unsafe { arch::mmu::enable(ram, devices(), pages) }
        .map_err(|_| "the board's memory and devices cannot be mapped: they overlap or POOL_SIZE is too small")?;
    let base = left.used_until();
    Ok(Region {
        base,
        size: end.saturating_sub(base),
    })
}

/// The device registers that EL2 uses itself.
fn devices() -> impl Iterator<Item = (u64, u64)> {
    let pair = |region: Region| (region.base, region.size);
    let (fixed, more): ([Option<Region>; 3], &'static [Region]) = match BOARD.gic {
        tables::Gic::V2 {
            distributor,
            cpu,
            hypervisor,
            ..
        } => ([Some(distributor), Some(cpu), Some(hypervisor)], &[]),
        tables::Gic::V3 {
            distributor,
            redistributors,
            ..
        } => ([Some(distributor), None, None], redistributors),
    };
    let gic = fixed.into_iter().flatten().chain(more.iter().copied());
    core::iter::once(pair(BOARD.uart.region)).chain(gic.map(pair))
}

/// Finds the interrupt controller and resets it.
///
/// # Errors
///
/// The machine has another one than the image was configured for.
pub fn init_gic() -> Result<(), &'static str> {
    let needs_registers = matches!(BOARD.gic, tables::Gic::V3 { .. });
    // A core with a GICv2 says that it has no such registers (GICCDISABLE), and nothing answers where a GICv2's CPU
    // interface would be.
    if !needs_registers && arch::id::has_gic_registers() {
        return Err(
            "configured for GICv2, but the core has GICv3 system registers: use GICV3, or start QEMU with \
                    gic-version=2",
        );
    }
    if needs_registers && !arch::id::has_gic_registers() {
        return Err(
            "configured for GICv3, but the core has no GICv3 system registers: use GICV2, or start \
                    QEMU with gic-version=3",
        );
    }
    // SAFETY: the board's table says where it is; it was mapped with the other devices; checked above.
    let gic = unsafe { Gic::new(&BOARD.gic) };
    let gic = gic.ok_or("the tables are for another GIC version than the image was built for")?;
    GIC.set(gic)
        .map_err(|_| "the interrupt controller was initialised twice")?
        .init_distributor();
    Ok(())
}

/// The interrupt controller; `None` before [`init_gic`].
#[inline(always)]
pub fn gic() -> Option<&'static Gic> {
    GIC.get()
}

/// Prepares this core for guests.
pub fn init_core() {
    // SAFETY: `boot` calls it on each core, interrupts masked, before the core joins the scheduler.
    unsafe { arch::guest::init_core() };
}

/// Makes a PSCI call to the machine's firmware; x0 of its answer, `None` where there is no firmware to call.
pub fn firmware(function: u32, arguments: [u64; 3]) -> Option<u64> {
    // SAFETY: the callers start cores at `arch`'s entry, power the machine off, or apply a mitigation that the
    // firmware said it has.
    unsafe { arch::firmware::call(BOARD.psci, function, arguments) }.map(|answer| answer[0])
}

/// Runs `work` with interrupts unmasked, then masks them again. No [`IrqGuard`] section may be open: none of the
/// callers (`hooks`, `switch`, `thread`, `worker`) holds one.
pub fn with_interrupts<R>(work: impl FnOnce() -> R) -> R {
    crate::sections::irqs_on();
    // SAFETY: no guard section is open, so nothing is borrowed that the interrupt hook touches; an exit's
    // syndrome registers were read before.
    unsafe { arch::cpu::irq_unmask() };
    let result = work();
    let _ = arch::cpu::irq_mask();
    crate::sections::irqs_off();
    result
}

/// Runs `work` on this core's virtual interface.
#[inline]
pub fn with_virtual_interface<R: Default>(
    _irq: &IrqGuard,
    work: impl FnOnce(&mut drivers::VirtualInterface<'_>) -> R,
) -> R {
    gic()
        .map(|gic| work(&mut gic.virtual_interface()))
        .unwrap_or_default()
}

/// Takes the registers of the vCPU loaded here off the core, but for the interrupt controller's. Returns its virtual
/// timer.
pub fn save(irq: &IrqGuard, vcpu: &'static Vcpu) -> arch::timer::VirtualTimer {
    let mut registers = vcpu.registers.lock(irq);
    registers.timer = arch::timer::save_virtual();
    registers.system.save();
    registers.fp.save();
    registers.serror_pending = arch::guest::hcr_now() & hcr::VSE != 0;
    registers.timer
}

/// Puts the vCPU's registers on this core, but for its timer and the interrupt controller's.
pub fn restore(irq: &IrqGuard, vcpu: &'static Vcpu) {
    let registers = vcpu.registers.lock(irq);
    let serror = if registers.serror_pending {
        hcr::VSE
    } else {
        0
    };
    // A vCPU that has the core to itself waits in the core: woken, it is one exit away from its handler.
    let waits = if vcpu.has_core_to_itself() {
        0
    } else {
        hcr::TWI | hcr::TWE
    };
    let identity = arch::guest::Identity {
        vttbr: vcpu.vm.vttbr.load(Ordering::SeqCst),
        vtcr: crate::memory::vtcr(),
        vmpidr: vmpidr(vcpu.index as u8),
        vpidr: arch::guest::midr(),
        hcr: hcr::GUEST | waits | serror,
    };
    // SAFETY: the scheduler gave this core the vCPU, and the core enters no other guest before it switches again;
    // the VM's tables map only what its table says, and are given back only after this core has passed `forget_stage2`.
    unsafe {
        registers.system.restore();
        registers.fp.restore();
        arch::guest::load(&identity);
    }
}

/// Sets the hardware's virtual timer to the vCPU's. Returns it as it was saved.
pub fn restore_timer(irq: &IrqGuard, vcpu: &'static Vcpu) -> arch::timer::VirtualTimer {
    let timer = vcpu.registers.lock(irq).timer;
    arch::timer::restore_virtual(&timer, vcpu.vm.offset().register());
    timer
}

/// Puts the loaded guest's EL1 registers into their reset state.
pub fn reset_registers() {
    // SAFETY: the guest is the one that made the call being handled; it is entered next, or saved.
    unsafe { arch::switch::reset_system() };
}

/// Gives a thread the stack of number `number`; once, at boot.
pub fn give_stack(thread: &Thread, number: usize) {
    // SAFETY: `boot` calls it once for each, before any thread runs; the linker script made the stacks, one each.
    unsafe { thread.init(arch::layout::thread_stack(number)) };
}

/// The thread's guest is entered next.
#[inline]
pub fn install(thread: &'static Thread) {
    // SAFETY: `switch` calls it on the core's context, for the vCPU that the scheduler gave this core, and enters its guest.
    unsafe { thread.install() };
}

/// The core goes on with a thread.
pub fn resume(thread: &'static Thread) -> ! {
    // SAFETY: `switch` calls it on the core's context, for an entity that the scheduler gave this core and that was suspended.
    unsafe { thread.resume() }
}

/// The core begins a thread.
pub fn begin(thread: &'static Thread, entry: Entry) -> ! {
    // SAFETY: as above, for one that has nothing left to do from before.
    unsafe { thread.begin(entry) }
}

/// The thread that runs here gives up the core; returns when it is resumed.
pub fn leave(thread: &'static Thread, next: Entry) {
    // SAFETY: `thread` calls it with the entity that runs here, interrupts masked, marked as suspended; who is suspended
    // is resumed by the one core to which the scheduler gives it, and not before this one has let it go.
    unsafe { thread.leave(next) };
}

/// RAM of a region that the memory plan gives to one owner, who asks for it once.
pub fn ram(region: Region) -> Ram {
    // SAFETY: regions of the plan and of VMs' memory are disjoint RAM inside the board's memory (the tool checked
    // them), mapped by `enable_mmu`. A VM's own accesses race with nothing: EL2 writes its memory only
    // while none of its vCPUs runs.
    unsafe { Ram::new(region.base, region.size) }
}

/// The pool, to look at tables that others may be changing.
pub fn tables(region: Region) -> SharedRam {
    // SAFETY: the pool is RAM, mapped by `enable_mmu`. `memory` writes its tables word by word, and clears pages that no
    // table leads to and none has for a grace period; nobody borrows any.
    unsafe { SharedRam::new(region.base, region.size) }
}

/// No vCPU is loaded here: the core's own table walker lets go of the VM that was loaded last, too, whose tables may not be there
/// for much longer.
pub fn forget_stage2(_irq: &IrqGuard) {
    // SAFETY: a guest is entered only after `restore`, which names its tables.
    unsafe { arch::guest::unload() };
}

/// RAM that guests use, or the heap.
pub fn shared_ram(region: Region) -> SharedRam {
    // SAFETY: regions of VMs' memory and the heap are RAM inside the board's memory, mapped by `enable_mmu`. Rust borrows
    // of them end before the guest that uses them runs (`load`), or lie in the heap's pages, which nobody borrows.
    unsafe { SharedRam::new(region.base, region.size) }
}
