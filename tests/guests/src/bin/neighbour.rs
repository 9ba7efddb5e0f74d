//! The program `neighbour`; see `guests::neighbour`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::neighbour::main);

#[cfg(not(target_os = "none"))]
fn main() {}
