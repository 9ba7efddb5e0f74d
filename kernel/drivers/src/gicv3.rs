//! GICv3 and GICv4 (Arm IHI 0069): distributor and redistributors memory-mapped, CPU interface and virtual interface
//! as system registers.
//!
//! Affinity routing on, all interrupts in group 1: that is right with one security state and from the
//! Non-secure side of two.

mod virtual_interface;

use core::sync::atomic::{AtomicU64, Ordering};

use arch::{MAX_CPUS, cpu, gic};
use tables::{Gic, Region};
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite};
use tock_registers::{register_bitfields, register_structs};
use vgic::{Control, CpuInterface, ListRegisters, Lr};

use crate::distributor::{CoreError, Ctlr, Distributor, Trigger};
use crate::mmio::Registers;

register_structs! {
    /// The redistributor's control frame (RD_base).
    ControlLayout {
        (0x0000 => ctlr: ReadWrite<u32, RedistributorCtlr::Register>),
        (0x0004 => iidr: ReadOnly<u32>),
        (0x0008 => typer: ReadOnly<u64, RedistributorTyper::Register>),
        (0x0010 => _reserved0),
        (0x0014 => waker: ReadWrite<u32, Waker::Register>),
        (0x0018 => @END),
    }
}

register_structs! {
    /// GICD_IROUTER, from 0x6000 of the distributor on; the first 32 are reserved.
    RouterLayout {
        (0x0000 => irouter: [ReadWrite<u64>; 1024]),
        (0x2000 => @END),
    }
}

register_bitfields![u32,
    RedistributorCtlr [
        Rwp OFFSET(3) NUMBITS(1) [],
    ],
    Waker [
        ProcessorSleep OFFSET(1) NUMBITS(1) [],
        ChildrenAsleep OFFSET(2) NUMBITS(1) [],
    ],
];

register_bitfields![u64,
    RedistributorTyper [
        /// There are two more frames, for virtual LPIs: the next redistributor is 256 KiB away, not 128.
        Vlpis OFFSET(1) NUMBITS(1) [],
        /// No further redistributor in this region.
        Last OFFSET(4) NUMBITS(1) [],
        /// Aff3.Aff2.Aff1.Aff0 of its core.
        Affinity OFFSET(32) NUMBITS(32) [],
    ],
];

pub use virtual_interface::VirtualInterface;

/// Bytes of one redistributor frame.
const FRAME: u64 = 0x1_0000;

/// An acknowledged interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged(u64);

impl Acknowledged {
    /// Its INTID, 0 to 1019 (there are no LPIs).
    #[must_use]
    #[inline(always)]
    pub const fn intid(self) -> u32 {
        self.0 as u32
    }
}

/// The host's GICv3.
#[derive(Debug)]
pub struct GicV3 {
    distributor: Distributor,
    distributor_base: u64,
    redistributors: &'static [Region],
    maintenance: u32,
    /// Address of each core's control frame; zero before that core's `init_core`.
    frames: [AtomicU64; MAX_CPUS],
    /// Each core's affinity as MPIDR has it; valid when its frame is not zero.
    affinities: [AtomicU64; MAX_CPUS],
}

impl GicV3 {
    /// The controller that the board's table describes; `None` if that is another version.
    ///
    /// # Safety
    ///
    /// The table is right, its regions are mapped as devices whenever a method is called, this is the only
    /// driver for them, and the cores have GICv3 system registers ([`arch::id::has_gic_registers`]).
    #[must_use]
    pub const unsafe fn new(gic: &Gic) -> Option<Self> {
        match gic {
            Gic::V3 {
                distributor,
                redistributors,
                maintenance,
            } => Some(Self {
                // SAFETY: by the caller's promise.
                distributor: Distributor(unsafe { Registers::at(distributor.base) }),
                distributor_base: distributor.base,
                redistributors,
                maintenance: *maintenance,
                frames: [const { AtomicU64::new(0) }; MAX_CPUS],
                affinities: [const { AtomicU64::new(0) }; MAX_CPUS],
            }),
            Gic::V2 { .. } => None,
        }
    }

    /// INTID of the virtual interface's maintenance interrupt.
    #[must_use]
    pub const fn maintenance(&self) -> u32 {
        self.maintenance
    }

