//! The program `stress`; see `guests::stress`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::stress::main);

#[cfg(not(target_os = "none"))]
fn main() {}
