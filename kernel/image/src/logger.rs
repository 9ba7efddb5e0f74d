//! Where `log`'s macros go: the console, as lines of the hypervisor's own.

use log::{Level, LevelFilter, Log, Metadata, Record};

struct Logger;

/// The level that was configured (the Kconfig choice LOG_LEVEL; exactly one of these features is on).
const LEVEL: LevelFilter = if cfg!(feature = "log_trace") {
    LevelFilter::Trace
} else if cfg!(feature = "log_debug") {
    LevelFilter::Debug
} else if cfg!(feature = "log_info") {
    LevelFilter::Info
} else if cfg!(feature = "log_warn") {
    LevelFilter::Warn
} else {
    LevelFilter::Error
};

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LEVEL
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            Level::Error => crate::console::log(format_args!("error: {}", record.args())),
            Level::Warn => crate::console::log(format_args!("warning: {}", record.args())),
            Level::Info => crate::console::log(*record.args()),
            Level::Debug | Level::Trace => {
                crate::console::log(format_args!(
                    "core {}: {}",
                    arch::cpu::index(),
                    record.args()
                ));
            }
        }
    }

    fn flush(&self) {}
}

/// Sends log lines to the console from now on.
pub fn init() {
    // It fails only if a logger is set already, which is the same one.
    let _ = log::set_logger(&Logger);
    log::set_max_level(LEVEL);
}
