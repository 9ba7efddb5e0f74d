//! The program `realtime`; see `guests::realtime`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::realtime::main);

#[cfg(not(target_os = "none"))]
fn main() {}
