//! Writing and reading the pack: the archive of guest images and symbols behind the kernel in
//! `caesura.img`. Its layout is [`abi::pack`]'s.
//!
//! Guarantees: the same entries in the same order give the same bytes; entries of equal content share
//! their bytes; what [`PackBuilder::finish`] wrote, [`read_pack`] reads.

use std::fmt;
use std::ops::Range;

use abi::pack::{ALIGN, ENTRY_SIZE, HEADER_SIZE, MAGIC, NAME_SIZE, VERSION};

/// What cannot be packed or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// The name is empty, longer than 48 bytes or contains a NUL.
    Name(String),
    /// Two entries have this name.
    Duplicate(String),
    /// The entry is 4 GiB or larger.
    TooLarge(String),
    /// The bytes are no pack: what is wrong with them.
    Malformed(String),
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                write!(
                    f,
                    "`{name}` cannot name a pack entry: 1 to {NAME_SIZE} bytes without NUL"
                )
            }
            Self::Duplicate(name) => write!(f, "the pack has two entries named `{name}`"),
            Self::TooLarge(name) => write!(f, "`{name}` is too large for the pack (4 GiB)"),
            Self::Malformed(what) => write!(f, "not a valid pack: {what}"),
        }
    }
}

impl std::error::Error for PackError {}

/// Collects entries and writes them.
#[derive(Clone, Debug, Default)]
pub struct PackBuilder {
    entries: Vec<(String, usize)>,
    blobs: Vec<Vec<u8>>,
}

impl PackBuilder {
    /// An empty pack.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; one with the content of an earlier one shares its bytes.
    ///
    /// # Errors
    /// The name is unsuitable or taken, or the content too large.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), PackError> {
        if name.is_empty() || name.len() > NAME_SIZE || name.contains('\0') {
            return Err(PackError::Name(name.to_owned()));
        }
        if self.entries.iter().any(|(taken, _)| taken == name) {
            return Err(PackError::Duplicate(name.to_owned()));
        }
        if u32::try_from(bytes.len()).is_err() {
            return Err(PackError::TooLarge(name.to_owned()));
        }
        let blob = match self.blobs.iter().position(|blob| *blob == bytes) {
            Some(same) => same,
            None => {
                self.blobs.push(bytes);
                self.blobs.len() - 1
            }
        };
        self.entries.push((name.to_owned(), blob));
        Ok(())
    }

    /// Whether an entry of that name was added.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|(taken, _)| taken == name)
    }

    /// The pack's bytes. Their number is a multiple of 4096.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let table_end = HEADER_SIZE + self.entries.len() * ENTRY_SIZE;
        let mut offset = table_end.next_multiple_of(ALIGN);
        let mut offsets = Vec::with_capacity(self.blobs.len());
        for blob in &self.blobs {
            offsets.push(offset);
            offset = (offset + blob.len()).next_multiple_of(ALIGN);
        }
        let mut table = Vec::with_capacity(self.entries.len() * ENTRY_SIZE);
        for (name, blob) in &self.entries {
            let bytes = &self.blobs[*blob];
            let mut field = [0; NAME_SIZE];
            field[..name.len()].copy_from_slice(name.as_bytes());
            table.extend(field);
            table.extend((offsets[*blob] as u64).to_le_bytes());
            table.extend((bytes.len() as u32).to_le_bytes());
            table.extend(crc32(bytes).to_le_bytes());
        }
        let mut out = Vec::with_capacity(offset);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend((self.entries.len() as u32).to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        out.extend(crc32(&table).to_le_bytes());
        out.extend(0u32.to_le_bytes());
        out.extend(table);
        for (blob, at) in self.blobs.iter().zip(&offsets) {
            out.resize(*at, 0);
            out.extend(blob);
        }
        out.resize(offset, 0);
        out
    }
}

/// An entry of a pack that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Where its bytes are in the pack.
    pub range: Range<usize>,
}

