//! A virtual CPU interface in software, and a VM around it.
//!
//! For: running the state machine against what the hardware does with list registers: signal, acknowledge,
//! priority drop, deactivation, maintenance (IHI 0069 chapter 4 and 12.4; IHI 0048 chapter 5). It checks
//! what a hypervisor must never do to list registers and panics if that happens.
#![allow(dead_code, reason = "each test program uses its own part")]

use vgic::{
    Config, Control, CpuInterface, GroupIrq, Kick, ListRegisters, Lr, LrState, Version, Vgic, Vmcr,
    Width,
};

/// Big enough for two words of shared interrupts.
pub type Gic = Vgic<2>;

/// GICD_* offsets.
pub const ISENABLER: u64 = 0x100;
pub const ICENABLER: u64 = 0x180;
pub const ISPENDR: u64 = 0x200;
pub const ICPENDR: u64 = 0x280;
pub const ISACTIVER: u64 = 0x300;
pub const ICACTIVER: u64 = 0x380;
pub const IPRIORITYR: u64 = 0x400;
pub const ITARGETSR: u64 = 0x800;
pub const ICFGR: u64 = 0xc00;

/// One core's virtual interface.
pub struct Core {
    pub lrs: Vec<Lr>,
    pub control: Control,
    pub eoi_count: u32,
    pub vmcr: Vmcr,
    /// Priorities of what runs, innermost last.
    pub running: Vec<u8>,
    /// Physical private interrupts that are active.
    pub physical_active: u32,
    /// Physical private interrupts whose line is asserted.
    pub physical_line: u32,
    /// How often the state machine touched list registers.
    pub writes: u32,
}

impl Core {
    pub fn new(lrs: usize) -> Self {
        Self {
            lrs: vec![Lr::INVALID; lrs],
            control: Control::QUIET,
            eoi_count: 0,
            vmcr: Vmcr(0),
            running: Vec::new(),
            physical_active: 0,
            physical_line: 0,
            writes: 0,
        }
    }

    /// Which list register the core signals, if any.
    pub fn signalled(&self) -> Option<usize> {
        let ceiling = self.running.iter().copied().min().unwrap_or(0xff);
        let mask = self.vmcr.priority_mask();
        (0..self.lrs.len())
            .filter(|n| {
                let lr = self.lrs[*n];
                let group = if lr.group1 {
                    self.vmcr.group1()
                } else {
                    self.vmcr.group0()
                };
                lr.state == LrState::Pending && group && lr.priority < mask && lr.priority < ceiling
            })
            .min_by_key(|n| (self.lrs[*n].priority, self.lrs[*n].intid))
    }

    /// IAR: the INTID and, for GICv2 SGIs, the sender.
    pub fn ack(&mut self) -> Option<(u32, u8)> {
        let n = self.signalled()?;
        self.lrs[n].state = LrState::Active;
        self.running.push(self.lrs[n].priority);
        Some((self.lrs[n].intid, self.lrs[n].sgi_source))
    }

    /// EOIR: drops the innermost priority, and in EOI mode 0 deactivates.
    pub fn eoi(&mut self, intid: u32) {
        assert!(self.running.pop().is_some(), "EOI of nothing");
        if !self.vmcr.split_eoi() {
            self.deactivate(intid);
        }
    }

    /// DIR, when it is not trapped.
    pub fn deactivate(&mut self, intid: u32) {
        let found = self
            .lrs
            .iter_mut()
            .find(|lr| lr.intid == intid && lr.state.is_active());
        match found {
            None => self.eoi_count = (self.eoi_count + 1).min(31),
            Some(lr) => {
                lr.state = match lr.state {
                    LrState::PendingActive => LrState::Pending,
                    _ => LrState::Invalid,
                };
                if let Some(pintid) = lr.hw {
                    self.physical_active &= !(1 << pintid);
                }
            }
        }
    }

    /// Whether the maintenance interrupt is asserted.
    pub fn maintenance(&self) -> bool {
        let ended = |lr: &Lr| lr.state == LrState::Invalid && lr.eoi_maintenance;
        let group = |n: usize, on| match self.control.group_irq[n] {
            GroupIrq::Off => false,
            GroupIrq::WhenEnabled => on,
            GroupIrq::WhenDisabled => !on,
        };
        group(0, self.vmcr.group0())
            || group(1, self.vmcr.group1())
            || self.lrs.iter().any(ended)
            || self.control.not_present_irq && self.eoi_count > 0
            || self.control.no_pending_irq && self.lrs.iter().all(|lr| lr.state != LrState::Pending)
    }
}

