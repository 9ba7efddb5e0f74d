//! The long operations that guests ask for, each written once as an `async fn` over small atomic steps.
#![no_std]
#![forbid(unsafe_code)]