/// Reads a pack's table and verifies every checksum.
///
/// # Errors
/// [`PackError::Malformed`] with the first thing that is wrong.
pub fn read_pack(pack: &[u8]) -> Result<Vec<Entry>, PackError> {
    let bad = |what: &str| PackError::Malformed(what.to_owned());
    let header = pack
        .get(..HEADER_SIZE)
        .ok_or_else(|| bad("shorter than its header"))?;
    if header[..8] != MAGIC {
        return Err(bad("the magic is missing"));
    }
    if read_u32(header, 8) != VERSION {
        return Err(bad("unknown version"));
    }
    let count = read_u32(header, 12) as usize;
    if read_u64(header, 16) > pack.len() as u64 {
        return Err(bad("it is truncated"));
    }
    let table_end = count
        .checked_mul(ENTRY_SIZE)
        .and_then(|size| size.checked_add(HEADER_SIZE));
    let table = table_end
        .and_then(|end| pack.get(HEADER_SIZE..end))
        .ok_or_else(|| bad("the entry table is truncated"))?;
    if crc32(table) != read_u32(header, 24) {
        return Err(bad("the entry table's checksum is wrong"));
    }
    table
        .chunks_exact(ENTRY_SIZE)
        .map(|entry| read_entry(pack, entry))
        .collect()
}

fn read_entry(pack: &[u8], entry: &[u8]) -> Result<Entry, PackError> {
    let name_end = entry[..NAME_SIZE]
        .iter()
        .position(|b| *b == 0)
        .unwrap_or(NAME_SIZE);
    let name = std::str::from_utf8(&entry[..name_end])
        .map_err(|_| PackError::Malformed("a name is not UTF-8".to_owned()))?
        .to_owned();
    let bad = |what: &str| PackError::Malformed(format!("entry `{name}` {what}"));
    let start = usize::try_from(read_u64(entry, NAME_SIZE)).map_err(|_| bad("lies outside"))?;
    if !start.is_multiple_of(ALIGN) {
        return Err(bad("is not aligned"));
    }
    let end = start
        .checked_add(read_u32(entry, NAME_SIZE + 8) as usize)
        .ok_or_else(|| bad("lies outside"))?;
    let bytes = pack.get(start..end).ok_or_else(|| bad("lies outside"))?;
    if crc32(bytes) != read_u32(entry, NAME_SIZE + 12) {
        return Err(bad("has a wrong checksum"));
    }
    Ok(Entry {
        name,
        range: start..end,
    })
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

/// CRC-32/ISO-HDLC with one table lookup per byte: packs have tens of megabytes, and the tools run
/// unoptimised.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut crc = n as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                };
                bit += 1;
            }
            table[n] = crc;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| {
        TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PackBuilder {
        let mut pack = PackBuilder::new();
        pack.add("linux/Image", vec![7; 5000]).unwrap();
        pack.add("vm0.dtb", vec![1, 2, 3]).unwrap();
        pack.add("same/Image", vec![7; 5000]).unwrap();
        pack
    }

    #[test]
    fn the_checksum_is_the_one_of_gzip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_was_packed_is_read_back() {
        let pack = sample().finish();
        let entries = read_pack(&pack).unwrap();
        let names: Vec<&str> = entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["linux/Image", "vm0.dtb", "same/Image"]);
        assert_eq!(pack[entries[0].range.clone()], vec![7; 5000]);
        assert_eq!(pack[entries[1].range.clone()], [1, 2, 3]);
        assert!(entries.iter().all(|e| e.range.start % ALIGN == 0));
        assert_eq!(pack.len() % ALIGN, 0);
    }

    #[test]
    fn equal_contents_are_stored_once() {
        let pack = sample().finish();
        let entries = read_pack(&pack).unwrap();
        assert_eq!(entries[0].range, entries[2].range);
        assert_eq!(pack.len(), 4 * ALIGN);
    }

    #[test]
    fn an_empty_pack_is_valid() {
        assert_eq!(read_pack(&PackBuilder::new().finish()), Ok(Vec::new()));
    }

    #[test]
    fn every_damaged_byte_that_matters_is_noticed() {
        let pack = sample().finish();
        for at in [0, 8, 16 + 7, 24, 32, 32 + 48, 32 + 56, ALIGN, 3 * ALIGN] {
            let mut damaged = pack.clone();
            damaged[at] ^= 0xff;
            assert!(read_pack(&damaged).is_err(), "byte {at}");
        }
        for length in [0, 10, HEADER_SIZE, 100, pack.len() - 1] {
            assert!(read_pack(&pack[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn unsuitable_names_are_refused() {
        let mut pack = PackBuilder::new();
        assert!(matches!(pack.add("", vec![]), Err(PackError::Name(_))));
        assert!(matches!(
            pack.add(&"x".repeat(49), vec![]),
            Err(PackError::Name(_))
        ));
        assert!(pack.add(&"x".repeat(48), vec![]).is_ok());
        assert!(matches!(
            pack.add(&"x".repeat(48), vec![]),
            Err(PackError::Duplicate(_))
        ));
    }
}
