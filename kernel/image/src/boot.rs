//! From the entry code to the first guests: the order in which things come up, on the boot core and on the others.
//!
//! Whatever contradicts the tables ends here, in words; a machine that lacks some of the cores goes on with the rest.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use drivers::distributor::Trigger;
use hypercall::Step;
use preempt::Model as _;

use crate::config::{BOARD, SYSTEM};
use crate::platform::{IrqGuard, Model};
use crate::vcpu;
use crate::vm::{self, VMS};
use crate::{
    calls, chosen, console, cores, entity, fault, grace, hooks, hw, irq, life, logger, memory,
    order, pack, scheduler, sections, sysreg, worker,
};

/// Cores that have come up: bit n for core n.
static UP: AtomicU64 = AtomicU64::new(0);
/// The VMs are set up: the other cores may join.
static GO: AtomicBool = AtomicBool::new(false);

/// The boot core.
pub fn primary(dtb: u64) -> ! {
    let pool = hw::enable_mmu().unwrap_or_else(|why| fault::die(format_args!("{why}")));
    console::init();
    logger::init();
    log::info!(
        "Caesura {} on {}, system {}: {} VMs",
        env!("CARGO_PKG_VERSION"),
        BOARD.name,
        SYSTEM.name,
        SYSTEM.vms.len()
    );
    let online = set_up(dtb, pool).unwrap_or_else(|why| fault::die(format_args!("{why}")));
    for vm in &VMS {
        if let Err(why) = vm::set_up(vm, online).and_then(|()| make(vm)) {
            fault::die(format_args!("VM {}: {why}", vm.table.name));
        }
    }
    if let Err(why) = worker::init(online) {
        fault::die(format_args!("{why}"));
    }
    vcpu::find_owners();
    GO.store(true, Ordering::Release);
    IrqGuard::with(|irq| {
        scheduler::online(irq);
        life::start_all(irq);
    });
    hooks::enter_guests()
}

/// Gives a VM its address space, which it has from the boot on unless another VM is to create it.
fn make(vm: &'static vm::Vm) -> Result<(), &'static str> {
    if vm.table.start == tables::Start::Manual {
        return Ok(());
    }
    while IrqGuard::with(|irq| life::create(irq, vm)).map_err(
        |_| "its memory cannot be mapped: the pool is full (raise POOL_SIZE) or ranges overlap",
    )? == Step::Again
    {}
    Ok(())
}

/// Everything but the VMs; the cores that came up.
fn set_up(dtb: u64, pool: tables::Region) -> Result<u64, &'static str> {
    memory::init(pool)?;
    memory::init_heap();
    memory::geometry()?;
    chosen::init(dtb)?;
    if let Err(error) = pack::init() {
        log::error!("{error}");
        return Err(
            "there is nothing to run: boot caesura.img, which contains the guests, not the ELF",
        );
    }
    hw::init_gic()?;
    core_up()?;
    listen();
    order::init();
    entity::init();
    calls::init();
    sysreg::init()?;
    scheduler::init()?;
    let here = arch::cpu::index();
    let mut online: u64 = 1 << here;
    for (cpu, core) in BOARD
        .cpus
        .iter()
        .enumerate()
        .filter(|(cpu, _)| *cpu != here)
    {
        if start_core(cpu, core.mpidr) {
            online |= 1 << cpu;
        }
    }
    let count = online.count_ones();
    log::info!(
        "{count} of {} cores, {} ticks per second",
        BOARD.cpus.len(),
        arch::timer::frequency()
    );
    Ok(online)
}

/// Another core, started by [`start_core`].
pub fn secondary(cpu: usize) -> ! {
    if let Err(why) = core_up() {
        log::error!("core {cpu}: {why}; it is left out");
        arch::cpu::park();
    }
    UP.fetch_or(1 << cpu, Ordering::AcqRel);
    while !GO.load(Ordering::Acquire) {
        arch::cpu::relax();
    }
    IrqGuard::with(scheduler::online);
    hooks::enter_guests()
}

/// What each core does for itself.
fn core_up() -> Result<(), &'static str> {
    hw::init_core();
    sections::start();
    let here = arch::cpu::index();
    let marked = BOARD.cpus.get(here).is_some_and(|cpu| cpu.preemptible);
    IrqGuard::with(|irq| {
        let local = cores::local(irq);
        local.preemptible.set(Model::preemptible(marked));
        grace::online(irq);
    });
    let gic = hw::gic().ok_or("the interrupt controller is not initialised")?;
    gic.init_core()
        .map_err(|_| "board.toml names no redistributor for this core's affinity")?;
    let timers = &BOARD.timers;
    for intid in [
        irq::POKE,
        timers.hypervisor,
        timers.virtual_,
        gic.maintenance(),
    ] {
        gic.enable(intid);
    }
    Ok(())
}

/// Lets the console's input interrupt this core.
fn listen() {
    if let Some(gic) = hw::gic() {
        let intid = BOARD.uart.intid;
        gic.set_trigger(intid, Trigger::Level);
        gic.route(intid, arch::cpu::index());
        gic.enable(intid);
        console::typed::listen();
    }
}

/// Starts another core by PSCI and waits until it is up, a second at most.
fn start_core(cpu: usize, mpidr: u64) -> bool {
    let arguments = [mpidr, arch::boot::secondary_entry(), cpu as u64];
    match hw::firmware(abi::psci::CPU_ON_64, arguments) {
        Some(abi::psci::SUCCESS) => {}
        Some(abi::psci::INVALID_PARAMETERS) => {
            log::debug!("core {cpu} (MPIDR {mpidr:#x}): the firmware knows no such core");
            return false;
        }
        answer => {
            let answer = answer.map(|x0| x0 as i64);
            log::warn!(
                "core {cpu} (MPIDR {mpidr:#x}) does not start: PSCI CPU_ON answered {answer:?}"
            );
            return false;
        }
    }
    let until = arch::timer::now().saturating_add(arch::timer::frequency());
    while UP.load(Ordering::Acquire) & 1 << cpu == 0 {
        if arch::timer::now() > until {
            log::warn!("core {cpu} (MPIDR {mpidr:#x}) was started but does not answer");
            return false;
        }
        arch::cpu::relax();
    }
    true
}
