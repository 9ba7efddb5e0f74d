//! Reading numbers at an offset; `None` beyond the end.

/// Little-endian, 16 bits.
#[allow(
    dead_code,
    reason = "only ELF has 16-bit fields, and it may be switched off"
)]
pub(crate) fn le16(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Little-endian, 32 bits.
pub(crate) fn le32(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Little-endian, 64 bits.
pub(crate) fn le64(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Big-endian, 32 bits.
pub(crate) fn be32(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}
