//! The pack that follows the kernel in memory, and what is looked up in it.

use arch::ram::Ram;
use loader::pack::{Entry, Pack, PackError};
use tables::Region;

use crate::config::PLAN;
use crate::hw;
use crate::platform::Once;

static RAM: Once<Ram> = Once::new();
static PACK: Once<Pack<'static>> = Once::new();

/// Finds the pack behind the kernel and verifies its table.
///
/// # Errors
///
/// What is wrong with it.
pub fn init() -> Result<(), PackError> {
    let base = arch::layout::image().end;
    let size = PLAN.pack.end().saturating_sub(base);
    let ram = RAM.get_or_init(|| hw::ram(Region { base, size }));
    let bytes = ram
        .slice(base, usize::try_from(size).unwrap_or(0))
        .unwrap_or_default();
    let pack = Pack::parse(bytes)?;
    PACK.get_or_init(|| pack);
    Ok(())
}

/// The entry of that name.
pub fn find(name: &str) -> Option<Entry<'static>> {
    PACK.get()?.find(name)
}
