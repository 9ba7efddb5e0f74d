//! In place of `elf.rs` when ELF is switched off: refuses such files by name.

use crate::LoadError;
use crate::load::Loaded;

/// Cannot exist.
pub(crate) struct Elf<'a> {
    never: core::convert::Infallible,
    data: core::marker::PhantomData<&'a [u8]>,
}

/// A part of memory that the file describes.
pub(crate) struct Segment<'a> {
    pub(crate) ipa: u64,
    pub(crate) data: &'a [u8],
    pub(crate) size: u64,
}

impl<'a> Elf<'a> {
    pub(crate) fn new(_data: &'a [u8], _limit: u64) -> Result<Self, LoadError> {
        Err(LoadError::SwitchedOff {
            format: "an ELF file",
            symbol: "CONFIG_LOADER_ELF",
        })
    }

    pub(crate) fn segment(&self, _index: usize) -> Option<Segment<'a>> {
        let _ = self.data;
        match self.never {}
    }

    pub(crate) fn loaded(&self) -> Loaded {
        match self.never {}
    }
}
