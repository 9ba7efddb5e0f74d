//! Physical pages: the pool from which the hypervisor's tables come, and the heap from which guests get memory.
//!
//! [`Heap`] is for guests' memory: gigabytes, by the extent or page, with owners. Its own file says what it promises.
//!
//! [`Frames`] hands out 4 KiB pages and naturally aligned runs of them (concatenated stage 2 root tables),
//! and takes them back. It keeps one bit per page in its own storage and never touches a page's contents:
//! whoever needs a page of zeros clears it.
//!
//! [`Limbo`] is between the two ends of a page's life: pages wait in it until nobody can be looking at them.
//!
//! Guarantees: no page is handed out twice; what was not handed out is not taken back; the accounts are
//! exact. Costs: allocating or freeing a page looks at six words at most, whatever is in use;
//! a run looks at one word per 64 pages at worst. Setting up writes one word per 64 pages.
//! Does not: split itself among cores (one lock around it is enough at the rate tables are made).
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod extent;
mod heap;
mod limbo;
mod pool;
mod set;

pub use heap::{Chunk, Chunks, EXTENT_PAGES, EXTENT_SIZE, Heap, HeapUsage, Refusal, Size};
pub use limbo::Limbo;
pub use pool::{Error, Frames, MAX_POOL, PAGE_SIZE, Usage};
