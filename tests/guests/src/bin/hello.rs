//! The program `hello`; see `guests::hello`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::hello::main);

#[cfg(not(target_os = "none"))]
fn main() {}
