//! `menuconfig`: the configuration in a terminal.
