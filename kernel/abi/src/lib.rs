//! The numbers that the hypervisor, its guests and its host tools must agree on.
//!
//! What is here: SMCCC function identifiers and return codes, and the layout of the pack (the archive of
//! guest images that follows the kernel in `caesura.img`). What is not: any behaviour. Everything is
//! plain data, `no_std`, without dependencies, so that all three sides can use it.
#![no_std]
#![forbid(unsafe_code)]

pub mod ops;
pub mod pack;
pub mod psci;
pub mod pv_time;
pub mod smccc;
pub mod vendor;
