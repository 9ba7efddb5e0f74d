//! The longest atomic sections, with their call sites.
#![no_std]
#![forbid(unsafe_code)]
