//! The project's tool as a library: from a configuration to an image, and from an image to a run in QEMU.
//!
//! The binary `caesura` (what the Makefile calls) and the system tests (`tests/qemu`) are thin layers over
//! it. The order of a build: [`selection`] says which configuration, [`build`] evaluates it, has the tables
//! generated and the kernel compiled, [`flatten`] and [`symbols`] make the raw image, to which the pack is
//! appended. The order of a run: [`emulator`] starts QEMU, [`transcript`] reads its console, [`run`] judges.
//!
//! What this crate does not do: decide anything about the configuration (`kconf`, `board` do), install
//! anything (`tools/setup.sh` does; [`project`] reads what it found).

pub mod bench;
pub mod build;
pub mod cargo;
pub mod checks;
pub mod emulator;
pub mod failure;
pub mod features;
pub mod flatten;
pub mod kconfig;
pub mod preempt;
pub mod project;
pub mod run;
pub mod selection;
pub mod size;
pub mod suites;
pub mod symbols;
pub mod terminal;
pub mod transcript;

pub use failure::{Context, Failure, Result};
