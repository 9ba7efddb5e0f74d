//! A virtual machine while it exists: its devices, its power state, its life from loading to its end.
//!
//! Life: `Off → Loading → Running → Stopping → Off` or, on a restart, `→ Loading` again. Whoever asks a VM to stop
//! asks the scheduler to stop each of its vCPUs; the core that lets go of the last one completes the
//! stop. So no core ever runs or holds registers of a VM whose state is being changed under it.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use psci::{Entry, Psci};
use stage2::Stage2;
use tables::{CrashPolicy, Gic};
use vgic::Vgic;
use vtimer::CounterOffset;

use crate::config::{BOARD, SYSTEM, VMS as COUNT};
use crate::devices::Devices;
use crate::load::Job;
use crate::platform::{IrqGuard, Once, SpinLock};
use crate::vcpu::{self, Vcpu};
use crate::{hw, power, scheduler};

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
    /// Not running, and nothing of it is on any core.
    Off = 0,
    /// Its first vCPU copies its images.
    Loading = 1,
    /// Its vCPUs run.
    Running = 2,
    /// Its vCPUs are being stopped.
    Stopping = 3,
}

/// Why a VM stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It powered itself off (PSCI SYSTEM_OFF).
    PowerOff,
    /// It asked for a restart (PSCI SYSTEM_RESET).
    Reset,
    /// It crashed; says how.
    Crash(&'static str),
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
    /// Its memory, as the hardware walks it.
    pub stage2: Once<Stage2>,
    /// How far its loading is.
    pub job: SpinLock<Job>,
    /// Its virtual count is the physical one less this.
    offset: SpinLock<CounterOffset>,
    state: AtomicU8,
    /// Held while a vCPU is turned on and while the VM is stopped, so that neither happens half-way through the other.
    pub life: SpinLock<()>,
    reason: SpinLock<Reason>,
    /// How often its crash was answered with a restart.
    restarts: AtomicU32,
    /// It reported failure, or crashed for good.
    failed: AtomicBool,
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
            stage2: Once::new(),
            job: SpinLock::new(Job::new()),
            offset: SpinLock::new(CounterOffset::ZERO),
            state: AtomicU8::new(State::Off as u8),
            life: SpinLock::new(()),
            reason: SpinLock::new(Reason::PowerOff),
            restarts: AtomicU32::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// Where in its life it is.
    #[inline]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::SeqCst) {
            0 => State::Off,
            1 => State::Loading,
            2 => State::Running,
            _ => State::Stopping,
        }
    }

    /// Changes the state if it is `from`; says whether it was.
    fn transition(&self, from: State, to: State) -> bool {
        self.state
            .compare_exchange(from as u8, to as u8, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
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
        self.offset.with(|offset| *offset)
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

/// Sets a VM up for the first time; it is off afterwards. `online`: the cores that came up, bit n for core n.
///
/// # Errors
///
/// What is wrong, in words: the tables promised something that this machine does not hold.
pub fn create(vm: &'static Vm, online: u64) -> Result<(), &'static str> {
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
    let stage2 = crate::memory::build_stage2(vm.table)?;
    vm.stage2
        .set(stage2)
        .map_err(|_| "it has been set up already")?;
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

/// Begins to load a VM that is off; its first vCPU does the work when it is scheduled.
pub fn start(irq: &IrqGuard, vm: &'static Vm) {
    if vm.transition(State::Off, State::Loading) {
        begin_loading(irq, vm);
    }
}

fn begin_loading(irq: &IrqGuard, vm: &'static Vm) {
    vm.psci.lock(irq).boot(vm.table.vcpus.len());
    vm.job.lock(irq).begin(vm.table);
    if let Some(first) = vm.vcpu(0) {
        scheduler::start(irq, first);
    }
}

/// The images are in place: vCPU 0 shall enter at `entry`. Called on the core that loaded them, as that vCPU.
pub fn loaded(irq: &IrqGuard, vm: &'static Vm, entry: Entry) {
    let now = arch::timer::now();
    *vm.offset.lock(irq) = CounterOffset::starting_at(now);
    if let Some(first) = vm.vcpu(0) {
        first.registers.lock(irq).reset(entry);
        let kick = vm.gic.lock(irq).cpu_on(0);
        deliver(irq, vm, kick);
    }
    // A stop that was asked for meanwhile wins.
    if vm.transition(State::Loading, State::Running) {
        log::info!(
            "VM {} ({}) starts at {:#x}",
            vm.number,
            vm.table.name,
            entry.address
        );
    }
}

/// Asks a VM to stop. Its vCPUs stop when their cores next leave the guest, the caller's own too.
pub fn stop(irq: &IrqGuard, vm: &'static Vm, reason: Reason) {
    {
        let _life = vm.life.lock(irq);
        if !(vm.transition(State::Running, State::Stopping)
            || vm.transition(State::Loading, State::Stopping))
        {
            return;
        }
        *vm.reason.lock(irq) = reason;
        for vcpu in vm.vcpus() {
            scheduler::stop(irq, vcpu);
        }
    }
    complete_stop(irq, vm);
}

/// Completes a stop if no core holds anything of the VM any more; called whenever one lets go of a vCPU.
pub fn complete_stop(irq: &IrqGuard, vm: &'static Vm) {
    if vm.state() != State::Stopping {
        return;
    }
    {
        // Of the cores that see the last vCPU off, one does this, and has done it all before anyone sees the new state:
        // the VM that ends last must find the others' failures counted.
        let _life = vm.life.lock(irq);
        if vm.state() != State::Stopping || !vm.vcpus().all(|vcpu| scheduler::is_off(irq, vcpu)) {
            return;
        }
        let reason = *vm.reason.lock(irq);
        let again = goes_on(vm, reason);
        settle(vm, reason, again);
        vm.psci.lock(irq).power_off();
        vm.gic.lock(irq).reset();
        for vcpu in vm.vcpus() {
            *vcpu.physical_timer.lock(irq) = vtimer::PhysicalTimer::new();
            *vcpu.debug.lock(irq) = trap::Debug::new();
            *vcpu.start.lock(irq) = None;
        }
        vm.devices.reset(irq, vm);
        if again {
            vm.transition(State::Stopping, State::Loading);
            begin_loading(irq, vm);
        } else {
            vm.transition(State::Stopping, State::Off);
        }
    }
    if VMS.iter().all(|vm| vm.state() == State::Off) {
        power::end();
    }
}

/// Whether a VM that stops for this reason is started again.
fn goes_on(vm: &Vm, reason: Reason) -> bool {
    match reason {
        Reason::PowerOff => false,
        Reason::Reset => true,
        Reason::Crash(_) => match vm.table.on_crash {
            CrashPolicy::Restart(limit) => vm.restarts.load(Ordering::Acquire) < limit,
            CrashPolicy::Halt | CrashPolicy::PowerOff => false,
        },
    }
}

/// Says what happens, and counts it.
fn settle(vm: &Vm, reason: Reason, again: bool) {
    let (number, name) = (vm.number, vm.table.name);
    match reason {
        Reason::PowerOff => log::info!("VM {number} ({name}) powered off"),
        Reason::Reset => log::info!("VM {number} ({name}) restarts at its own request"),
        Reason::Crash(how) if again => {
            let restarts = vm.restarts.fetch_add(1, Ordering::AcqRel).saturating_add(1);
            log::error!("VM {number} ({name}) crashed: {how}; restart {restarts}");
        }
        Reason::Crash(how) => {
            vm.failed.store(true, Ordering::Release);
            log::error!("VM {number} ({name}) crashed: {how}; it stays off");
            if vm.table.on_crash == CrashPolicy::PowerOff {
                log::error!("the system is configured to power off when this VM crashes");
                power::end();
            }
        }
    }
}

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
        if vcpu.waiting.load(Ordering::SeqCst) {
            scheduler::wake(irq, vcpu);
        } else if let Some(core) = vcpu.core().filter(|core| *core != me) {
            crate::irq::poke(irq, core);
        }
    }
}
