//! A virtual core: its registers while it is on no physical core, its timers, its account.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arch::{FpContext, GuestContext, SysContext};
use psci::Entry;
use sched::{Times, VcpuId};

use crate::config::{SYSTEM, VCPUS_TOTAL};
use crate::entity::Entity;
use crate::physical::Physical;
use crate::platform::{IrqGuard, SpinLock};
use crate::vm::{self, Vm};

/// Not on a core.
const NOWHERE: usize = usize::MAX;

/// A virtual core.
pub struct Vcpu {
    /// What the scheduler knows it as.
    pub entity: Entity,
    /// Its VM.
    pub vm: &'static Vm,
    /// Its number in its VM, which is its affinity level 0.
    pub index: usize,
    /// The virtual GIC has something for its list registers.
    pub refresh: AtomicBool,
    /// It has blocked, or is about to: an interrupt for it must wake it.
    pub waiting: AtomicBool,
    /// The cores on which it may run, once the scheduler knows it: bit n for core n.
    pub affinity: AtomicU64,
    /// See [`Vcpu::has_core_to_itself`].
    owns_core: AtomicBool,
    /// The physical core that has its registers.
    core: AtomicUsize,
    /// General registers, PC, PSTATE: where the vectors keep them, always. Whoever handles its exit has them.
    pub frame: SpinLock<GuestContext>,
    /// Its other registers, current while no core has them.
    pub registers: SpinLock<Registers>,
    /// It may have got something to take since it last left its guest: see `operate`.
    pub signalled: AtomicBool,
    /// Its PSTATE when it made the call that EL2 works for.
    pub pstate: AtomicU64,
    /// Its emulated EL1 physical timer.
    pub physical_timer: Physical,
    /// Its debug registers.
    pub debug: SpinLock<trap::Debug>,
    /// Ticks that the account has, or will book, as the guest's, and that were EL2's: see [`Vcpu::brief_stay`].
    brief: AtomicU64,
    /// Where it is to start (PSCI CPU_ON), while the core that still has its old registers lets go of them.
    pub start: SpinLock<Option<Entry>>,
}

/// What a vCPU consists of while it is on no core. In this order: two system registers are moved by one instruction where
/// they are near the beginning.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Registers {
    /// EL1 system registers.
    pub system: SysContext,
    /// FP and SIMD.
    pub fp: FpContext,
    /// The virtual timer.
    pub timer: arch::timer::VirtualTimer,
    /// A virtual SError that it has not taken yet (HCR_EL2.VSE).
    pub serror_pending: bool,
}

impl Registers {
    const fn new() -> Self {
        Self {
            system: SysContext::reset(),
            fp: FpContext::reset(),
            timer: arch::timer::VirtualTimer { ctl: 0, cval: 0 },
            serror_pending: false,
        }
    }
}

impl Vcpu {
    const fn new(vm: &'static Vm) -> Self {
        Self {
            entity: Entity::new(0, None),
            vm,
            index: 0,
            refresh: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            affinity: AtomicU64::new(0),
            owns_core: AtomicBool::new(false),
            core: AtomicUsize::new(NOWHERE),
            frame: SpinLock::new(GuestContext::new()),
            registers: SpinLock::new(Registers::new()),
            signalled: AtomicBool::new(false),
            pstate: AtomicU64::new(0),
            physical_timer: Physical::new(),
            debug: SpinLock::new(trap::Debug::new()),
            brief: AtomicU64::new(0),
            start: SpinLock::new(None),
        }
    }

    /// It goes off: all that it has is as after a reset, as it must be before it is begun again.
    pub fn clear(&self, irq: &IrqGuard) {
        // Not made on the stack first: this is done with interrupts masked.
        static FRESH: Registers = Registers::new();
        self.registers.lock(irq).clone_from(&FRESH);
        self.frame.lock(irq).reset(0, 0);
        self.physical_timer.reset(irq);
        *self.debug.lock(irq) = trap::Debug::new();
    }

    /// It, which is off, shall start at `entry`.
    pub fn enter_at(&self, irq: &IrqGuard, entry: Entry) {
        let mut frame = self.frame.lock(irq);
        frame.set(0, entry.context);
        frame.pc = entry.address;
    }

    /// EL2 worked for it for so many ticks, the guest being left and entered again, and that is all there is to book:
    /// so it is counted here, without a lock, until [`left_guest`](Self::left_guest). Only the core that runs it.
    #[inline(always)]
    pub fn brief_stay(&self, ticks: u64) {
        let before = self.brief.load(Ordering::Relaxed);
        self.brief
            .store(before.wrapping_add(ticks), Ordering::Relaxed);
    }

    /// The guest was left, at `at`, for more than that. Only the core that runs it.
    pub fn left_guest(&self, irq: &IrqGuard, at: u64) {
        let mut account = self.entity.account.lock(irq);
        account.exit_guest(at);
        account.guest_to_own(self.brief.load(Ordering::Relaxed));
        self.brief.store(0, Ordering::Relaxed);
    }

    /// Its times up to `now`.
    pub fn times(&self, irq: &IrqGuard, now: u64) -> Times {
        // Asked from another core, the count may be some ticks ahead of what is booked by `now`.
        let account = self.entity.account.lock(irq);
        account
            .times(now)
            .guest_to_own(self.brief.load(Ordering::Relaxed))
    }

    /// The core that has its registers.
    pub fn core(&self) -> Option<usize> {
        let core = self.core.load(Ordering::Acquire);
        (core != NOWHERE).then_some(core)
    }

    /// Whether it runs on one core only, and no other vCPU of the system may run there, as [`find_owners`] saw. Then
    /// nobody can want the core while it waits in it, and it need not leave for EL2 to wait.
    pub fn has_core_to_itself(&self) -> bool {
        self.owns_core.load(Ordering::Relaxed)
    }

    /// Notes which core has its registers.
    pub fn set_core(&self, core: Option<usize>) {
        self.core.store(core.unwrap_or(NOWHERE), Ordering::Release);
    }
}

/// Finds the vCPUs that have a core to themselves; when the scheduler knows all, before any runs.
pub fn find_owners() {
    for vcpu in &VCPUS {
        let affinity = vcpu.affinity.load(Ordering::Relaxed);
        let shares = |other: &Vcpu| {
            other.entity.id != vcpu.entity.id
                && other.affinity.load(Ordering::Relaxed) & affinity != 0
        };
        let owns = affinity.is_power_of_two() && !VCPUS.iter().any(shares);
        vcpu.owns_core.store(owns, Ordering::Relaxed);
    }
}

/// All vCPUs, those of the first VM first.
pub static VCPUS: [Vcpu; VCPUS_TOTAL] = all();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, for which an overflow or a wrong index is an error"
)]
const fn all() -> [Vcpu; VCPUS_TOTAL] {
    let mut vcpus = [const { Vcpu::new(&vm::VMS[0]) }; VCPUS_TOTAL];
    let (mut vm, mut next) = (0, 0);
    while vm < SYSTEM.vms.len() {
        let mut index = 0;
        while index < SYSTEM.vms[vm].vcpus.len() {
            vcpus[next].entity.id = VcpuId(next as u16);
            vcpus[next].entity.stack = SYSTEM.vms[vm].vcpus[index].stack;
            vcpus[next].vm = &vm::VMS[vm];
            vcpus[next].index = index;
            index += 1;
            next += 1;
        }
        vm += 1;
    }
    vcpus
}
