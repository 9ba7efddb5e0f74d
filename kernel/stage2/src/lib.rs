//! Stage 2 translation: which physical memory a guest sees, and where (Arm ARM DDI 0487, chapter D8,
//! VMSAv8-64, 4 KiB granule).
//!
//! - [`Geometry`] computes, from the size of the guest's address space and what the core implements, the
//!   first level, the number of concatenated root tables, and VTCR_EL2.
//! - [`Stage2`] maps, unmaps, changes and looks up ranges, with blocks of 1 GiB, 2 MiB and 4 KiB as
//!   alignment permits, over two traits: [`TableMemory`] (where tables live) and [`Maintenance`]
//!   (barriers and TLB invalidation). It touches no hardware.
//!
//! What takes a range does all of it at once, so a caller bounds it by the range. For ranges that a guest chooses there
//! are steps ([`Stage2::map_leaf`], [`Stage2::unmap_some`], [`Split`]), each of which takes bounded time.
//!
//! Guarantees: an operation that fails changes no translation and keeps no page; a valid descriptor is
//! replaced by a different valid one only through break-before-make (except for permissions alone, where
//! the architecture does not ask for it, D8.16); a table page is given back only after no walk can find it;
//! tables that have become empty are given back at once.
//!
//! Does not: clean or invalidate data caches, count what guests share, or use the contiguous hint, which would forbid
//! changing a descriptor without its fifteen neighbours.
//!
//! While a block is being split, other vCPUs of the VM may take a translation fault on an address that is
//! mapped: a fault handler looks the address up, at last under the VM's lock, and, where it is mapped with the needed
//! permission, lets the guest try again.
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

mod attributes;
mod chunk;
mod descriptor;
mod edit;
mod geometry;
mod memory;
mod space;

pub use attributes::{Attributes, MemoryType};
pub use chunk::{Leaf, Split, Stop, Sweep};
pub use geometry::{Geometry, GeometryError};
pub use memory::{Maintenance, TableMemory};
pub use space::{Error, Stage2, Translation, walk_unlocked};
