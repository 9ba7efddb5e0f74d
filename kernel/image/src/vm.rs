//! A virtual machine: its memory, its devices, its power state, its operations. How it comes and goes is in `life`.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use hypercall::{Grants, Ports};
use psci::Psci;
use stage2::Stage2;
use tables::Gic;
use vgic::Vgic;
use vtimer::CounterOffset;

use crate::config::{BOARD, SYSTEM, VMS as COUNT};
use crate::devices::Devices;
use crate::life::Life;
use crate::load::Job;
use crate::operate::Table;
use crate::platform::{IrqGuard, Mutex, SpinLock};
use crate::signal::Signal;
use crate::vcpu::{self, Vcpu};
use crate::{hw, scheduler};

/// Room for the VM with the most SPIs, in words of 32.
pub const SPI_WORDS: usize = spi_words();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, for which an overflow or a wrong index is an error"
)]
const fn spi_words() -> usize {
    let (mut most, mut vm) = (1, 0);
    while vm < SYSTEM.vms.len() {
        let words = (SYSTEM.vms[vm].gic.spis / 32) as usize;
        if words > most {
            most = words;
        }
        vm += 1;
    }
    most
}

/// Where in its life a VM is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// It has no address space.
    Absent = 0,
    /// Not running, and nothing of it is on any core.
    Off = 1,
    /// Its first vCPU copies its images.
    Loading = 2,
    /// Its vCPUs run.
    Running = 3,
    /// Its vCPUs are kept from running.
    Paused = 4,
    /// Its vCPUs are being stopped, to be off or to start again.
    Stopping = 5,
    /// Its vCPUs are being stopped, and then everything is taken from it.
    Dying = 6,
}

/// A virtual machine.
pub struct Vm {
    /// Its number: its index in the system's table.
    pub number: usize,
    /// Where its vCPUs begin among all of them.
    first: usize,
    /// What it was configured to be.
    pub table: &'static tables::Vm,
    /// Its interrupt controller.
    pub gic: SpinLock<Vgic<SPI_WORDS>>,
    /// Its other devices.
    pub devices: Devices,
    /// The power states of its vCPUs.
    pub psci: SpinLock<Psci<{ vgic::MAX_VCPUS }>>,
    /// Its memory, as the hardware walks it; `None` while it is absent.
    pub stage2: SpinLock<Option<Stage2>>,
    /// VTTBR_EL2 for it; 0 while it is absent.
    pub vttbr: AtomicU64,
    /// The long operations of its guest.
    pub operations: Table,
    /// What it lets other VMs use of its memory.
    pub grants: SpinLock<Grants>,
    /// Its doorbells.
    pub ports: SpinLock<Ports>,
    /// How often one of them left at a checkpoint.
    pub left: AtomicU64,
    /// A core has let go of one of its vCPUs.
    pub quiet: Signal,
    /// How far its loading is.
    pub job: Mutex<Job>,
    /// Its virtual count is the physical one less this.
    offset: AtomicU64,
    state: AtomicU8,
    /// Held while a vCPU is turned on and while the VM changes its state, so that neither happens half-way through the other.
    pub life: SpinLock<Life>,
    /// It reported failure, or crashed for good.
    pub failed: AtomicBool,
}

impl Vm {
    #[allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, for which an overflow or a wrong index is an error"
    )]
    const fn new(number: usize) -> Self {
        Self {
            number,
            first: 0,
            table: &SYSTEM.vms[number],
            gic: SpinLock::new(Vgic::new()),
            devices: Devices::new(),
            psci: SpinLock::new(Psci::new()),
            stage2: SpinLock::new(None),
            vttbr: AtomicU64::new(0),
            operations: Table::new(),
            grants: SpinLock::new(Grants::new()),
            ports: SpinLock::new(Ports::new()),
            left: AtomicU64::new(0),
            quiet: Signal::new(),
            job: Mutex::new(Job::new()),
            offset: AtomicU64::new(0),
            state: AtomicU8::new(State::Absent as u8),
            life: SpinLock::new(Life::new()),
            failed: AtomicBool::new(false),
        }
    }

    /// Where in its life it is.
    #[inline]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::SeqCst) {
            0 => State::Absent,
            1 => State::Off,
            2 => State::Loading,
            3 => State::Running,
            4 => State::Paused,
            5 => State::Stopping,
            _ => State::Dying,
        }
    }

    /// Changes the state; who does so holds its life.
    pub fn set_state(&self, life: &mut Life, state: State) {
        self.state.store(state as u8, Ordering::SeqCst);
        life.turned();
    }

    /// What its virtual counter lags behind the physical one, from now on.
    pub fn set_offset(&self, offset: CounterOffset) {
        self.offset.store(offset.register(), Ordering::Release);
    }

    /// Its vCPUs, by number.
    pub fn vcpus(&'static self) -> impl Iterator<Item = &'static Vcpu> {
        let after = vcpu::VCPUS.get(self.first..).unwrap_or_default();
        after.iter().take(self.table.vcpus.len())
    }

    /// Its vCPU `index`.
    pub fn vcpu(&'static self, index: usize) -> Option<&'static Vcpu> {
        let place = self.first.wrapping_add(index);
        vcpu::VCPUS
            .get(place)
            .filter(|_| index < self.table.vcpus.len())
    }

    /// What its virtual counter lags behind the physical one.
    pub fn offset(&self) -> CounterOffset {
        CounterOffset::starting_at(self.offset.load(Ordering::Acquire))
    }

    /// Whether it counts as failed for the machine's final word.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// The guest reports how its checks ended.
    pub fn report(&self, code: u64) {
        if code == 0 {
            log::info!("VM {} ({}) reports success", self.number, self.table.name);
        } else {
            self.failed.store(true, Ordering::Release);
            log::error!(
                "VM {} ({}) reports failure {code:#x}",
                self.number,
                self.table.name
            );
        }
    }

    /// Whether `ipa` is RAM of this VM, from which it may execute.
    pub fn can_execute(&self, ipa: u64) -> bool {
        self.table.memory.iter().any(|m| {
            m.executable
                && ipa
                    .checked_sub(m.ipa)
                    .is_some_and(|offset| offset < m.pa.size)
        })
    }
}

/// All VMs, in the order of the system's table.
pub static VMS: [Vm; COUNT] = all();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, for which an overflow or a wrong index is an error"
)]
const fn all() -> [Vm; COUNT] {
    let mut vms = [const { Vm::new(0) }; COUNT];
    let (mut number, mut first) = (0, 0);
    while number < COUNT {
        vms[number].number = number;
        vms[number].first = first;
        first += SYSTEM.vms[number].vcpus.len();
        vms[number].table = &SYSTEM.vms[number];
        number += 1;
    }
    vms
}

