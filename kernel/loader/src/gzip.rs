//! gzip files, inflated straight into the guest's memory.
//!
//! Source: RFC 1952 (gzip), RFC 1951 (deflate; the inflater is miniz_oxide). One member only. The trailer's
//! length tells beforehand how much memory is needed; CRC and length are verified at the end.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::LoadError;
use crate::bytes::le32;
use crate::checksum::Running;
use crate::load::GuestMemory;

/// The inflater's state, about 11 KiB: one for the machine, in static memory rather than on a stack.
pub struct Workspace {
    inflater: Option<DecompressorOxide>,
}

impl Workspace {
    /// An unused one.
    #[must_use]
    pub const fn new() -> Self {
        Self { inflater: None }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

/// A file being inflated.
pub(crate) struct Gzip<'a> {
    /// The deflate stream that has not been consumed yet.
    input: &'a [u8],
    /// Bytes that must come out.
    size: usize,
    /// Bytes that have come out.
    at: usize,
    crc: Running,
    expected: u32,
}

impl<'a> Gzip<'a> {
    /// Checks header and trailer; the content may have `limit` bytes.
    pub(crate) fn new(
        data: &'a [u8],
        limit: u64,
        workspace: &mut Workspace,
    ) -> Result<Self, LoadError> {
        let body = body(data).ok_or(LoadError::Gzip("its header is cut off, or not deflate"))?;
        let split = body
            .len()
            .checked_sub(8)
            .ok_or(LoadError::Gzip("its trailer is cut off"))?;
        let (input, trailer) = body
            .split_at_checked(split)
            .ok_or(LoadError::Gzip("its trailer is cut off"))?;
        let expected = le32(trailer, 0).unwrap_or(0);
        let size = le32(trailer, 4).unwrap_or(0);
        if u64::from(size) > limit {
            return Err(LoadError::TooLarge {
                size: u64::from(size),
                limit,
            });
        }
        match &mut workspace.inflater {
            Some(inflater) => inflater.init(),
            empty @ None => *empty = Some(DecompressorOxide::new()),
        }
        Ok(Self {
            input,
            size: size as usize,
            at: 0,
            crc: Running::new(),
            expected,
        })
    }

    /// Inflates at most `budget` bytes from at most `budget` bytes; `Some` of their number when all are there.
    pub(crate) fn step(
        &mut self,
        memory: &mut dyn GuestMemory,
        workspace: &mut Workspace,
        ipa: u64,
        budget: usize,
    ) -> Result<Option<u64>, LoadError> {
        let inflater = workspace
            .inflater
            .as_mut()
            .ok_or(LoadError::Gzip("its inflater is used by another file"))?;
        let end = self.at.saturating_add(budget).min(self.size);
        let output = memory.slice(ipa, end).ok_or(LoadError::NoMemory {
            ipa,
            size: self.size as u64,
        })?;
        let (input, more) = match self.input.get(..budget) {
            Some(input) if input.len() < self.input.len() => (input, TINFL_FLAG_HAS_MORE_INPUT),
            _ => (self.input, 0),
        };
        let (status, consumed, produced) = decompress(
            inflater,
            input,
            output,
            self.at,
            TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | more,
        );
        let next = self.at.saturating_add(produced);
        self.crc
            .update(output.get(self.at..next).unwrap_or_default());
        memory.written(ipa.wrapping_add(self.at as u64), produced as u64);
        self.at = next;
        self.input = self.input.get(consumed..).unwrap_or_default();
        match status {
            TINFLStatus::Done => self.finish(),
            TINFLStatus::NeedsMoreInput if more != 0 && consumed > 0 => Ok(None),
            TINFLStatus::HasMoreOutput if self.at < self.size => Ok(None),
            TINFLStatus::HasMoreOutput => Err(LoadError::Gzip(
                "its content is longer than its trailer says",
            )),
            _ => Err(LoadError::Gzip(
                "its compressed data is damaged or cut off; compress it again",
            )),
        }
    }

    fn finish(&mut self) -> Result<Option<u64>, LoadError> {
        if !self.input.is_empty() {
            return Err(LoadError::Gzip(
                "something follows its first member; compress the kernel alone",
            ));
        }
        if self.at != self.size {
            return Err(LoadError::Gzip(
                "its content is shorter than its trailer says",
            ));
        }
        let found = core::mem::take(&mut self.crc).finish();
        if found != self.expected {
            return Err(LoadError::GzipDamaged {
                expected: self.expected,
                found,
            });
        }
        Ok(Some(self.size as u64))
    }
}

/// What follows the member's header: the deflate stream and the trailer.
fn body(data: &[u8]) -> Option<&[u8]> {
    const HCRC: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    let ([0x1f, 0x8b, 8, flags, ..], mut rest) = data.split_at_checked(10)? else {
        return None;
    };
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes(*rest.first_chunk()?) as usize;
        rest = rest.get(length.checked_add(2)?..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|b| *b == 0)?;
            rest = rest.get(end.checked_add(1)?..)?;
        }
    }
    if flags & HCRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}
