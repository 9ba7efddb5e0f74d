//! The program `arch`; see `guests::arch`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::arch::main);

#[cfg(not(target_os = "none"))]
fn main() {}
