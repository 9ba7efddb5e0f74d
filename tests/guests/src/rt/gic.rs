//! Minimal drivers of GICv2 (IHI 0048) and GICv3 (IHI 0069) with one set of names.
//!
//! Interrupts 0 to 31 are the calling vCPU's own. Group 1 non-secure on GICv3; on GICv2 whatever the machine
//! has after reset.

use core::sync::atomic::{AtomicU64, Ordering};

use super::cpu;
use super::machine::{Gic, Machine};
use super::mmio::{read32, write8, write32, write64};
use crate::{mrs, msr};

static DISTRIBUTOR: AtomicU64 = AtomicU64::new(0);
/// GICv2: the CPU interface; 0 on GICv3.
static INTERFACE: AtomicU64 = AtomicU64::new(0);
/// GICv3: each vCPU's redistributor.
static REDISTRIBUTORS: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

/// Distributor registers, by the names of both specifications. Those with one bit or byte per interrupt are
/// in the redistributor's second frame at the same offsets for interrupts 0 to 31 of GICv3.
pub mod reg {
    /// GICD_CTLR.
    pub const CTLR: u64 = 0x0;
    /// GICD_TYPER.
    pub const TYPER: u64 = 0x4;
    /// GICD_IIDR.
    pub const IIDR: u64 = 0x8;
    /// GICD_IGROUPR0.
    pub const IGROUPR: u64 = 0x80;
    /// GICD_ISENABLER0.
    pub const ISENABLER: u64 = 0x100;
    /// GICD_ICENABLER0.
    pub const ICENABLER: u64 = 0x180;
    /// GICD_ISPENDR0.
    pub const ISPENDR: u64 = 0x200;
    /// GICD_ICPENDR0.
    pub const ICPENDR: u64 = 0x280;
    /// GICD_ISACTIVER0.
    pub const ISACTIVER: u64 = 0x300;
    /// GICD_ICACTIVER0.
    pub const ICACTIVER: u64 = 0x380;
    /// GICD_IPRIORITYR0.
    pub const IPRIORITYR: u64 = 0x400;
    /// GICD_ITARGETSR0 (GICv2).
    pub const ITARGETSR: u64 = 0x800;
    /// GICD_ICFGR0.
    pub const ICFGR: u64 = 0xc00;
    /// GICD_SGIR (GICv2).
    pub const SGIR: u64 = 0xf00;
    /// GICD_IROUTER0 (GICv3).
    pub const IROUTER: u64 = 0x6000;
}

/// Whether this is a GICv3.
#[must_use]
pub fn is_v3() -> bool {
    INTERFACE.load(Ordering::Relaxed) == 0
}

/// The distributor.
#[must_use]
pub fn distributor() -> u64 {
    DISTRIBUTOR.load(Ordering::Relaxed)
}

/// The CPU interface of GICv2.
#[must_use]
pub fn interface() -> u64 {
    INTERFACE.load(Ordering::Relaxed)
}

/// This vCPU's redistributor on GICv3.
#[must_use]
pub fn redistributor() -> u64 {
    REDISTRIBUTORS
        .get(cpu::index())
        .map_or(0, |r| r.load(Ordering::Relaxed))
}

/// Where a register with one bit per interrupt has the bit of `intid`: its word and the bit.
#[must_use]
pub fn bit(register: u64, intid: u32) -> (u64, u32) {
    (
        frame(intid) + register + u64::from(intid / 32) * 4,
        1 << (intid % 32),
    )
}

/// Reads that bit.
#[must_use]
pub fn get(register: u64, intid: u32) -> bool {
    let (address, mask) = bit(register, intid);
    read32(address) & mask != 0
}

/// Writes a one to that bit, zeros to the others: for set and clear registers.
pub fn poke(register: u64, intid: u32) {
    let (address, mask) = bit(register, intid);
    write32(address, mask);
    cpu::barrier();
}

/// Sets an interrupt's priority; lower is more urgent.
pub fn set_priority(intid: u32, priority: u8) {
    write8(frame(intid) + reg::IPRIORITYR + u64::from(intid), priority);
}

/// Lets an interrupt through, with a middling priority.
pub fn enable(intid: u32) {
    set_priority(intid, 0xa0);
    poke(reg::ISENABLER, intid);
}

/// Stops an interrupt.
pub fn disable(intid: u32) {
    poke(reg::ICENABLER, intid);
    wait_for_writes();
}

/// Routes an SPI to one vCPU.
pub fn route(intid: u32, cpu: usize) {
    if is_v3() {
        write64(
            distributor() + reg::IROUTER + u64::from(intid) * 8,
            cpu as u64,
        );
    } else {
        write8(distributor() + reg::ITARGETSR + u64::from(intid), 1 << cpu);
    }
}

fn frame(intid: u32) -> u64 {
    if is_v3() && intid < 32 {
        redistributor() + 0x1_0000
    } else {
        distributor()
    }
}

/// Waits until writes to the distributor have taken effect (GICv3: RWP).
fn wait_for_writes() {
    if is_v3() {
        while read32(distributor() + reg::CTLR) & (1 << 31) != 0 {
            cpu::pause();
        }
    }
}

