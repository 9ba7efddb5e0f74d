//! The program `fault`; see `guests::fault`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::fault::main);

#[cfg(not(target_os = "none"))]
fn main() {}
