//! Our Kconfig tool beside the real ones: the same tree, the same input, the same environment, two programs.
//!
//! A [`Case`] is one comparison, told and picked by its name: `linux/arm64/defconfig`, `u-boot/qemu_arm64_defconfig`,
//! `random/arm64/7`, `suite/choice`. [`trees`] knows where the trees are and how their own build calls `conf`; [`peer`] runs
//! ours and theirs; [`compare`] says what differs, symbol by symbol; [`runner`] runs the cases, two at a time.
//!
//! Both are whole processes, as a user starts them. Two things are remembered below the set-up's cache, because they cost
//! most of the time and cannot change: what C `conf` wrote, by everything it read; and what its `$(shell)` commands
//! printed, by command and environment, which then answers both programs (`shell.c`). [`runner`] says how much of either was
//! fresh. The kernel's suite, the short run and the benchmark use a real shell.

pub mod bench;
pub mod cases;
pub mod compare;
pub mod lab;
pub mod peer;
pub mod process;
pub mod runner;
pub mod toggle;
pub mod trees;

use cli::Result;

use crate::lab::Lab;

/// What a case does; an error says what is different.
pub type Check = Box<dyn Fn(&mut Lab) -> Result<()> + Send + Sync>;

/// One comparison.
pub struct Case {
    /// Unique; parts separated by `/`.
    pub name: String,
    /// Whether it belongs to the short run.
    pub short: bool,
    /// The comparison.
    pub check: Check,
}

impl Case {
    /// A case that is not in the short run.
    pub fn new(
        name: impl Into<String>,
        check: impl Fn(&mut Lab) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            short: false,
            check: Box::new(check),
        }
    }

    /// The same, in the short run if `yes`.
    #[must_use]
    pub fn short(mut self, yes: bool) -> Self {
        self.short = yes;
        self
    }
}