    /// INTIDs that exist, a multiple of 32.
    #[must_use]
    pub fn intids(&self) -> u32 {
        self.distributor.intids()
    }

    /// Resets and enables the distributor: everything shared is disabled, in group 1. Once, on one core.
    pub fn init_distributor(&self) {
        let registers = &self.distributor.0;
        let end = self.distributor.intids();
        registers.ctlr.set(0);
        self.wait_distributor();
        self.distributor.all_group_1(32, end);
        self.distributor.quiesce(32, end);
        self.wait_distributor();
        // Affinity routing first: the group enables mean something else without it.
        registers.ctlr.write(Ctlr::Are::SET);
        self.wait_distributor();
        registers
            .ctlr
            .write(Ctlr::Are::SET + Ctlr::EnableGroup1::SET);
        self.wait_distributor();
    }

    fn wait_distributor(&self) {
        while self.distributor.0.ctlr.is_set(Ctlr::Rwp) {
            cpu::relax();
        }
    }

    /// Wakes this core's redistributor, resets its private interrupts (disabled, group 1), its CPU interface and its
    /// virtual interface. On each core, after [`GicV3::init_distributor`].
    ///
    /// # Errors
    ///
    /// [`CoreError::NoRedistributor`]: the board's table and the machine disagree.
    pub fn init_core(&self) -> Result<(), CoreError> {
        let mpidr = cpu::mpidr();
        let frame = self.find(mpidr).ok_or(CoreError::NoRedistributor(mpidr))?;
        let index = cpu::index();
        if let (Some(affinity), Some(address)) =
            (self.affinities.get(index), self.frames.get(index))
        {
            affinity.store(mpidr, Ordering::Relaxed);
            address.store(frame, Ordering::Release);
        }
        let control = Self::control(frame);
        control.waker.modify(Waker::ProcessorSleep::CLEAR);
        while control.waker.is_set(Waker::ChildrenAsleep) {
            cpu::relax();
        }
        let private = self.private();
        private.all_group_1(0, 32);
        private.0.igrpmodr[0].set(0);
        private.quiesce(0, 32);
        while control.ctlr.is_set(RedistributorCtlr::Rwp) {
            cpu::relax();
        }
        gic::enable_registers();
        gic::init_cpu_interface();
        let mut interface = self.virtual_interface();
        for n in 0..interface.count() {
            interface.write(n, Lr::INVALID);
        }
        interface.restore(&CpuInterface::RESET);
        interface.set_control(Control::QUIET);
        Ok(())
    }

    /// Looks for the redistributor of the core with these affinity fields; the address of its first frame.
    fn find(&self, mpidr: u64) -> Option<u64> {
        let affinity = (mpidr >> 8) & 0xff00_0000 | mpidr & 0xff_ffff;
        for region in self.redistributors {
            let mut frame = region.base;
            while frame.saturating_add(2 * FRAME) <= region.end() {
                let typer = Self::control(frame).typer.extract();
                if typer.read(RedistributorTyper::Affinity) == affinity {
                    return Some(frame);
                }
                if typer.is_set(RedistributorTyper::Last) {
                    break;
                }
                let frames = if typer.is_set(RedistributorTyper::Vlpis) {
                    4
                } else {
                    2
                };
                frame += frames * FRAME;
            }
        }
        None
    }

    fn control(frame: u64) -> Registers<ControlLayout> {
        // SAFETY: `frame` is the first frame of a redistributor in a region of the board's table.
        unsafe { Registers::at(frame) }
    }

    /// This core's redistributor frame for its private interrupts. Before `init_core` there is none, and the
    /// distributor, whose registers for them are reserved, stands in: accesses have no effect.
    #[inline]
    fn private(&self) -> Distributor {
        let frame = self.frames.get(cpu::index());
        let base = match frame.map_or(0, |frame| frame.load(Ordering::Relaxed)) {
            0 => self.distributor_base,
            frame => frame + FRAME,
        };
        // SAFETY: the second frame of a redistributor that `init_core` found, laid out like a distributor
        // for INTIDs 0 to 31; or the distributor.
        Distributor(unsafe { Registers::at(base) })
    }

    /// Runs `f` on the registers that are in charge of `intid`.
    #[inline(always)]
    fn on<R>(&self, intid: u32, f: impl FnOnce(&Distributor) -> R) -> R {
        if intid < 32 {
            f(&self.private())
        } else {
            f(&self.distributor)
        }
    }

