//! Tests, with the files they need made in memory.

extern crate std;

mod damage;
mod files;
mod trees;

use std::vec;
use std::vec::Vec;

use crate::{File, GuestMemory, Kind, LoadError, Loaded, Loader, Step, Workspace, checksum};

/// Guest RAM from `BASE` on, filled with something that is not zero.
pub(crate) const BASE: u64 = 0x4000_0000;

pub(crate) struct Ram {
    pub(crate) bytes: Vec<u8>,
    /// Most bytes that one step wrote.
    pub(crate) largest: u64,
    /// All bytes written, counted as often as they were.
    pub(crate) written: u64,
}

impl Ram {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            bytes: vec![0xee; size],
            largest: 0,
            written: 0,
        }
    }

    pub(crate) fn at(&self, ipa: u64, len: usize) -> &[u8] {
        let start = (ipa - BASE) as usize;
        &self.bytes[start..start + len]
    }
}

impl GuestMemory for Ram {
    fn slice(&mut self, ipa: u64, len: usize) -> Option<&mut [u8]> {
        let start = usize::try_from(ipa.checked_sub(BASE)?).ok()?;
        self.bytes.get_mut(start..start.checked_add(len)?)
    }

    fn written(&mut self, _ipa: u64, len: u64) {
        self.largest = self.largest.max(len);
        self.written += len;
    }
}

/// A kernel at the start of RAM that may use all of it.
pub(crate) fn kernel(data: &[u8], ram: &Ram) -> File<'static> {
    // Files live as long as the test process: loaders hold them for their whole life.
    let data: &'static [u8] = Vec::leak(data.to_vec());
    File {
        data,
        crc: Some(checksum::of(data)),
        ipa: BASE,
        limit: ram.bytes.len() as u64,
        kind: Kind::Kernel,
    }
}

/// Loads to the end; fails if that takes more steps than the work justifies.
pub(crate) fn load(file: File<'_>, ram: &mut Ram, budget: usize) -> Result<Loaded, LoadError> {
    let mut workspace = Workspace::new();
    let mut loader = Loader::new(file);
    let bound = 200 + 4 * (file.data.len() + ram.bytes.len()) / budget;
    for _ in 0..bound {
        if let Step::Done(loaded) = loader.step(ram, &mut workspace, budget)? {
            assert_eq!(
                loader.step(ram, &mut workspace, budget),
                Ok(Step::Done(loaded)),
                "done stays done"
            );
            assert!(
                ram.largest <= budget as u64,
                "a step wrote {} of {budget} bytes",
                ram.largest
            );
            return Ok(loaded);
        }
    }
    panic!("no end after {bound} steps");
}

/// An arm64 `Image` of `size` bytes with recognisable content.
pub(crate) fn image(size: usize, text_offset: u64, image_size: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..size).map(|n| (n / 7) as u8 ^ n as u8).collect();
    bytes[8..16].copy_from_slice(&text_offset.to_le_bytes());
    bytes[16..24].copy_from_slice(&image_size.to_le_bytes());
    bytes[24..32].copy_from_slice(&0xau64.to_le_bytes());
    bytes[56..60].copy_from_slice(b"ARM\x64");
    bytes
}

/// `data` as gzip writes it, with a name, a comment, extra bytes and a header checksum if asked for.
pub(crate) fn gzip(data: &[u8], decorated: bool) -> Vec<u8> {
    let mut file = vec![
        0x1f,
        0x8b,
        8,
        if decorated { 0x1e } else { 0 },
        0,
        0,
        0,
        0,
        0,
        3,
    ];
    if decorated {
        file.extend_from_slice(b"\x03\x00xyzImage\0a comment\0\x12\x34");
    }
    file.extend(miniz_oxide::deflate::compress_to_vec(data, 6));
    file.extend(checksum::of(data).to_le_bytes());
    file.extend((data.len() as u32).to_le_bytes());
    file
}

/// A loadable segment of an ELF file.
pub(crate) struct Part<'a> {
    pub(crate) vaddr: u64,
    pub(crate) paddr: u64,
    pub(crate) data: &'a [u8],
    pub(crate) memsz: u64,
}

/// An aarch64 executable.
pub(crate) fn elf(entry: u64, parts: &[Part<'_>]) -> Vec<u8> {
    let mut file = vec![0; 64 + 56 * parts.len()];
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    file[16..20].copy_from_slice(&[2, 0, 183, 0]);
    file[24..32].copy_from_slice(&entry.to_le_bytes());
    file[32..40].copy_from_slice(&64u64.to_le_bytes());
    file[54..56].copy_from_slice(&56u16.to_le_bytes());
    file[56..58].copy_from_slice(&(parts.len() as u16).to_le_bytes());
    for (n, part) in parts.iter().enumerate() {
        let offset = file.len() as u64;
        let fields = [
            offset,
            part.vaddr,
            part.paddr,
            part.data.len() as u64,
            part.memsz,
            4096,
        ];
        let header = 64 + 56 * n;
        file[header] = 1;
        for (field, value) in fields.iter().enumerate() {
            file[header + 8 + field * 8..][..8].copy_from_slice(&value.to_le_bytes());
        }
        file.extend_from_slice(part.data);
    }
    file
}

/// A pack, as the tools write it.
pub(crate) fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut table = Vec::new();
    let mut content = Vec::new();
    let first = (32 + files.len() * 64).next_multiple_of(4096);
    for (name, data) in files {
        content.resize(content.len().next_multiple_of(4096), 0);
        let mut row = name.as_bytes().to_vec();
        row.resize(48, 0);
        row.extend(((first + content.len()) as u64).to_le_bytes());
        row.extend((data.len() as u32).to_le_bytes());
        row.extend(checksum::of(data).to_le_bytes());
        table.extend(row);
        content.extend_from_slice(data);
    }
    let mut bytes = b"CAESPACK\x01\0\0\0".to_vec();
    bytes.extend((files.len() as u32).to_le_bytes());
    bytes.extend(((first + content.len()) as u64).to_le_bytes());
    bytes.extend(checksum::of(&table).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(table);
    bytes.resize(first, 0);
    bytes.extend(content);
    bytes
}