impl ListRegisters for Core {
    fn count(&self) -> usize {
        self.lrs.len()
    }

    fn read(&self, n: usize) -> Lr {
        self.lrs[n]
    }

    fn write(&mut self, n: usize, lr: Lr) {
        self.writes += 1;
        assert!(lr.hw.is_none() || !lr.eoi_maintenance);
        assert!(lr.hw.is_none() || lr.state != LrState::PendingActive);
        self.lrs[n] = lr;
    }

    fn empty_mask(&self) -> u32 {
        let free = |lr: &Lr| lr.state == LrState::Invalid && !lr.eoi_maintenance;
        (0..self.lrs.len())
            .filter(|n| free(&self.lrs[*n]))
            .fold(0, |mask, n| mask | 1 << n)
    }

    fn take_eoi_count(&mut self) -> u32 {
        core::mem::take(&mut self.eoi_count)
    }

    fn set_control(&mut self, control: Control) {
        self.control = control;
        self.eoi_count = 0;
    }

    fn vmcr(&self) -> Vmcr {
        self.vmcr
    }

    fn save(&mut self) -> CpuInterface {
        let mut state = CpuInterface {
            vmcr: self.vmcr,
            ..CpuInterface::RESET
        };
        for priority in self.running.drain(..) {
            state.ap1r[0] |= 1 << (priority >> 3);
        }
        state
    }

    fn restore(&mut self, state: &CpuInterface) {
        self.vmcr = state.vmcr;
        // Innermost last: the lowest value is the most urgent.
        self.running = (0..32u8)
            .rev()
            .filter(|level| state.ap1r[0] & 1 << level != 0)
            .map(|level| level << 3)
            .collect();
    }

    fn set_physical_active(&mut self, pintid: u32, active: bool) {
        if active {
            self.physical_active |= 1 << pintid;
        } else {
            self.physical_active &= !(1 << pintid);
        }
    }

    fn physical_level(&mut self, pintid: u32) -> bool {
        self.physical_line & 1 << pintid != 0
    }
}

/// A VM whose vCPUs have a core each.
pub struct World {
    pub gic: Gic,
    pub cores: Vec<Core>,
    /// What the integrator's atomics would hold.
    pub flags: u8,
    /// Kicks are acted on at once.
    pub prompt: bool,
}

/// The CPU interface of a guest that wants everything: both groups, lowest mask.
pub const OPEN: Vmcr = Vmcr(0xf800_0003);

/// [`OPEN`] with EOI mode 1.
pub const OPEN_SPLIT: Vmcr = Vmcr(0xf800_0003 | 1 << 9);

impl World {
    /// `vcpus` vCPUs, all on and loaded, CPU interfaces open, distributor on, 64 SPIs, `lrs` list registers.
    pub fn new(version: Version, vcpus: usize, lrs: usize) -> Self {
        let mut gic = Gic::new();
        let config = Config {
            version,
            vcpus,
            spis: 64,
        };
        gic.configure(&config).expect("a valid configuration");
        let mut world = Self {
            gic,
            cores: (0..vcpus).map(|_| Core::new(lrs)).collect(),
            flags: 0,
            prompt: true,
        };
        for v in 0..vcpus {
            world.note(Kick::NONE);
            let kick = world.gic.cpu_on(v);
            world.note(kick);
            let kick = world.gic.load(v, &mut world.cores[v]);
            world.note(kick);
            world.cores[v].vmcr = OPEN;
        }
        world.write(0, 0, 3);
        world
    }

    pub fn v3(vcpus: usize) -> Self {
        Self::new(Version::V3, vcpus, 4)
    }

    pub fn v2(vcpus: usize) -> Self {
        Self::new(Version::V2, vcpus, 4)
    }

    /// Remembers a kick, and acts on it if this world is prompt.
    pub fn note(&mut self, kick: Kick) {
        self.flags |= kick.bits();
        if self.prompt {
            self.settle();
        }
        self.check_unique();
    }

    /// The same for what a trap of `v` caused: its exit path sees its own flag before the guest goes on.
    fn trapped(&mut self, v: usize, kick: Kick) {
        self.note(kick);
        if self.flags & 1 << v != 0 {
            self.enter(v);
            self.note(Kick::NONE);
        }
    }

