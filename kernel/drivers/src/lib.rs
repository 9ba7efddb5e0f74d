//! Drivers of the machine's own devices: interrupt controllers and the console's UART.
//!
//! - [`distributor`], [`gicv2`], [`gicv3`]: the host's interrupt controller. Both versions have the same methods;
//!   the feature `gicv2` or `gicv3` says which one [`Gic`] is. Interrupts are acknowledged, their priority
//!   dropped, and deactivated separately (EOI mode 1), so that a guest can deactivate what is linked to it.
//! - Each version's `VirtualInterface` implements the list registers that `vgic` works on.
//! - [`pl011`]: the UART.
//!
//! Drivers hold no locks and log nothing. What is per core may be used by each core at any time; what
//! changes the distributor's configuration says so, and is used by one core at a time.
//!
//! The parts that need system registers exist only on the target.
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg_attr(
    not(target_arch = "aarch64"),
    allow(dead_code, reason = "the drivers that use it need the target")
)]
pub mod distributor;
mod mmio;
pub mod pl011;

#[cfg(target_arch = "aarch64")]
pub mod gicv2;
#[cfg(target_arch = "aarch64")]
pub mod gicv3;

#[cfg(all(target_arch = "aarch64", feature = "gicv2", not(feature = "gicv3")))]
pub use gicv2::{Acknowledged, GicV2 as Gic, VirtualInterface};
#[cfg(all(target_arch = "aarch64", feature = "gicv3", not(feature = "gicv2")))]
pub use gicv3::{Acknowledged, GicV3 as Gic, VirtualInterface};
