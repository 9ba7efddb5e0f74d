//! CRC-32/ISO-HDLC, the checksum of packs and of gzip, in pieces.
//!
//! Sixteen tables (16 KiB) make it cost two to three instructions a byte, where one table of 1 KiB costs
//! about seven: a pack's images are tens of megabytes.

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// A checksum of what has been seen so far.
pub struct Running(Digest<'static, u32, Table<16>>);

impl Running {
    /// The checksum of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(CRC.digest())
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

impl Default for Running {
    fn default() -> Self {
        Self::new()
    }
}

/// The checksum of `bytes`.
#[must_use]
pub fn of(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(super::of(b"123456789"), 0xcbf4_3926);
    }
}