/// Sets up what lasts for ever of a VM, which is absent afterwards. `online`: the cores that came up, bit n for core n.
///
/// # Errors
///
/// What is wrong, in words: the tables promised something that this machine does not hold.
pub fn set_up(vm: &'static Vm, online: u64) -> Result<(), &'static str> {
    let version = match BOARD.gic {
        Gic::V2 { .. } => vgic::Version::V2,
        Gic::V3 { .. } => vgic::Version::V3,
    };
    let config = vgic::Config {
        version,
        vcpus: vm.table.vcpus.len(),
        spis: vm.table.gic.spis,
    };
    let timer = BOARD.timers.virtual_;
    vm.gic
        .with(|gic| {
            gic.configure(&config)
                .map(|()| gic.link(VIRTUAL_TIMER, timer))
        })
        .map_err(|_| "its interrupt controller has more vCPUs or SPIs than there is room for")
        .and_then(|linked| {
            linked
                .then_some(())
                .ok_or("the board's virtual timer is not a PPI")
        })?;
    vm.devices.configure(vm.table);
    vm.operations.set_tag(vm.number as u16);
    for vcpu in vm.vcpus() {
        let table = vm
            .table
            .vcpus
            .get(vcpu.index)
            .ok_or("it has a vCPU without a table")?;
        scheduler::add(vcpu, table, online)?;
    }
    Ok(())
}

/// The guest's interrupt for its virtual timer (PPI 11; Arm BSA, §3.8).
pub const VIRTUAL_TIMER: u32 = 27;
/// The guest's interrupt for its physical timer (PPI 14).
pub const PHYSICAL_TIMER: u32 = 30;

/// Changes a VM's interrupt controller as `vcpu`, with this core's virtual interface, and passes on what it says.
#[inline]
pub fn with_gic(
    irq: &IrqGuard,
    vcpu: &'static Vcpu,
    change: impl FnOnce(&mut Vgic<SPI_WORDS>, &mut drivers::VirtualInterface<'_>) -> vgic::Kick,
) {
    let kick = hw::with_virtual_interface(irq, |hw| change(&mut vcpu.vm.gic.lock(irq), hw));
    deliver(irq, vcpu.vm, kick);
}

/// Reads the list registers of `vcpu`, loaded here, back and fills them anew; whether it could take an interrupt. Its own are no
/// reason to kick it.
pub fn collect(irq: &IrqGuard, vcpu: &'static Vcpu) -> bool {
    let mut deliverable = false;
    with_gic(irq, vcpu, |gic, hw| {
        let kick = gic.sync(vcpu.index, hw);
        deliverable = gic.has_deliverable(vcpu.index);
        // Also settles linked physical interrupts: one whose line fell unseen is active still, and could not
        // fire while the vCPU waits for it.
        kick.union(gic.refresh(vcpu.index, hw)).without(vcpu.index)
    });
    deliverable
}

/// Passes on what the virtual GIC says: these vCPUs have something to collect.
pub fn deliver(irq: &IrqGuard, vm: &'static Vm, kick: vgic::Kick) {
    if kick.is_empty() {
        return;
    }
    let me = arch::cpu::index();
    let mut rest = kick.bits();
    while let Some(vcpu) = vm.vcpu(rest.trailing_zeros() as usize) {
        rest &= rest.wrapping_sub(1);
        vcpu.refresh.store(true, Ordering::SeqCst);
        vcpu.signalled.store(true, Ordering::SeqCst);
        if vcpu.waiting.load(Ordering::SeqCst) {
            scheduler::wake(irq, &vcpu.entity);
        } else if let Some(core) = vcpu.core().filter(|core| *core != me) {
            crate::irq::poke(irq, core);
        }
    }
}
