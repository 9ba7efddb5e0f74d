//! The program `held`; see `guests::held`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::held::main);

#[cfg(not(target_os = "none"))]
fn main() {}
