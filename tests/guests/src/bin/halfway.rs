//! The program `halfway`; see `guests::halfway`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::halfway::main);

#[cfg(not(target_os = "none"))]
fn main() {}
