//! The program `bench`; see `guests::bench`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::bench::main);

#[cfg(not(target_os = "none"))]
fn main() {}
