//! Recognising image formats, and the arm64 Linux `Image` header.
//!
//! Source: Linux, Documentation/arch/arm64/booting.rst, "Call the kernel image"; RFC 1952 §2.3.1 (gzip);
//! Linux, drivers/firmware/efi/libstub/zboot-header.S (EFI zboot).

use crate::LoadError;
use crate::bytes::{le32, le64};

/// "ARM\x64" at offset 56.
const MAGIC: u32 = 0x644d_5241;
/// The load address minus `text_offset` is a multiple of 2 MiB.
const ALIGN: u64 = 0x20_0000;
/// Kernels before 3.17 leave `image_size` zero and mean this `text_offset`.
const OLD_TEXT_OFFSET: u64 = 0x8_0000;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An arm64 Linux `Image`.
    Image(Header),
    /// Compressed with gzip.
    Gzip,
    /// ELF.
    Elf,
    /// An EFI zboot image: an EFI program that contains a compressed kernel.
    EfiZboot,
    /// None of these: taken as it is.
    Flat,
}

/// What matters of an `Image`'s header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes from a 2 MiB boundary to where the image must be loaded.
    pub text_offset: u64,
    /// Bytes that it needs in memory from its load address, its bss included; 0 if unknown.
    pub image_size: u64,
    /// Bit 0: big-endian kernel; bits 2:1: page size; bit 3: may be anywhere in memory.
    pub flags: u64,
}

/// Looks at the first bytes of a file.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Format {
    if let Some(header) = header(bytes) {
        Format::Image(header)
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        Format::Gzip
    } else if bytes.starts_with(b"\x7fELF") {
        Format::Elf
    } else if bytes.starts_with(b"MZ\0\0zimg") {
        Format::EfiZboot
    } else {
        Format::Flat
    }
}

/// The header of an arm64 `Image`, if `bytes` begin with one.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Header> {
    if le32(bytes, 56)? != MAGIC {
        return None;
    }
    let image_size = le64(bytes, 16)?;
    let text_offset = if image_size == 0 {
        OLD_TEXT_OFFSET
    } else {
        le64(bytes, 8)?
    };
    Some(Header {
        text_offset,
        image_size,
        flags: le64(bytes, 24)?,
    })
}

impl Header {
    /// Checks that the image may be loaded at `ipa` and needs at most `limit` bytes there.
    ///
    /// # Errors
    /// [`LoadError::Misplaced`] or [`LoadError::TooLarge`].
    pub fn check(&self, ipa: u64, limit: u64) -> Result<(), LoadError> {
        let base = ipa.wrapping_sub(self.text_offset);
        if base & ALIGN.wrapping_sub(1) != 0 {
            let right = (ipa & !ALIGN.wrapping_sub(1)).wrapping_add(self.text_offset);
            return Err(LoadError::Misplaced { ipa, right });
        }
        if self.image_size > limit {
            return Err(LoadError::TooLarge {
                size: self.image_size,
                limit,
            });
        }
        Ok(())
    }
}
