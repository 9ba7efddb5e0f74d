//! The program `urgent`; see `guests::urgent`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::urgent::main);

#[cfg(not(target_os = "none"))]
fn main() {}
