//! What can be wrong with a file that is to be loaded.

use core::fmt;

/// Why a file cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file has no bytes.
    Empty,
    /// The file's checksum is wrong.
    Damaged {
        /// What the pack says.
        expected: u32,
        /// What the file has.
        found: u32,
    },
    /// It needs more memory than it may use.
    TooLarge {
        /// Bytes it needs.
        size: u64,
        /// Bytes it may use.
        limit: u64,
    },
    /// An `Image` must lie `text_offset` above a 2 MiB boundary.
    Misplaced {
        /// Where it should have been loaded.
        ipa: u64,
        /// The nearest address at or below that would do.
        right: u64,
    },
    /// Part of it would lie where the guest has no memory.
    NoMemory {
        /// First byte of that part.
        ipa: u64,
        /// Bytes of that part.
        size: u64,
    },
    /// The format is known, but this build cannot load it.
    SwitchedOff {
        /// The format.
        format: &'static str,
        /// What to switch on.
        symbol: &'static str,
    },
    /// An EFI zboot image.
    EfiZboot,
    /// Not a valid gzip file.
    Gzip(&'static str),
    /// The inflated data has another checksum or length than the gzip trailer says.
    GzipDamaged {
        /// The trailer's CRC-32.
        expected: u32,
        /// That of the data.
        found: u32,
    },
    /// Not an ELF file that can be loaded.
    Elf(&'static str),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty: give an Image, a gzip-compressed Image, an ELF or a flat binary"),
            Self::Damaged { expected, found } => {
                write!(f, "the file is damaged (CRC {found:08x}, should be {expected:08x}): load the image again")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "it needs {size} bytes of guest memory but may use {limit}: give the VM more memory, or load it lower")
            }
            Self::Misplaced { ipa, right } => write!(
                f,
                "an arm64 Image cannot be loaded at {ipa:#x}: its header asks for a 2 MiB boundary plus its text_offset, for example {right:#x}"
            ),
            Self::NoMemory { ipa, size } => {
                write!(f, "{size} bytes belong at {ipa:#x}, where the VM has no memory: link or load it inside the VM's memory")
            }
            Self::SwitchedOff { format, symbol } => {
                write!(f, "the file is {format}, which this build cannot load: set {symbol}=y")
            }
            Self::EfiZboot => f.write_str(
                "the file is an EFI zboot image, which only EFI firmware can start: give the Image inside it (arch/arm64/boot/Image)",
            ),
            Self::Gzip(what) => write!(f, "the gzip file is not valid: {what}"),
            Self::GzipDamaged { expected, found } => write!(
                f,
                "the gzip file is damaged (CRC of its content {found:08x}, should be {expected:08x}): compress it again"
            ),
            Self::Elf(what) => write!(f, "the ELF file cannot be loaded: {what}"),
        }
    }
}
