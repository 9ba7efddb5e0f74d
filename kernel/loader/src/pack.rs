//! Reading the pack that follows the kernel in `caesura.img`; the layout is in [`abi::pack`].
//!
//! [`Pack::parse`] verifies magic, version, sizes and the table's checksum, so that iterating cannot fail
//! later. An entry's own checksum is verified while it is loaded, in bounded steps.

use core::fmt;

use abi::pack::{ALIGN, ENTRY_SIZE, HEADER_SIZE, MAGIC, NAME_SIZE, VERSION};

use crate::bytes::{le32, le64};
use crate::checksum;

/// A verified table of contents.
#[derive(Clone, Copy, Debug)]
pub struct Pack<'a> {
    bytes: &'a [u8],
    table: &'a [u8],
}

/// One file in the pack.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its content.
    pub data: &'a [u8],
    /// The CRC-32 that the content should have.
    pub crc: u32,
}

/// Why there is no usable pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackError {
    /// The memory does not begin with [`MAGIC`].
    NoMagic,
    /// Not our version.
    Version(u32),
    /// The pack says it is larger than the memory set aside for it (or smaller than its own table).
    Size {
        /// What its header says.
        size: u64,
        /// How many bytes there are.
        available: u64,
    },
    /// The table's checksum is wrong.
    TableDamaged {
        /// What the header says.
        expected: u32,
        /// What the table has.
        found: u32,
    },
    /// An entry (its number) lies outside the pack, or is misaligned.
    Entry(usize),
    /// An entry's name (its number) is not NUL-padded UTF-8.
    Name(usize),
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMagic => {
                f.write_str("no pack follows the kernel: load caesura.img whole, not caesura.elf")
            }
            Self::Version(found) => {
                write!(
                    f,
                    "the pack has version {found}, this kernel reads version {VERSION}: build both together"
                )
            }
            Self::Size { size, available } => write!(
                f,
                "the pack says it has {size} bytes, but {available} are set aside for it and its table must fit: \
                 the image was cut off, or the memory plan is another build's"
            ),
            Self::TableDamaged { expected, found } => write!(
                f,
                "the pack's table is damaged (CRC {found:08x}, should be {expected:08x}): load the image again"
            ),
            Self::Entry(n) => {
                write!(
                    f,
                    "pack entry {n} lies outside the pack or not on a {ALIGN}-byte boundary: build the image again"
                )
            }
            Self::Name(n) => write!(
                f,
                "pack entry {n} has a name that is not NUL-padded UTF-8: build the image again"
            ),
        }
    }
}

impl<'a> Pack<'a> {
    /// Verifies the table of contents of the pack at the start of `bytes`, which may be longer than it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PackError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(PackError::NoMagic);
        }
        let version = le32(bytes, 8).ok_or(PackError::NoMagic)?;
        if version != VERSION {
            return Err(PackError::Version(version));
        }
        let count = le32(bytes, 12).ok_or(PackError::NoMagic)?;
        let size = le64(bytes, 16).ok_or(PackError::NoMagic)?;
        let crc = le32(bytes, 24).ok_or(PackError::NoMagic)?;
        let too_large = PackError::Size {
            size,
            available: bytes.len() as u64,
        };
        let bytes = usize::try_from(size)
            .ok()
            .and_then(|size| bytes.get(..size))
            .ok_or(too_large)?;
        let table = (count as usize)
            .checked_mul(ENTRY_SIZE)
            .and_then(|length| length.checked_add(HEADER_SIZE))
            .and_then(|end| bytes.get(HEADER_SIZE..end))
            .ok_or(too_large)?;
        let found = checksum::of(table);
        if found != crc {
            return Err(PackError::TableDamaged {
                expected: crc,
                found,
            });
        }
        for (number, row) in table.chunks_exact(ENTRY_SIZE).enumerate() {
            let name = row
                .get(..NAME_SIZE)
                .and_then(name)
                .ok_or(PackError::Name(number))?;
            entry(bytes, row, name).ok_or(PackError::Entry(number))?;
        }
        Ok(Self { bytes, table })
    }

    /// All entries, in the order of the table.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let bytes = self.bytes;
        self.table
            .chunks_exact(ENTRY_SIZE)
            .filter_map(move |row| entry(bytes, row, row.get(..NAME_SIZE).and_then(name)?))
    }

    /// The entry of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Entry<'a>> {
        self.entries().find(|entry| entry.name == name)
    }

    /// Bytes of the whole pack.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

fn name(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    let (name, padding) = field.split_at_checked(end)?;
    if name.is_empty() || padding.iter().any(|b| *b != 0) {
        return None;
    }
    core::str::from_utf8(name).ok()
}

fn entry<'a>(bytes: &'a [u8], row: &'a [u8], name: &'a str) -> Option<Entry<'a>> {
    let offset = usize::try_from(le64(row, NAME_SIZE)?).ok()?;
    let size = le32(row, 56)? as usize;
    let crc = le32(row, 60)?;
    if offset.checked_rem(ALIGN)? != 0 {
        return None;
    }
    let data = bytes.get(offset..offset.checked_add(size)?)?;
    Some(Entry { name, data, crc })
}
