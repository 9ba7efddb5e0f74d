//! The program `abuse`; see `guests::abuse`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::abuse::main);

#[cfg(not(target_os = "none"))]
fn main() {}
