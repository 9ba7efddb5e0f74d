//! Where a section began.

use core::fmt;
use core::panic::Location;

/// Where a section began.
#[derive(Clone, Copy, Debug)]
pub enum Site {
    /// A call in the source (`Location::caller()` of a `#[track_caller]` function).
    Caller(&'static Location<'static>),
    /// Something without a call: an exception's entry, by name. Without blanks, so that reports stay readable
    /// for programs.
    Name(&'static str),
    /// An instruction's address.
    Address(u64),
}

impl Site {
    /// What tells sites apart: never zero. Two sites of the same place may differ (the compiler may keep a
    /// call's location more than once), never the other way round within one kind.
    pub(crate) fn key(self) -> usize {
        let key = match self {
            Site::Caller(location) => core::ptr::from_ref(location).addr(),
            Site::Name(name) => name.as_ptr().addr(),
            Site::Address(address) => address as usize,
        };
        key.max(1)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Site::Caller(location) => write!(f, "{}:{}", location.file(), location.line()),
            Site::Name(name) => f.write_str(name),
            Site::Address(address) => write!(f, "{address:#x}"),
        }
    }
}
