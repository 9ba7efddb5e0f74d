//! Where the linker script put the parts of the image.
//!
//! Addresses of the image's own symbols are link-time addresses, which the entry code has checked to be
//! the physical ones. Numbers that are not addresses come through `__layout`, a table in rodata, because
//! an absolute symbol need not be in reach of a PC-relative instruction.

use crate::paging::{MapError, Mapping, Memory, PAGE};

/// The table that the linker script writes.
#[repr(C)]
struct Layout {
    stack_size: u64,
    cpus: u64,
    kernel_size_max: u64,
    thread_stack_size: u64,
    threads: u64,
}

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __bss_end: u8;
    static __stacks_start: u8;
    static __threads_start: u8;
    static __layout: Layout;
}

/// The address of a linker symbol.
macro_rules! address {
    ($symbol:ident) => {
        (&raw const $symbol).addr() as u64
    };
}

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// First byte behind it.
    pub end: u64,
}

fn layout() -> &'static Layout {
    // SAFETY: the linker script writes `__layout` into rodata with the fields of `Layout`, and nothing
    // ever writes to it.
    unsafe { &__layout }
}

/// How many stacks there are: the number of cores this image was linked for.
#[must_use]
pub fn cpus() -> usize {
    layout().cpus as usize
}

/// Everything from the header to the end of the last stack; the pack starts at `end`.
#[must_use]
pub fn image() -> Range {
    Range {
        start: address!(__image_start),
        end: address!(__image_end),
    }
}

/// The code.
#[must_use]
pub fn text() -> Range {
    Range {
        start: address!(__text_start),
        end: address!(__text_end),
    }
}

/// The stack of core `cpu`, without the guard page below it; empty for a core without one.
#[must_use]
pub fn stack(cpu: usize) -> Range {
    if cpu >= cpus() {
        return Range { start: 0, end: 0 };
    }
    let size = layout().stack_size;
    let start = address!(__stacks_start) + cpu as u64 * (PAGE + size) + PAGE;
    Range {
        start,
        end: start + size,
    }
}

/// The stack of thread number `thread`, without the guard page below it; empty for a thread that this image was not
/// linked for.
#[must_use]
pub fn thread_stack(thread: usize) -> Range {
    let layout = layout();
    if thread as u64 >= layout.threads {
        return Range { start: 0, end: 0 };
    }
    let size = layout.thread_stack_size;
    let start = address!(__threads_start) + thread as u64 * (PAGE + size) + PAGE;
    Range {
        start,
        end: start + size,
    }
}

/// Calls `map` for each part of the image with its access rights; guard pages are in none of them.
///
/// # Errors
///
/// The first error that `map` returns.
pub fn for_each_section(
    mut map: impl FnMut(Mapping) -> Result<(), MapError>,
) -> Result<(), MapError> {
    let mut section = |start, end, memory| map(Mapping { start, end, memory });
    section(text().start, text().end, Memory::Code)?;
    section(
        address!(__rodata_start),
        address!(__rodata_end),
        Memory::Rodata,
    )?;
    section(address!(__data_start), address!(__bss_end), Memory::Data)?;
    for cpu in 0..cpus() {
        let stack = stack(cpu);
        section(stack.start, stack.end, Memory::Data)?;
    }
    for thread in 0..layout().threads {
        let stack = thread_stack(thread as usize);
        section(stack.start, stack.end, Memory::Data)?;
    }
    Ok(())
}

/// What was written while the caches were off, and must not be shadowed by stale cache lines: data, bss
/// and stacks.
pub(crate) fn written_early() -> Range {
    Range {
        start: address!(__data_start),
        end: address!(__image_end),
    }
}
