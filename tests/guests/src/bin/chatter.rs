//! The program `chatter`; see `guests::chatter`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
guests::program!(guests::chatter::main);

#[cfg(not(target_os = "none"))]
fn main() {}
