//! What a guest's image file is, found from its first bytes.
//!
//! Only headers are read here, enough to know the format, how much guest memory the image takes and where
//! it is entered. Whether the rest of the file is sound is the loader's question at run time.

use miniz_oxide::inflate;
use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use tables::Region;

use crate::schema::image::FormatSpec;

/// What kind of file an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An arm64 Linux `Image` (Linux, Documentation/arch/arm64/booting.rst).
    Linux,
    /// The same, gzip-compressed; unpacked by the hypervisor.
    LinuxGzip,
    /// An ELF executable for AArch64.
    Elf,
    /// Bytes that are copied and entered.
    Flat,
}

/// What an image needs in guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Linux: `size` bytes from a 2 MiB boundary plus `text_offset`.
    Linux { text_offset: u64, size: u64 },
    /// ELF: these ranges, entered there.
    Elf { segments: Vec<Region>, entry: u64 },
    /// Flat: this many bytes.
    Flat { size: u64 },
}

/// An inspected image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub format: Format,
    pub needs: Needs,
}

/// Why an image cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// What the file is.
    pub what: String,
    /// What would be right.
    pub help: String,
}

fn unusable<T>(what: impl Into<String>, help: impl Into<String>) -> Result<T, Unusable> {
    Err(Unusable {
        what: what.into(),
        help: help.into(),
    })
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ELF: &[u8] = b"\x7fELF";
const ARM64_MAGIC: &[u8] = b"ARM\x64";
const ARM64_HEADER: usize = 64;

/// Finds out what the file is and whether it is what was asked for.
pub(crate) fn inspect(bytes: &[u8], wanted: FormatSpec) -> Result<Inspected, Unusable> {
    if bytes.is_empty() {
        return unusable("it is empty", "put a kernel image there");
    }
    match wanted {
        FormatSpec::Flat => flat(bytes),
        FormatSpec::Linux => linux(bytes),
        FormatSpec::Elf if bytes.starts_with(ELF) => elf(bytes),
        FormatSpec::Elf => unusable(
            format!("it is not an ELF file: it {}", describe(bytes)),
            "leave `format` out to have the format found from the file",
        ),
        FormatSpec::Auto if bytes.starts_with(ELF) => elf(bytes),
        FormatSpec::Auto if bytes.starts_with(GZIP) || is_arm64(bytes) => linux(bytes),
        FormatSpec::Auto => unusable(
            format!("its format is not recognised: it {}", describe(bytes)),
            help_for(bytes),
        ),
    }
}

fn is_arm64(bytes: &[u8]) -> bool {
    bytes.get(56..60) == Some(ARM64_MAGIC)
}

fn flat(bytes: &[u8]) -> Result<Inspected, Unusable> {
    if bytes.starts_with(GZIP) {
        return unusable(
            "it is gzip-compressed",
            "only Linux images may be compressed: unpack it",
        );
    }
    Ok(Inspected {
        format: Format::Flat,
        needs: Needs::Flat {
            size: bytes.len() as u64,
        },
    })
}

fn linux(bytes: &[u8]) -> Result<Inspected, Unusable> {
    if is_arm64(bytes) {
        return linux_header(bytes, bytes.len() as u64, Format::Linux);
    }
    if !bytes.starts_with(GZIP) {
        return unusable(
            format!("it is not an arm64 Linux image: it {}", describe(bytes)),
            help_for(bytes),
        );
    }
    let head = gunzip_head(bytes)?;
    if !is_arm64(&head) {
        return unusable(
            format!(
                "it is gzip-compressed, and what is inside {}",
                describe(&head)
            ),
            "a compressed image must contain an arm64 Linux `Image` (Linux's build makes `Image.gz`)",
        );
    }
    // The last four bytes of a gzip file are the unpacked size modulo 2^32 (RFC 1952 section 2.3.1).
    let mut unpacked = [0; 4];
    unpacked.copy_from_slice(&bytes[bytes.len() - 4..]);
    linux_header(
        &head,
        u64::from(u32::from_le_bytes(unpacked)),
        Format::LinuxGzip,
    )
}

/// The first bytes of a gzip file's content.
fn gunzip_head(bytes: &[u8]) -> Result<Vec<u8>, Unusable> {
    let damaged = Unusable {
        what: "it begins like a gzip file but cannot be unpacked".to_owned(),
        help: "fetch or build it anew: it is damaged or truncated".to_owned(),
    };
    let deflated = gzip_content(bytes).ok_or_else(|| damaged.clone())?;
    let head = match inflate::decompress_to_vec_with_limit(deflated, ARM64_HEADER) {
        Ok(all) => all,
        // Running into the limit is the expected end; the bytes so far are good.
        Err(stopped) if stopped.status == inflate::TINFLStatus::HasMoreOutput => stopped.output,
        Err(_) => return Err(damaged),
    };
    Ok(head)
}

/// What follows a gzip header (RFC 1952 section 2.3).
fn gzip_content(bytes: &[u8]) -> Option<&[u8]> {
    const HCRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let flags = *bytes.get(3)?;
    let mut rest = bytes.get(10..)?;
    if flags & EXTRA != 0 {
        let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        rest = rest.get(2 + length..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|b| *b == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & HCRC != 0 {
        rest = rest.get(2..)?;
    }
    // The trailer's eight bytes must be there too.
    (rest.len() > 8).then_some(rest)
}

/// The arm64 image header: booting.rst, "Call the kernel image".
fn linux_header(head: &[u8], file_size: u64, format: Format) -> Result<Inspected, Unusable> {
    let Some(header) = head.get(..ARM64_HEADER) else {
        return unusable(
            "it is shorter than an arm64 image header",
            "it is truncated",
        );
    };
    let field = |at: usize| {
        let mut value = [0; 8];
        value.copy_from_slice(&header[at..at + 8]);
        u64::from_le_bytes(value)
    };
    let (text_offset, image_size, flags) = (field(8), field(16), field(24));
    if flags & 1 != 0 {
        return unusable(
            "it is a big-endian kernel",
            "build it with CONFIG_CPU_LITTLE_ENDIAN=y",
        );
    }
    // Kernels before 3.17 leave the size 0 and the offset unspecified in a way that means 0x80000.
    let text_offset = if image_size == 0 {
        0x8_0000
    } else {
        text_offset
    };
    let needs = Needs::Linux {
        text_offset,
        size: image_size.max(file_size),
    };
    Ok(Inspected { format, needs })
}

fn elf(bytes: &[u8]) -> Result<Inspected, Unusable> {
    let damaged = |what: &str| Unusable {
        what: format!("it is an ELF file, but {what}"),
        help: "build it for aarch64-unknown-none as a static executable".to_owned(),
    };
    // The class, data and machine fields are at the same place in all ELF files.
    if bytes.get(4) != Some(&elf::ELFCLASS64.0) || bytes.get(5) != Some(&elf::ELFDATA2LSB.0) {
        return Err(damaged("not a 64-bit little-endian one"));
    }
    let header =
        FileHeader64::<LittleEndian>::parse(bytes).map_err(|_| damaged("its header is damaged"))?;
    let machine = header.e_machine(LittleEndian);
    if machine != elf::EM_AARCH64 {
        return Err(damaged(&format!(
            "for {}, not for AArch64",
            machine_name(machine)
        )));
    }
    if header.e_type(LittleEndian) != elf::ET_EXEC && header.e_type(LittleEndian) != elf::ET_DYN {
        return Err(damaged("not an executable"));
    }
    let headers = header
        .program_headers(LittleEndian, bytes)
        .map_err(|_| damaged("its program headers lie outside the file"))?;
    let mut segments = Vec::new();
    for segment in headers
        .iter()
        .filter(|s| s.p_type(LittleEndian) == elf::PT_LOAD)
    {
        let (base, size) = (segment.p_paddr(LittleEndian), segment.p_memsz(LittleEndian));
        if segment.data(LittleEndian, bytes).is_err() || base.checked_add(size).is_none() {
            return Err(damaged(
                "a segment lies outside the file or the address space",
            ));
        }
        if size > 0 {
            segments.push(Region { base, size });
        }
    }
    if segments.is_empty() {
        return Err(damaged("it has nothing to load"));
    }
    let entry = header.e_entry(LittleEndian);
    Ok(Inspected {
        format: Format::Elf,
        needs: Needs::Elf { segments, entry },
    })
}

fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86-64".to_owned(),
        elf::EM_386 => "x86".to_owned(),
        elf::EM_ARM => "32-bit Arm".to_owned(),
        elf::EM_RISCV => "RISC-V".to_owned(),
        other => format!("machine {}", other.0),
    }
}

/// "It ...", for files that are something else.
fn describe(bytes: &[u8]) -> String {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..offset + magic.len()) == Some(magic);
    if bytes.is_empty() {
        "is empty".to_owned()
    } else if at(4, b"zimg") && at(0, b"MZ") {
        "is an EFI zboot image (`vmlinuz.efi`)".to_owned()
    } else if at(0x202, b"HdrS") {
        "is an x86 Linux kernel (bzImage)".to_owned()
    } else if at(0, &[0x27, 0x05, 0x19, 0x56]) {
        "is a U-Boot legacy image (uImage)".to_owned()
    } else if at(0, &[0xd0, 0x0d, 0xfe, 0xed]) {
        "is a device tree or a FIT image".to_owned()
    } else if at(0, ELF) {
        "is an ELF file".to_owned()
    } else if is_arm64(bytes) {
        "is an arm64 Linux image".to_owned()
    } else if at(0, b"070701") || at(0, GZIP) {
        "is an archive".to_owned()
    } else if at(0, b"MZ") {
        "is an EFI program without an arm64 image header".to_owned()
    } else {
        let start: Vec<String> = bytes.iter().take(4).map(|b| format!("{b:02x}")).collect();
        format!("begins with the bytes {}", start.join(" "))
    }
}

fn help_for(bytes: &[u8]) -> String {
    if bytes.get(4..8) == Some(b"zimg") {
        "boot `arch/arm64/boot/Image` of the same build: zboot images unpack themselves only under EFI"
            .to_owned()
    } else if bytes.starts_with(ELF) {
        "leave `format` out to have the format found from the file".to_owned()
    } else {
        "expected an arm64 Linux `Image`, the same gzip-compressed, or an AArch64 ELF; \
         for a raw binary write format = \"flat\" and load = ADDRESS in [vm.image]"
            .to_owned()
    }
}

#[cfg(test)]
mod tests;
