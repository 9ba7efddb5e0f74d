//! Getting guests into memory: the pack, image formats, and what the boot loader's device tree says.
//!
//! For: turning a file ([`pack::Entry`], or a `/chosen` module of [`dtb::Dtb`]) into guest memory and an entry
//! address. [`Loader`] works in steps of a bounded number of bytes, because loading runs in EL2 and must not
//! keep a core from its other work.
//!
//! Guarantees: no input, however damaged, makes it panic, loop without end, or write outside what
//! [`GuestMemory`] grants. A file with a checksum is verified before its first byte is used. Every error
//! says what is wrong and what would be right.
//!
//! Does not: decide where things go (the tables do), authenticate (the boot chain does), or keep a module's
//! source and destination apart (the memory plan does).
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

mod bytes;
pub mod checksum;
pub mod chosen;
pub mod dtb;
#[cfg_attr(not(feature = "elf"), path = "elf_off.rs")]
mod elf;
mod error;
#[cfg_attr(not(feature = "gzip"), path = "gzip_off.rs")]
mod gzip;
pub mod image;
mod load;
pub mod pack;
#[cfg(test)]
mod tests;

pub use error::LoadError;
pub use gzip::Workspace;
pub use load::{File, GuestMemory, Kind, Loaded, Loader, Step};
