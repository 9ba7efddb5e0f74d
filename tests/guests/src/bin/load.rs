//! The program `load`; see `guests::load`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::load::main);

#[cfg(not(target_os = "none"))]
fn main() {}
