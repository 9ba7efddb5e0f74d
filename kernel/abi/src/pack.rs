//! The pack: guest images and kernel symbols, appended to the kernel in `caesura.img`.
//!
//! Layout, all little-endian, no implicit padding:
//!
//! ```text
//! +0   magic    b"CAESPACK"
//! +8   version  u32 = 1
//! +12  count    u32, number of entries
//! +16  size     u64, bytes of the whole pack, header included
//! +24  crc      u32, CRC-32 of the entry table
//! +28  reserved u32 = 0
//! +32  entries  count × 64 bytes
//! ```
//!
//! and an entry:
//!
//! ```text
//! +0   name     48 bytes UTF-8, NUL-padded
//! +48  offset   u64, from the start of the pack; a multiple of 4096
//! +56  size     u32, bytes
//! +60  crc      u32, CRC-32 of the bytes
//! ```
//!
//! The CRC is CRC-32/ISO-HDLC (the one of gzip and zlib). It guards against a damaged load, not against an
//! attacker: authenticity is the boot chain's task.

/// First eight bytes of a pack.
pub const MAGIC: [u8; 8] = *b"CAESPACK";
/// The layout described above.
pub const VERSION: u32 = 1;
/// Bytes of the header.
pub const HEADER_SIZE: usize = 32;
/// Bytes of one entry.
pub const ENTRY_SIZE: usize = 64;
/// Bytes of an entry's name field.
pub const NAME_SIZE: usize = 48;
/// Every entry's content starts at a multiple of this many bytes.
pub const ALIGN: usize = 4096;

/// Name of the entry that holds the kernel's own symbols for backtraces: lines `address-in-hex name`,
/// sorted by address, separated by `\n`.
pub const SYMBOLS: &str = "kernel.symbols";
