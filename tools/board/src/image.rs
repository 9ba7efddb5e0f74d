//! stub
/// What kind of file an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An arm64 Linux `Image`.
    Linux,
    /// The same, gzip-compressed; unpacked by the hypervisor.
    LinuxGzip,
    /// An ELF executable.
    Elf,
    /// Bytes that are copied and entered.
    Flat,
}
