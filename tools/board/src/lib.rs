//! From `board.toml`, a system's TOML and an evaluated `.config` to one checked model, and from the model
//! to everything the kernel's build and the emulator need.
//!
//! [`evaluate`] reads and checks; it reports every mistake it can find, each with its place in the file,
//! what is wrong and what would be right. A [`Model`] is therefore always consistent: nothing overlaps,
//! everything fits, every feature it uses is switched on. From a model come:
//!
//! - [`Model::outputs`] and [`Model::write`]: `tables.rs`, `features`, `link.ld`, `vmN.dtb`;
//! - [`Model::pack`]: the archive of guest images that follows the kernel in `caesura.img`;
//! - [`Model::qemu_args`]: the emulator's command line;
//! - [`Model::summary`]: the memory map for people.
//!
//! What this crate does not do: run anything, build anything, evaluate Kconfig (it is handed the symbols
//! through [`Symbols`]).

mod check;
mod diag;
mod generate;
mod image;
mod menu;
mod model;
mod pack;
mod plan;
mod qemu;
mod reader;
mod schema;
mod show;
mod size;
mod suggest;
mod symbols;

pub use check::evaluate;
pub use diag::{Diagnostic, Errors};
pub use generate::{Output, Written, features, write_if_changed};
pub use image::Format;
pub use menu::board_menu;
pub use model::{
    Board, Conduit, Cpu, Crash, Device, DeviceKind, FileRef, Gic, GuestImage, GuestMemory, Inputs,
    Model, ModuleFile, Params, Payload, Plan, Pool, Qemu, System, Thread, Timers, Uart, Vcpu, Vm,
    Window,
};
pub use pack::{Entry, PackBuilder, PackError, read_pack};
pub use qemu::QemuOptions;
pub use schema::built_images;
pub use symbols::{SymbolMap, Symbols, Value};

pub use tables::{Permissions, Policy, Region, Start};
