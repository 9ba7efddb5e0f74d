//! The interrupt controller that a guest sees: GICv2 (IHI 0048) or GICv3 (IHI 0069), one [`Vgic`] per VM.
//!
//! For: everything between "a device, a timer or a vCPU raised an interrupt" and "a list register says
//! so". It guarantees that an enabled interrupt that was raised is offered to its vCPU at least once, that
//! a disabled one is not (beyond what is already on its way to another core, which `RWP` tells), that the
//! most urgent comes first, that a level-triggered one comes again while its line is asserted, and that no
//! access of a guest, however odd, does more than read zero or be ignored. It does not touch hardware
//! (trait [`ListRegisters`]), take locks, schedule, or emulate the CPU interface: that is the hardware's.
//! There are no LPIs, no ITS, no extended INTID ranges and no security states.
//!
//! # Who calls what, when
//!
//! The VM's `Vgic` stands behind one lock, taken with interrupts masked. `hw` is the calling core's virtual
//! interface. Every method that changes something returns a [`Kick`]: the vCPUs that have something to
//! collect. The caller ORs it into per-vCPU flags of its own (atomics), wakes those that wait, and sends a
//! physical interrupt to the cores on which others run, so that they leave their guest.
//!
//! | event | calls |
//! |---|---|
//! | vCPU comes to a core | after its timers are restored: [`Vgic::load`] |
//! | vCPU leaves a core | after its timers are saved and stopped: [`Vgic::unload`] |
//! | about to enter the guest | only if the vCPU's flag is set: clear the flag, [`Vgic::refresh`] |
//! | maintenance interrupt | set the current vCPU's flag, nothing else |
//! | WFI trapped | [`Vgic::sync`], then [`Vgic::has_deliverable`]: true means do not wait |
//! | a waiting, unloaded vCPU was kicked | [`Vgic::has_deliverable`]: false means it may go on waiting |
//! | access to a window | [`Vgic::gicd_read`], `gicd_write`, `gicr_read`, `gicr_write` |
//! | GICv3 SGI register written | [`Vgic::sgi_write`] |
//! | `ICC_DIR_EL1` trapped, `GICC_DIR` written | [`Vgic::deactivate`] |
//! | emulated device | [`Vgic::set_level`], [`Vgic::inject_edge`] |
//! | physical interrupt linked to a virtual one | [`Vgic::linked_fired`] |
//! | PSCI CPU_ON, CPU_OFF, reset | [`Vgic::cpu_on`], [`Vgic::cpu_off`], [`Vgic::reset`] |
//!
//! `docs/vgic.md` explains the states behind these and why they were chosen.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(test)]
extern crate std;

mod bank;
mod config;
mod crowd;
mod dist;
mod fill;
mod flow;
mod fresh;
mod hw;
mod ident;
mod input;
mod kick;
pub mod lr;
mod mmio;
mod pending;
mod power;
mod redist;
mod route;
mod sgi;
mod state;
mod v2;
mod v3;

pub use config::{Config, ConfigError, Version};
pub use hw::{Control, CpuInterface, GroupIrq, ListRegisters, Lr, LrState, Vmcr};
pub use kick::Kick;
pub use mmio::{Read, Width};
pub use sgi::SgiRegister;
pub use state::Vgic;

/// The most vCPUs of a VM: what GICv2 can address.
pub const MAX_VCPUS: usize = 8;

/// Bits of a priority that exist; the others read as zero. Five, as in every virtual interface known.
pub const PRIORITY_BITS: u8 = 0xf8;

/// Bytes of a GICv2 distributor's window.
pub const GICD_V2_SIZE: u64 = 0x1000;

/// Bytes of a GICv3 distributor's window.
pub const GICD_V3_SIZE: u64 = 0x1_0000;

/// Bytes of one vCPU's GICv3 redistributor: the RD_base and SGI_base frames. vCPU n's begins at n times
/// this from the base of the region.
pub const GICR_STRIDE: u64 = 0x2_0000;