    /// Every flagged or maintenance-interrupted core goes through its exit path, until all is quiet.
    pub fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 100, "kicks without end");
            let due: Vec<usize> = (0..self.cores.len())
                .filter(|v| self.flags & 1 << v != 0 || self.cores[*v].maintenance())
                .collect();
            if due.is_empty() {
                return;
            }
            for v in due {
                self.enter(v);
            }
        }
    }

    /// What happens on the way into the guest of `v`.
    pub fn enter(&mut self, v: usize) {
        self.flags &= !(1 << v);
        // In steps, as the hypervisor does it.
        if self.gic.refresh_fresh(v, &mut self.cores[v]) {
            return;
        }
        if self.gic.is_crowded(v) {
            let kick = self.gic.sync(v, &mut self.cores[v]);
            assert!(
                !self.gic.is_crowded(v),
                "the second step is not the first again"
            );
            assert!(kick.contains(v), "what was read back is listed again");
            self.flags |= kick.without(v).bits();
        }
        let kick = self.gic.refresh(v, &mut self.cores[v]);
        assert!(!kick.contains(v), "a refresh leaves nothing to do");
        self.flags |= kick.bits();
    }

    /// The core of `v` shows others all that its guest has done since: a fold, which entering may leave for later when
    /// something fresh is all that there is to list.
    pub fn look(&mut self, v: usize) {
        let kick = self.gic.sync(v, &mut self.cores[v]);
        self.flags |= kick.bits();
        self.enter(v);
    }

    /// No interrupt is in two list registers: private ones of a core, shared ones of all.
    pub fn check_unique(&self) {
        let mut shared = Vec::new();
        for core in &self.cores {
            let mut private = Vec::new();
            for lr in core.lrs.iter().filter(|lr| lr.state != LrState::Invalid) {
                let seen = if lr.intid < 32 {
                    &mut private
                } else {
                    &mut shared
                };
                assert!(
                    !seen.contains(&lr.intid),
                    "INTID {} is listed twice",
                    lr.intid
                );
                seen.push(lr.intid);
            }
        }
    }

    /// Reads a 32-bit distributor register as `v`.
    pub fn read(&mut self, v: usize, offset: u64) -> u32 {
        self.read_as(v, offset, Width::Word) as u32
    }

    pub fn read_as(&mut self, v: usize, offset: u64, width: Width) -> u64 {
        let read = self.gic.gicd_read(v, offset, width, &mut self.cores[v]);
        self.trapped(v, read.kick);
        read.value
    }

    /// Writes a 32-bit distributor register as `v`.
    pub fn write(&mut self, v: usize, offset: u64, value: u32) {
        self.write_as(v, offset, Width::Word, value.into());
    }

    pub fn write_as(&mut self, v: usize, offset: u64, width: Width, value: u64) {
        let kick = self
            .gic
            .gicd_write(v, offset, width, value, &mut self.cores[v]);
        self.trapped(v, kick);
    }

    /// Reads a 32-bit register of the redistributor of `owner` as `v`.
    pub fn read_r(&mut self, v: usize, owner: usize, offset: u64) -> u32 {
        let offset = owner as u64 * vgic::GICR_STRIDE + offset;
        let read = self
            .gic
            .gicr_read(v, offset, Width::Word, &mut self.cores[v]);
        self.trapped(v, read.kick);
        read.value as u32
    }

    pub fn write_r(&mut self, v: usize, owner: usize, offset: u64, width: Width, value: u64) {
        let offset = owner as u64 * vgic::GICR_STRIDE + offset;
        let kick = self
            .gic
            .gicr_write(v, offset, width, value, &mut self.cores[v]);
        self.trapped(v, kick);
    }

    fn is_v3(&mut self) -> bool {
        self.cores.is_empty() || self.read(0, 0) & 1 << 4 != 0
    }

    /// Writes `intid`'s bit of a one-bit-per-interrupt register as `v` (of `v`, if private).
    pub fn write_bit(&mut self, v: usize, base: u64, intid: u32) {
        self.write_bit_of(v, v, base, intid);
    }

    /// The same for a private interrupt of `owner`.
    pub fn write_bit_of(&mut self, v: usize, owner: usize, base: u64, intid: u32) {
        if intid < 32 && self.is_v3() {
            self.write_r(v, owner, 0x1_0000 + base, Width::Word, 1 << intid);
        } else {
            self.write(v, base + u64::from(intid / 32) * 4, 1 << (intid % 32));
        }
    }

    /// Reads `intid`'s bit.
    pub fn read_bit(&mut self, v: usize, base: u64, intid: u32) -> bool {
        let word = if intid < 32 && self.is_v3() {
            self.read_r(v, v, 0x1_0000 + base)
        } else {
            self.read(v, base + u64::from(intid / 32) * 4)
        };
        word & 1 << (intid % 32) != 0
    }

    pub fn set_priority(&mut self, v: usize, intid: u32, priority: u8) {
        let offset = IPRIORITYR + u64::from(intid);
        if intid < 32 && self.is_v3() {
            self.write_r(v, v, 0x1_0000 + offset, Width::Byte, priority.into());
        } else {
            self.write_as(v, offset, Width::Byte, priority.into());
        }
    }

    /// Makes `intid` edge- or level-triggered.
    pub fn set_edge(&mut self, v: usize, intid: u32, edge: bool) {
        let offset = ICFGR + u64::from(intid / 16) * 4;
        let private = intid < 32 && self.is_v3();
        let mut word = if private {
            self.read_r(v, v, 0x1_0000 + offset)
        } else {
            self.read(v, offset)
        };
        let mask = 2 << (intid % 16 * 2);
        word = if edge { word | mask } else { word & !mask };
        if private {
            self.write_r(v, v, 0x1_0000 + offset, Width::Word, word.into());
        } else {
            self.write(v, offset, word);
        }
    }

    /// Routes a shared interrupt to `target`.
    pub fn route(&mut self, v: usize, intid: u32, target: usize) {
        if self.is_v3() {
            let offset = 0x6000 + u64::from(intid) * 8;
            self.write_as(v, offset, Width::Double, target as u64);
        } else {
            let offset = ITARGETSR + u64::from(intid);
            self.write_as(v, offset, Width::Byte, 1 << target);
        }
    }

    pub fn level(&mut self, v: usize, intid: u32, asserted: bool) {
        let kick = self.gic.set_level(v, intid, asserted);
        self.note(kick);
    }

    pub fn edge(&mut self, v: usize, intid: u32) {
        let kick = self.gic.inject_edge(v, intid);
        self.note(kick);
    }

    /// Sends SGI `sgi` from `v` to the vCPUs in `targets`, as the version does it.
    pub fn sgi(&mut self, v: usize, targets: u8, sgi: u32) {
        if self.is_v3() {
            let value = u64::from(sgi) << 24 | u64::from(targets);
            let kick = self.gic.sgi_write(v, vgic::SgiRegister::Sgi1r, value);
            self.trapped(v, kick);
        } else {
            self.write(v, 0xf00, u32::from(targets) << 16 | sgi);
        }
    }

    /// The guest of `v` acknowledges.
    pub fn ack(&mut self, v: usize) -> Option<u32> {
        self.ack_source(v).map(|(intid, _)| intid)
    }

    pub fn ack_source(&mut self, v: usize) -> Option<(u32, u8)> {
        let taken = self.cores[v].ack();
        self.note(Kick::NONE);
        taken
    }

    /// The guest of `v` writes EOIR.
    pub fn eoi(&mut self, v: usize, intid: u32) {
        self.cores[v].eoi(intid);
        self.note(Kick::NONE);
    }

    /// The guest of `v` writes DIR.
    pub fn dir(&mut self, v: usize, intid: u32) {
        if self.cores[v].control.trap_dir {
            let kick = self.gic.deactivate(v, intid, &mut self.cores[v]);
            self.trapped(v, kick);
        } else {
            self.cores[v].deactivate(intid);
            self.note(Kick::NONE);
        }
    }

    /// Takes `v` off its core.
    pub fn unload(&mut self, v: usize) {
        let kick = self.gic.unload(v, &mut self.cores[v]);
        self.flags &= !(1 << v);
        let free = self.cores[v].empty_mask().count_ones() as usize;
        assert_eq!(free, self.cores[v].lrs.len(), "list registers left behind");
        assert_eq!(self.cores[v].control, Control::QUIET);
        self.note(kick);
    }

    /// Puts `v` onto its core.
    pub fn load(&mut self, v: usize) {
        let kick = self.gic.load(v, &mut self.cores[v]);
        self.flags &= !(1 << v);
        self.note(kick);
    }
}