/// Switches the distributor on. Once, on the first vCPU.
pub fn init_distributor(machine: &Machine) {
    let enable = match machine.gic {
        Gic::V2 { distributor, cpu } => {
            DISTRIBUTOR.store(distributor, Ordering::Relaxed);
            INTERFACE.store(cpu, Ordering::Relaxed);
            1
        }
        Gic::V3 {
            distributor,
            redistributors,
        } => {
            DISTRIBUTOR.store(distributor, Ordering::Relaxed);
            for (number, slot) in REDISTRIBUTORS.iter().enumerate() {
                slot.store(redistributors + number as u64 * 0x2_0000, Ordering::Relaxed);
            }
            // ARE and group 1; group 0 is not used.
            0x12
        }
    };
    if is_v3() {
        write32(distributor() + reg::CTLR, 0x10);
        for word in 1..=(read32(distributor() + reg::TYPER) as u64 & 0x1f) {
            write32(distributor() + reg::IGROUPR + word * 4, u32::MAX);
        }
    }
    write32(distributor() + reg::CTLR, enable);
    wait_for_writes();
}

/// Switches this vCPU's interface on, all priorities let through.
pub fn init_cpu(machine: &Machine) {
    match machine.gic {
        Gic::V2 { cpu, .. } => {
            write32(cpu + 4, 0xff);
            write32(cpu, 1);
        }
        Gic::V3 { .. } => {
            // GICR_WAKER: clear ProcessorSleep, wait for ChildrenAsleep.
            let waker = redistributor() + 0x14;
            write32(waker, read32(waker) & !2);
            while read32(waker) & 4 != 0 {
                cpu::pause();
            }
            write32(redistributor() + 0x1_0000 + reg::IGROUPR, u32::MAX);
            msr!("s3_0_c12_c12_5", mrs!("s3_0_c12_c12_5") | 1); // ICC_SRE_EL1
            msr!("s3_0_c4_c6_0", 0xff); // ICC_PMR_EL1
            msr!("s3_0_c12_c12_7", 1); // ICC_IGRPEN1_EL1
        }
    }
}

/// Acknowledges the most urgent pending interrupt: IAR. The interrupt is in bits 9:0 (1023: none); on GICv2
/// the sender of an SGI in bits 12:10.
#[must_use]
pub fn acknowledge() -> u32 {
    if is_v3() {
        let iar = mrs!("s3_0_c12_c12_0") as u32;
        cpu::barrier();
        iar
    } else {
        read32(interface() + 0xc)
    }
}

/// Drops the priority, and with EOImode 0 deactivates.
pub fn end(iar: u32) {
    if is_v3() {
        msr!("s3_0_c12_c12_1", u64::from(iar));
    } else {
        write32(interface() + 0x10, iar);
    }
}

/// Deactivates, with EOImode 1.
pub fn deactivate(iar: u32) {
    if is_v3() {
        msr!("s3_0_c12_c11_1", u64::from(iar));
    } else {
        write32(interface() + 0x1000, iar);
    }
}

/// Chooses EOImode.
pub fn split_end(split: bool) {
    if is_v3() {
        msr!("s3_0_c12_c12_4", if split { 2 } else { 0 });
    } else {
        write32(interface(), if split { 1 | 1 << 9 } else { 1 });
    }
}

/// Lets through only interrupts more urgent than this.
pub fn set_mask(priority: u8) {
    if is_v3() {
        msr!("s3_0_c4_c6_0", u64::from(priority));
    } else {
        write32(interface() + 4, u32::from(priority));
    }
}

/// The priority of the interrupt being handled; 0xff when idle.
#[must_use]
pub fn running_priority() -> u32 {
    if is_v3() {
        mrs!("s3_0_c12_c11_3") as u32
    } else {
        read32(interface() + 0x14)
    }
}

/// The most urgent pending interrupt, without acknowledging it.
#[must_use]
pub fn highest_pending() -> u32 {
    if is_v3() {
        mrs!("s3_0_c12_c12_2") as u32
    } else {
        read32(interface() + 0x18) & 0x3ff
    }
}

/// Sends an SGI to the vCPUs of a mask.
pub fn sgi(intid: u32, targets: u16) {
    cpu::barrier();
    if is_v3() {
        msr!(
            "s3_0_c12_c11_5",
            u64::from(intid) << 24 | u64::from(targets)
        );
    } else {
        write32(distributor() + reg::SGIR, u32::from(targets) << 16 | intid);
    }
}

/// Sends an SGI to all vCPUs but this one.
pub fn sgi_others(intid: u32) {
    cpu::barrier();
    if is_v3() {
        msr!("s3_0_c12_c11_5", u64::from(intid) << 24 | 1 << 40);
    } else {
        write32(distributor() + reg::SGIR, 1 << 24 | intid);
    }
}

/// Sends an SGI to this vCPU.
pub fn sgi_self(intid: u32) {
    if is_v3() {
        sgi(intid, 1 << cpu::index());
    } else {
        cpu::barrier();
        write32(distributor() + reg::SGIR, 2 << 24 | intid);
    }
}
