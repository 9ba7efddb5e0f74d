//! In place of `gzip.rs` when gzip is switched off: refuses such files by name.

use crate::LoadError;
use crate::load::GuestMemory;

/// Nothing: no state is needed.
pub struct Workspace;

impl Workspace {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

/// Cannot exist.
pub(crate) struct Gzip<'a> {
    never: core::convert::Infallible,
    data: core::marker::PhantomData<&'a [u8]>,
}

impl<'a> Gzip<'a> {
    pub(crate) fn new(
        _data: &'a [u8],
        _limit: u64,
        _workspace: &mut Workspace,
    ) -> Result<Self, LoadError> {
        Err(LoadError::SwitchedOff {
            format: "gzip-compressed",
            symbol: "CONFIG_LOADER_GZIP",
        })
    }

    pub(crate) fn step(
        &mut self,
        _memory: &mut dyn GuestMemory,
        _workspace: &mut Workspace,
        _ipa: u64,
        _budget: usize,
    ) -> Result<Option<u64>, LoadError> {
        let _ = self.data;
        match self.never {}
    }
}