    /// Lets an interrupt be signalled; a private one on this core.
    #[inline]
    pub fn enable(&self, intid: u32) {
        self.on(intid, |registers| registers.enable(intid));
    }

    /// Stops an interrupt from being signalled; a private one on this core.
    #[inline]
    pub fn disable(&self, intid: u32) {
        self.on(intid, |registers| registers.disable(intid));
    }

    /// Sets a priority, 0 the highest. Shared interrupts: one core at a time.
    pub fn set_priority(&self, intid: u32, priority: u8) {
        self.on(intid, |registers| registers.set_priority(intid, priority));
    }

    /// Sets how a disabled interrupt is signalled. One core at a time.
    pub fn set_trigger(&self, intid: u32, trigger: Trigger) {
        self.on(intid, |registers| registers.set_trigger(intid, trigger));
    }

    /// Sends a shared interrupt to core `cpu`, which has done its `init_core`. One core at a time.
    pub fn route(&self, intid: u32, cpu: usize) {
        // SAFETY: the distributor has 64 KiB, and its routing registers start at 0x6000.
        let routers = unsafe { Registers::<RouterLayout>::at(self.distributor_base + 0x6000) };
        let router = routers.irouter.get(intid as usize);
        if let (Some(router), Some(affinity), 32..) = (router, self.affinities.get(cpu), intid) {
            router.set(affinity.load(Ordering::Relaxed));
        }
    }

    /// Takes the most urgent pending interrupt of this core: pending becomes active.
    #[must_use]
    #[inline]
    pub fn ack(&self) -> Option<Acknowledged> {
        let interrupt = Acknowledged(gic::acknowledge());
        (interrupt.intid() < 1020).then_some(interrupt)
    }

    /// Ends the handling as far as priorities go: others of the same priority may be signalled.
    #[inline]
    pub fn drop_priority(&self, interrupt: Acknowledged) {
        gic::drop_priority(interrupt.0);
    }

    /// Ends the interrupt: active becomes inactive.
    #[inline]
    pub fn deactivate(&self, interrupt: Acknowledged) {
        gic::deactivate(interrupt.0);
    }

    /// Sends software interrupt `intid` (0 to 15) to the cores whose bits are set in `cpus`; cores without
    /// `init_core` are left out. What this core stored before is visible to them.
    #[inline]
    pub fn send_sgi(&self, cpus: u64, intid: u32) {
        let mut rest = cpus;
        while rest != 0 {
            let n = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let started = self.frames.get(n).map_or(0, |f| f.load(Ordering::Acquire)) != 0;
            if let (Some(affinity), true) = (self.affinities.get(n), started) {
                gic::send_sgi(sgi_value(affinity.load(Ordering::Relaxed), intid));
            }
        }
    }

    /// Makes an interrupt active or inactive; a private one on this core.
    #[inline]
    pub fn set_active(&self, intid: u32, active: bool) {
        self.on(intid, |registers| registers.set_active(intid, active));
    }

    /// Whether an interrupt is pending, which for a level-triggered one includes "its line is asserted"; a
    /// private one on this core.
    #[must_use]
    #[inline]
    pub fn is_pending(&self, intid: u32) -> bool {
        self.on(intid, |registers| registers.is_pending(intid))
    }

    /// This core's virtual interface. IRQs must be masked while it is used.
    #[must_use]
    #[inline]
    pub fn virtual_interface(&self) -> VirtualInterface<'_> {
        VirtualInterface::new(self)
    }
}

/// ICC_SGI1R_EL1 for one core (IHI 0069 §12.2.20): Aff3 55:48, range 47:44 of Aff0 / 16, Aff2 39:32, INTID
/// 27:24, Aff1 23:16, target list 15:0.
#[inline]
const fn sgi_value(mpidr: u64, intid: u32) -> u64 {
    let aff0 = mpidr & 0xff;
    let aff1 = mpidr >> 8 & 0xff;
    let aff2 = mpidr >> 16 & 0xff;
    let aff3 = mpidr >> 32 & 0xff;
    let intid = (intid & 0xf) as u64;
    aff3 << 48 | (aff0 >> 4) << 44 | aff2 << 32 | intid << 24 | aff1 << 16 | 1 << (aff0 & 0xf)
}
