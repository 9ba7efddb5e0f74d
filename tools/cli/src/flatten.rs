//! From the linked ELF to the raw arm64 `Image` that boot loaders take.
//!
//! The loadable segments are laid out by physical address, from the image header to `__image_end`, gaps and
//! bss as zeros: what follows the kernel (the pack) is thereby at the first page behind it. The header's
//! `image_size` is set to the whole file, so that boot loaders keep their own data out of it
//! (Documentation/arch/arm64/booting.rst, "Call the kernel image").

use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{LittleEndian, Object, ObjectSymbol};

use crate::{Failure, Result};

/// The magic number of an arm64 image, at [`MAGIC_OFFSET`].
const MAGIC: &[u8; 4] = b"ARM\x64";
const MAGIC_OFFSET: usize = 56;
/// Where the header keeps the image's size, a little-endian u64.
const SIZE_OFFSET: usize = 16;
/// Everything is a multiple of a page.
const PAGE: u64 = 4096;

type Header = FileHeader64<LittleEndian>;

/// The kernel alone: flat, page aligned at its end, header still with the linker's size.
///
/// # Errors
/// The ELF is damaged, has overlapping segments, is not entered at its first byte, or its first bytes are
/// not an arm64 image header.
pub fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let bad = |what: String| {
        Failure::new(format!(
            "the linked hypervisor cannot be made an image: {what}"
        ))
    };
    let header = Header::parse(elf).map_err(|e| bad(e.to_string()))?;
    let segments = header
        .program_headers(LittleEndian, elf)
        .map_err(|e| bad(e.to_string()))?;
    let mut pieces = Vec::new();
    for segment in segments
        .iter()
        .filter(|s| s.p_type(LittleEndian) == PT_LOAD && s.p_memsz(LittleEndian) > 0)
    {
        let bytes = segment
            .data(LittleEndian, elf)
            .map_err(|()| bad("a segment lies outside the file".into()))?;
        pieces.push((
            segment.p_paddr(LittleEndian),
            segment.p_memsz(LittleEndian),
            bytes,
        ));
    }
    pieces.sort_by_key(|(address, ..)| *address);
    let base = pieces
        .first()
        .map(|(address, ..)| *address)
        .ok_or_else(|| bad("it has nothing to load".into()))?;
    if header.e_entry(LittleEndian) != base {
        return Err(bad(format!(
            "its entry is {:#x}, but a raw image is entered at its first byte, {base:#x}",
            header.e_entry(LittleEndian)
        )));
    }
    let mut image = Vec::new();
    for (address, size, bytes) in pieces {
        let offset = usize::try_from(address - base).map_err(|e| bad(e.to_string()))?;
        if offset < image.len() {
            return Err(bad(format!(
                "the segment at {address:#x} overlaps the one before it"
            )));
        }
        image.resize(offset, 0);
        image.extend_from_slice(bytes);
        image.resize(
            offset + usize::try_from(size).map_err(|e| bad(e.to_string()))?,
            0,
        );
    }
    if let Some(end) = symbol(elf, "__image_end")?.and_then(|end| end.checked_sub(base)) {
        let end = usize::try_from(end).map_err(|e| bad(e.to_string()))?;
        image.resize(image.len().max(end), 0);
    }
    image.resize((image.len() as u64).next_multiple_of(PAGE) as usize, 0);
    if image.get(MAGIC_OFFSET..MAGIC_OFFSET + 4) != Some(MAGIC) {
        return Err(bad("it does not begin with an arm64 image header".into()));
    }
    Ok(image)
}

/// Writes the final size of the file into its header.
pub fn set_image_size(image: &mut [u8]) {
    let size = (image.len() as u64).to_le_bytes();
    image[SIZE_OFFSET..SIZE_OFFSET + 8].copy_from_slice(&size);
}

/// The value of a symbol, if the ELF has it.
///
/// # Errors
/// The ELF is damaged.
pub fn symbol(elf: &[u8], name: &str) -> Result<Option<u64>> {
    let file =
        object::File::parse(elf).map_err(|e| Failure::new(format!("not a readable ELF: {e}")))?;
    Ok(file
        .symbols()
        .find(|symbol| symbol.name() == Ok(name))
        .map(|symbol| symbol.address()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{
        elf,
        write::elf::{FileHeader as OutHeader, ProgramHeader as OutSegment, Writer},
    };

    /// An ELF with the given segments: address, size in memory, bytes.
    fn sample(entry: u64, segments: &[(u64, u64, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(object::Endianness::Little, true, &mut out);
        writer.reserve_file_header();
        writer.reserve_program_headers(segments.len() as u32);
        let offsets: Vec<u64> = segments
            .iter()
            .map(|(.., bytes)| writer.reserve(bytes.len() as u64, 1))
            .collect();
        writer
            .write_file_header(&OutHeader {
                os_abi: elf::ELFOSABI_NONE,
                abi_version: 0,
                e_type: elf::ET_EXEC,
                e_machine: elf::EM_AARCH64,
                e_entry: entry,
                e_flags: elf::FileFlags(0),
            })
            .unwrap();
        writer.write_align_program_headers();
        for ((address, size, bytes), offset) in segments.iter().zip(&offsets) {
            writer.write_program_header(&OutSegment {
                p_type: elf::PT_LOAD,
                p_flags: elf::PF_R,
                p_offset: *offset,
                p_vaddr: *address,
                p_paddr: *address,
                p_filesz: bytes.len() as u64,
                p_memsz: *size,
                p_align: 1,
            });
        }
        for (.., bytes) in segments {
            writer.write(bytes);
        }
        out
    }

    fn head() -> Vec<u8> {
        let mut head = vec![0xaa; 64];
        head[56..60].copy_from_slice(MAGIC);
        head
    }

    #[test]
    fn segments_stand_where_they_are_linked_with_zeros_between_and_behind() {
        let head = head();
        let elf = sample(
            0x4008_0000,
            &[(0x4008_2000, 0x1100, &[7; 16]), (0x4008_0000, 64, &head)],
        );
        let mut image = flatten(&elf).unwrap();
        assert_eq!(image.len(), 0x4000);
        assert_eq!(image[..64], head);
        assert!(image[64..0x2000].iter().all(|b| *b == 0));
        assert_eq!(image[0x2000..0x2010], [7; 16]);
        assert!(image[0x2010..].iter().all(|b| *b == 0));
        image.extend([1; 4096]);
        set_image_size(&mut image);
        assert_eq!(image[16..24], 0x5000_u64.to_le_bytes());
    }

    #[test]
    fn an_image_that_boot_loaders_could_not_start_is_refused() {
        let head = head();
        let entered_later = sample(0x4008_0040, &[(0x4008_0000, 64, &head)]);
        assert!(
            flatten(&entered_later)
                .unwrap_err()
                .to_string()
                .contains("entered at its first byte")
        );
        let headless = sample(0x4008_0000, &[(0x4008_0000, 64, &[0; 64])]);
        assert!(
            flatten(&headless)
                .unwrap_err()
                .to_string()
                .contains("arm64 image header")
        );
        let overlapping = sample(
            0x4008_0000,
            &[(0x4008_0000, 64, &head), (0x4008_0020, 64, &head)],
        );
        assert!(
            flatten(&overlapping)
                .unwrap_err()
                .to_string()
                .contains("overlaps")
        );
        assert!(flatten(b"not an ELF").is_err());
        assert!(
            flatten(&sample(0, &[]))
                .unwrap_err()
                .to_string()
                .contains("nothing to load")
        );
    }
}
