//! The program `stretch`; see `guests::stretch`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::stretch::main);

#[cfg(not(target_os = "none"))]
fn main() {}
