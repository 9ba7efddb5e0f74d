//! The program `lifecycle`; see `guests::lifecycle`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::lifecycle::main);

#[cfg(not(target_os = "none"))]
fn main() {}
