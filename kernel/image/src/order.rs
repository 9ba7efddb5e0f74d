//! Lock-order checking (feature `lockdep`): what it finds goes to the log.

use crate::platform::Core;

/// Lets the locks report from now on.
pub fn init() {
    sync::lockdep::install::<Core>(|cycle| log::error!("locks are taken in a circle: {cycle}"));
}
