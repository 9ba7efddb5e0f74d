//! The program `attack`; see `guests::attack`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::attack::main);

#[cfg(not(target_os = "none"))]
fn main() {}
