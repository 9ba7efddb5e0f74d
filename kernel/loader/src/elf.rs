//! ELF files: 64-bit, little-endian, AArch64, executable or position-independent but loaded where they say.
//!
//! Source: System V ABI, chapters 4 and 5 (gABI); ELF for the Arm 64-bit Architecture (AAELF64).
//! Segments are placed by their *physical* addresses; an entry point given as a virtual address is
//! translated through the segment that contains it, because the guest starts with its MMU off.

use crate::LoadError;
use crate::bytes::{le16, le32, le64};
use crate::load::Loaded;

/// Bytes of a program header.
const PHENTSIZE: usize = 56;
/// No sensible program has more; each costs a step.
const MAX_SEGMENTS: usize = 64;
const PT_LOAD: u32 = 1;

/// A checked ELF file.
pub(crate) struct Elf<'a> {
    data: &'a [u8],
    headers: &'a [u8],
    loaded: Loaded,
}

/// A part of memory that the file describes.
pub(crate) struct Segment<'a> {
    /// Where it goes.
    pub(crate) ipa: u64,
    /// Its first bytes; the others are zero.
    pub(crate) data: &'a [u8],
    /// All its bytes.
    pub(crate) size: u64,
}

impl<'a> Elf<'a> {
    /// Checks headers and segments; together they may use `limit` bytes.
    pub(crate) fn new(data: &'a [u8], limit: u64) -> Result<Self, LoadError> {
        let cut = LoadError::Elf("its header is cut off");
        if data.get(4) != Some(&2) || data.get(5) != Some(&1) {
            return Err(LoadError::Elf(
                "it is not 64-bit little-endian; build it for aarch64",
            ));
        }
        if le16(data, 18).ok_or(cut)? != 183 {
            return Err(LoadError::Elf(
                "its machine is not AArch64; build it for aarch64",
            ));
        }
        if !matches!(le16(data, 16).ok_or(cut)?, 2 | 3) {
            return Err(LoadError::Elf(
                "it is not executable; link it (objects and core files have no place to run)",
            ));
        }
        let entry = le64(data, 24).ok_or(cut)?;
        let offset = usize::try_from(le64(data, 32).ok_or(cut)?).map_err(|_| cut)?;
        let size = le16(data, 54).ok_or(cut)? as usize;
        let count = le16(data, 56).ok_or(cut)? as usize;
        if size != PHENTSIZE {
            return Err(LoadError::Elf("its program headers are not 56 bytes each"));
        }
        if count == 0 || count > MAX_SEGMENTS {
            return Err(LoadError::Elf("it has no program headers, or more than 64"));
        }
        let headers = count
            .checked_mul(PHENTSIZE)
            .and_then(|length| offset.checked_add(length))
            .and_then(|end| data.get(offset..end))
            .ok_or(LoadError::Elf("its program headers lie outside the file"))?;
        let mut elf = Self {
            data,
            headers,
            loaded: Loaded {
                entry,
                start: u64::MAX,
                end: 0,
            },
        };
        elf.check(limit, entry)?;
        Ok(elf)
    }

    fn check(&mut self, limit: u64, entry: u64) -> Result<(), LoadError> {
        let mut total = 0u64;
        let mut executable = None;
        for header in self.headers.chunks_exact(PHENTSIZE) {
            let Some(part) = segment(self.data, header)? else {
                continue;
            };
            total = total.saturating_add(part.size);
            let end = part
                .ipa
                .checked_add(part.size)
                .ok_or(LoadError::Elf("a segment wraps around the address space"))?;
            self.loaded.start = self.loaded.start.min(part.ipa);
            self.loaded.end = self.loaded.end.max(end);
            let into = entry.wrapping_sub(le64(header, 16).unwrap_or(0));
            if into < part.size && executable.is_none() {
                executable = Some(part.ipa.wrapping_add(into));
            }
        }
        if total == 0 {
            return Err(LoadError::Elf("it has no segments to load"));
        }
        if total > limit {
            return Err(LoadError::TooLarge { size: total, limit });
        }
        self.loaded.entry =
            executable.ok_or(LoadError::Elf("its entry point lies outside its segments"))?;
        Ok(())
    }

    /// The loadable segment of that index; `None` behind the last one.
    pub(crate) fn segment(&self, index: usize) -> Option<Segment<'a>> {
        self.headers
            .chunks_exact(PHENTSIZE)
            .filter_map(|header| segment(self.data, header).ok().flatten())
            .nth(index)
    }

    /// Where everything will be.
    pub(crate) const fn loaded(&self) -> Loaded {
        self.loaded
    }
}

/// What a program header describes; `None` if it is not to be loaded.
fn segment<'a>(data: &'a [u8], header: &[u8]) -> Result<Option<Segment<'a>>, LoadError> {
    let field = |offset| le64(header, offset).ok_or(LoadError::Elf("a program header is cut off"));
    if le32(header, 0) != Some(PT_LOAD) {
        return Ok(None);
    }
    let (offset, ipa, in_file, size) = (field(8)?, field(24)?, field(32)?, field(40)?);
    if size == 0 {
        return Ok(None);
    }
    if in_file > size {
        return Err(LoadError::Elf(
            "a segment has more bytes in the file than in memory",
        ));
    }
    let data = usize::try_from(offset)
        .ok()
        .zip(
            offset
                .checked_add(in_file)
                .and_then(|end| usize::try_from(end).ok()),
        )
        .and_then(|(start, end)| data.get(start..end))
        .ok_or(LoadError::Elf(
            "a segment lies outside the file, which is probably cut off",
        ))?;
    Ok(Some(Segment { ipa, data, size }))
}
