//! System tests: a configuration and a system are built, booted in QEMU, and looked at through the console.
//!
//! A [`Case`] says what to build and what to do with the running machine; [`cases::all`] lists them,
//! [`runner`] picks and runs them. A case is told from its name alone, `boot/gicv2/2/hello`, and picked by a
//! part of it.
//!
//! Nothing here measures time: bounds on waiting are generous and only end what hangs. Whatever a case starts is
//! ended with it. Consoles are kept beside the images, under `build/<configuration>/<system>/`.

pub mod cases;
pub mod machine;
pub mod runner;

use cli::Result;
use cli::project::Project;
use cli::selection::Selection;

pub use machine::Machine;

/// What a case does.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Waits for the end and judges it as `make run` does.
    Unattended,
    /// Drives the machine through its console, then waits for the end and judges it.
    Driven(fn(&mut Machine) -> Result<()>),
    /// [`Driven`](Self::Driven), with instructions counted (QEMU's `-icount`): the same in every run, and a bar in time is one.
    Counted(fn(&mut Machine) -> Result<()>),
    /// Something else, with no machine running.
    Other(fn(&mut Project) -> Result<()>),
}

/// One system test.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique; parts separated by `/`.
    pub name: String,
    /// The configuration.
    pub selection: Selection,
    /// A file of `configs/systems/`.
    pub system: &'static str,
    /// What is done.
    pub action: Action,
    /// Whether it needs guests that set-up downloads.
    pub needs_guests: bool,
    /// Whether it is run only when it is asked for by name or with all.
    pub extended: bool,
}
